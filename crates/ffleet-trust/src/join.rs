//! The line that lets a machine join: `https://HOST:PORT#PIN.SECRET`.
//!
//! What is behind the `#` is never sent to anybody who has not shown that the pin is theirs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ffleet_base::Secret;
use ffleet_types::ParseError;
use hyper::http::uri::Authority as Address;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::pin::Pin;

/// What a machine needs to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where a controller is: host and port.
    pub address: String,
    /// Whom it must be signed by.
    pub pin: Pin,
    /// What is good once.
    pub secret: Secret,
}

impl fmt::Display for Join {
    /// The whole line, secret included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}#{}.{}", self.address, self.pin, self.secret.expose())
    }
}

impl FromStr for Join {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        // What was typed holds a secret, and errors are shown: none of it is.
        let wrong = || {
            ParseError::new(
                "the line",
                "what `ffleet nodes invite` prints: https://HOST:PORT#PIN.SECRET",
            )
        };
        let rest = text.trim().strip_prefix("https://").ok_or_else(wrong)?;
        let (address, rest) = rest.split_once('#').ok_or_else(wrong)?;
        let (pin, secret) = rest.split_once('.').ok_or_else(wrong)?;
        let parsed: Address = address.parse().map_err(|_none| wrong())?;
        let plain = secret.len() >= 16 && secret.bytes().all(|c| c.is_ascii_graphic());
        if parsed.port_u16().is_none() || address.contains('@') || !plain {
            return Err(wrong());
        }
        Ok(Self {
            address: address.to_owned(),
            pin: pin.parse().map_err(|_none| wrong())?,
            secret: Secret::new(secret.to_owned()),
        })
    }
}

/// Takes for a controller whoever has a certificate that webpki finds good under the one authority with the
/// fingerprint, which the controller sends along.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) pin: Pin,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let ours = |shown: &&CertificateDer<'_>| Pin::of(shown) == self.pin;
        let authority = intermediates.iter().find(ours).ok_or(unknown)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let provider = Arc::clone(&self.provider);
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_survives_its_text_form() {
        let pin = "0f".repeat(32);
        let secret = "ffi_0123456789abcdef";
        for address in ["host:8420", "10.0.0.7:1", "[::1]:8420"] {
            let text = format!("https://{address}#{pin}.{secret}");
            let join: Join = text.parse().unwrap();
            assert_eq!((join.address.as_str(), join.to_string()), (address, text));
            assert_eq!(format!(" {join}\n").parse(), Ok(join));
        }
    }

    #[test]
    fn line_that_is_none_is_refused_without_being_repeated() {
        let pin = "0f".repeat(32);
        let secret = "ffi_0123456789abcdef";
        for text in [
            String::new(),
            format!("http://host:1#{pin}.{secret}"),
            format!("https://host#{pin}.{secret}"),
            format!("https://u@host:1#{pin}.{secret}"),
            format!("https://host:1/x#{pin}.{secret}"),
            format!("https://host:1#{secret}.{pin}"),
            format!("https://host:1#{pin}"),
            format!("https://host:1#{pin}."),
            format!("https://host:1#{pin}.short"),
        ] {
            let error = text.parse::<Join>().unwrap_err().to_string();
            assert!(!error.contains("0123"), "{error}");
        }
    }
}
