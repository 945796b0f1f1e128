//! The listener's side: what is shown to whom, and who shows what.

use std::sync::Arc;

use ffleet_types::{NodeId, Timestamp};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::parse_x509_certificate;

use crate::SERVER_NAME;
use crate::authority::Authority;
use crate::error::Error;

/// What is shown to those who come.
#[derive(Clone, Debug)]
pub struct Shown {
    /// To machines of the fleet, and to everybody where there is nothing else.
    pub ours: Arc<CertifiedKey>,
    /// To everybody else: the operator's own certificate.
    pub operators: Option<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_machine = hello.server_name() == Some(SERVER_NAME);
        let other = self.operators.as_ref().filter(|_| !is_machine);
        Some(Arc::clone(other.unwrap_or(&self.ours)))
    }
}

/// TLS 1.2 and 1.3 that shows `shown`, asks for a certificate of `authority`'s, and lets those in as well who
/// have none. Whoever shows one of another authority, or one that has expired, is not let in.
///
/// # Errors
///
/// [`Error`] if rustls does not take the authority.
pub fn server_config(authority: &Authority, shown: Shown) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let what = "the fleet's authority";
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).map_err(Error::tls(what))?;
    let machines =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| Error::tls(what)(rustls::Error::General(error.to_string())))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::tls(what))?
        .with_client_cert_verifier(machines)
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// What a machine's certificate says, which TLS has found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Whose it is.
    pub node: NodeId,
    /// From when on it is good.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What a certificate says that is a machine's; nothing if it is something else's.
#[must_use]
pub fn identify(certificate: &CertificateDer<'_>) -> Option<Machine> {
    let (_, read) = parse_x509_certificate(certificate).ok()?;
    let name = read.subject().iter_common_name().next()?.as_str().ok()?;
    let at = |seconds: i64| Timestamp::from_millis(u64::try_from(seconds).unwrap_or(0) * 1_000);
    let validity = read.validity();
    Some(Machine {
        node: name.parse().ok()?,
        from: at(validity.not_before.timestamp()),
        until: at(validity.not_after.timestamp()),
    })
}
