//! Texts that a server has signed, for whoever brings them back.
//!
//! `fft_` and, in the base 64 of addresses (RFC 4648, 5), an HMAC-SHA256 (RFC 2104) followed by the text
//! itself: readable to all, and made by none but who has the secret. What was signed for one thing is no
//! signature for another: the key of the HMAC is the secret, and its message begins with what it is for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::Secret;

/// What every signed text begins with, so that scanners for leaked secrets can tell one.
pub const PREFIX: &str = "fft_";
/// The longest that is looked at: the head of a viewer's request holds it.
const LONGEST: usize = 2_700;
/// What signatures are for.
const PURPOSE: &[u8] = b"ffleet stream token 1\n";
/// Bytes of an HMAC-SHA256.
const MAC: usize = 32;

/// `text`, signed.
#[must_use]
pub fn sign(secret: &Secret, text: &str) -> Secret {
    let mut bytes = mac(secret, text.as_bytes()).finalize().into_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The text that `token` was made of, if it was made with this secret. The signature is compared in constant
/// time.
#[must_use]
pub fn verify(secret: &Secret, token: &Secret) -> Option<String> {
    let token = token.expose();
    let body = token.strip_prefix(PREFIX).filter(|_| token.len() <= LONGEST)?;
    let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
    let (signature, text) = bytes.split_at_checked(MAC)?;
    mac(secret, text).verify_slice(signature).ok()?;
    String::from_utf8(text.to_vec()).ok()
}

fn mac(secret: &Secret, text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(PURPOSE);
    mac.update(text);
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn signature_is_the_one_of_the_standard() {
        // By Python: hmac.new(b"key", b"ffleet stream token 1\n" + b"watch 1 - cam1", "sha256").
        let token = sign(&secret("key"), "watch 1 - cam1");
        let bytes = URL_SAFE_NO_PAD.decode(&token.expose()[PREFIX.len()..]).unwrap();
        assert_eq!(&bytes[MAC..], b"watch 1 - cam1");
        let start = bytes[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(start, "03637c80addf5ddb");
    }

    #[test]
    fn what_nobody_signed_is_refused() {
        let ours = secret("ours");
        for text in ["", "fft_", "fft_AAAA", "fft_!", "ffk_x", &"fft_A".repeat(2_000)] {
            assert_eq!(verify(&ours, &secret(text)), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn signed_text_comes_back_from_the_same_secret_alone(
            key in ".{0,80}", other in ".{0,80}", text in ".{0,200}",
        ) {
            let token = sign(&secret(&key), &text);
            prop_assert_eq!(verify(&secret(&key), &token), Some(text));
            if key.trim_end_matches('\0') != other.trim_end_matches('\0') {
                prop_assert_eq!(verify(&secret(&other), &token), None);
            }
        }

        #[test]
        fn changed_token_is_refused(text in "[ -~]{1,80}", at in 0..400_usize, with in "[A-Za-z0-9_-]") {
            let key = secret("key");
            let token = sign(&key, &text);
            let mut changed = token.expose().to_owned();
            let at = PREFIX.len() + at % (changed.len() - PREFIX.len());
            changed.replace_range(at..=at, &with);
            if changed != token.expose() {
                prop_assert_eq!(verify(&key, &secret(&changed)), None);
            }
        }
    }
}
