//! A private Dovecot on loopback: IMAP mailboxes in a folder of its own, with and without TLS from the beginning
//!
//! Nothing of the machine's own Dovecot is read or changed, and it ends with the value, or with the test's process. It has to run as
//! root, and `dovecot-imapd` must be installed (`./x test` sees to it).

use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::leash::Leash;

/// A running Dovecot.
pub struct Dovecot {
    /// What holds it.
    _leash: Leash,
    /// Everything that it has on disk.
    folder: PathBuf,
    /// Where TLS begins by STARTTLS.
    plain: SocketAddr,
    /// Where TLS begins at once.
    secure: SocketAddr,
}

/// What everybody's password is.
pub const PASSWORD: &str = "open-sesame";
/// Where Debian has the program.
const PROGRAM: &str = "/usr/sbin/dovecot";
/// To whom the mailboxes belong: `nobody`.
const OWNER: u32 = 65_534;
/// How long a start may take.
const START: Duration = Duration::from_secs(20);

/// Runs Dovecot: `$1` is the program, `$2` the folder, which goes when it has ended.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
read -r _ || exit 0
"$1" -F -c "$2/dovecot.conf" </dev/null >/dev/null 2>"$2/stderr" &
master=$!
echo "$master"
read -r _
kill -s TERM "$master"
wait "$master"
rm -rf -- "$2"
"#;

impl Dovecot {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// Where Dovecot is not installed, this process is not root, or it does not start.
    pub fn start() -> Dovecot {
        assert!(
            Path::new(PROGRAM).is_file(),
            "Dovecot is not installed. Run: sudo apt-get install dovecot-imapd (`./x test` does)"
        );
        Dovecot::try_start().unwrap_or_else(|why| panic!("the private Dovecot did not start: {why}"))
    }

    /// Returns where it listens for those who begin TLS by STARTTLS.
    pub fn plain(&self) -> SocketAddr {
        self.plain
    }

    /// Returns where it listens for those who begin TLS at once.
    pub fn secure(&self) -> SocketAddr {
        self.secure
    }

    /// Returns the file with its certificate, for 127.0.0.1.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// Puts a mail into a folder of a user's, in the name that the folder has on the wire.
    pub fn deliver(&self, user: &str, folder: &str, name: &str, mail: &[u8]) -> io::Result<()> {
        let part = if folder == "INBOX" { String::new() } else { format!(".{folder}") };
        let maildir = self.folder.join("homes").join(user).join("Maildir").join(part);
        for part in ["tmp", "cur", "new"] {
            let part = maildir.join(part);
            DirBuilder::new().recursive(true).mode(0o700).create(&part)?;
            let within = part.ancestors().take_while(|above| *above != self.folder.join("homes"));
            within.into_iter().try_for_each(|above| chown(above, Some(OWNER), Some(OWNER)))?;
        }
        let path = maildir.join("new").join(name);
        fs::write(&path, mail)?;
        chown(path, Some(OWNER), Some(OWNER))
    }

    /// Lists the files of a user's mails, each with its flags.
    pub fn files(&self, user: &str) -> Vec<String> {
        let (mut names, mut folders) = (Vec::new(), vec![self.folder.join("homes").join(user)]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let is_mail =
                    ["new", "cur"].iter().any(|part| entry.path().parent().is_some_and(|above| above.ends_with(part)));
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false if is_mail => names.push(entry.file_name().to_string_lossy().into_owned()),
                    false => {}
                }
            }
        }
        names.sort();
        names
    }

    /// Starts one on ports that are free just now.
    fn try_start() -> io::Result<Dovecot> {
        let held = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let mut addresses = Vec::new();
        for listener in held {
            addresses.push(listener?.local_addr()?);
        }
        let (plain, secure) = (addresses[0], addresses[1]);
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sekisho-dovecot-{}-{number}", std::process::id()));
        for folder in [folder.clone(), folder.join("homes")] {
            DirBuilder::new().mode(0o755).create(folder)?;
        }
        let made = rcgen::generate_simple_self_signed([plain.ip().to_string()]).map_err(io::Error::other)?;
        fs::write(folder.join("certificate.pem"), made.cert.pem())?;
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
        fs::write(folder.join("dovecot.conf"), configuration(&folder, plain, secure))?;
        let text = folder.to_string_lossy().into_owned();
        let mut leash = Leash::start(SCRIPT, &[PROGRAM, &text], None)?;
        leash.ask("start")?;
        let dovecot = Dovecot { _leash: leash, folder, plain, secure };
        let begun = Instant::now();
        while !greets(plain) {
            if begun.elapsed() > START {
                let said =
                    ["stderr", "log"].map(|name| fs::read_to_string(dovecot.folder.join(name)).unwrap_or_default());
                return Err(io::Error::other(said.concat()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(dovecot)
    }
}

/// Tells whether somebody greets there.
fn greets(address: SocketAddr) -> bool {
    let mut line = String::new();
    let heard = TcpStream::connect(address).and_then(|stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        BufReader::new(stream).read_line(&mut line)
    });
    heard.is_ok() && line.starts_with("* OK")
}

/// Returns the text of `dovecot.conf`: everybody may log in with the one password, and has a home below the folder.
fn configuration(folder: &Path, plain: SocketAddr, secure: SocketAddr) -> String {
    let top = folder.display();
    format!(
        "protocols = imap
listen = 127.0.0.1
base_dir = {top}/run
log_path = {top}/log
ssl = yes
ssl_cert = <{top}/certificate.pem
ssl_key = <{top}/key.pem
mail_location = maildir:~/Maildir
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={OWNER} gid={OWNER} home={top}/homes/%u
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    port = {}
  }}
  inet_listener imaps {{
    port = {}
    ssl = yes
  }}
}}
",
        plain.port(),
        secure.port()
    )
}
