//! A process that is killed: what it said was done, was done

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sekisho_ledger::{Digest, Id, Ledger, Receipt, ReportFilter, Vault};

use crate::books::{NOW, intake, on_both};

/// Tells the child which book and which vault it writes to, and what its bytes begin with.
const PLACE: [&str; 3] = ["SEKISHO_CHILD_LEDGER", "SEKISHO_CHILD_VAULT", "SEKISHO_CHILD_NUMBER"];

/// How often it is killed; `./x soak` asks for more.
fn kills() -> usize {
    std::env::var("SEKISHO_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(20)
}

#[test]
fn what_a_killed_process_said_was_received_is_there_exactly_once() {
    on_both(async |books| {
        let folder = tempfile::tempdir().unwrap();
        let (mut said, mut lively) = (Vec::new(), 0);
        for kill in 0..kills() {
            let mut child = start(&books.url, folder.path().to_str().unwrap(), kill);
            let output = BufReader::new(child.stdout.take().unwrap());
            let (first, heard) = mpsc::channel();
            let listening = thread::spawn(move || {
                let lines = output.lines().map_while(Result::ok).filter(|line| line.starts_with("received "));
                lines.inspect(|_| _ = first.send(())).collect::<Vec<_>>()
            });
            // As near to chance as a test that can be repeated comes: each life another length. Every fourth may end while the
            // books are being opened, the others end among reports.
            if kill % 4 != 0 {
                heard.recv_timeout(Duration::from_secs(60)).expect("the child writes");
            }
            thread::sleep(Duration::from_millis((kill as u64 * 67) % 150));
            child.kill().unwrap();
            child.wait().unwrap();
            let lines = listening.join().unwrap();
            lively += usize::from(lines.len() > 1);
            said.extend(lines.iter().filter_map(|line| {
                let (id, digest) = line.strip_prefix("received ")?.split_once(' ')?;
                // The last line may be cut.
                Some((id.parse::<Id>().ok()?, digest.parse::<Digest>().ok()?))
            }));
        }
        assert!(lively > kills() / 4, "{lively} of {} children wrote more than once: the test shows little", kills());

        let (ledger, vault) = (books.open().await, Vault::in_folder(folder.path()).await.unwrap());
        for (id, digest) in &said {
            let report = ledger.report(*id).await.unwrap().expect("it was said to be received");
            assert_eq!(report.evidence, *digest);
            let bytes = vault.get(digest).await.unwrap();
            assert!(bytes.starts_with(b"report of child"));
        }
        // Reports beyond those that were said are whole as well: each has its Evidence and its job.
        let (mut reports, mut after) = (0, None);
        loop {
            let page = ledger.reports(&ReportFilter::default(), after, 500).await.unwrap();
            for report in &page.rows {
                vault.get(&report.evidence).await.unwrap();
            }
            reports += page.rows.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let jobs: u64 = ledger.job_counts().await.unwrap().iter().map(|count| count.jobs).sum();
        assert_eq!(jobs, reports as u64);
        assert!(said.len() <= reports && reports <= said.len() + kills(), "{} said, {reports} there", said.len());
    });
}

/// Starts this test's own program as the child.
fn start(url: &str, vault: &str, number: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::the_child_that_is_killed", "--ignored", "--nocapture"]);
    command.envs([(PLACE[0], url), (PLACE[1], vault), (PLACE[2], &number.to_string())]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
#[ignore = "the test above starts it, and kills it"]
fn the_child_that_is_killed() {
    let [url, vault, number] = PLACE.map(|name| std::env::var(name).unwrap());
    crate::books::runtime().block_on(async {
        let ledger = Ledger::open(&url, NOW).await.unwrap();
        let vault = Vault::in_folder(vault.as_ref()).await.unwrap();
        for count in 0.. {
            let bytes = format!("report of child {number}: {count}\n").repeat(100);
            let new = intake(bytes.as_bytes());
            let digest = vault.put(bytes).await.unwrap();
            assert_eq!(ledger.receive(&new).await.unwrap(), Receipt::New);
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "received {} {digest}", new.report.id).unwrap();
            stdout.flush().unwrap();
        }
    });
}
