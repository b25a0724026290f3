//! The HTTP API under a generator of requests: schemathesis reads the document, and tries what it allows and what it forbids

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sekisho_house::{Setting, Streams, run};
use serde_json::Value;

use crate::notebook::NOTEBOOK;
use crate::serve::mta::Mta;
use crate::serve::{ANYWHERE, Daemon, surroundings};

/// The one check that is left out: that whatever a schema allows is taken. No schema tells what a cursor or a record is made of, so
/// that some of what it allows is refused, with 400 and 422 as the document says.
const ALL_BUT: &str = "positive_data_acceptance";
/// How many requests are made up for each room, in each way.
const EXAMPLES: &str = "25";
/// What is made up is the same each time.
const SEED: &str = "20261123";

/// Returns where the generator is: `./x test` puts it there.
fn schemathesis() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/schemathesis/bin/schemathesis");
    let program = std::env::var_os("SEKISHO_SCHEMATHESIS").map_or(usual, PathBuf::from);
    assert!(
        program.is_file(),
        "schemathesis is not at {}: `./x test` installs it; by hand: python3 -m venv target/tools/schemathesis && \
         target/tools/schemathesis/bin/pip install schemathesis==4.32.5",
        program.display()
    );
    program
}

/// Asks a daemon, with what shows who asks: its answer, header and body.
fn ask(daemon: &Daemon, method: &str, path: &str, shown: &str, form: &str) -> String {
    let mut stream = TcpStream::connect(daemon.http).unwrap();
    let kind = "application/x-www-form-urlencoded";
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{shown}\r\n", daemon.http);
    let length = form.len();
    write!(stream, "{head}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{form}").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns what stands between two texts.
fn between<'a>(text: &'a str, before: &str, behind: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split_once(behind).unwrap().0
}

/// Comes in as the first admin, by the link that the daemon printed, and makes a token as one does on the page.
fn token(daemon: &Daemon) -> String {
    let link = daemon.told("/join/");
    assert!(link.contains(&format!("http://{}/join/", daemon.http)), "{link}");
    let path = format!("/join/{}", link.rsplit_once("/join/").unwrap().1.trim());
    let who = "login=aoi&name=Aoi&password=a+quiet+checkpoint&again=a+quiet+checkpoint";
    let joined = ask(daemon, "POST", &path, "Accept: */*", who);
    let session = format!("Cookie: sekisho-session={}", between(&joined, "sekisho-session=", ";"));
    let account = ask(daemon, "GET", "/account", &session, "");
    let proof = between(&account, "name=\"proof\" value=\"", "\"");
    let made = ask(daemon, "POST", "/account/tokens", &session, &format!("proof={proof}&label=t&role=admin&days=1"));
    let token = between(&made, "sekisho_", "<");
    format!("sekisho_{}", token.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').next().unwrap())
}

/// Hands a report to a daemon.
fn import(report: &str, config: &str) {
    let streams = Streams {
        stdin: &mut std::io::empty(),
        stdout: &mut std::io::sink(),
        stderr: &mut std::io::stderr(),
        setting: Setting { open_lake: Some(NOTEBOOK), ..Setting::default() },
    };
    assert_eq!(run(["sekisho", "report", "import", report, "--config", config, "--dns", "127.0.0.1:9"], streams), 0);
}

/// The rooms, each of which must have answered: a generator whom nobody lets in finds no fault.
const ROOMS: [&str; 13] = [
    "GET /domains",
    "GET /domains/{domain}",
    "GET /messages",
    "GET /messages/{id}",
    "GET /people/me",
    "GET /problems",
    "GET /reports",
    "GET /reports/{id}",
    "GET /reports/{id}/evidence",
    "GET /today",
    "POST /check",
    "POST /messages/{id}/what-if",
    "POST /simulate",
];

/// Returns the room that was asked.
fn room(method: &str, url: &str) -> Option<String> {
    let path = url.split_once("/api/v1/")?.1.split(['?', '#']).next()?;
    let named = |(at, part)| match (at, path.split('/').next()) {
        (1, Some("domains")) => "{domain}",
        (1, Some("messages" | "reports")) => "{id}",
        _ => part,
    };
    let parts: Vec<&str> = path.split('/').enumerate().map(named).collect();
    Some(format!("{method} /{}", parts.join("/")))
}

/// Returns the rooms that did what they were asked, out of what the generator wrote down.
fn answered(archive: &str) -> BTreeSet<String> {
    let archive: Value = serde_json::from_str(archive).unwrap();
    let entries = archive["log"]["entries"].as_array().unwrap().iter();
    let done = entries.filter(|entry| entry["response"]["status"] == 200);
    let asked = |entry: &Value| {
        let request = &entry["request"];
        room(request["method"].as_str()?, request["url"].as_str()?)
    };
    done.filter_map(asked).collect()
}

/// Returns the id of the first row of a list.
fn first(daemon: &Daemon, token: &str, list: &str) -> String {
    let told = ask(daemon, "GET", &format!("/api/v1/{list}"), &format!("Authorization: Bearer {token}"), "");
    let told: Value = serde_json::from_str(told.split_once("\r\n\r\n").unwrap().1).unwrap();
    told[list][0]["id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// Lets the generator try all that the document says, and more.
fn try_all(daemon: &Daemon, token: &str, folder: &Path) -> Output {
    let mut command = Command::new(schemathesis());
    command.args(["run", &format!("http://{}/api/v1/openapi.json", daemon.http)]);
    command.args(["--url", &format!("http://{}", daemon.http), "--header", &format!("Authorization: Bearer {token}")]);
    command.args(["--checks", "all", "--exclude-checks", ALL_BUT, "--max-examples", EXAMPLES, "--seed", SEED]);
    command.args(["--continue-on-failure", "--warnings", "off", "--no-color", "--request-timeout", "30"]);
    command.args(["--report", "har", "--report-har-path", "asked.har"]);
    command.env("SEKISHO_MESSAGE", first(daemon, token, "messages"));
    command.env("SEKISHO_REPORT", first(daemon, token, "reports"));
    // It keeps what it learns where it stands.
    command.current_dir(folder).env("HOME", folder);
    command.env("SCHEMATHESIS_HOOKS", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/taught.py"));
    command.output().unwrap()
}

#[test]
fn whatever_is_asked_is_answered_as_the_document_says() {
    let (folder, dns) = surroundings("");
    let data = folder.path("data");
    // Nothing that a record or a name leads to is waited for.
    let quick = "[dns]\ntimeout_seconds = 1\n";
    let config = folder.write("config.toml", format!("{ANYWHERE}{quick}[store]\nfolder = {data:?}\n"));
    let daemon = Daemon::start(&folder, &dns, &[]);
    let mut mta = Mta::connect(daemon.gate).unwrap();
    for _ in 0..3 {
        mta.mail().unwrap();
    }
    daemon.until("mails are kept", |daemon| daemon.metric("sekisho_events_kept_total") > 2);
    import(&folder.write("report.xml", crate::reports::REPORT), &config);
    let token = token(&daemon);
    let tried = try_all(&daemon, &token, &folder.path(""));
    let said = String::from_utf8_lossy(&tried.stdout).into_owned();
    assert!(tried.status.success(), "{said}\n{}", String::from_utf8_lossy(&tried.stderr));
    let answered = answered(&std::fs::read_to_string(folder.path("asked.har")).unwrap());
    let silent: Vec<&str> = ROOMS.into_iter().filter(|room| !answered.contains(*room)).collect();
    assert!(silent.is_empty(), "{silent:?} never answered: {said}");
}
