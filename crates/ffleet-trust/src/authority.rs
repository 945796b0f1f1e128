//! The fleet's certificate authority.
//!
//! Keys are ECDSA on P-256 with SHA-256 (FIPS 186-5), certificates X.509 version 3 (RFC 5280). The authority
//! may sign nothing but ends of chains: no further authority comes from it. Its key and its certificate are in one
//! file, so that there is no moment with one and not the other.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ffleet_base::write_atomic;
use ffleet_types::{NodeId, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use crate::SERVER_NAME;
use crate::error::Error;
use crate::pin::Pin;

const DAY: Duration = Duration::from_secs(86_400);
/// How long an authority is good. There is no handing over from one to the next but to join again.
const TERM: Duration = Duration::from_secs(3_650 * 86_400);
/// How long what a controller shows is good; it is made anew while it runs.
const SERVER_TERM: Duration = Duration::from_secs(90 * 86_400);
/// How long what a machine shows is good. It asks for another when half of it is over.
pub const NODE_TERM: Duration = Duration::from_secs(30 * 86_400);
/// By how much clocks of a fleet may differ when a certificate is new.
const SKEW: Duration = Duration::from_secs(3_600);

/// See the module.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("pin", &self.pin())
            .finish_non_exhaustive()
    }
}

/// What a controller shows, and when to make it anew.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate with the authority's behind it, and its key.
    pub shown: Arc<CertifiedKey>,
    /// When half of its time is over.
    pub renew_at: Timestamp,
}

/// A certificate's parameters: who it is for, and from when to when.
fn params(subject: &str, now: Timestamp, term: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = Duration::from_micros(now.as_micros());
    params.not_before = epoch + at.saturating_sub(SKEW);
    params.not_after = epoch + at + term;
    params
}

impl Authority {
    /// The authority in `file`, or a new one that is put there. Blocks.
    ///
    /// # Errors
    ///
    /// [`Error`] if the file cannot be read, holds something else, or cannot be written.
    pub fn open(file: &Path, now: Timestamp) -> Result<Self, Error> {
        match fs::read_to_string(file) {
            Ok(text) => Self::read(&text).map_err(|why| Error::File {
                path: file.to_owned(),
                what: format!(
                    "holds no authority ({why}): restore it from a backup; without it every machine has to join again"
                ),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = Self::make(now)?;
                write_atomic(file, text.as_bytes(), 0o600)?;
                Self::read(&text).map_err(|what| Error::File { path: file.to_owned(), what })
            }
            Err(error) => {
                Err(Error::File { path: file.to_owned(), what: format!("cannot be read: {error}") })
            }
        }
    }

    fn make(now: Timestamp) -> Result<String, Error> {
        let wrong = || Error::certificate("the fleet's authority");
        let key = KeyPair::generate().map_err(wrong())?;
        let mut params = params("ffleet authority", now, TERM);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(wrong())?;
        Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
    }

    fn read(text: &str) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(text.as_bytes());
        let certificate = certificate.map_err(|error| format!("no certificate: {error}"))?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
        let key = key.map_err(|error| format!("no key: {error}"))?;
        let key = KeyPair::try_from(&key).map_err(|error| format!("no key: {error}"))?;
        let pem = text
            .find("-----BEGIN CERTIFICATE-----")
            .map_or("", |at| &text[at..])
            .to_owned();
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| format!("no certificate: {error}"))?;
        Ok(Self { certificate, pem, issuer })
    }

    /// Its fingerprint.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin::of(&self.certificate)
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its certificate, as PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What a controller shows: good for [`SERVER_NAME`] and for `names`, which are names of hosts and addresses. What
    /// is neither is left out.
    ///
    /// # Errors
    ///
    /// [`Error`] if it cannot be made.
    pub fn controller(&self, names: &[String], now: Timestamp) -> Result<Issued, Error> {
        let what = "a controller's certificate";
        let mut params = params("ffleet controller", now, SERVER_TERM);
        for name in std::iter::once(SERVER_NAME).chain(names.iter().map(String::as_str)) {
            match CertificateParams::new([name.to_owned()]) {
                Ok(named) => params.subject_alt_names.extend(named.subject_alt_names),
                Err(error) => tracing::warn!(name, %error, "no certificate is good for this name"),
            }
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(Error::certificate(what))?;
        let made = params.signed_by(&key, &self.issuer).map_err(Error::certificate(what))?;
        let chain = vec![made.der().clone(), self.certificate.clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let shown = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(Error::tls(what))?;
        Ok(Issued { shown: Arc::new(shown), renew_at: now.after(SERVER_TERM / 2) })
    }

    /// What a machine shows that asks by `request`, a PKCS #10 request (RFC 2986) as PEM, whose signature is
    /// checked. Of the request only the public key counts: the certificate is for `node`, to be shown by a client.
    ///
    /// # Errors
    ///
    /// [`Error`] if the request is none, or is not signed by the key that is in it.
    pub fn node(&self, request: &str, node: NodeId, now: Timestamp) -> Result<String, Error> {
        let wrong = || Error::certificate("the certificate that is requested");
        let mut request = CertificateSigningRequestParams::from_pem(request).map_err(wrong())?;
        request.params = params(&node.to_string(), now, NODE_TERM);
        request.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        request.params.use_authority_key_identifier_extension = true;
        request.signed_by(&self.issuer).map(|made| made.pem()).map_err(wrong())
    }
}

/// When half of a time is over.
pub(crate) fn halfway(from: Timestamp, until: Timestamp) -> Timestamp {
    let span = until.as_micros().saturating_sub(from.as_micros());
    Timestamp::from_micros(from.as_micros() + span / 2)
}

const _: () =
    assert!(SERVER_TERM.as_secs() > 2 * DAY.as_secs() && NODE_TERM.as_secs() > 2 * DAY.as_secs());

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    #[test]
    fn authority_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("authority.pem");
        let made = Authority::open(&file, now()).unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Authority::open(&file, now()).unwrap();
        assert_eq!((made.pin(), made.pem()), (again.pin(), again.pem()));
        assert!(!made.pem().contains("PRIVATE KEY"));
        write_atomic(&file, b"nonsense", 0o600).unwrap();
        let told = Authority::open(&file, now()).unwrap_err().to_string();
        assert!(told.contains("restore it from a backup"), "{told}");
    }

    #[test]
    fn request_counts_by_its_key_alone() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(&dir.path().join("a.pem"), now()).unwrap();
        let node = NodeId::from_parts(1, 2);
        // Somebody would like to be an authority, and a server, of another name.
        let key = KeyPair::generate().unwrap();
        let mut wanted = CertificateParams::new(["evil.example".to_owned()]).unwrap();
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let request = wanted.serialize_request(&key).unwrap().pem().unwrap();
        let made = authority.node(&request, node, now()).unwrap();
        let der = CertificateDer::from_pem_slice(made.as_bytes()).unwrap();
        let (_, read) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert!(!read.is_ca());
        assert!(read.subject_alternative_name().unwrap().is_none());
        let usage = read.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
        assert_eq!(crate::identify(&der).unwrap().node, node);
        for broken in ["", "nonsense", &request.replace('A', "B")] {
            authority.node(broken, node, now()).unwrap_err();
        }
    }

    #[test]
    fn half_of_a_time_is_its_middle() {
        let at = Timestamp::from_millis;
        assert_eq!(halfway(at(1_000), at(3_000)), at(2_000));
        assert_eq!(halfway(at(3_000), at(1_000)), at(3_000), "one that is over is due at once");
    }
}
