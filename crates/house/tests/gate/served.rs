//! `sekisho serve` in a process of its own

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use sekisho_house::{Setting, Streams, run};
use sekisho_testkit::dns::DnsServer;
use socket2::{Domain, Protocol, Socket, Type};
use tempfile::TempDir;

use crate::notebook::NOTEBOOK;

/// The test that every child process runs, and the variable that tells it so.
const CHILD: &str = "gate::served::a_port_that_is_taken_is_named";
/// Names the folder of a child's task.
const TASK: &str = "SEKISHO_SERVE_TASK";
/// How many octets of address space a child may have, where that is bounded.
pub(super) const MEMORY: &str = "SEKISHO_SERVE_MEMORY";
/// Names the program that is served instead of this binary: `./x soak` measures the real one.
const PROGRAM: &str = "SEKISHO_PROGRAM";
/// How long a start may take on a machine that is busy with other things.
const STARTED: Duration = Duration::from_secs(60);

/// A running `sekisho serve`; it is killed when dropped.
pub(crate) struct Served {
    /// Its configuration, its runtime folder and its log.
    folder: TempDir,
    /// The process.
    child: Child,
    /// Where it listens for MTAs, in the order of the configuration: those who verify come before those who sign, and both before
    /// those who send reports.
    milters: Vec<SocketAddr>,
    /// What its process finds in its environment.
    environment: Vec<(String, OsString)>,
}

impl Served {
    /// Starts it with this configuration, the sockets on free ports.
    pub(crate) fn start(config: &str, dns: &DnsServer) -> Served {
        Served::start_in(config, dns, &[])
    }

    /// Starts it with more in its environment.
    pub(crate) fn start_in(config: &str, dns: &DnsServer, environment: &[(&str, &str)]) -> Served {
        let environment: Vec<(String, OsString)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        let folder = tempfile::tempdir().unwrap();
        // Nobody watches, unless the test does.
        let http = if config.contains("[http]") { "" } else { "\n[http]\nlisten = []\n" };
        // Nor does anybody send reports.
        let intake = if config.contains("[intake]") { "" } else { "\n[intake]\nlisten = []\n" };
        let config = config.replacen("127.0.0.1:0", &format!("127.0.0.1:{}", own_port()), 1);
        fs::write(folder.path().join("sekisho.toml"), format!("{config}{http}{intake}")).unwrap();
        fs::write(folder.path().join("dns"), dns.address().to_string()).unwrap();
        fs::create_dir(folder.path().join("run")).unwrap();
        let child = spawn(folder.path(), &environment);
        let mut served = Served { folder, child, milters: Vec::new(), environment };
        served.milters = served.wait_until_ready();
        served
    }

    /// Returns where the first listener is.
    pub(crate) fn milter(&self) -> SocketAddr {
        self.milters[0]
    }

    /// Returns where the listener that signs is, where there is one.
    pub(crate) fn signer(&self) -> Option<SocketAddr> {
        self.milters.get(1).copied()
    }

    /// Returns where reports arrive, where it listens for nothing else.
    pub(crate) fn intake(&self) -> SocketAddr {
        self.milters[0]
    }

    /// Returns where our own MTAs deliver reports, where it listens for nothing else but for those who send them.
    pub(crate) fn lmtp(&self) -> SocketAddr {
        self.milters[1]
    }

    /// Returns what it counts under a name, its labels included.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").1;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Asks it by HTTP: the status, and the whole answer.
    pub(super) fn get(&self, path: &str) -> (u16, String) {
        let text = self.http(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        (text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), text)
    }

