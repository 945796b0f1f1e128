//! Fingerprints of authorities.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use ffleet_types::ParseError;
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of an authority's certificate, as DER. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// That of a certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate.as_ref()).into())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(64);
        for byte in self.0 {
            write!(text, "{byte:02x}")?;
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

impl FromStr for Pin {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(text, "a fingerprint: 64 hexadecimal digits");
        let mut pin = [0; 32];
        if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (at, byte) in pin.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_digits| wrong())?;
        }
        Ok(Self(pin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pin_survives_its_text_form() {
        let pin = Pin::of(&CertificateDer::from(b"abc".to_vec()));
        // FIPS 180-2, appendix B.1.
        assert!(pin.to_string().starts_with("ba7816bf"), "{pin}");
        assert_eq!(pin.to_string().parse(), Ok(pin));
        for text in ["", "ba", &"g".repeat(64), &"é".repeat(32)] {
            assert!(text.parse::<Pin>().is_err(), "{text:?}");
        }
    }
}
