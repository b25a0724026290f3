//! Mails, envelopes and zones made to do harm: an exact verdict for each, never a pass for the victim, within bounds
//!
//! What is large is judged in a process of its own, this test binary started once more, so that its peak memory and its
//! processor time are those of that one command. The loopback server and the fixture stay in the parent.

mod answers;
mod headers;
pub(crate) mod signatures;
mod spf;
pub(crate) mod spoofing;

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sekisho_core::zone::Zone;
use sekisho_house::{Setting, Streams, run};
use sekisho_testkit::dns::DnsServer;
use serde_json::{Value, json};

use crate::dmarc_worlds::{NOW, sign, signer};
use crate::whole::{Check, Told};

/// The most memory that one verdict may take beyond the idle process.
const GROWTH_MAX: usize = 64 << 20;
/// The most processor time, in a build without optimisation; a guard against what never ends, far above what is needed,
/// and no measurement.
const BUSY_MAX: Duration = Duration::from_secs(30);
/// How long a command may take on a machine that is busy with other things, before it is given up as stalled.
const STALLED: Duration = Duration::from_secs(300);
/// How long it waits for the DNS: everything here is answered, however late on such a machine.
const PATIENT: &[u8] = b"\0--timeout=300";

/// The test that every child process runs, and the variable that tells it so.
const CHILD: &str = "hostile::a_clean_mail_stays_within_the_bounds";
/// Names the folder of a child's task.
const TASK: &str = "SEKISHO_HOSTILE_TASK";

/// The address of the victim's own servers.
pub(crate) const VICTIM: &str = "192.0.2.1";
/// The address that the attacker sends from.
pub(crate) const ATTACKER: &str = "198.51.100.66";

/// A victim who publishes everything that protects, and an attacker who publishes everything that passes.
pub(crate) fn zone() -> Zone {
    let key = |domain: &str| signer(&domain.parse_name(), "s").key.record();
    let text = format!(
        "_dmarc.victim.example TXT \"v=DMARC1; p=reject\"
         victim.example TXT \"v=spf1 ip4:{VICTIM} -all\"
         s._domainkey.victim.example TXT {}
         attack.example TXT \"v=spf1 ip4:{ATTACKER} -all\"
         s._domainkey.attack.example TXT {}
         _dmarc.attack.example TXT \"v=DMARC1; p=none\"",
        key("victim.example"),
        key("attack.example"),
    );
    Zone::parse(&text).unwrap()
}

/// Returns the usual zone with more lines.
pub(crate) fn zone_with(lines: &str) -> Zone {
    let mut zone = zone();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        zone.parse_line(line).unwrap_or_else(|why| panic!("{why}: {}", line.get(..80).unwrap_or(line)));
    }
    zone
}

/// Text that stands for a domain name.
pub(crate) trait ParseName {
    /// Reads it.
    fn parse_name(&self) -> sekisho_core::name::DomainName;
}

impl ParseName for str {
    fn parse_name(&self) -> sekisho_core::name::DomainName {
        sekisho_core::name::DomainName::parse(self).unwrap()
    }
}

/// Returns a mail that claims to be the victim's, with other fields around its From field.
pub(crate) fn claim(above: impl AsRef<[u8]>, below: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let from = b"From: <chief@victim.example>\r\nTo: <you@example.net>\r\nSubject: Pay at once\r\n";
    [above.as_ref(), from, below.as_ref(), b"\r\n", body.as_ref()].concat()
}

/// Returns a mail with a signature by `s._domainkey` of the domain.
pub(crate) fn signed_by(domain: &str, mail: &[u8]) -> Vec<u8> {
    [sign(&signer(&domain.parse_name(), "s"), mail), mail.to_vec()].concat()
}

/// Prepares to judge a mail that the attacker sends under its own name.
fn from_attacker(mail: impl Into<Vec<u8>>, server: &DnsServer) -> Check {
    Check::mail(mail).dns(server).and("--at", NOW).envelope(ATTACKER, "mail.attack.example", "x@attack.example")
}

/// Returns what matters most of a verdict: what is done, whose mail it is, and what DMARC says.
fn gist(json: &Value) -> Value {
    json!([
        json["verdict"],
        json["grounds"],
        json["author"]["result"],
        json["dmarc"]["result"],
        json["dmarc"]["aligned"]
    ])
}

/// What [`gist`] returns of a forgery that DMARC exposed.
fn exposed() -> Value {
    json!(["quarantine", ["dmarc-fail"], "ok", "fail", []])
}

