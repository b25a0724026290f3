//! The cluster as its user has it: a scheduler and executors as processes, and the same rows as here

mod parts;

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use sekisho_testkit::bucket::Bucket;

use self::parts::{Part, fill, sekisho};
use crate::bucket::{call, make_node, node};
use crate::{REPORT, said};

/// Asks with SQL, here or the cluster of a scheduler.
fn ask(folder: &Path, sql: &str, scheduler: Option<&Part>) -> Output {
    let mut command = sekisho(folder);
    command.args(["lake", "query", sql, "--json"]);
    if let Some(scheduler) = scheduler {
        command.args(["--cluster", &format!("df://{}", scheduler.address)]);
    }
    command.output().unwrap()
}

/// Returns rows, in the order of their text.
fn rows(output: Output) -> Vec<String> {
    let mut rows: Vec<String> = said(output, 0).lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

/// Returns what was said on stderr.
fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Questions of many shapes, with functions of ours where they are computed and where they are planned.
const QUESTIONS: [&str; 8] = [
    "SELECT count(*) AS mails FROM mail",
    "SELECT ip_network(client_ip, 8, 32) AS network, count(*) AS mails FROM mail
       WHERE ip_in(client_ip, '0.0.0.0/4') GROUP BY 1 ORDER BY mails DESC, network LIMIT 50",
    "SELECT author_domain, dmarc_result, count(*) AS mails, sum(size) AS octets FROM mail
       WHERE day = '2026-11-22' AND author_domain BETWEEN 'd000003' AND 'd000020' GROUP BY ALL",
    "SELECT count(*) AS mails FROM mail WHERE day = '2026-11-21'",
    "SELECT reverse_ip(source_ip) AS name, org, sum(count) AS mails FROM aggregate GROUP BY ALL",
    "SELECT id, at, day, dkim, facts FROM mail WHERE author_domain = 'd000007.example' ORDER BY id LIMIT 20",
    "SELECT m.author_domain, count(*) AS same FROM mail m JOIN mail n ON m.id = n.id
       WHERE m.author_domain < 'd000009' GROUP BY 1",
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'lake'",
];

#[test]
fn a_cluster_gives_the_rows_that_the_engine_here_gives() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("report.xml"), REPORT).unwrap();
    said(sekisho(folder).args(["report", "import", "report.xml", "--dns", "127.0.0.1:9"]).output().unwrap(), 0);
    fill(folder, 20_000, 5_000);
    let scheduler = Part::scheduler(folder, 10);
    let executor = Part::executor(folder, &scheduler, &folder.join("work"), None);

    // What lies in a segment is not seen by the cluster, which says so.
    let asked = ask(folder, "SELECT count(*) AS rows FROM aggregate", Some(&scheduler));
    assert!(talk(&asked).starts_with("1 Event is not yet settled"), "{}", talk(&asked));
    assert_eq!(said(asked, 0), "{\"rows\":0}\n");
    said(sekisho(folder).args(["lake", "compact"]).output().unwrap(), 0);

    for sql in QUESTIONS {
        let here = rows(ask(folder, sql, None));
        let there = ask(folder, sql, Some(&scheduler));
        assert!(!here.is_empty() && talk(&there).is_empty(), "{sql}: {}", talk(&there));
        assert_eq!(rows(there), here, "{sql}");
    }
    for (sql, told) in [
        ("DROP TABLE mail", "only statements that read"),
        ("COPY mail TO 'file:///tmp/x.parquet'", "only statements that read"),
        ("SELECT nothing FROM mail", "No field named nothing"),
        ("SELECT repeat('x', 9)", "repeat"),
        ("SELECT * FROM 'file:///etc/passwd'", "not found"),
        ("SELECT CAST(id AS BIGINT) FROM mail", "Cannot cast"),
    ] {
        let asked = ask(folder, sql, Some(&scheduler));
        let talk = talk(&asked);
        assert!(asked.status.code() == Some(2) && talk.contains(told) && talk.len() < 2_000, "{sql}: {talk}");
    }
    let address = format!("df://{}", scheduler.address);
    let tables = said(sekisho(folder).args(["lake", "tables", "--json", "--cluster", &address]).output().unwrap(), 0);
    assert_eq!(tables, said(sekisho(folder).args(["lake", "tables", "--json"]).output().unwrap(), 0));

    let work = || std::fs::read_dir(folder.join("work")).unwrap().count();
    assert_eq!(work(), 1);
    for part in [executor, scheduler] {
        let (status, said) = part.stop();
        assert!(status.success() && said.ends_with("stopped\n"), "{status}: {said}");
    }
    assert_eq!(work(), 0, "what was computed goes with the executor");
    let asked = sekisho(folder).args(["lake", "query", "SELECT 1 FROM mail", "--cluster", &address]).output().unwrap();
    assert!(asked.status.code() == Some(2) && talk(&asked).contains("refused"), "{}", talk(&asked));
}

