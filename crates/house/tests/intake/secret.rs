//! STARTTLS: a real handshake, nothing carried over into it, and no mail without it where that is demanded

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use sekisho_testkit::smtp::SmtpClient;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Office, report};
use crate::command::ZONE;

/// The name in the certificate.
const HOST: &str = "reports.example.org";

/// Opens an office with a certificate; returns what trusts it.
fn office(folder: &std::path::Path, more: &str) -> (Office, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let files = format!(
        "host = \"{HOST}\"\ncertificate = {:?}\nkey = {:?}\n{more}\n",
        folder.join("cert.pem"),
        folder.join("key.pem")
    );
    (Office::open(&files, ZONE), Arc::new(config.with_no_client_auth()))
}

/// Connects in the clear, and returns the socket after the greeting.
fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert!(line(&stream).starts_with(&format!("220 {HOST} ESMTP")));
    stream
}

/// Reads one line, octet by octet: nothing that follows it is taken.
fn line(mut stream: impl Read) -> String {
    let mut line = Vec::new();
    let mut octet = [0];
    while !line.ends_with(b"\n") && stream.read(&mut octet).unwrap() == 1 {
        line.push(octet[0]);
    }
    String::from_utf8(line).unwrap()
}

#[test]
fn a_report_comes_in_tls_and_nothing_said_before_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (office, config) = office(folder.path(), "require_tls = true");
    let mut plain = connect(office.served.intake());
    plain.write_all(b"EHLO before.example\r\n").unwrap();
    while line(&plain).starts_with("250-") {}
    plain.write_all(b"MAIL FROM:<>\r\n").unwrap();
    assert!(line(&plain).starts_with("530 5.7.0"));
    plain.write_all(b"STARTTLS\r\n").unwrap();
    assert!(line(&plain).starts_with("220 "));
    let session = ClientConnection::new(config, HOST.try_into().unwrap()).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(session, plain));
    let mut say = |command: &[u8]| {
        stream.get_mut().write_all(command).unwrap();
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(stream.read_line(&mut line).unwrap() > 0, "{said}");
            let is_last = line.as_bytes().get(3) != Some(&b'-');
            said.push_str(&line);
            if is_last {
                return said;
            }
        }
    };
    assert!(say(b"MAIL FROM:<>\r\n").starts_with("503"), "the hello was said in the clear");
    assert!(!say(b"EHLO mx.receiver.example\r\n").contains("STARTTLS"));
    assert!(say(b"MAIL FROM:<>\r\n").starts_with("250") && say(b"RCPT TO:<rua@example.org>\r\n").starts_with("250"));
    assert!(say(b"DATA\r\n").starts_with("354"));
    let reply = say(&[&report(1).mail[..], b".\r\n"].concat());
    assert!(reply.starts_with("250 2.0.0 stored as "), "{reply}");
    assert!(say(b"QUIT\r\n").starts_with("221"));
    assert_eq!(office.reports().len(), 1);
    assert!(office.served.log().contains("tls=true"), "{}", office.served.log());
}

#[test]
fn commands_that_are_sent_with_starttls_end_the_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let (office, _) = office(folder.path(), "");
    let mut client = SmtpClient::connect(office.served.intake()).unwrap();
    assert!(client.say("EHLO x").unwrap().text().contains("STARTTLS"));
    let reply = client.say("STARTTLS\r\nMAIL FROM:<evil@attack.example>").unwrap();
    assert_eq!(reply.code, 554);
    assert!(client.hear().is_err(), "it is over");
}
