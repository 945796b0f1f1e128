//! Whom a server is to be certified by, and TLS to it (RFC 8446). What is not certified is not sent to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::socket::Counted;

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
    socket: Counted<TcpStream>,
    roots: Option<&Path>,
) -> Result<TlsStream<Counted<TcpStream>>, String> {
    let file = match roots {
        Some(file) => file.to_owned(),
        None => PLACES.iter().map(PathBuf::from).find(|place| place.is_file()).ok_or(
            "this machine has no certificates that it trusts (ca-certificates), which TLS needs",
        )?,
    };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_invalid| format!("{host} is no name for TLS"))?;
    let trusted = file.clone();
    let config = tokio::task::spawn_blocking(move || config(&file).map_err(|error| (file, error)))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|(file, error)| format!("{}: {error}", file.display()))?;
    let greeted = TlsConnector::from(config).connect(name, socket).await;
    greeted.map_err(|error| refused(&error, &trusted))
}

/// Why a server was not greeted, whose certificate was looked for in the file `trusted`.
fn refused(error: &io::Error, trusted: &Path) -> String {
    use CertificateError::{BadSignature, UnknownIssuer};
    match error.get_ref().and_then(|cause| cause.downcast_ref()) {
        // Somebody else of the same name is unknown too.
        Some(rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature)) => format!(
            "TLS: nobody in {} vouches for its certificate; add who does to the certificates that this system trusts, \
             or name a file with them in SSL_CERT_FILE",
            trusted.display()
        ),
        _ => format!("TLS: {error}"),
    }
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

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server that says `hello` to whoever greets it, with a certificate of its own making for `localhost`; its port,
    /// and the file with the certificate.
    async fn server(dir: &Path) -> (u16, PathBuf) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = dir.join("roots.pem");
        ffleet_base::write_atomic(&file, made.cert.pem().as_bytes(), 0o600).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Ends with the runtime.
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(socket).await {
                    stream.write_all(b"hello").await.unwrap();
                    stream.shutdown().await.unwrap();
                }
            }
        });
        (port, file)
    }

    #[tokio::test]
    async fn server_is_certified_or_nothing_is_sent_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (port, roots) = server(dir.path()).await;
        let connect = async |host: &str, roots: &Path| {
            let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            greet(host, Counted::new(socket), Some(roots)).await
        };
        let mut text = String::new();
        let mut stream = connect("localhost", &roots).await.unwrap();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        let why = connect("elsewhere.example", &roots).await.unwrap_err();
        assert!(why.contains("not valid for name"), "{why}");
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let strangers = dir.path().join("others.pem");
        ffleet_base::write_atomic(&strangers, other.cert.pem().as_bytes(), 0o600).unwrap();
        let why = connect("localhost", &strangers).await.unwrap_err();
        assert!(
            why.contains("others.pem vouches for its certificate") && why.contains("SSL_CERT_FILE"),
            "{why}"
        );
        let empty = dir.path().join("empty.pem");
        ffleet_base::write_atomic(&empty, b"", 0o600).unwrap();
        let why = connect("localhost", &empty).await.unwrap_err();
        assert!(why.contains("holds no certificate"), "{why}");
    }
}
