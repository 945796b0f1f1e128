//! A machine's membership: how it joins, what it shows, and how it stays.
//!
//! Everything is in one file that its owner alone can read: there is no moment with a new key and the old
//! certificate. The key is made here and goes nowhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ffleet_api::Code;
use ffleet_api::enrol::{self, Enrol, Enrolled, Renew};
use ffleet_base::{Clock, chain, chance, write_atomic};
use ffleet_types::{NodeId, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::authority::halfway;
use crate::call;
use crate::error::Error;
use crate::join::{Join, Pinned};
use crate::pin::Pin;
use crate::serving::{Machine, identify};

/// The longest that is slept before the clock is looked at again.
const LONGEST: Duration = Duration::from_secs(3_600);
/// The pause between two tries to renew.
const PAUSE: Duration = Duration::from_secs(60);

/// As it is in the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Page {
    controller: String,
    node: NodeId,
    key: String,
    certificate: String,
    authority: String,
}

/// What is shown now, and how long it is good.
#[derive(Clone, Debug)]
struct Current {
    shown: Arc<CertifiedKey>,
    machine: Machine,
}

/// What connections show: looked at by each when it begins.
#[derive(Debug)]
struct Shows(RwLock<Current>);

impl Shows {
    fn now(&self) -> Current {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesClientCert for Shows {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.now().shown)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// See the module.
#[derive(Debug)]
pub struct Membership {
    file: PathBuf,
    controller: String,
    node: NodeId,
    authority: String,
    shows: Arc<Shows>,
    config: Arc<ClientConfig>,
}

/// A key, and the request for a certificate for it.
fn request() -> Result<(KeyPair, String), Error> {
    let wrong = || Error::certificate("the request for a certificate");
    let key = KeyPair::generate().map_err(wrong())?;
    let request = CertificateParams::default().serialize_request(&key).map_err(wrong())?;
    Ok((key, request.pem().map_err(wrong())?))
}

impl Membership {
    /// Joins by `join`, and keeps in `file` what came of it. The controller must show, before it hears the secret, that
    /// it is signed by the authority with the line's fingerprint.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] if it does not show that, or is not there; [`Error::Refused`] if the invitation was used
    /// or has expired.
    pub async fn join(join: &Join, file: &Path) -> Result<Self, Error> {
        let (key, request) = request()?;
        let provider = Arc::new(ring::default_provider());
        let pinned = Pinned { pin: join.pin, provider: Arc::clone(&provider) };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::tls("what is verified when joining"))?
            .dangerous() // rustls' word for a verifier of one's own: this one asks webpki, and for the pin as well.
            .with_custom_certificate_verifier(Arc::new(pinned))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let body = Enrol { secret: join.secret.expose().to_owned(), request };
        let answer: Enrolled =
            call::post(Arc::new(config), &join.address, enrol::ENROL, &body).await?;
        let authority = CertificateDer::from_pem_slice(answer.authority.as_bytes());
        if authority.ok().is_none_or(|authority| Pin::of(&authority) != join.pin) {
            let why = "it names another authority than the one that it is signed by".to_owned();
            return Err(Error::Odd { address: join.address.clone(), why });
        }
        let page = Page {
            controller: join.address.clone(),
            node: answer.node,
            key: key.serialize_pem(),
            certificate: answer.certificate,
            authority: answer.authority,
        };
        let membership = Self::of(file, &page)?;
        keep(file, &page)?;
        Ok(membership)
    }

    /// The membership in `file`; nothing if the machine has never joined. Blocks.
    ///
    /// # Errors
    ///
    /// [`Error`] if the file cannot be read, or holds something else.
    pub fn open(file: &Path) -> Result<Option<Self>, Error> {
        let wrong = |what: String| Error::File { path: file.to_owned(), what };
        let text = match fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
        };
        let page: Page = serde_json::from_slice(&text).map_err(|error| {
            wrong(format!("holds no membership ({error}): remove it, and join again"))
        })?;
        Self::of(file, &page).map(Some)
    }

