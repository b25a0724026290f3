//! The lake's files in a bucket that two nodes share, on a server that speaks as S3 does

use std::path::Path;
use std::process::{Command, Output};

use sekisho_testkit::bucket::{Bucket, NAME};

use crate::{REPORT, said};

/// The Events of all nodes that are settled, and of this one those that are not.
const COUNT: &str = "SELECT count(*) AS rows, sum(count) AS mails FROM aggregate";

/// Returns a call of the program for one node.
pub(crate) fn node(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.current_dir(folder).env("HOME", folder).env_remove("XDG_DATA_HOME").env_remove("STATE_DIRECTORY");
    command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "secret").env("LC_ALL", "C");
    command
}

/// Makes the folder of a node, with a report of its own to read.
pub(crate) fn make_node(folder: &Path, bucket: &Bucket, report_id: u32) {
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let endpoint = bucket.endpoint();
    let config = format!(
        "[store]\nfolder = \"data\"\nvault = \"s3://{NAME}/evidence\"\nvault_endpoint = \"{endpoint}\"\n\
         lake = \"s3://{NAME}/a/b\"\nlake_endpoint = \"{endpoint}\"\n"
    );
    std::fs::write(folder.join("sekisho.toml"), config).unwrap();
    let report = REPORT.replace("<report_id>1<", &format!("<report_id>{report_id}<"));
    std::fs::write(folder.join("report.xml"), report).unwrap();
}

/// Calls the program for one node, with its configuration.
pub(crate) fn call(folder: &Path, arguments: &[&str]) -> Output {
    node(folder).args(arguments).args(["--config", "sekisho.toml"]).output().unwrap()
}

/// Takes in the report of a node.
fn import(folder: &Path) {
    let told = said(call(folder, &["report", "import", "report.xml", "--dns", "127.0.0.1:9"]), 0);
    assert!(told.starts_with("1 new report"), "{told}");
}

/// Returns what a node counts.
fn counted(folder: &Path) -> String {
    said(call(folder, &["lake", "query", COUNT, "--json"]), 0)
}

#[test]
fn nodes_share_a_lake_in_a_bucket_and_keep_what_comes_while_it_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = Bucket::start();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    make_node(&one, &bucket, 1);
    make_node(&other, &bucket, 2);
    assert_eq!(counted(&one), "{\"rows\":0,\"mails\":null}\n", "nothing yet, and that is no error");
    import(&one);
    import(&other);
    assert_eq!(counted(&one), "{\"rows\":1,\"mails\":7}\n", "a node sees its own segments");
    said(call(&one, &["lake", "compact"]), 0);
    assert_eq!(counted(&other), "{\"rows\":2,\"mails\":14}\n", "and the files of all");
    said(call(&other, &["lake", "compact"]), 0);
    for folder in [&one, &other] {
        assert_eq!(counted(folder), "{\"rows\":2,\"mails\":14}\n");
        assert!(!folder.join("data/lake/events").exists() && !folder.join("data/vault").exists());
    }
    let listed = bucket.list();
    assert!(listed.contains("<Key>a/b/aggregate/day=2026-01-01/c-"), "{listed}");

    bucket.halt();
    let asked = call(&one, &["lake", "query", COUNT]);
    let talk = String::from_utf8_lossy(&asked.stderr);
    assert!(asked.status.code() == Some(2) && talk.contains("the lake's store failed"), "{talk}");
    // What is acknowledged waits on this node's own disk. Its Evidence has to be somewhere else then.
    let config = std::fs::read_to_string(one.join("sekisho.toml")).unwrap();
    std::fs::write(one.join("sekisho.toml"), config.replace("\nvault", "\n#vault")).unwrap();
    std::fs::write(one.join("report.xml"), REPORT.replace("<report_id>1<", "<report_id>3<")).unwrap();
    import(&one);
    let failed = call(&one, &["lake", "compact"]);
    assert_eq!(failed.status.code(), Some(2));
    bucket.resume();
    assert_eq!(counted(&one), "{\"rows\":1,\"mails\":7}\n", "the bucket is empty, and nothing of ours is lost");
    said(call(&one, &["lake", "compact"]), 0);
    assert_eq!(counted(&other), "{\"rows\":1,\"mails\":7}\n");
}
