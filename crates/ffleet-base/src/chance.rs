//! Chance: the kernel's random numbers, and what is made of them.
//!
//! There is no generator of our own to seed, to fork or to share: every number comes from
//! `getrandom(2)`, which is fast enough for ids and jitter and good enough for keys.

use std::sync::{Mutex, PoisonError};

use ffleet_types::{JobId, NodeId, Timestamp};

use crate::secret::Secret;

/// What every key begins with, so that scanners for leaked secrets can tell one.
const KEY_PREFIX: &str = "ffk_";
/// The same of secrets of invitations.
const INVITATION_PREFIX: &str = "ffi_";
/// Lower-case letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The job id that was made last by this process.
static LAST_JOB: Mutex<JobId> = Mutex::new(JobId::from_bits(0));

/// Fills `buffer` with random bytes.
///
/// # Panics
///
/// If the kernel has no random numbers, which Linux rules out once it has started.
pub fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("getrandom(2) does not fail after boot");
}

/// A new job's id: `now`, then chance.
///
/// Ids of one process strictly increase, also within a millisecond and when the clock is set
/// back (then the last one is counted up), so that an index on them grows at its end.
#[must_use]
pub fn job_id(now: Timestamp) -> JobId {
    // The highest bit of chance is left free, so that counting up stays in the millisecond.
    let fresh = JobId::from_parts(now.as_millis(), chance_bits() >> 1);
    let mut last = LAST_JOB.lock().unwrap_or_else(PoisonError::into_inner);
    let millis = |id: JobId| id.bits() >> 80;
    *last = if millis(fresh) > millis(*last) {
        fresh
    } else {
        JobId::from_bits(last.bits() + 1)
    };
    *last
}

/// A new node's id.
#[must_use]
pub fn node_id(now: Timestamp) -> NodeId {
    NodeId::from_parts(now.as_millis(), chance_bits())
}

/// A number from 0 to just below 1, for jitter.
#[must_use]
pub fn unit() -> f64 {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

/// A new key: `ffk_` and 256 bits of chance in base 32.
#[must_use]
pub fn key() -> Secret {
    let mut bytes = [0; 32];
    fill(&mut bytes);
    Secret::new(format!("{KEY_PREFIX}{}", base32(&bytes)))
}

/// A new secret of an invitation: `ffi_` and 256 bits of chance in base 32.
#[must_use]
pub fn invitation() -> Secret {
    let mut bytes = [0; 32];
    fill(&mut bytes);
    Secret::new(format!("{INVITATION_PREFIX}{}", base32(&bytes)))
}

/// A short random name: `length` lower-case letters and digits, 5 bits each.
#[must_use]
pub fn name(length: usize) -> String {
    let mut bytes = vec![0; length];
    fill(&mut bytes);
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// 80 random bits.
fn chance_bits() -> u128 {
    let mut bytes = [0; 16];
    fill(&mut bytes[..10]);
    u128::from_le_bytes(bytes)
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0_u32, 0);
    for &byte in bytes {
        held = (held << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[((held >> bits) & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[((held << (5 - bits)) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_strictly_increase_even_when_the_clock_is_set_back() {
        let times = [5_000, 5_000, 5_000, 4_000, 5_001, 1, 5_001];
        let ids: Vec<_> = times.map(|ms| job_id(Timestamp::from_millis(ms))).into();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    }

    #[test]
    fn job_ids_of_many_threads_never_meet() {
        let make = || (0..1_000).map(|_| job_id(Timestamp::from_millis(9_000))).collect();
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(make as fn() -> Vec<JobId>)).collect();
        let mut ids: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 4_000);
    }

    #[test]
    fn unit_stays_below_one_and_varies() {
        let draws: Vec<_> = (0..1_000).map(|_| unit()).collect();
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        assert!(draws.iter().any(|&draw| draw < 0.1) && draws.iter().any(|&draw| draw > 0.9));
    }

    #[test]
    fn keys_carry_256_bits_and_differ() {
        let (one, other) = (key(), key());
        assert_eq!(one.expose().len(), "ffk_".len() + 52);
        assert!(one != other);
        let (one, other) = (invitation(), invitation());
        assert!(one != other && one.expose().len() == 56, "as many bits");
    }

    #[test]
    fn base_32_agrees_with_its_table() {
        assert_eq!(base32(&[]), "");
        assert_eq!(base32(&[0xff]), "zw");
        assert_eq!(base32(&[0x00, 0x44, 0x32, 0x14, 0xc7]), "01234567");
    }
}
