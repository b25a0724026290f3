//! STARTTLS: our certificate and its key, read once and made ready

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;
use crate::fault::{Fault, shown};

/// Makes ready to begin TLS.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, Fault> {
    let certificates =
        CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(|why| unreadable(&files.certificate, &why))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|why| unreadable(&files.key, &why))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let unusable = |why: tokio_rustls::rustls::Error| {
        let path = ("path", shown(&files.certificate));
        Fault::new("fault-certificate", [path]).because(Fault::quote(why.to_string()))
    };
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(unusable)?;
    // Who delivers mail shows no certificate of its own.
    let config = config.with_no_client_auth().with_single_cert(certificates, key).map_err(unusable)?;
    Ok(Arc::new(config).into())
}

/// Says why a file is no PEM of ours.
fn unreadable(path: &Path, why: &pem::Error) -> Fault {
    match why {
        pem::Error::Io(why) => Fault::io("fault-read", path, why),
        why => Fault::new("fault-certificate", [("path", shown(path))]).because(Fault::quote(why.to_string())),
    }
}
