//! The sending end: a client that says exactly what it is told to, and a sender that tries again

mod sender;

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

pub use sender::{Letter, Outcome, deliver, deliver_all};

/// One connection to an SMTP server.
pub struct SmtpClient {
    /// What the server says.
    from: BufReader<TcpStream>,
    /// Its first words.
    greeting: Reply,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The text of each line, without code and line end.
    pub lines: Vec<String>,
}

/// Whom Postfix shall take the client for (`XCLIENT`).
#[derive(Clone, Debug)]
pub struct Client {
    /// The address it comes from.
    pub address: IpAddr,
    /// The name its address stands for; `None` where it has none.
    pub name: Option<String>,
    /// The user it logged in as.
    pub login: Option<String>,
}

/// How long a server may take to answer: longer than Postfix waits for a milter at the end of a mail.
const PATIENCE: Duration = Duration::from_secs(330);

impl SmtpClient {
    /// Connects and hears the greeting.
    pub fn connect(server: SocketAddr) -> io::Result<SmtpClient> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let greeting = Reply { code: 0, lines: Vec::new() };
        let mut client = SmtpClient { from: BufReader::new(stream), greeting };
        client.greeting = client.hear()?;
        Ok(client)
    }

    /// Returns what the server said first.
    pub fn greeting(&self) -> &Reply {
        &self.greeting
    }

    /// Sets how long the server may take to answer.
    pub fn set_patience(&self, limit: Duration) -> io::Result<()> {
        self.from.get_ref().set_read_timeout(Some(limit))
    }

    /// Says a command, its line end added, and returns the answer.
    pub fn say(&mut self, command: &str) -> io::Result<Reply> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.hear()
    }

    /// Says several commands at once (RFC 2920) and returns their answers.
    pub fn say_all(&mut self, commands: &[&str]) -> io::Result<Vec<Reply>> {
        self.send(commands.iter().map(|command| format!("{command}\r\n")).collect::<String>().as_bytes())?;
        commands.iter().map(|_| self.hear()).collect()
    }

    /// Says who the client is; afterwards the session begins anew and wants its `EHLO`.
    pub fn introduce(&mut self, client: &Client) -> io::Result<Reply> {
        self.say(&format!("XCLIENT {client}"))
    }

    /// Says `DATA` and sends a mail, adding a dot to lines that begin with one and the dot that ends it; returns the last
    /// answer. Nothing else is changed: what the lines end with is the mail's affair.
    pub fn data(&mut self, mail: &[u8]) -> io::Result<Reply> {
        let go = self.say("DATA")?;
        if go.code != 354 {
            return Ok(go);
        }
        let mut stuffed = stuff(mail);
        if !stuffed.is_empty() && !stuffed.ends_with(b"\r\n") {
            stuffed.extend_from_slice(b"\r\n");
        }
        stuffed.extend_from_slice(b".\r\n");
        self.send(&stuffed)?;
        self.hear()
    }

    /// Says `DATA` and sends these bytes as they are, with whatever ends they hold; returns the first answer to them.
    pub fn data_raw(&mut self, bytes: &[u8]) -> io::Result<Reply> {
        let go = self.say("DATA")?;
        if go.code != 354 {
            return Ok(go);
        }
        self.send(bytes)?;
        self.hear()
    }

    /// Sends these bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.from.get_mut().write_all(bytes)
    }

    /// Waits for one answer.
    pub fn hear(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.from.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::other(format!("not an SMTP reply: `{line}`")))?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
        }
    }
}

impl Reply {
    /// Returns the enhanced status code, such as `5.7.1`, where the reply has one.
    pub fn enhanced(&self) -> Option<&str> {
        let first = self.lines.first()?.split(' ').next()?;
        let numbers = first.split('.').filter(|part| part.parse::<u16>().is_ok()).count();
        (numbers == 3 && first.split('.').count() == 3).then_some(first)
    }

    /// Returns all lines, one below the other.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Tells whether the server wants it tried again.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" / "))
    }
}

impl Client {
    /// Returns a client at this address, without a name.
    pub fn at(address: IpAddr) -> Client {
        Client { address, name: None, login: None }
    }

    /// Gives it a name.
    pub fn named(self, name: &str) -> Client {
        Client { name: Some(name.to_owned()), ..self }
    }

    /// Lets it be logged in.
    pub fn logged_in(self, login: &str) -> Client {
        Client { login: Some(login.to_owned()), ..self }
    }
}

impl fmt::Display for Client {
    /// Writes the attributes of `XCLIENT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().map_or("[UNAVAILABLE]".to_owned(), xtext);
        match self.address {
            IpAddr::V4(address) => write!(f, "NAME={name} ADDR={address}")?,
            IpAddr::V6(address) => write!(f, "NAME={name} ADDR=IPV6:{address}")?,
        }
        self.login.as_ref().map_or(Ok(()), |login| write!(f, " LOGIN={}", xtext(login)))
    }
}

/// Writes what may not stand in an attribute as `+` and two digits (RFC 3461 §4).
fn xtext(value: &str) -> String {
    let mut text = String::new();
    for octet in value.bytes() {
        match octet {
            b'+' | b'=' | 0..=b' ' | 0x7f.. => text.push_str(&format!("+{octet:02X}")),
            _ => text.push(char::from(octet)),
        }
    }
    text
}

/// Adds a dot to each line that begins with one (RFC 5321 §4.5.2).
fn stuff(mail: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(mail.len() + 16);
    for (at, &octet) in mail.iter().enumerate() {
        if octet == b'.' && (at == 0 || mail[..at].ends_with(b"\r\n")) {
            stuffed.push(b'.');
        }
        stuffed.push(octet);
    }
    stuffed
}
