//! The daemon whose mails never come to an end: somebody answers all the same, and it stops in time

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Setting, Streams, run};

/// The test that the child process runs, and the variable that tells it so.
const CHILD: &str = "serve::tests::mails_that_never_end_keep_neither_watchers_nor_the_end_waiting";
/// Names the child's folder.
const FOLDER: &str = "SEKISHO_STUCK_FOLDER";
/// How long a start may take on a busy machine.
const STARTED: Duration = Duration::from_secs(60);
/// How long the DNS is waited for, and what a mail under way gets beyond that.
const PATIENCE: Duration = Duration::from_secs(1 + 5);
/// More than the reactor has threads.
const STUCK: usize = 64;

/// Does the child's work.
fn serve_in_this_process(folder: &Path) {
    let config = folder.join("sekisho.toml");
    let arguments = ["sekisho", "serve", "--dns", "127.0.0.1:9", "--lang", "en", "--config", config.to_str().unwrap()];
    let setting = Setting { runtime_places: vec![folder.join("run")], ..Setting::default() };
    let (stdin, stdout) = (&mut std::io::empty(), &mut std::io::sink());
    let stderr = &mut File::create(folder.join("log")).unwrap();
    let exit = run(arguments, Streams { stdin, stdout, stderr, setting });
    // Not by returning: the harness of the tests would go on.
    std::process::exit(exit.into());
}

/// The child, which ends with its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the child has said where it listens: for MTAs, and by HTTP.
fn addresses(folder: &Path) -> [SocketAddr; 2] {
    let begun = Instant::now();
    loop {
        let said = fs::read_to_string(folder.join("log")).unwrap_or_default();
        let address = |whom: &str| said.lines().find(|line| line.contains(whom))?.rsplit(' ').next()?.parse().ok();
        if let (true, Some(gate), Some(http)) = (said.contains("ready"), address("(milter)"), address("(HTTP)")) {
            return [gate, http];
        }
        assert!(begun.elapsed() < STARTED, "not ready: {said}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Asks by HTTP, and returns the status line.
fn status(http: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(http).unwrap();
    stream.set_read_timeout(Some(STARTED)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn mails_that_never_end_keep_neither_watchers_nor_the_end_waiting() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return serve_in_this_process(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let listen = "listen = [\"127.0.0.1:0\"]";
    let config = format!("[gate]\n{listen}\n[http]\n{listen}\n[dns]\ntimeout_seconds = 1\n");
    fs::write(folder.path().join("sekisho.toml"), config).unwrap();
    let systemd = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", CHILD, "--nocapture"]).env(FOLDER, folder.path()).env("WATCHDOG_USEC", "20000");
    child.env("NOTIFY_SOCKET", folder.path().join("notify")).stdin(Stdio::null()).stdout(Stdio::null());
    let mut daemon = Daemon(child.stderr(Stdio::null()).spawn().unwrap());
    let [gate, http] = addresses(folder.path());
    let packets: [&[u8]; 8] = [
        b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
        b"Cx\x004\x12\x34192.0.2.1\0",
        b"M<a@b>\0",
        b"R<c@d>\0",
        b"LX-Hang\0 x\0",
        b"N",
        b"Bx\r\n",
        b"E",
    ];
    let framed = |packet: &&[u8]| [&u32::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat();
    let mail: Vec<u8> = packets.iter().flat_map(framed).collect();
    let stuck: Vec<TcpStream> = (0..STUCK)
        .map(|_| {
            let mut mta = TcpStream::connect(gate).unwrap();
            mta.write_all(&mail).unwrap();
            mta
        })
        .collect();
    // systemd hears no beat any more once every thread of the reactor is stuck, and somebody else still answers.
    systemd.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let begun = Instant::now();
    while systemd.recv(&mut [0; 256]).is_ok() {
        assert!(begun.elapsed() < STARTED, "mails stand still, and systemd is told otherwise");
    }
    assert_eq!(status(http, "/healthz"), "HTTP/1.1 200 OK");
    assert_eq!(status(http, "/metrics"), "HTTP/1.1 200 OK");
    let begun = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &daemon.0.id().to_string()]).status().unwrap().success());
    let ended = daemon.0.wait().unwrap();
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(ended.success(), "{ended} {log}");
    assert!(begun.elapsed() < PATIENCE + STARTED, "{:?}", begun.elapsed());
    drop(stuck);
}
