//! TLS, for those who come from other machines.
//!
//! TLS 1.2 and 1.3 (RFC 8446), by rustls with the cipher suites that it has on; HTTP/1.1 behind it. The
//! certificate can be exchanged while the server runs: it is renewed every few weeks.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What is shown to those who come.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Arc<ServerConfig>>,
}

/// There is no TLS with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of them cannot be read.
    #[error("{} cannot be read as {what}, in PEM", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// There is nothing in it.
    #[error("{} has no certificate in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// They do not fit together, or are of a kind that is not known.
    #[error("the certificate {} and the key {} cannot be used", certificate.display(), key.display())]
    Unfit {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate, with those it is signed by behind it, and its private key. Blocks.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = Mutex::new(read(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Reads the files again, for connections from now on. With an error everything stays as it is.
    /// Blocks.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.certificate, &self.key)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Greets whoever has connected.
    pub(super) async fn greet(&self, connection: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let current = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(current).accept(connection).await
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable = |path: &Path, what| {
        let path = path.to_owned();
        move |source| TlsError::File { path, what, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(certificate, "a certificate"))?;
    if chain.is_empty() {
        return Err(TlsError::Empty { path: certificate.to_owned() });
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key, "a private key"))?;
    let unfit = |source| TlsError::Unfit {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Where it is listened on.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: tokio::net::TcpListener,
    pub(super) address: SocketAddr,
    pub(super) tls: Arc<Tls>,
}
