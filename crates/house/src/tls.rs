//! TLS: a certificate of ours and its key, read once and made ready, for the intake and for the desk

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use x509_parser::parse_x509_certificate;

use crate::config::TlsFiles;
use crate::fault::{Fault, shown};

/// Makes ready to begin TLS, and to speak one of these protocols in it (RFC 7301); none is whatever follows.
pub(crate) fn acceptor(files: &TlsFiles, protocols: &[&[u8]]) -> Result<TlsAcceptor, Fault> {
    let certificates = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|why| unreadable(&files.key, &why))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let unusable = |why: rustls::Error| {
        let because = match why {
            rustls::Error::InconsistentKeys(_) => Fault::new("why-key-of-another", [("path", shown(&files.key))]),
            why => Fault::quote(why.to_string()),
        };
        Fault::new("fault-certificate", [("path", shown(&files.certificate))]).because(because)
    };
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(unusable)?;
    // Neither who delivers mail nor a browser shows a certificate of its own.
    let mut config = config.with_no_client_auth().with_single_cert(certificates, key).map_err(unusable)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config).into())
}

/// Returns what speaks against a certificate at this time, as the id of a message. One that nobody can read is another's to name.
pub(crate) fn doubt(files: &TlsFiles, now: Timestamp) -> Option<&'static str> {
    let certificates = certificates(&files.certificate).ok()?;
    let (_, ours) = parse_x509_certificate(certificates.first()?).ok()?;
    let now = now.as_second();
    if now < ours.validity().not_before.timestamp() {
        return Some("note-certificate-early");
    }
    (now > ours.validity().not_after.timestamp()).then_some("note-certificate-late")
}

/// Reads a certificate, and those above it.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    certificates.map_err(|why| unreadable(path, &why))
}

/// Says why a file is no PEM of ours.
fn unreadable(path: &Path, why: &pem::Error) -> Fault {
    match why {
        pem::Error::Io(why) => Fault::io("fault-read", path, why),
        why => Fault::new("fault-certificate", [("path", shown(path))]).because(Fault::quote(why.to_string())),
    }
}
