//! The receiving end: an SMTP server that keeps every mail it is given, byte by byte
//!
//! It stands behind a [`Postfix`](crate::postfix::Postfix) and tells what arrived, in which order and how often.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// An SMTP server on a port of 127.0.0.1 that keeps what it is given; it stops when dropped.
pub struct Sink {
    /// Where it listens.
    address: SocketAddr,
    /// What it was given.
    shelf: Arc<Shelf>,
    /// The thread that takes connections.
    thread: Option<JoinHandle<()>>,
}

/// One mail as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The argument of `MAIL`, as it came: the path in its brackets and the parameters.
    pub sender: String,
    /// The arguments of `RCPT`, as they came.
    pub recipients: Vec<String>,
    /// The mail, its lines ended by CRLF, without the dots that transport adds.
    pub mail: Vec<u8>,
}

impl Sink {
    /// Starts it.
    pub fn start() -> Sink {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shelf = Arc::new(Shelf::default());
        let behind = Arc::clone(&shelf);
        let thread = thread::spawn(move || listen(&listener, &behind));
        Sink { address, shelf, thread: Some(thread) }
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers 451 to every mail from now on, or takes mail again.
    pub fn refuse(&self, refuse: bool) {
        self.shelf.refuses.store(refuse, Ordering::SeqCst);
    }

    /// Returns everything that arrived so far, in its order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shelf.lock().clone()
    }

    /// Returns how many mails arrived.
    pub fn count(&self) -> usize {
        self.shelf.lock().len()
    }

    /// Waits until `count` mails have arrived, at most for `limit`; tells whether they did.
    pub fn wait_for(&self, count: usize, limit: Duration) -> bool {
        let waited = self.shelf.came.wait_timeout_while(self.shelf.lock(), limit, |arrivals| arrivals.len() < count);
        waited.unwrap_or_else(PoisonError::into_inner).0.len() >= count
    }

    /// Waits for the next mail beyond the `known` ones and returns it.
    ///
    /// # Panics
    ///
    /// Where none comes within `limit`.
    pub fn next(&self, known: usize, limit: Duration) -> Arrival {
        assert!(self.wait_for(known + 1, limit), "no mail arrived within {limit:?} beyond the {known} known ones");
        self.shelf.lock()[known].clone()
    }

    /// Returns how often each value of a header field arrived, such as `Message-ID`: 1 each, if nothing was doubled.
    pub fn counts_by(&self, name: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for value in self.shelf.lock().iter().flat_map(|arrival| arrival.fields(name)) {
            *counts.entry(value).or_default() += 1;
        }
        counts
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shelf.closed.store(true, Ordering::SeqCst);
        // It waits for a connection: it gets one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Arrival {
    /// Returns the values of all header fields of this name, in their order, unfolded and trimmed.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let header = String::from_utf8_lossy(self.header()).replace("\r\n ", " ").replace("\r\n\t", "\t");
        let named = header.split("\r\n").filter_map(|field| field.split_once(':'));
        named.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).collect()
    }

    /// Returns the header with the line end of its last field.
    pub fn header(&self) -> &[u8] {
        &self.mail[..self.border()]
    }

    /// Returns what follows the empty line.
    pub fn body(&self) -> &[u8] {
        self.mail.get(self.border() + 2..).unwrap_or_default()
    }

    /// Returns the mail without its first field where that is a `Received`: what was sent, if nobody but Postfix touched it.
    pub fn below_received(&self) -> &[u8] {
        if !self.mail.starts_with(b"Received:") {
            return &self.mail;
        }
        let folds = |at: usize| matches!(self.mail.get(at + 2), Some(b' ' | b'\t'));
        let end = (0..self.mail.len()).find(|&at| self.mail[at..].starts_with(b"\r\n") && !folds(at));
        &self.mail[end.map_or(self.mail.len(), |at| at + 2)..]
    }

    /// Returns where the empty line begins.
    fn border(&self) -> usize {
        if self.mail.starts_with(b"\r\n") {
            return 0;
        }
        self.mail.windows(4).position(|window| window == b"\r\n\r\n").map_or(self.mail.len(), |at| at + 2)
    }
}

/// What all sessions share.
#[derive(Default)]
struct Shelf {
    /// What arrived.
    arrivals: Mutex<Vec<Arrival>>,
    /// Told at each arrival.
    came: Condvar,
    /// Whether mails are put off.
    refuses: AtomicBool,
    /// Whether it is over.
    closed: AtomicBool,
}

impl Shelf {
    /// Keeps a mail.
    fn put(&self, arrival: Arrival) {
        self.lock().push(arrival);
        self.came.notify_all();
    }

    /// Returns what arrived.
    fn lock(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections until it is over.
fn listen(listener: &TcpListener, shelf: &Arc<Shelf>) {
    for stream in listener.incoming() {
        if shelf.closed.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(stream) = stream {
            let shelf = Arc::clone(shelf);
            thread::spawn(move || converse(&stream, &shelf));
        }
    }
}

/// Holds one session.
fn converse(stream: &TcpStream, shelf: &Shelf) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut from = BufReader::with_capacity(1 << 16, stream);
    let (mut sender, mut recipients) = (String::new(), Vec::new());
    say(stream, "220 sink.test ESMTP")?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        let argument = command.split_once(':').map(|(_, argument)| argument.to_owned()).unwrap_or_default();
        match command.to_ascii_uppercase().as_str() {
            verb if verb.starts_with("EHLO") => say(stream, EHLO)?,
            verb if verb.starts_with("HELO") => say(stream, "250 sink.test")?,
            verb if verb.starts_with("MAIL FROM:") => {
                if shelf.refuses.load(Ordering::SeqCst) {
                    say(stream, "451 4.3.0 not just now")?;
                    continue;
                }
                (sender, recipients) = (argument, Vec::new());
                say(stream, "250 2.1.0 Ok")?;
            }
            verb if verb.starts_with("RCPT TO:") => {
                recipients.push(argument);
                say(stream, if sender.is_empty() { "503 5.5.1 MAIL first" } else { "250 2.1.5 Ok" })?;
            }
            "DATA" if sender.is_empty() => say(stream, "503 5.5.1 MAIL first")?,
            "DATA" => {
                say(stream, "354 go on")?;
                let mail = take_mail(&mut from)?;
                shelf.put(Arrival {
                    sender: std::mem::take(&mut sender),
                    recipients: std::mem::take(&mut recipients),
                    mail,
                });
                say(stream, "250 2.0.0 kept")?;
            }
            "RSET" => {
                (sender, recipients) = (String::new(), Vec::new());
                say(stream, "250 2.0.0 Ok")?;
            }
            "QUIT" => return say(stream, "221 2.0.0 bye"),
            _ => say(stream, "250 2.0.0 Ok")?,
        }
    }
}

/// What it can do.
const EHLO: &str =
    "250-sink.test\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES";

/// Says a line.
fn say(mut stream: &TcpStream, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes())
}

/// Reads a mail to its final dot, and takes away the dots that transport added.
fn take_mail(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let start = mail.len();
        if from.read_until(b'\n', &mut mail)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // A line that began with a dot was given another; only a line ended by CRLF begins a new one.
        if mail[start..].starts_with(b".") && (start == 0 || mail[..start].ends_with(b"\r\n")) {
            if mail[start..] == *b".\r\n" {
                mail.truncate(start);
                return Ok(mail);
            }
            mail.remove(start);
        }
    }
}
