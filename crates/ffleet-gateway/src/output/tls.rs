//! Whom a server is to be certified by, and TLS to it (RFC 8446). What is not certified is not sent to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where systems keep the certificates that they trust: Debian, Fedora, SUSE, Alpine.
const PLACES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Speaks TLS to `host` over `socket`. `roots` is a file of certificates that are trusted, in the place of the system's.
///
/// # Errors
///
/// What is in the way, for people.
pub(super) async fn greet(
    host: &str,
    socket: super::rtmp::Counted<TcpStream>,
    roots: Option<&Path>,
) -> Result<TlsStream<super::rtmp::Counted<TcpStream>>, String> {
    let file = match roots {
        Some(file) => file.to_owned(),
        None => PLACES
            .iter()
            .map(PathBuf::from)
            .find(|place| place.is_file())
            .ok_or("this machine has no certificates that it trusts (ca-certificates), which TLS needs")?,
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} is no name for TLS"))?;
    let config = tokio::task::spawn_blocking(move || config(&file).map_err(|error| (file, error)))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|(file, error)| format!("{}: {error}", file.display()))?;
    let greeted = TlsConnector::from(config).connect(name, socket).await;
    greeted.map_err(|error| format!("TLS: {error}"))
}

fn config(file: &Path) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(io::Error::other)?;
    // Of a system's some are of no use to us, and the others are.
    let (good, _bad) = roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if good == 0 {
        return Err(io::Error::other("it holds no certificate"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
