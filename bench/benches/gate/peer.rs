//! The filters: each started with a configuration of its own in a folder of its own, and stopped by its own process id
//!
//! All of them ask the same name server, get only what verifies SPF, DKIM, DMARC and ARC, and insert
//! Authentication-Results.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a filter may take to start: rspamd reads languages and suffixes first.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(10);

/// A filter, or several that a mail passes one after the other.
pub(crate) struct Peer {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it listens, in the order in which a mail passes.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Its processes, each with what it said.
    children: Vec<(Child, PathBuf)>,
}

impl Peer {
    /// Starts Sekisho as it was built for use. It keeps nothing of what it found, as no peer does.
    pub(crate) fn sekisho(folder: &Path) -> io::Result<Peer> {
        Peer::sekisho_with("Sekisho", "sekisho", folder, "[store]\nevents = false\n\n[intake]\nlisten = []\n")
    }

    /// Starts Sekisho, which keeps what it finds in a data folder, and can be watched at an address.
    pub(crate) fn sekisho_with_events(folder: &Path, data: &Path, http: SocketAddr) -> io::Result<Peer> {
        let more = format!(
            "[store]\nevents = true\nfolder = {:?}\n\n[intake]\nlisten = []\n\n[http]\nlisten = [\"{http}\"]\n",
            data.display().to_string()
        );
        Peer::sekisho_with("Sekisho with Events", "sekisho-events", folder, &more)
    }

    /// Starts Sekisho with more configuration.
    fn sekisho_with(name: &'static str, folder_name: &str, folder: &Path, more: &str) -> io::Result<Peer> {
        let mut peer = Peer::new(name);
        let (folder, address) = (private(folder, folder_name)?, free_port()?);
        let configuration =
            format!("[dns]\nupstreams = [\"127.0.0.1:53\"]\n\n[gate]\nlisten = [\"{address}\"]\n\n{more}");
        fs::write(folder.join("sekisho.toml"), configuration)?;
        let built = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/sekisho");
        let program = std::env::var_os("SEKISHO_PROGRAM").map_or_else(built, PathBuf::from);
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(folder.join("sekisho.toml")).env("RUNTIME_DIRECTORY", &folder);
        peer.start(command, &folder, address)?;
        Ok(peer)
    }

    /// Starts rspamd: one program that takes mails and judges them by itself.
    pub(crate) fn rspamd(folder: &Path) -> io::Result<Peer> {
        let mut peer = Peer::new("rspamd");
        let (folder, address) = (private(folder, "rspamd")?, free_port()?);
        fs::create_dir(folder.join("plugins"))?;
        for plugin in ["spf", "arc", "dmarc", "milter_headers"] {
            let file = format!("{plugin}.lua");
            symlink(Path::new("/usr/share/rspamd/plugins").join(&file), folder.join("plugins").join(&file))?;
        }
        let configuration = RSPAMD
            .replace("FOLDER", &folder.display().to_string())
            .replace("ADDRESS", &address.to_string())
            .replace("COUNT", &thread::available_parallelism()?.to_string());
        fs::write(folder.join("rspamd.conf"), configuration)?;
        let mut command = Command::new("rspamd");
        command.args(["--no-fork", "--insecure", "--config"]).arg(folder.join("rspamd.conf"));
        peer.start(command, &folder, address)?;
        Ok(peer)
    }

    /// Starts OpenDKIM, and OpenDMARC for what comes from it.
    pub(crate) fn opendkim_and_opendmarc(folder: &Path) -> io::Result<Peer> {
        let mut peer = Peer::new("OpenDKIM + OpenDMARC");
        let (dkim, address) = (private(folder, "opendkim")?, free_port()?);
        let configuration = OPENDKIM.replace("FOLDER", &dkim.display().to_string()).replace("SOCKET", &socket(address));
        fs::write(dkim.join("opendkim.conf"), configuration)?;
        let mut command = Command::new("/usr/sbin/opendkim");
        command.args(["-f", "-x"]).arg(dkim.join("opendkim.conf"));
        peer.start(command, &dkim, address)?;
        let (dmarc, address) = (private(folder, "opendmarc")?, free_port()?);
        let configuration =
            OPENDMARC.replace("FOLDER", &dmarc.display().to_string()).replace("SOCKET", &socket(address));
        fs::write(dmarc.join("opendmarc.conf"), configuration)?;
        let mut command = Command::new("/usr/sbin/opendmarc");
        command.args(["-f", "-c"]).arg(dmarc.join("opendmarc.conf"));
        peer.start(command, &dmarc, address)?;
        Ok(peer)
    }

