//! The folders of a private Postfix: configuration, queue, data and log, all below one of its own

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::Setup;
use crate::account;

/// Where Postfix's commands are.
pub(super) const COMMANDS: &str = "/usr/sbin";

/// Where Postfix's daemons are: Debian's place, then that of others.
const DAEMONS: [&str; 3] = ["/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/postfix"];

/// Everything a private Postfix has on disk; the guard removes it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folders and writes the configuration.
    pub(super) fn new(setup: &Setup, inbound: SocketAddr, submission: SocketAddr) -> Result<Folder, String> {
        let owner = account::number("/etc/passwd", "postfix").zip(account::number("/etc/group", "postdrop"));
        let Some((user, group)) = owner.filter(|_| master().is_file()) else {
            return Err("Postfix is not installed. Run: sudo apt-get install postfix (`./x test` does)".to_owned());
        };
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("sekisho-postfix-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(name));
        folder.make(user, group).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => "it must run as root, and this process is not: sudo ./x test".to_owned(),
            _ => format!("cannot make its folders in `{}`: {error}", folder.0.display()),
        })?;
        let main = folder.main(setup);
        let master = master_cf(setup, inbound, submission);
        let written = folder.write("main.cf", &main).and_then(|()| folder.write("master.cf", &master));
        written.map_err(|error| format!("cannot write its configuration: {error}"))?;
        Ok(folder)
    }

    /// Returns the folder of all.
    pub(super) fn top(&self) -> &Path {
        &self.0
    }

    /// Returns where `main.cf` is.
    pub(super) fn configuration(&self) -> PathBuf {
        self.0.join("etc")
    }

    /// Returns where the mails wait.
    pub(super) fn queue(&self) -> PathBuf {
        self.0.join("queue")
    }

    /// Returns the log.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("log/mail.log")
    }

    /// Makes the folders as `postfix check` would, only faster.
    fn make(&self, user: u32, group: u32) -> io::Result<()> {
        make_folder(&self.0, 0o755)?;
        for folder in ["etc", "log", "queue", "queue/pid"] {
            make_folder(&self.0.join(folder), 0o755)?;
        }
        make_folder(&self.0.join("data"), 0o700)?;
        chown(self.0.join("data"), Some(user), None)?;
        for queue in ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved", "trace"]
        {
            make_folder(&self.queue().join(queue), 0o700)?;
            chown(self.queue().join(queue), Some(user), None)?;
        }
        for (name, mode, group) in
            [("private", 0o700, None), ("public", 0o710, Some(group)), ("maildrop", 0o730, Some(group))]
        {
            make_folder(&self.queue().join(name), mode)?;
            chown(self.queue().join(name), Some(user), group)?;
        }
        Ok(())
    }

    /// Writes a configuration file, and dates it back: Postfix reads a file again and again until it is a second old, which
    /// makes each start two seconds longer.
    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = fs::File::create_new(self.configuration().join(name))?;
        file.write_all(text.as_bytes())?;
        file.set_modified(SystemTime::now() - Duration::from_secs(60))
    }

    /// Returns the text of `main.cf`.
    fn main(&self, setup: &Setup) -> String {
        let (top, sink) = (self.0.display(), setup.sink);
        let daemons = master().parent().unwrap_or(Path::new(DAEMONS[0])).display().to_string();
        let mut text = format!(
            "queue_directory = {top}/queue
data_directory = {top}/data
meta_directory = {top}/etc
maillog_file = {top}/log/mail.log
maillog_file_prefixes = {top}/log
command_directory = {COMMANDS}
daemon_directory = {daemons}
relayhost = [{}]:{}
{MAIN}",
            sink.ip(),
            sink.port(),
        );
        for (name, value) in &setup.main {
            let _ = writeln!(text, "{name} = {value}");
        }
        text
    }
}

/// What stands in every `main.cf`. It takes mail for anybody from anybody, changes nothing in it, asks no DNS, and tries
/// again at once what the sink did not want.
const MAIN: &str = "compatibility_level = 3.6
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = all
myhostname = mx.test
mydomain = test
myorigin = $myhostname
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:nobody lives here
default_transport = smtp
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_relay_restrictions = check_client_access static:permit, reject
smtpd_recipient_restrictions =
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
local_header_rewrite_clients =
smtp_line_length_limit = 0
smtp_tls_security_level = none
message_size_limit = 52428800
mailbox_size_limit = 0
milter_default_action = tempfail
milter_protocol = 6
in_flow_delay = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
transport_retry_time = 1s
";

/// Returns the text of `master.cf`.
fn master_cf(setup: &Setup, inbound: SocketAddr, submission: SocketAddr) -> String {
    let mut text = String::new();
    for (address, options) in [(inbound, &setup.inbound), (submission, &setup.submission)] {
        let _ = write!(text, "{address} inet n - n - - smtpd");
        for (name, value) in options {
            let _ = write!(text, " -o {{ {name} = {value} }}");
        }
        text.push('\n');
    }
    text.push_str(SERVICES);
    text
}

/// The daemons behind the ports. The last line tells that all the others listen.
const SERVICES: &str = "postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
";

/// Returns where the master is.
pub(super) fn master() -> PathBuf {
    let found = DAEMONS.iter().map(|folder| Path::new(folder).join("master")).find(|path| path.is_file());
    found.unwrap_or_else(|| Path::new(DAEMONS[0]).join("master"))
}

/// Makes a folder with exactly this mode, whatever the mask is.
fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}
