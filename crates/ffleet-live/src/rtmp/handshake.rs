//! The plain handshake (RTMP 1.0 §5.2): both sides send a version, 1536 bytes of their own, and those of the other.
//!
//! What comes back of ours is not compared: servers that know Flash's digests answer a plain handshake with what they like,
//! and nothing follows from it.

use super::Error;

/// The version of the protocol.
const VERSION: u8 = 3;
/// What each side sends of its own, in bytes, and how much of that is by chance.
const OWN: usize = 1536;
const CHANCE: usize = OWN - 8;

/// A handshake from the client's side.
#[derive(Debug)]
pub(super) enum Handshake {
    /// The server's version and its own bytes are coming.
    Hello(Vec<u8>),
    /// Ours are coming back: so many bytes are missing.
    Echo(usize),
}

impl Handshake {
    /// Begins, with `seed` for the bytes that are to differ from connection to connection.
    pub(super) fn new(seed: u64, output: &mut Vec<u8>) -> Self {
        output.push(VERSION);
        // Our time, and zeros, by which servers know that no digest is in what follows.
        output.extend_from_slice(&[0; 8]);
        let mut state = seed;
        let bytes = std::iter::repeat_with(|| chance(&mut state).to_be_bytes()).flatten();
        output.extend(bytes.take(CHANCE));
        Self::Hello(Vec::new())
    }

    /// Takes of `input` what belongs to the handshake; true when it is done.
    pub(super) fn receive(
        &mut self,
        input: &mut &[u8],
        output: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        if let Self::Hello(hello) = self {
            take(input, OWN + 1 - hello.len(), |bytes| hello.extend_from_slice(bytes));
            match hello.first() {
                Some(&VERSION) | None => {}
                Some(&version) => return Err(Error::Version { version }),
            }
            if hello.len() <= OWN {
                return Ok(false);
            }
            // The time when theirs were read stays 0, as ours is.
            output.extend_from_slice(&hello[1..5]);
            output.extend_from_slice(&[0; 4]);
            output.extend_from_slice(&hello[9..]);
            *self = Self::Echo(OWN);
        }
        if let Self::Echo(missing) = self {
            *missing -= take(input, *missing, |_| {});
            return Ok(*missing == 0);
        }
        Ok(false)
    }
}

/// Takes at most `most` bytes off the front of `input`; answers how many.
fn take(input: &mut &[u8], most: usize, to: impl FnOnce(&[u8])) -> usize {
    let (taken, rest) = input.split_at(most.min(input.len()));
    to(taken);
    *input = rest;
    taken.len()
}

/// The next number of a sequence that looks like chance (SplitMix64, Steele, Lea and Flood 2014).
const fn chance(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Vec<u8> {
        let own = (0..OWN).map(|at| u8::try_from(at % 251).expect("a byte"));
        std::iter::once(VERSION).chain(own).collect()
    }

    #[test]
    fn each_side_gets_its_bytes_back_however_they_are_cut() {
        let bytes = [server(), vec![0; OWN], b"more".to_vec()].concat();
        for cut in [1, 700, bytes.len()] {
            let mut output = Vec::new();
            let mut handshake = Handshake::new(7, &mut output);
            assert_eq!(output.len(), 1 + OWN);
            assert_eq!(output[..9], [3, 0, 0, 0, 0, 0, 0, 0, 0]);
            let (mut seen, mut is_done, mut left) = (0, false, 0);
            for piece in bytes.chunks(cut) {
                let mut rest = piece;
                if !is_done {
                    is_done = handshake.receive(&mut rest, &mut output).expect("a handshake");
                }
                seen += piece.len() - rest.len();
                left += rest.len();
            }
            assert!(is_done);
            assert_eq!((seen, left), (1 + 2 * OWN, 4), "by {cut}");
            let mut expected = server();
            expected[5..9].fill(0);
            assert_eq!(output[1 + OWN..], expected[1..], "by {cut}");
        }
    }

    #[test]
    fn bytes_by_chance_differ_by_the_seed() {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        Handshake::new(1, &mut one);
        Handshake::new(2, &mut other);
        assert_ne!(one, other);
    }

    #[test]
    fn other_protocols_are_told_by_their_first_byte() {
        let mut handshake = Handshake::new(1, &mut Vec::new());
        let refused = handshake.receive(&mut &b"HTTP/1.1 400"[..], &mut Vec::new());
        assert_eq!(refused, Err(Error::Version { version: b'H' }));
    }
}
