//! A private bucket on loopback, on a server that speaks as S3 does: moto, from PyPI
//!
//! What it holds is in its memory, and is gone when it halts. It ends with the value, or with the test's process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::leash::Leash;

/// A running server with one bucket.
pub struct Bucket {
    /// What holds it.
    leash: Mutex<Leash>,
    /// Where it listens.
    address: SocketAddr,
}

/// The name of the bucket.
pub const NAME: &str = "sekisho";
/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// Holds the server: `$1` is its program, `$2` its port.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
server=
halt() { [ -z "$server" ] || { kill -s KILL "$server"; wait "$server"; server=; }; }
while read -r word; do
  case $word in
    start) "$1" -H 127.0.0.1 -p "$2" >/dev/null 2>&1 </dev/null & server=$!; echo "$server" ;;
    halt) halt; echo halted ;;
  esac
done
halt
"#;

impl Bucket {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// Where moto is not installed, or does not start.
    pub fn start() -> Bucket {
        let program = program();
        let program = program.to_str().expect("its folder is named in UTF-8");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("it listens");
        drop(listener);
        let leash = Leash::start(SCRIPT, &[program, &address.port().to_string()], None).expect("there is a shell");
        let bucket = Bucket { leash: Mutex::new(leash), address };
        bucket.resume();
        bucket
    }

    /// Returns where it is asked for.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it; what it held is lost.
    pub fn halt(&self) {
        self.say("halt");
    }

    /// Starts it again after [`Bucket::halt`], with an empty bucket, and waits until it answers.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn resume(&self) {
        self.say("start");
        let begun = Instant::now();
        while !self.try_make() {
            assert!(begun.elapsed() < START, "moto did not start at {}", self.address);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the list of what the bucket holds, as S3 writes it.
    ///
    /// # Panics
    ///
    /// Where the server is away.
    pub fn list(&self) -> String {
        self.ask("GET", "?list-type=2").expect("it listens")
    }

    /// Makes the bucket, and tells whether that was done.
    fn try_make(&self) -> bool {
        self.ask("PUT", "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// Asks for something of the bucket.
    fn ask(&self, method: &str, query: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        let host = self.address;
        write!(
            stream,
            "{method} /{NAME}{query} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Says a word to the one who holds it.
    fn say(&self, word: &str) {
        let mut leash = self.leash.lock().expect("nobody panics with the leash in hand");
        leash.ask(word).expect("the shell lives as long as the value");
    }
}

/// Returns where the program is: `./x test` puts it there.
fn program() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/moto/bin/moto_server");
    let program = std::env::var_os("SEKISHO_MOTO").map_or(usual, PathBuf::from);
    assert!(
        program.is_file(),
        "moto is not at {}: `./x test` installs it; by hand: python3 -m venv target/tools/moto && \
         target/tools/moto/bin/pip install 'moto[s3]==5.2.5' flask flask-cors",
        program.display()
    );
    program
}