/// What [`gist`] returns of a mail without one clear author.
fn refused(author: &str) -> Value {
    json!(["reject", [format!("author-{author}")], author, "permerror", []])
}

/// What [`gist`] returns of the victim's own mail, signed.
fn genuine() -> Value {
    json!(["accept", [], "ok", "pass", ["dkim"]])
}

#[test]
fn a_clean_mail_stays_within_the_bounds() {
    if let Some(folder) = std::env::var_os(TASK) {
        return judge_in_this_process(Path::new(&folder));
    }
    let server = DnsServer::start(zone());
    let mail = signed_by("victim.example", &claim("", "", "Hello.\r\n"));
    let check =
        Check::mail(mail).dns(&server).and("--at", NOW).envelope(VICTIM, "mail.victim.example", "x@victim.example");
    let json = judge_apart(&check);
    assert_eq!(gist(&json), json!(["accept", [], "ok", "pass", ["spf", "dkim"]]));
}

/// Calls the command in a process of its own, and holds it to the bounds.
fn judge_apart(check: &Check) -> Value {
    judge_within(check, GROWTH_MAX)
}

/// Calls the command in a process of its own, and holds it to so many octets of memory beyond the idle process.
fn judge_within(check: &Check, growth_max: usize) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let arguments: Vec<&[u8]> = check.arguments.iter().map(|argument| argument.as_bytes()).collect();
    fs::write(path("arguments"), [&arguments.join(&0), PATIENT].concat()).unwrap();
    fs::write(path("mail"), &check.stdin).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture"])
        .env(TASK, folder.path())
        .stdin(Stdio::null())
        .stdout(File::create(path("noise")).unwrap())
        .stderr(File::create(path("complaint")).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let ended = loop {
        match child.try_wait().unwrap() {
            Some(ended) => break ended,
            None if begun.elapsed() > STALLED => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("no verdict within {STALLED:?}");
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    assert!(ended.success(), "{ended}: {}", fs::read_to_string(path("complaint")).unwrap());
    let text = |name: &str| fs::read_to_string(path(name)).unwrap();
    let measures: Vec<u64> = text("measures").split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [exit, growth, busy, clean] = measures[..] else { panic!("{measures:?}") };
    let json = Told { exit: exit.try_into().unwrap(), stdout: text("stdout"), stderr: text("stderr") }.judged();
    assert!(growth <= growth_max as u64, "{} MB more memory than idle", growth >> 20);
    assert!(Duration::from_millis(busy) <= BUSY_MAX, "{busy} ms of processor time");
    assert_eq!(clean, 0, "the next mail does not get its verdict");
    json
}

/// Does a child's task: judges, measures, then judges a clean mail as if nothing had happened.
fn judge_in_this_process(folder: &Path) {
    let path = |name: &str| folder.join(name);
    let arguments = fs::read(path("arguments")).unwrap();
    let arguments: Vec<OsString> =
        arguments.split(|&b| b == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect();
    let (stdout, stderr) = (path("stdout"), path("stderr"));
    fs::write(path("clean"), "From: <a@clean.test>\n\nx\n").unwrap();
    fs::write(path("zone"), "").unwrap();
    let mut option = OsString::from("--zone=");
    option.push(path("zone"));
    let clean = ["sekisho".into(), "check".into(), "-".into(), option];
    let judge_clean = || call(&clean, &path("clean"), Path::new("/dev/null"), Path::new("/dev/null"));
    // The program's own code is in memory once it has judged a mail; what counts is what a hostile one adds.
    judge_clean();
    let (idle, busy) = (peak_memory(), busy_milliseconds());
    let exit = call(&arguments, &path("mail"), &stdout, &stderr);
    let (growth, busy) = (peak_memory() - idle, busy_milliseconds() - busy);
    let clean = judge_clean();
    fs::write(path("measures"), format!("{exit} {growth} {busy} {clean}")).unwrap();
}

/// Calls the command with files as its streams.
fn call(arguments: &[OsString], stdin: &Path, stdout: &Path, stderr: &Path) -> u8 {
    let streams = Streams {
        stdin: &mut File::open(stdin).unwrap(),
        stdout: &mut File::create(stdout).unwrap(),
        stderr: &mut File::create(stderr).unwrap(),
        setting: Setting::default(),
    };
    run(arguments, streams)
}

/// Returns the most octets of memory that this process ever had.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Returns how long this process has kept a processor busy; a tick is ten milliseconds.
fn busy_milliseconds() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}
