//! The desk by HTTPS, in a daemon that the kernel holds: certificates are renewed under it

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use nix::sys::signal::Signal;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Daemon, surroundings};
use crate::command::Folder;

/// The name in the certificate.
const HOST: &str = "desk.example";

/// Renews certificate and key as those programs do that fetch them: new files in the place of the old ones. Returns what trusts the
/// new certificate.
fn renew(folder: &Folder) -> Arc<ClientConfig> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    put(folder, "cert.pem", &made.cert.pem());
    put(folder, "key.pem", &made.signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

/// Puts a file in the place of another one, for its owner alone.
fn put(folder: &Folder, name: &str, text: &str) {
    let new = folder.path("tls/new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&new, folder.path("tls").join(name)).unwrap();
}

/// Asks whether the daemon lives, as somebody who trusts one certificate; nothing where that is not the one shown.
fn ask(daemon: &Daemon, trusting: &Arc<ClientConfig>) -> Option<String> {
    let stream = TcpStream::connect(daemon.http).unwrap();
    let session = ClientConnection::new(Arc::clone(trusting), HOST.try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(session, stream);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn a_renewed_certificate_holds_after_a_reload_and_a_faulty_one_changes_nothing() {
    let (folder, dns) = surroundings("");
    fs::create_dir(folder.path("tls")).unwrap();
    let first = renew(&folder);
    let files = format!("certificate = {:?}\nkey = {:?}\n", folder.path("tls/cert.pem"), folder.path("tls/key.pem"));
    let nowhere = "[intake]\nlisten = []\n[gate]\nlisten = [\"127.0.0.1:0\"]\n";
    // The folder of the configuration may be read anyway: this one stands elsewhere.
    fs::create_dir(folder.path("etc")).unwrap();
    folder.write("etc/config.toml", format!("{nowhere}[http]\nlisten = [\"127.0.0.1:0\"]\n{files}"));
    let mut daemon = Daemon::spawn(&folder, "etc/config.toml", &dns, &[]);
    daemon.http = daemon.listening("(HTTPS) on ");
    let answer = ask(&daemon, &first).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("strict-transport-security: "), "{answer}");
    assert_eq!(daemon.get("/healthz").0, 400, "nothing is answered in the clear");
    let second = renew(&folder);
    assert!(ask(&daemon, &second).is_none(), "not before the reload");
    daemon.signal(Signal::SIGHUP);
    daemon.told("reloaded the configuration");
    assert!(ask(&daemon, &second).is_some() && ask(&daemon, &first).is_none());
    // A key of another certificate.
    let other = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    put(&folder, "key.pem", &other.signing_key.serialize_pem());
    daemon.signal(Signal::SIGHUP);
    let told = daemon.told("the old one stays in force");
    assert!(told.contains("cert.pem") && told.contains("made for another key"), "{told}");
    assert!(ask(&daemon, &second).is_some());
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended());
}
