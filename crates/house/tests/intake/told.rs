//! A report is read, and somebody else's program is told: by TLS, under one id, though the daemon is killed in the middle of it

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_core::zone::Zone;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::smtp::{Letter, Outcome, deliver_all};
use serde_json::Value;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::report;
use crate::command::ZONE;
use crate::gate::served::Served;

/// How long anything may take on a busy machine: a lease has to run out meanwhile.
const STALLED: Duration = Duration::from_secs(120);

/// Somebody's program, which speaks TLS.
struct Program {
    /// Where it listens.
    listener: TcpListener,
    /// Its certificate.
    tls: Arc<ServerConfig>,
}

/// A call, before it is answered.
struct Call {
    /// The connection.
    stream: StreamOwned<ServerConnection, TcpStream>,
    /// The fields.
    head: String,
    /// What was sent.
    body: String,
}

impl Program {
    /// Opens it; its certificate lies in a folder.
    fn open(folder: &Path) -> Program {
        let made = rcgen::generate_simple_self_signed(["hooks.example".to_owned()]).unwrap();
        fs::write(folder.join("roots.pem"), made.cert.pem()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let tls = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Program { listener, tls }
    }

    /// Returns where it listens.
    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Waits for a call.
    fn wait(&self, served: &Served) -> Call {
        let begun = Instant::now();
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) => assert!(begun.elapsed() < STALLED, "nobody calls: {}", served.log()),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(STALLED)).unwrap();
        Call::read(StreamOwned::new(ServerConnection::new(Arc::clone(&self.tls)).unwrap(), stream))
    }
}

impl Call {
    /// Reads one.
    fn read(mut stream: StreamOwned<ServerConnection, TcpStream>) -> Call {
        let mut octets = Vec::new();
        loop {
            let mut some = [0; 4096];
            let count = stream.read(&mut some).unwrap();
            octets.extend(&some[..count]);
            let text = String::from_utf8(octets.clone()).unwrap();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() == field(head, "content-length").parse::<usize>().unwrap()
            {
                return Call { stream, head: head.to_owned(), body: body.to_owned() };
            }
            assert!(count > 0, "{text}");
        }
    }

    /// Answers it.
    fn answer(mut self, status: &str) {
        self.stream
            .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        self.stream.conn.send_close_notify();
        self.stream.flush().unwrap();
    }
}

/// Returns a field of a header.
fn field<'h>(head: &'h str, name: &str) -> &'h str {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(one, _)| one.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// Waits until a call is counted.
fn until_counted(served: &Served, result: &str) {
    let begun = Instant::now();
    while served.metric(&format!("sekisho_webhooks_total{{result=\"{result}\"}}")) == 0 {
        assert!(begun.elapsed() < STALLED, "{}", served.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_report_is_told_under_one_id_though_the_daemon_is_killed_before_it_hears_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (program, secret) = (Program::open(folder.path()), folder.path().join("secret"));
    fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let roots = folder.path().join("roots.pem");
    let config = format!(
        "[intake]\nlisten = [\"127.0.0.1:0\"]\n[gate]\nlisten = []\n[http]\nlisten = [\"127.0.0.1:0\"]\n\
         [store]\nfolder = {:?}\n[[webhooks]]\nurl = \"https://hooks.example:{}/hidden7\"\nsecret_file = {secret:?}\n\
         events = [\"report.*\"]\nprivate = true\n",
        folder.path().join("data"),
        program.address().port()
    );
    let dns = DnsServer::start(Zone::parse(&format!("{ZONE}\nhooks.example A 127.0.0.1\n")).unwrap());
    let mut served = Served::start_in(&config, &dns, &[("SSL_CERT_FILE", roots.to_str().unwrap())]);
    let outcomes = deliver_all(served.intake(), &[report(1)], 1, Duration::from_millis(20), STALLED);
    assert!(outcomes.iter().all(Outcome::accepted), "{}", served.log());

    // It is told, and whoever hears it never gets to answer.
    let first = program.wait(&served);
    served.kill();
    served.restart();
    let again = program.wait(&served);
    for name in ["webhook-id", "content-type", "host"] {
        assert!(!field(&first.head, name).is_empty(), "{}", first.head);
        assert_eq!(field(&first.head, name), field(&again.head, name));
    }
    assert_eq!(first.body, again.body);
    assert_ne!(field(&first.head, "webhook-timestamp"), field(&again.head, "webhook-timestamp"));
    assert!(
        again.head.starts_with("POST /hidden7 HTTP/1.1") && field(&again.head, "webhook-signature").starts_with("v1,")
    );
    let said: Value = serde_json::from_str(&again.body).unwrap();
    let told = ["kind", "channel", "domain", "rows"].map(|name| said["data"][name].clone());
    let expected = serde_json::json!(["dmarc-aggregate", "smtp", "example.org", 2]);
    assert_eq!((said["type"].as_str(), serde_json::json!(told)), (Some("report.read"), expected), "{said}");
    assert!(!again.body.contains('@'), "nobody's address: {}", again.body);

    again.answer("204 No Content");
    until_counted(&served, "delivered");

    // What cannot be read is told with a word alone, and never again to whom it is nothing.
    let mail = "From: r@receiver.example\r\nContent-Type: text/xml; name=\"r!example.org!1!2.xml\"\r\n\r\n<feedback><!DOCTYPE x>\r\n";
    let letter = Letter::new("r@receiver.example", "dmarc-reports@example.org", mail);
    let outcomes = deliver_all(served.intake(), &[letter], 1, Duration::from_millis(20), STALLED);
    assert!(outcomes.iter().all(Outcome::accepted), "{}", served.log());
    let third = program.wait(&served);
    let said: Value = serde_json::from_str(&third.body).unwrap();
    assert_eq!(said["type"], "report.unreadable", "{said}");
    let reason = said["data"]["reason"].as_str().unwrap();
    assert!(!reason.is_empty() && reason.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{reason}");
    assert_ne!(field(&third.head, "webhook-id"), field(&first.head, "webhook-id"));
    third.answer("410 Gone");
    until_counted(&served, "failed");
    assert!(served.stop(), "{}", served.log());
    assert!(program.listener.accept().is_err(), "it is told once more");
    assert!(!served.log().contains("hidden7"), "an address may be a secret: {}", served.log());
}