    fn of(file: &Path, page: &Page) -> Result<Self, Error> {
        let current = current(page)?;
        let what = "the fleet's authority";
        let authority = CertificateDer::from_pem_slice(page.authority.as_bytes());
        let authority = authority.map_err(|error| {
            Error::tls(what)(rustls::Error::General(format!("it is no certificate: {error}")))
        })?;
        let mut roots = RootCertStore::empty();
        roots.add(authority).map_err(Error::tls(what))?;
        let shows = Arc::new(Shows(RwLock::new(current)));
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::tls(what))?
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::<Shows>::clone(&shows));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            file: file.to_owned(),
            controller: page.controller.clone(),
            node: page.node,
            authority: page.authority.clone(),
            shows,
            config: Arc::new(config),
        })
    }

    /// What the machine is called.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// Where the controller is that it joined at: host and port.
    #[must_use]
    pub fn controller(&self) -> &str {
        &self.controller
    }

    /// What connections to controllers are made with: it trusts the fleet's authority and nobody else, and shows the
    /// newest certificate there is. Ask for [`SERVER_NAME`](crate::SERVER_NAME).
    #[must_use]
    pub fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// When the certificate is to be renewed: when half of its time is over.
    #[must_use]
    pub fn renew_at(&self) -> Timestamp {
        let Machine { from, until, .. } = self.shows.now().machine;
        halfway(from, until)
    }

    /// Until when the certificate is good.
    #[must_use]
    pub fn good_until(&self) -> Timestamp {
        self.shows.now().machine.until
    }

    /// Asks for the next certificate, for a new key; keeps both, and shows them from now on.
    ///
    /// # Errors
    ///
    /// [`Error`]; everything stays as it was.
    pub async fn renew(&self) -> Result<(), Error> {
        let (key, request) = request()?;
        let body = Renew { request };
        let config = self.client_config();
        let answer: Enrolled = call::post(config, &self.controller, enrol::RENEW, &body).await?;
        let page = Page {
            controller: self.controller.clone(),
            node: self.node,
            key: key.serialize_pem(),
            certificate: answer.certificate,
            // The authority that is trusted is the one that the pin was of, whatever is answered.
            authority: self.authority.clone(),
        };
        let current = current(&page)?;
        keep(&self.file, &page)?;
        *self.shows.0.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    /// Renews in time, again and again, until `stop` is cancelled.
    pub async fn stay(&self, clock: &dyn Clock, stop: CancellationToken) {
        loop {
            let due = self.renew_at().as_micros().saturating_sub(clock.now().as_micros());
            let mut wait = Duration::from_micros(due).min(LONGEST);
            if due == 0 {
                match self.renew().await {
                    Ok(()) => {
                        let until = ffleet_api::Moment(self.good_until());
                        tracing::info!(%until, "this machine has a new certificate");
                        continue;
                    }
                    Err(error) => {
                        wait = PAUSE.mul_f64(0.5 + chance::unit());
                        let until = ffleet_api::Moment(self.good_until());
                        let removed = matches!(&error, Error::Refused(problem) if problem.code == Code::Unauthorized);
                        let error = chain(&error);
                        tracing::error!(error, %until, removed, "the certificate cannot be renewed");
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// What a page lets a machine show.
fn current(page: &Page) -> Result<Current, Error> {
    let what = "this machine's certificate";
    let general = |why: String| Error::tls(what)(rustls::Error::General(why));
    let certificate = CertificateDer::from_pem_slice(page.certificate.as_bytes())
        .map_err(|error| general(format!("it is none: {error}")))?;
    let key = PrivateKeyDer::from_pem_slice(page.key.as_bytes())
        .map_err(|error| general(format!("its key is none: {error}")))?;
    let machine = identify(&certificate).filter(|machine| machine.node == page.node);
    let machine =
        machine.ok_or_else(|| general(format!("it is not that of node {}", page.node)))?;
    let shown = CertifiedKey::from_der(vec![certificate], key, &ring::default_provider())
        .map_err(Error::tls(what))?;
    Ok(Current { shown: Arc::new(shown), machine })
}

/// Writes a page down. Blocks for one small file.
fn keep(file: &Path, page: &Page) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(page).expect("it is texts");
    Ok(write_atomic(file, &text, 0o600)?)
}
