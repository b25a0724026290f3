//! The daemon as a process of its own: signals, limits, what it says when it is watched
//!
//! It is this test binary started once more, so that it can be signalled and that the kernel holds it alone.

pub(crate) mod mta;
mod secret;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sekisho_core::event::{Event, FactEvent, FactHash, MailEvent};
use sekisho_core::zone::Zone;
use sekisho_house::{Setting, Streams, run};
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::sink::Sink;
use serde_json::Value;

use self::mta::Mta;
use crate::command::{Folder, ZONE};
use crate::notebook::{NOTEBOOK, Notebook};
use crate::out::House;

/// The test that a child process runs, and the variables that tell it so.
const CHILD: &str = "serve::signals_reload_it_while_mails_flow_and_stop_it_in_order";
/// Names the configuration of a child.
const CONFIG: &str = "SEKISHO_SERVE_CONFIG";
/// Names the DNS server of a child.
const DNS: &str = "SEKISHO_SERVE_DNS";
/// How many files a child may open, where that is bounded.
const FILES: &str = "SEKISHO_SERVE_FILES";
/// How long anything may take on a busy machine before it is given up as stalled.
const STALLED: Duration = Duration::from_secs(120);

/// Addresses that are free.
pub(crate) const ANYWHERE: &str =
    "[gate]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = [\"127.0.0.1:0\"]\n[intake]\nlisten = [\"127.0.0.1:0\"]\n";

/// A daemon in a process of its own, which ends with it.
pub(crate) struct Daemon {
    /// The process.
    child: Child,
    /// Where MTAs connect.
    pub(crate) gate: SocketAddr,
    /// Where it can be watched.
    pub(crate) http: SocketAddr,
    /// What it has said.
    said: Arc<Mutex<Vec<String>>>,
    /// Who reads that.
    reader: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts it with `config.toml` of a folder, and waits until it listens.
    pub(crate) fn start(folder: &Folder, dns: &DnsServer, environment: &[(&str, &str)]) -> Daemon {
        let mut daemon = Daemon::spawn(folder, "config.toml", dns, environment);
        daemon.http = daemon.listening("(HTTP) on ");
        daemon.until("it is ready", |daemon| daemon.get("/readyz").0 == 200);
        daemon
    }

    /// Starts it with a configuration of a folder, and waits until MTAs can connect.
    fn spawn(folder: &Folder, config: &str, dns: &DnsServer, environment: &[(&str, &str)]) -> Daemon {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", CHILD, "--nocapture"]).env(CONFIG, folder.path(config));
        command.env(DNS, dns.address().to_string()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.envs(environment.iter().copied());
        let mut child = command.spawn().unwrap();
        let (said, stderr) = (Arc::new(Mutex::new(Vec::new())), child.stderr.take().unwrap());
        let heard = Arc::clone(&said);
        let reader = thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| heard.lock().unwrap().push(line));
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Daemon { child, gate: nowhere, http: nowhere, said, reader: Some(reader) };
        daemon.gate = daemon.listening("(milter)");
        daemon
    }

