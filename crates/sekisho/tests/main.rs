//! The whole program, as its user calls it: reports in, SQL out

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end there")]

mod bucket;
#[cfg(feature = "cluster")]
mod cluster;
mod desk;
#[cfg(feature = "cluster")]
#[path = "../../lake/benches/generated/mails.rs"]
mod mails;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Calls the program with books in a folder.
fn sekisho(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.args(arguments).current_dir(folder).env("STATE_DIRECTORY", folder.join("data"));
    command.env("HOME", folder).env_remove("XDG_DATA_HOME").env("LC_ALL", "C").output().unwrap()
}

/// Returns what was said, where the exit was the expected one.
fn said(output: Output, exit: i32) -> String {
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(exit), "{talk}");
    String::from_utf8(output.stdout).unwrap()
}

/// A report on example.org, with one row whose texts are formulas to a spreadsheet.
const REPORT: &str = r#"<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><report_metadata><org_name>=cmd|'/c calc'!A1</org_name>
<email>r@receiver.example</email><report_id>1</report_id><date_range><begin>1767225600</begin><end>1767311999</end></date_range>
</report_metadata><policy_published><domain>example.org</domain><p>none</p></policy_published>
<record><row><source_ip>2001:db8::1</source_ip><count>7</count><policy_evaluated><disposition>none</disposition>
<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers>
<auth_results><dkim><domain>example.org</domain><result>pass</result></dkim></auth_results></record></feedback>"#;

#[test]
fn a_report_goes_in_and_can_be_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("report.xml"), REPORT).unwrap();
    for (new, known) in [(1, "0 known"), (0, "1 file taken in before")] {
        let told = said(sekisho(folder.path(), &["report", "import", "report.xml", "--dns", "127.0.0.1:9"]), 0);
        assert!(told.starts_with(&format!("{new} new report")) && told.contains(known), "{told}");
    }
    let sql = "SELECT policy_domain, source_ip, sum(count) AS mails FROM aggregate GROUP BY ALL";
    let told = said(sekisho(folder.path(), &["lake", "query", sql, "--json"]), 0);
    let row: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&row["policy_domain"], &row["source_ip"], &row["mails"]),
        (&"example.org".into(), &"2001:db8::1".into(), &7.into())
    );
    let told = said(sekisho(folder.path(), &["lake", "query", "SELECT org FROM aggregate", "--csv"]), 0);
    assert_eq!(told, "org\n'=cmd|'/c calc'!A1\n");
    let told = said(sekisho(folder.path(), &["lake", "query", sql]), 0);
    assert!(told.contains("2001:db8::1") && told.contains("mails"), "{told}");
    let show = ["report", "show", "example.org", "--unproven", "--days", "3660", "--no-names", "--json"];
    let told = said(sekisho(folder.path(), &show), 0);
    let source: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&source["messages"], &source["pass"]), (&7.into(), &7.into()));
    let told = said(sekisho(folder.path(), &["lake", "tables", "--json"]), 0);
    assert!(told.lines().any(|line| line.contains("\"table\":\"aggregate\"") && line.contains("\"rows\":1")), "{told}");
    said(sekisho(folder.path(), &["lake", "compact"]), 0);
}

/// A daemon, ended with the test.
struct Daemon(Child);

impl Daemon {
    /// Starts one on the books of a folder, and waits until it is ready.
    fn start(folder: &Path) -> Daemon {
        let config = "[gate]\nlisten = [\"127.0.0.1:0\"]\n[intake]\nlisten = []\n[http]\nlisten = []\n[dns]\nupstreams = [\"127.0.0.1:9\"]\n";
        std::fs::write(folder.join("daemon.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["serve", "--config", "daemon.toml"]).current_dir(folder).env("HOME", folder).env("LC_ALL", "C");
        command.env("STATE_DIRECTORY", folder.join("data")).env("RUNTIME_DIRECTORY", folder.join("run"));
        let mut daemon = Daemon(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut said = BufReader::new(daemon.0.stderr.take().unwrap()).lines();
        assert!(said.by_ref().any(|line| line.unwrap().contains("verdicts are kept")));
        // The rest is read, so that it never waits for us.
        std::thread::spawn(move || said.for_each(drop));
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Copies books, or puts them back.
fn backup(arguments: &[&Path]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/sekisho-backup");
    Command::new(script).args(arguments).output().unwrap()
}

#[test]
fn what_is_copied_while_the_daemon_works_can_be_put_back() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(folder.path().join("run")).unwrap();
    let copy = folder.path().join("somebody's copy");
    let daemon = Daemon::start(folder.path());
    for round in 0..3 {
        let report = REPORT.replace("<report_id>1<", &format!("<report_id>{round}<"));
        std::fs::write(folder.path().join("report.xml"), report).unwrap();
        said(sekisho(folder.path(), &["report", "import", "report.xml", "--dns", "127.0.0.1:9"]), 0);
        let begun = Instant::now();
        let is_read = || {
            let listed = said(sekisho(folder.path(), &["report", "list", "--json"]), 0);
            listed.lines().filter(|line| line.contains("\"read\"")).count() == round + 1
        };
        while !is_read() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the daemon reads what was imported");
            std::thread::sleep(Duration::from_millis(50));
        }
        said(backup(&[&folder.path().join("data"), &copy]), 0);
    }
    drop(daemon);
    let data = other.path().join("data");
    said(backup(&[Path::new("--restore"), &copy, &data]), 0);
    let ask = |folder: &Path| {
        let sql = "SELECT count(*) AS rows, sum(count) AS mails FROM aggregate";
        said(sekisho(folder, &["lake", "query", sql, "--json"]), 0)
            + said(sekisho(folder, &["report", "list", "--json"]), 0).as_str()
    };
    let restored = ask(other.path());
    assert_eq!(restored, ask(folder.path()));
    assert!(restored.starts_with(r#"{"rows":3,"mails":21}"#), "{restored}");
    // All that was kept is there, and nothing is read twice.
    std::fs::copy(folder.path().join("report.xml"), other.path().join("again.xml")).unwrap();
    let told = said(sekisho(other.path(), &["report", "import", "again.xml", "--dns", "127.0.0.1:9"]), 0);
    assert!(told.starts_with("0 new reports, 1 known already"), "{told}");
    // What is there is never overwritten.
    let refused = backup(&[Path::new("--restore"), &copy, &data]);
    assert!(refused.status.code() == Some(2) && String::from_utf8_lossy(&refused.stderr).contains("is not empty"));
}

#[test]
fn whoever_names_a_folder_that_is_not_there_gets_no_other_books() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join(".local/share/sekisho/lake")).unwrap();
    let output = sekisho(folder.path(), &["lake", "tables"]);
    assert!(output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("/data"), "{output:?}");
}

#[test]
fn only_questions_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(sekisho(folder.path(), &["lake", "tables"]).status.code(), Some(2));
    std::fs::write(folder.path().join("report.xml"), REPORT).unwrap();
    said(sekisho(folder.path(), &["report", "import", "report.xml", "--dns", "127.0.0.1:9"]), 0);
    for sql in ["DROP TABLE aggregate", "COPY aggregate TO '/tmp/x.csv'", "SELECT nothing FROM aggregate", "SELEKT", ""]
    {
        let output = sekisho(folder.path(), &["lake", "query", sql]);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && talk.starts_with("sekisho: the lake cannot do that"),
            "{sql}: {talk}"
        );
    }
}