    /// Returns the ids of its processes, without their children.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.children.iter().map(|(child, _)| child.id()).collect()
    }

    /// Says of each process whether it still runs, and what it said last.
    pub(crate) fn how_it_is(&mut self) -> io::Result<String> {
        // Who closes a connection because it dies may take a moment to be dead.
        thread::sleep(Duration::from_millis(300));
        let mut said = Vec::new();
        for (child, log) in &mut self.children {
            let how = child.try_wait()?.map_or_else(|| "runs".to_owned(), |status| format!("ended ({status})"));
            let words = String::from_utf8_lossy(&fs::read(&*log)?).into_owned();
            let last: Vec<&str> = words.lines().rev().take(3).collect();
            let folder = log.parent().and_then(Path::file_name).unwrap_or_default();
            said.push(format!("{} {how}, and said {last:?}", folder.display()));
        }
        Ok(said.join(", "))
    }

    /// Makes a peer without processes.
    fn new(name: &'static str) -> Peer {
        Peer { name, addresses: Vec::new(), children: Vec::new() }
    }

    /// Starts a program, what it says going to a file, and waits until it listens.
    fn start(&mut self, mut command: Command, folder: &Path, address: SocketAddr) -> io::Result<()> {
        let log = folder.join("log");
        let output = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|why| io::Error::new(why.kind(), format!("`{}`: {why}", command.get_program().display())))?;
        self.children.push((child, log.clone()));
        self.addresses.push(address);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = self.children.last_mut().map(|(child, _)| child.try_wait()).transpose()?.flatten();
            if ended.is_some() || begun.elapsed() > START {
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(io::Error::other(format!("{} does not listen on {address}:\n{said}", self.name)));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        for (child, _) in &mut self.children {
            // Asked to stop, a master takes its workers with it.
            if matches!(child.try_wait(), Ok(None)) {
                let _ = Command::new("kill").arg(child.id().to_string()).status();
            }
            let begun = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && begun.elapsed() < STOP {
                thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes a folder for one filter; one that is started again gets another.
fn private(folder: &Path, name: &str) -> io::Result<PathBuf> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let folder = folder.join(format!("{name}-{}", MADE.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// Finds a free port of 127.0.0.1.
pub(crate) fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Writes an address as libmilter wants it.
fn socket(address: SocketAddr) -> String {
    format!("inet:{}@{}", address.port(), address.ip())
}

/// rspamd with the modules for SPF, DKIM, ARC and DMARC and nothing else; as many workers as there are cores.
const RSPAMD: &str = r#"
options {
  filters = "dkim";
  pidfile = "FOLDER/rspamd.pid";
  tempdir = "FOLDER";
  cache_file = "FOLDER/symbols.cache";
  hs_cache_dir = "FOLDER";
  control_socket = "FOLDER/control.sock mode=0600";
  dns { nameserver = ["127.0.0.1:53"]; timeout = 2s; retransmits = 3; }
}
logging { type = "file"; filename = "FOLDER/rspamd.log"; level = "info"; }
worker "rspamd_proxy" {
  bind_socket = "ADDRESS";
  milter = yes;
  timeout = 120s;
  count = COUNT;
  upstream "local" { default = yes; self_scan = yes; }
}
modules { path = "FOLDER/plugins"; }
spf { }
dkim { }
arc { }
dmarc { }
milter_headers { use = ["authentication-results"]; }
"#;

/// OpenDKIM verifying. The resolver inside it must not be given a file of its own: OpenDKIM has it read anew for each mail,
/// in as many threads as there are sessions, by a parser that keeps its state in one place; it then breaks within a second.
const OPENDKIM: &str = r#"
Mode v
Socket SOCKET
Background no
AutoRestart no
PidFile FOLDER/pid
TemporaryDirectory FOLDER
AuthservID mx.example.net
AlwaysAddARHeader yes
MaximumSignaturesToVerify 10
Nameservers 127.0.0.1
Syslog no
"#;

/// OpenDMARC, which evaluates SPF by itself.
const OPENDMARC: &str = r#"
Socket SOCKET
Background false
PidFile FOLDER/pid
AuthservID mx.example.net
TrustedAuthservIDs mx.example.net
SPFSelfValidate true
SPFIgnoreResults true
RejectFailures false
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
Syslog false
"#;