    /// Waits until it has said where it listens.
    fn listening(&self, for_whom: &str) -> SocketAddr {
        self.told(for_whom).rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Returns the last line that has some words in it.
    fn line(&self, words: &str) -> Option<String> {
        self.said.lock().unwrap().iter().rev().find(|line| line.contains(words)).cloned()
    }

    /// Waits for a line that has some words in it: what is counted may be seen before what is said.
    pub(crate) fn told(&self, words: &str) -> String {
        self.until(words, |daemon| daemon.line(words).is_some());
        self.line(words).unwrap()
    }

    /// Waits for something that happens by itself.
    pub(crate) fn until(&self, what: &str, has_happened: impl Fn(&Daemon) -> bool) {
        let begun = Instant::now();
        while !has_happened(self) {
            assert!(begun.elapsed() < STALLED, "never came: {what}; it said: {:#?}", self.said.lock().unwrap());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends a signal.
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Asks by HTTP: the status and the body, 0 where nobody answers.
    fn get(&self, path: &str) -> (u16, String) {
        let asked = || {
            let mut stream = TcpStream::connect(self.http)?;
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        let answer: String = asked().unwrap_or_default();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    /// Returns a number that it counts.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").1;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Waits for its end, and returns whether that was in order.
    fn ended(&mut self) -> bool {
        let begun = Instant::now();
        let ended = loop {
            match self.child.try_wait().unwrap() {
                Some(ended) => break ended,
                None => assert!(begun.elapsed() < STALLED, "it does not end: {:#?}", self.said.lock().unwrap()),
            }
            thread::sleep(Duration::from_millis(2));
        };
        self.reader.take().into_iter().for_each(|reader| reader.join().unwrap());
        ended.success()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does a child's work: serves until it is told to stop.
fn serve_in_this_process(config: &str) {
    if let Ok(files) = std::env::var(FILES) {
        let files = files.parse().unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, files, files).unwrap();
    }
    let dns = std::env::var(DNS).unwrap();
    let streams = Streams {
        stdin: &mut std::io::empty(),
        stdout: &mut std::io::sink(),
        stderr: &mut std::io::stderr(),
        setting: Setting { open_lake: Some(NOTEBOOK), ..Setting::default() },
    };
    assert_eq!(run(["sekisho", "serve", "--config", config, "--dns", &dns], streams), 0);
}

/// Returns a folder with a configuration, and the DNS that is asked.
pub(crate) fn surroundings(config: &str) -> (Folder, DnsServer) {
    let folder = Folder::new();
    folder.write("config.toml", config);
    (folder, DnsServer::start(Zone::parse(ZONE).unwrap()))
}

#[test]
fn signals_reload_it_while_mails_flow_and_stop_it_in_order() {
    if let Ok(config) = std::env::var(CONFIG) {
        return serve_in_this_process(&config);
    }
    let (folder, dns) = surroundings(ANYWHERE);
    let mut daemon = Daemon::start(&folder, &dns, &[]);
    let reloads: u64 = std::env::var("SEKISHO_RELOADS").map_or(100, |count| count.parse().unwrap());
    let (gate, stop, mails) = (daemon.gate, AtomicBool::new(false), AtomicUsize::new(0));
    // Each failure would be a panic in its thread, and so of the test.
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut mta = Mta::connect(gate).unwrap();
                    for _ in 0..3 {
                        assert!(mta.mail().unwrap().contains("spf=pass"));
                        mails.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for reload in 1..=reloads {
            daemon.signal(Signal::SIGHUP);
            daemon.until("a reload", |daemon| daemon.metric("sekisho_reloads_total{result=\"done\"}") == reload);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let mails = mails.into_inner();
    say(&format!("{reloads} reloads while {mails} mails were judged, none of them lost"));
    assert!(mails > 20, "{mails} mails");
    let counted = "sekisho_results_total{check=\"decision\",result=\"pass\"}";
    daemon.until("every mail is counted", |daemon| daemon.metric(counted) == mails as u64);

    // A file with a fault changes nothing.
    folder.write("config.toml", "[gate]\nmood = \"grim\"\n");
    daemon.signal(Signal::SIGHUP);
    daemon.until("a refusal", |daemon| daemon.metric("sekisho_reloads_total{result=\"refused\"}") == 1);
    assert!(daemon.told("gate.mood").contains("the old one stays in force"));
    assert!(Mta::connect(gate).unwrap().mail().unwrap().contains("spf=pass"));

    // What can change does, and what cannot is named. The conversation that began before speaks as it did.
    let mut old = Mta::connect(gate).unwrap();
    daemon.until("it is taken", |daemon| daemon.metric("sekisho_sessions") == 1);
    folder.write("config.toml", "[gate]\nlisten = []\nauthserv_id = \"new.example\"\n[log]\nformat = \"json\"\n");
    daemon.signal(Signal::SIGHUP);
    daemon.until("a reload", |daemon| daemon.metric("sekisho_reloads_total{result=\"done\"}") == reloads + 1);
    assert!(daemon.told("only after a restart").contains("gate.listen,intake.listen,http.listen"));
    assert!(old.mail().unwrap().contains(" mx.example.net;"));
    assert!(Mta::connect(gate).unwrap().mail().unwrap().contains(" new.example;"));

    // A verdict is one object, whatever the client says.
    let mut mta = Mta::connect(gate).unwrap();
    mta.begin("a\r\nb\u{1b}[2J\u{2028}c", &[("From", "alice@example.org")], b"").unwrap();
    mta.end().unwrap();
    let object: Value = serde_json::from_str(&daemon.told("[2J")).unwrap();
    let told = ["message", "queue.id", "client.ip", "sender.domain", "author.domain", "spf.result", "dmarc.result"];
    let values = ["judged a mail", "4zQUEUE", "192.0.2.1", "example.org", "example.org", "pass", "pass"];
    assert_eq!(told.map(|field| object[field].as_str().unwrap()), values);
    assert!(!daemon.said.lock().unwrap().iter().any(|line| line.contains("alice")), "no names of people");

    // Idle conversations end at once; a mail under way is finished.
    let mut idle = Mta::connect(gate).unwrap();
    mta.send(b"K").unwrap();
    let asked = daemon.metric("sekisho_dns_questions_total");
    mta.begin("out.example.org", &[("From", "alice@example.org")], b"half").unwrap();
    daemon.until("its header is judged", |daemon| daemon.metric("sekisho_dns_questions_total") > asked);
    daemon.signal(Signal::SIGTERM);
    assert!(idle.is_over());
    daemon.until("not ready", |daemon| daemon.get("/readyz").0 == 503);
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(mta.end().unwrap().last().unwrap(), b"c");
    assert!(daemon.ended(), "{:#?}", daemon.said.lock().unwrap());
    assert!(TcpStream::connect(gate).is_err());
}

/// Says what a test saw, whatever becomes of it.
pub(crate) fn say(what: &str) {
    std::io::stderr().write_all(format!("{what}\n").as_bytes()).unwrap();
}

#[test]
fn a_thousand_slow_clients_keep_nobody_out() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 4000 {
        say(&format!("NOT RUN: no more than {hard} files may be open"));
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(4000), hard).unwrap();
    let (folder, dns) = surroundings(ANYWHERE);
    let daemon = Daemon::start(&folder, &dns, &[]);
    // Some say nothing, some one octet, some stop in the middle of a packet, some have begun a conversation.
    let mut slow: Vec<Mta> = (0..1000)
        .map(|number| match number % 4 {
            0 => Mta::babble(daemon.gate, b""),
            1 => Mta::babble(daemon.gate, b"\0"),
            2 => Mta::babble(daemon.gate, b"\0\0\xff\xffB"),
            _ => Mta::connect(daemon.gate).unwrap(),
        })
        .collect();
    daemon.until("all are taken", |daemon| daemon.metric("sekisho_sessions_total") == 1000);
    slow.iter_mut().for_each(|mta| mta.write(b"\0"));
    for number in 1..=10 {
        let begun = Instant::now();
        let mut mta = Mta::connect(daemon.gate).unwrap();
        assert!(mta.mail().unwrap().contains("spf=pass"));
        say(&format!("clean client {number} was served within {} ms", begun.elapsed().as_millis()));
        slow.push(mta);
    }
    assert_eq!(daemon.metric("sekisho_sessions_displaced_total"), 10);
    assert_eq!(daemon.metric("sekisho_sessions"), 1000);
    let memory = daemon.metric("process_resident_memory_bytes");
    say(&format!("{} MB with 1,000 conversations", memory >> 20));
    assert!(memory <= 100 << 20, "{} MB", memory >> 20);
}

#[test]
fn where_few_files_may_be_open_fewer_conversations_fit_in_and_mails_are_judged() {
    let (folder, dns) = surroundings(ANYWHERE);
    let daemon = Daemon::start(&folder, &dns, &[(FILES, "60")]);
    let _held: Vec<Mta> = (0..80).map(|_| Mta::babble(daemon.gate, b"")).collect();
    assert!(Mta::connect(daemon.gate).unwrap().mail().unwrap().contains("spf=pass"));
    assert!(daemon.told("too few files may be open").contains("sessions=30"));
}

#[test]
fn a_system_without_files_to_give_does_not_end_it() {
    let (folder, dns) = surroundings(ANYWHERE);
    let daemon = Daemon::start(&folder, &dns, &[(FILES, "400")]);
    let held: Vec<Mta> = (0..80).map(|_| Mta::babble(daemon.gate, b"")).collect();
    daemon.until("all are taken", |daemon| daemon.metric("sekisho_sessions") == 80);
    let allow = |files: &str| {
        let limit = format!("--nofile={files}:400");
        let changed = Command::new("prlimit").args(["--pid", &daemon.child.id().to_string(), &limit]).status();
        assert!(changed.unwrap().success());
    };
    allow("20");
    let _more = Mta::babble(daemon.gate, b"");
    daemon.told("cannot take a connection");
    drop(held);
    allow("400");
    assert!(Mta::connect(daemon.gate).unwrap().mail().unwrap().contains("spf=pass"));
    assert!(daemon.metric("sekisho_accept_failures_total") >= 1);
}

#[test]
fn garbage_ends_its_own_conversation_only() {
    let (folder, dns) = surroundings(ANYWHERE);
    let daemon = Daemon::start(&folder, &dns, &[]);
    let mut honest = Mta::connect(daemon.gate).unwrap();
    honest.begin("out.example.org", &[("From", "alice@example.org")], b"hello\r\n").unwrap();
    let garbage: [(&[u8], &str); 6] = [
        (b"\0\0\0\0", "packet"),
        (b"\xff\xff\xff\xffO", "packet"),
        (b"GET / HTTP/1.1\r\n\r\n", "packet"),
        (b"\0\0\0\x01?", "command"),
        (b"\0\0\0\x03M<\0", "order"),
        (b"\0\0\0\x02O\0", "command"),
    ];
    for (octets, _) in garbage {
        assert!(Mta::babble(daemon.gate, octets).is_over());
    }
    for kind in ["packet", "command", "order"] {
        let count = garbage.iter().filter(|(_, of)| *of == kind).count() as u64;
        let name = format!("sekisho_session_failures_total{{kind=\"{kind}\"}}");
        daemon.until(kind, |daemon| daemon.metric(&name) == count);
    }
    assert_eq!(honest.end().unwrap().last().unwrap(), b"c");
}

#[test]
fn it_becomes_another_user_and_the_kernel_holds_it() {
    let is_root = nix::unistd::geteuid().is_root();
    let (folder, dns) = surroundings(&format!("{ANYWHERE}[serve]\nuser = \"nobody\"\n"));
    let daemon = Daemon::start(&folder, &dns, &[]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).unwrap();
    let value =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    if is_root {
        assert!(!value("Uid:").split_whitespace().any(|uid| uid == "0"), "{status}");
        assert_eq!(value("CapEff:"), "0000000000000000");
    }
    // The main thread of the test harness is not the daemon's; that one and its reactor are held.
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.child.id())).unwrap();
    let held = tasks.filter(|task| {
        let status = std::fs::read_to_string(task.as_ref().unwrap().path().join("status")).unwrap();
        status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1")
    });
    assert!(held.count() >= 2);
    daemon.told("confined: system calls");
    assert!(Mta::connect(daemon.gate).unwrap().mail().unwrap().contains("spf=pass"));
}

#[test]
fn idle_watchers_keep_nobody_from_looking() {
    let (folder, dns) = surroundings(ANYWHERE);
    let daemon = Daemon::start(&folder, &dns, &[]);
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(daemon.http).unwrap()).collect();
    for _ in 0..100 {
        assert_eq!((daemon.get("/healthz").0, daemon.get("/readyz").0), (200, 200));
    }
    drop(idle);
}

#[test]
fn a_key_that_only_root_may_read_is_named_at_a_reload_and_the_old_ones_stay() {
    if !nix::unistd::geteuid().is_root() {
        say("NOT RUN: only root can become another user");
        return;
    }
    let folder = Folder::new();
    let record = folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem").stdout;
    let dns = DnsServer::start(Zone::parse(&format!("{ZONE}{record}")).unwrap());
    let keys = format!("[[sign.keys]]\ndomain = \"example.org\"\nselector = \"s\"\nkey = {:?}\n", folder.path("s.pem"));
    let senders = "[[sign.senders]]\nnetworks = [\"192.0.2.0/24\"]\ndomains = [\"example.org\"]\n";
    let sign = format!("[sign]\nlisten = [\"127.0.0.1:0\"]\n{keys}{senders}");
    let watched = "[gate]\nlisten = []\n[http]\nlisten = [\"127.0.0.1:0\"]\n[serve]\nuser = \"nobody\"\n";
    folder.write("config.toml", format!("{watched}{sign}"));
    let open = std::fs::Permissions::from_mode;
    std::fs::set_permissions(folder.path(""), open(0o755)).unwrap();
    std::fs::set_permissions(folder.path("config.toml"), open(0o644)).unwrap();
    std::fs::set_permissions(folder.path("s.pem"), open(0o600)).unwrap();
    let daemon = Daemon::start(&folder, &dns, &[]);
    daemon.signal(Signal::SIGHUP);
    daemon.until("a refusal", |daemon| daemon.metric("sekisho_reloads_total{result=\"refused\"}") == 1);
    let told = daemon.told("the old one stays in force");
    assert!(told.contains("s.pem") && told.contains("LoadCredential=") && told.contains("docs/signing.md"), "{told}");
    let mut mta = Mta::connect(daemon.gate).unwrap();
    assert!(mta.mail().unwrap().contains("DKIM-Signature"));
}

#[test]
fn systemd_is_told() {
    let (folder, dns) = surroundings(ANYWHERE);
    let path = folder.path("notify");
    let systemd = UnixDatagram::bind(&path).unwrap();
    systemd.set_read_timeout(Some(STALLED)).unwrap();
    let hear = |wanted: &str| loop {
        let mut octets = [0; 1024];
        let count = systemd.recv(&mut octets).unwrap_or_else(|why| panic!("never heard {wanted}: {why}"));
        let heard = String::from_utf8(octets[..count].to_vec()).unwrap();
        if heard.contains(wanted) {
            break heard;
        }
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "20000")];
    let mut daemon = Daemon::start(&folder, &dns, &environment);
    hear("READY=1");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    daemon.signal(Signal::SIGHUP);
    assert!(hear("RELOADING=1").contains("MONOTONIC_USEC="));
    hear("READY=1");
    daemon.signal(Signal::SIGTERM);
    hear("STOPPING=1");
    assert!(daemon.ended());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::new();
    folder.write("config.toml", format!("[gate]\nlisten = []\n[http]\nlisten = [\"{address}\"]\n"));
    let said = folder.call("serve --config @config.toml --dns 127.0.0.1:9");
    assert_eq!(said.exit, 2);
    assert_eq!(said.stderr, format!("sekisho: cannot listen on `{address}`: something else listens there already\n"));
}

#[test]
fn every_verdict_is_kept_with_the_facts_that_it_rests_on_and_a_lake_that_fails_stops_no_mail() {
    let (folder, dns) = surroundings("");
    let data = folder.path("data");
    folder.write("config.toml", format!("{ANYWHERE}[store]\nfolder = {data:?}\n"));
    let data = data.as_path();
    let mut daemon = Daemon::start(&folder, &dns, &[]);
    let mut mta = Mta::connect(daemon.gate).unwrap();
    mta.mail().unwrap();
    let kept = |count| move |daemon: &Daemon| daemon.metric("sekisho_events_kept_total") == count;
    // One mail and its four facts: the two records, and that the two names of HELO have none.
    daemon.until("a mail is kept", |daemon| daemon.metric("sekisho_events_kept_total") > 0);
    let first = Notebook::read(data);
    let mails: Vec<&MailEvent> = first.iter().filter_map(mail).collect();
    let [told] = mails[..] else { panic!("{first:?}") };
    assert_eq!((&*told.spf_result.clone().unwrap(), &*told.dmarc_result), ("pass", "pass"));
    assert_eq!((told.author_domain.as_deref(), &*told.mail_from_domain), (Some("example.org"), "example.org"));
    assert_eq!((told.client_ip.as_deref(), &*told.decision, told.spf_aligned), (Some("192.0.2.1"), "pass", true));
    assert!(!told.mail_from_local.is_empty() && !format!("{told:?}").contains("alice"), "{told:?}");
    let facts: Vec<&FactEvent> = first.iter().filter_map(fact).collect();
    let names: Vec<FactHash> = facts.iter().map(|fact| fact.hash).collect();
    assert!(!told.facts.is_empty() && told.facts.iter().all(|hash| names.contains(hash)), "{first:?}");
    assert!(
        facts.iter().any(|fact| fact.name == "example.org" && fact.records == ["\"v=spf1 ip4:192.0.2.0/24 -all\""])
    );

    // The same facts are not told again on the same day, and the same name is seen to be the same.
    let before = first.len() as u64;
    mta.mail().unwrap();
    daemon.until("a second mail is kept", kept(before + 1));
    let second = Notebook::read(data);
    let [one, other] = second.iter().filter_map(mail).collect::<Vec<_>>()[..] else { panic!("{second:?}") };
    assert_eq!((&one.mail_from_local, &one.facts), (&other.mail_from_local, &other.facts));
    assert_ne!(one.id, other.id);

    // The lake fails: mails pass, and what they left is kept once it works again, or before the house closes.
    Notebook::set_failing(data, true);
    (0..5).for_each(|_| drop(mta.mail().unwrap()));
    daemon.until("the lake has failed", |daemon| daemon.metric("sekisho_lake_failures_total") > 0);
    Notebook::set_failing(data, false);
    daemon.until("all of it is kept", kept(before + 6));
    mta.mail().unwrap();
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended());
    let last = Notebook::read(data);
    assert_eq!(last.len() as u64, before + 7);
    let ids: BTreeSet<&str> = last.iter().filter_map(mail).map(|mail| &*mail.id).collect();
    assert_eq!(ids.len(), 8);
}

#[test]
fn of_mails_for_some_recipients_less_is_kept_or_nothing_and_a_reload_changes_that() {
    let (folder, dns) = surroundings("");
    let data = folder.path("data");
    let store = format!("{ANYWHERE}[store]\nfolder = {data:?}\n");
    let rule = |option: &str| format!("{store}[[store.privacy]]\nrecipients = [\"example.net\"]\n{option}\n");
    folder.write("config.toml", rule("omit = [\"client_ip\", \"facts\"]\nlocal_parts = \"drop\""));
    let data = data.as_path();
    let mut daemon = Daemon::start(&folder, &dns, &[]);
    Mta::connect(daemon.gate).unwrap().mail().unwrap();
    daemon.until("a mail is kept", |daemon| daemon.metric("sekisho_events_kept_total") > 0);
    let kept = Notebook::read(data);
    let [Event::Mail(told)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((&told.client_ip, &*told.mail_from_local, told.facts.len()), (&None, "", 0));
    assert_eq!((&*told.mail_from_domain, &*told.dmarc_result), ("example.org", "pass"));
    assert_eq!(told.recipient_domains, ["example.net"]);
    // The log tells no more than the books.
    let line = daemon.told("judged a mail");
    assert!(line.contains("example.org") && !line.contains("192.0.2.1"), "{line}");

    folder.write("config.toml", rule("events = false"));
    daemon.signal(Signal::SIGHUP);
    daemon.until("it is read anew", |daemon| daemon.metric("sekisho_reloads_total{result=\"done\"}") == 1);
    assert!(Mta::connect(daemon.gate).unwrap().mail().unwrap().contains("spf=pass"));
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended());
    assert_eq!(Notebook::read(data).len(), 1);
    let lines = daemon.said.lock().unwrap().iter().filter(|line| line.contains("judged a mail")).count();
    assert_eq!(lines, 1, "of the second mail the log says nothing");
}

#[test]
fn reports_that_are_taken_in_beside_the_daemon_are_read_by_it() {
    let (folder, dns) = surroundings("");
    let data = folder.path("data");
    let config = folder.write("config.toml", format!("{ANYWHERE}[store]\nfolder = {data:?}\n"));
    let mut daemon = Daemon::start(&folder, &dns, &[]);
    daemon.until("the lake is the daemon's", |_| data.join("lake/lock").exists());
    let mail = folder.write("report.xml", crate::reports::REPORT);
    let mut stdout = Vec::new();
    let streams = Streams {
        stdin: &mut std::io::empty(),
        stdout: &mut stdout,
        stderr: &mut std::io::stderr(),
        setting: Setting { open_lake: Some(NOTEBOOK), ..Setting::default() },
    };
    let told = run(["sekisho", "report", "import", &mail, "--config", &config, "--dns", "127.0.0.1:9"], streams);
    let stdout = String::from_utf8(stdout).unwrap();
    assert!(told == 0 && stdout.contains("the daemon is running"), "{stdout}");
    let rows = |data: &std::path::Path| {
        Notebook::read(data).iter().filter(|event| matches!(event, Event::Aggregate(_))).count()
    };
    daemon.until("its rows are kept", |_| rows(&data) == 2);
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended());
}

#[test]
fn the_reports_of_a_day_that_is_over_are_sent_by_the_daemon_once() {
    let sink = Sink::start();
    let over = Timestamp::now().checked_sub(SignedDuration::from_hours(25)).unwrap();
    let house = House::in_order(sink.address(), &over.to_zoned(TimeZone::UTC).date().to_string());
    let config = std::fs::read_to_string(&house.config).unwrap();
    house.folder.write("config.toml", format!("{ANYWHERE}{config}"));
    for run in 0..2 {
        let mut daemon = Daemon::start(&house.folder, &house.dns, &[]);
        daemon.told("planned the reports of a day");
        assert!(sink.wait_for(2, STALLED));
        if run == 0 {
            daemon.until("they are counted", |daemon| daemon.metric("sekisho_reports_out_total{result=\"sent\"}") == 2);
        }
        daemon.signal(Signal::SIGTERM);
        assert!(daemon.ended());
    }
    assert_eq!(sink.count(), 2);
    assert!(sink.counts_by("Message-ID").values().all(|count| *count == 1));
}

/// Returns the mail that an Event tells of.
fn mail(event: &Event) -> Option<&MailEvent> {
    if let Event::Mail(mail) = event { Some(mail) } else { None }
}

/// Returns the fact that an Event tells of.
fn fact(event: &Event) -> Option<&FactEvent> {
    if let Event::Fact(fact) = event { Some(fact) } else { None }
}