#[test]
fn an_executor_reads_a_bucket_and_has_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::start();
    let [writer, worker] = ["writer", "worker"].map(|name| folder.path().join(name));
    make_node(&writer, &bucket, 1);
    said(call(&writer, &["report", "import", "report.xml", "--dns", "127.0.0.1:9"]), 0);
    said(call(&writer, &["lake", "compact"]), 0);
    make_node(&worker, &bucket, 1);
    std::fs::remove_dir(worker.join("data")).unwrap();
    let scheduler = Part::scheduler(folder.path(), 10);
    let place = ["--config", "sekisho.toml"];
    let _executor = Part::executing(node(&worker), &place, &scheduler, &folder.path().join("work"), None);
    let sql = "SELECT source_ip, sum(count) AS mails FROM aggregate GROUP BY 1";
    let address = format!("df://{}", scheduler.address);
    let asked = call(&writer, &["lake", "query", sql, "--json", "--cluster", &address]);
    assert_eq!(said(asked, 0), "{\"source_ip\":\"2001:db8::1\",\"mails\":7}\n");
}

/// How many mails the question is about during which an executor is killed.
fn mails_to_lose() -> u64 {
    std::env::var("SEKISHO_CLUSTER_MAILS").ok().and_then(|count| count.parse().ok()).unwrap_or(200_000)
}

#[test]
fn a_lost_executor_costs_time_and_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mails = mails_to_lose();
    fill(folder, mails, mails / 16);
    let sql = "SELECT ip_network(client_ip, 24, 48) AS network, count(*) AS mails, count(DISTINCT id) AS different,
        sum(waited) AS waited FROM mail GROUP BY 1";
    let here = rows(ask(folder, sql, None));
    let scheduler = Part::scheduler(folder, 10);
    let (first, second) = (folder.join("first"), folder.join("second"));
    let lost = Part::executor(folder, &scheduler, &first, None);
    let _kept = Part::executor(folder, &scheduler, &second, None);
    let mut asking = sekisho(folder);
    asking.args(["lake", "query", sql, "--json", "--cluster", &format!("df://{}", scheduler.address)]);
    let asking = asking.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it has computed something that others need, it goes.
    let until = Instant::now() + Duration::from_secs(120);
    while !has_computed(&first) {
        assert!(Instant::now() < until, "no task came to the executor");
        std::thread::sleep(Duration::from_millis(2));
    }
    lost.kill();
    let begun = Instant::now();
    let there = rows(asking.wait_with_output().unwrap());
    let told = format!("{mails} mails: the answer came {:.1?} after an executor was killed\n", begun.elapsed());
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    assert_eq!(there, here);
}

/// Tells whether an executor has put anything below its folder.
fn has_computed(folder: &Path) -> bool {
    let Ok(below) = std::fs::read_dir(folder) else { return false };
    below.flatten().any(|entry| if entry.path().is_dir() { has_computed(&entry.path()) } else { true })
}
