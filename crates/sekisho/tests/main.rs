//! The whole program, as its user calls it: reports in, SQL out

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may end there")]

#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cluster")]
#[path = "../../lake/benches/generated/mails.rs"]
mod mails;

use std::path::Path;
use std::process::{Command, Output};

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
    let told =
        said(sekisho(folder.path(), &["report", "show", "example.org", "--unproven", "--days", "3660", "--json"]), 0);
    let source: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&source["messages"], &source["pass"]), (&7.into(), &7.into()));
    let told = said(sekisho(folder.path(), &["lake", "tables", "--json"]), 0);
    assert!(told.lines().any(|line| line.contains("\"table\":\"aggregate\"") && line.contains("\"rows\":1")), "{told}");
    said(sekisho(folder.path(), &["lake", "compact"]), 0);
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
