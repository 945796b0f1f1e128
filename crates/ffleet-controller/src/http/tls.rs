//! TLS, for those who come from other machines.
//!
//! TLS 1.2 and 1.3 (RFC 8446), by rustls with the cipher suites that it has on; HTTP/1.1 behind it. People are
//! shown the operator's certificate where there is one, machines of the fleet always one of the fleet's own authority
//! (`ffleet_trust` says how the two are told apart). Both can be exchanged while the server runs: the operator's is
//! renewed every few weeks, ours when half of its time is over.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ffleet_base::{Clock, chain};
use ffleet_trust::{Authority, Issued, Shown, identify, server_config};
use ffleet_types::{NodeId, Timestamp};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What is shown to those who come.
#[derive(Debug)]
pub struct Tls {
    files: Option<Files>,
    authority: Arc<Authority>,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    current: Mutex<Current>,
}

/// Where the operator's certificate is, with those that it is signed by behind it, and its private key.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, as PEM.
    pub certificate: PathBuf,
    /// The key, as PEM.
    pub key: PathBuf,
}

/// What is shown now.
#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    operators: Option<Arc<CertifiedKey>>,
    renew_at: Timestamp,
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
    /// The fleet's own certificate cannot be made.
    #[error(transparent)]
    Own(#[from] ffleet_trust::Error),
}

impl Tls {
    /// Shows the operator's certificate, if there are `files`, and one of `authority`'s that is good for `names`, which
    /// are hosts and addresses. Blocks.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn open(
        files: Option<Files>,
        authority: Arc<Authority>,
        names: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        let operators = files.as_ref().map(read).transpose()?;
        let current = Mutex::new(make(&authority, &names, operators, clock.now())?);
        Ok(Self { files, authority, names, clock, current })
    }

    /// Reads the files again, for connections from now on. With an error everything stays as it is.
    /// Blocks.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let operators = self.files.as_ref().map(read).transpose()?;
        let fresh = make(&self.authority, &self.names, operators, self.clock.now())?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// What is shown now; what has been shown for half of its time is made anew.
    fn config(&self) -> Arc<ServerConfig> {
        let now = self.clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= current.renew_at {
            match make(&self.authority, &self.names, current.operators.clone(), now) {
                Ok(fresh) => *current = fresh,
                Err(error) => {
                    tracing::error!(error = chain(&error), "the certificate cannot be renewed");
                }
            }
        }
        Arc::clone(&current.config)
    }

    /// Greets whoever has connected, and says which machine it is, if it has shown a certificate of the fleet's that
    /// is good.
    pub(super) async fn greet(
        &self,
        connection: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<NodeId>)> {
        let stream = TlsAcceptor::from(self.config()).accept(connection).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        // A connection that goes on with an earlier one's secrets shows what was good back then.
        let now = self.clock.now();
        let machine = shown.and_then(identify).filter(|machine| now < machine.until);
        Ok((stream, machine.map(|machine| machine.node)))
    }
}

fn make(
    authority: &Authority,
    names: &[String],
    operators: Option<Arc<CertifiedKey>>,
    now: Timestamp,
) -> Result<Current, TlsError> {
    let Issued { shown: ours, renew_at } = authority.controller(names, now)?;
    let config = server_config(authority, Shown { ours, operators: operators.clone() })?;
    Ok(Current { config: Arc::new(config), operators, renew_at })
}

fn read(Files { certificate, key }: &Files) -> Result<Arc<CertifiedKey>, TlsError> {
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
    let read = CertifiedKey::from_der(chain, secret, &ring::default_provider());
    read.map(Arc::new).map_err(|source| TlsError::Unfit {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

/// Where it is listened on.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) listener: tokio::net::TcpListener,
    pub(super) address: SocketAddr,
    pub(super) tls: Arc<Tls>,
}