    /// Sends a request by HTTP, and returns the whole answer.
    pub(crate) fn http(&self, request: &[u8]) -> String {
        let mut stream = self.connect_http();
        // Where it is refused before its end the rest finds nobody.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Connects to where it is watched by HTTP.
    pub(crate) fn connect_http(&self) -> TcpStream {
        TcpStream::connect(self.watched()).unwrap()
    }

    /// Connects to where it is watched by HTTP as a client with another address.
    pub(crate) fn connect_http_from(&self, client: Ipv4Addr) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&SocketAddr::from((client, 0)).into()).unwrap();
        socket.connect(&self.watched().into()).unwrap();
        socket.into()
    }

    /// Returns where it is watched by HTTP.
    fn watched(&self) -> SocketAddr {
        let said = fs::read_to_string(self.path("log")).unwrap();
        let line = said.lines().find(|line| line.contains("(HTTP)")).expect("the test lets it be watched");
        line.rsplit(" on ").next().unwrap().parse().unwrap()
    }

    /// Lets it read its configuration anew, and waits until that is done.
    pub(crate) fn reload(&self) {
        let count = || self.log().matches("reloaded the configuration").count();
        let (before, begun) = (count(), Instant::now());
        assert!(Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap().success());
        while count() == before {
            assert!(begun.elapsed() < STARTED, "it does not reload: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns its resident memory in octets: now (`VmRSS`), or the most it ever had (`VmHWM`).
    pub(crate) fn memory(&self, which: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':')).expect(which);
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Tells whether its process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it at once, as if the machine had taken its process away.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, its first listener on the same port; returns how long that took.
    pub(crate) fn restart(&mut self) -> Duration {
        let begun = Instant::now();
        self.child = spawn(self.folder.path(), &self.environment);
        assert_eq!(self.wait_until_ready(), self.milters);
        begun.elapsed()
    }

    /// Asks it to stop, and returns whether it did so in order.
    pub(crate) fn stop(&mut self) -> bool {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().success()
    }

    /// Returns what it logged.
    pub(crate) fn log(&self) -> String {
        ["log", "stderr"].map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).concat()
    }

    /// Waits until it has said that it is ready; returns where it listens for MTAs.
    fn wait_until_ready(&mut self) -> Vec<SocketAddr> {
        let begun = Instant::now();
        loop {
            let said = fs::read_to_string(self.path("log")).unwrap_or_default();
            if said.lines().any(|line| line.starts_with("ready")) {
                let milters =
                    said.lines().filter(|line| ["(milter)", "(SMTP)", "(LMTP)"].iter().any(|kind| line.contains(kind)));
                return milters.map(|line| line.rsplit(" on ").next().unwrap().parse().unwrap()).collect();
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < STARTED, "not ready ({ended:?}): {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns a path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a port below those that the system gives to whoever asks for any: while a daemon is away nobody else gets it.
fn own_port() -> u16 {
    /// The last one that was given.
    static LAST: AtomicU16 = AtomicU16::new(10_000);
    loop {
        let port = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Starts a process.
fn spawn(folder: &Path, environment: &[(String, OsString)]) -> Child {
    let _ = fs::remove_file(folder.join("log"));
    let mut child = match std::env::var_os(PROGRAM) {
        Some(program) => {
            let mut child = Command::new(program);
            child.args(["serve", "--lang", "en", "--config"]).arg(folder.join("sekisho.toml"));
            child.arg("--dns").arg(fs::read_to_string(folder.join("dns")).unwrap());
            child.env("RUNTIME_DIRECTORY", folder.join("run")).env("STATE_DIRECTORY", folder.join("data"));
            child.stdout(Stdio::null());
            // The program says all on one stream.
            child.stderr(File::create(folder.join("log")).unwrap());
            child
        }
        None => {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", CHILD, "--nocapture"]).env(TASK, folder);
            child.stdout(File::create(folder.join("noise")).unwrap());
            child.stderr(File::create(folder.join("stderr")).unwrap());
            child
        }
    };
    child.envs(environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    child.spawn().unwrap()
}

/// Does a child's task: serves until it is told to stop.
fn serve_in_this_process(folder: &Path) {
    if let Ok(octets) = std::env::var(MEMORY) {
        let octets = octets.parse().unwrap();
        setrlimit(Resource::RLIMIT_AS, octets, octets).unwrap();
    }
    let words = ["sekisho", "serve", "--lang", "en", "--config"].map(OsString::from);
    let dns = fs::read_to_string(folder.join("dns")).unwrap();
    let arguments = words.into_iter().chain([folder.join("sekisho.toml").into(), "--dns".into(), dns.into()]);
    // Who keeps books says where.
    let keeps = fs::read_to_string(folder.join("sekisho.toml")).unwrap().contains("[store]");
    let open_lake = keeps.then_some(NOTEBOOK);
    let setting = Setting { runtime_places: vec![folder.join("run")], open_lake, ..Setting::default() };
    let streams = Streams {
        stdin: &mut std::io::empty(),
        stdout: &mut std::io::sink(),
        stderr: &mut File::create(folder.join("log")).unwrap(),
        setting,
    };
    let exit = run(arguments, streams);
    // Not by returning: the harness of the tests would go on.
    std::process::exit(exit.into());
}

#[test]
fn a_port_that_is_taken_is_named() {
    if let Some(folder) = std::env::var_os(TASK) {
        return serve_in_this_process(Path::new(&folder));
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sekisho.toml");
    fs::write(
        &config,
        format!("[gate]\nlisten = [\"{address}\"]\n[http]\nlisten = []\n[dns]\nupstreams = [\"127.0.0.1:9\"]\n"),
    )
    .unwrap();
    let arguments = ["sekisho".into(), "serve".into(), "--config".into(), config.into_os_string()];
    let mut stderr = Vec::new();
    let streams = Streams {
        stdin: &mut std::io::empty(),
        stdout: &mut std::io::sink(),
        stderr: &mut stderr,
        setting: Setting { runtime_places: vec![folder.path().join("run")], ..Setting::default() },
    };
    assert_eq!(run(arguments, streams), 2);
    let said = BufReader::new(&*stderr).lines().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with(&format!("sekisho: cannot listen on `{address}`: ")), "{}", said[0]);
}
