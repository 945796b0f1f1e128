//! MPEG transport streams (ISO/IEC 13818-1): packets of 188 bytes.
//!
//! A viewer can begin where the picture's PES begins that a decoder can start from: its packet
//! has the random access indicator (§2.4.3.5), or its elementary stream begins as only such a
//! picture does (`picture`), since not every muxer sets the bit. In a programme without video
//! each PES of its first sound will do. The programme is the first one with video, or else with
//! sound, once its tables were seen.
//!
//! Every packet is a whole unit. Who is moved on from one to another may be in the middle of a
//! PES: its decoder sees a truncated picture or frame, as after any loss. The continuity counters
//! would tell of a loss as well; a packet with the discontinuity indicator for each PID (§2.4.3.4)
//! says that this one is meant.

use std::sync::Arc;

use super::LOST;
use super::step::{Found, Heads, Step};
use picture::{Look, Verdict};
use psi::{Coding, Psi, Watch};

mod picture;
mod psi;

/// The length of a packet in bytes.
pub(super) const PACKET: usize = 188;
/// What a packet begins with.
pub(super) const SYNC: u8 = 0x47;
/// How many packets in a row must begin so where the framing was lost.
const ROW: usize = 3;
/// How many packets are looked at in a step: together they are no longer than a unit may be.
const BATCH: usize = 4096;
const PIDS: usize = 1 << 13;

/// What is known of a PID, in a byte: the last continuity counter, and these.
const COUNTER: u8 = 0x0f;
/// It carries a table that is read.
const TABLE: u8 = 0x10;
/// Join points are on it.
const WATCHED: u8 = 0x20;

/// A walk from packet to packet.
#[derive(Debug)]
pub(super) struct MpegTs {
    locked: bool,
    /// How many bytes have passed without a packet.
    strange: u64,
    pids: Box<[u8]>,
    psi: Psi,
    watch: Option<Watch>,
    /// The tables as a newcomer gets them.
    head: Arc<[u8]>,
    /// A picture that began and may be one to begin with.
    candidate: Option<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    at: u64,
    look: Look,
    heads: Vec<(u16, u8)>,
}

impl Default for MpegTs {
    fn default() -> Self {
        let mut pids = vec![0; PIDS].into_boxed_slice();
        pids[0] = TABLE;
        Self {
            locked: false,
            strange: 0,
            pids,
            psi: Psi::default(),
            watch: None,
            head: Arc::default(),
            candidate: None,
        }
    }
}

impl MpegTs {
    pub(super) fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        if !self.locked {
            return self.seek(bytes, at, found);
        }
        let mut passed = 0;
        for packet in bytes.as_chunks::<PACKET>().0.iter().take(BATCH) {
            if packet[0] != SYNC {
                break;
            }
            self.packet(packet, at + passed, found);
            passed += PACKET as u64;
        }
        if passed > 0 {
            return Step::Unit(passed);
        }
        if bytes[0] == SYNC {
            return Step::Need(PACKET);
        }
        self.locked = false;
        self.candidate = None;
        self.seek(bytes, at, found)
    }

    /// Looks for packets where none is expected.
    fn seek(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        const AHEAD: usize = (ROW - 1) * PACKET;
        let Some(starts) = bytes.len().checked_sub(AHEAD).filter(|&starts| starts > 0) else {
            return Step::Need(AHEAD + 1);
        };
        let in_row = |begin: &usize| (0..ROW).all(|k| bytes[begin + k * PACKET] == SYNC);
        let begin = (0..starts).find(in_row);
        if begin == Some(0) {
            self.locked = true;
            self.strange = 0;
            found.pass(at);
            return self.step(bytes, at, found);
        }
        let strange = begin.unwrap_or(starts) as u64;
        self.strange += strange;
        if self.strange > LOST {
            Step::Lost
        } else {
            Step::Take(strange)
        }
    }

    fn packet(&mut self, packet: &[u8; PACKET], at: u64, found: &mut Found) {
        let [_, flags, low, counter, ..] = *packet;
        let pid = u16::from(flags & 0x1f) << 8 | u16::from(low);
        let known = self.pids[usize::from(pid)];
        let is_damaged = flags & 0x80 != 0;
        if known & TABLE != 0 && !is_damaged && self.psi.packet(pid, packet) {
            self.learn();
        }
        if known & WATCHED != 0 && !is_damaged {
            self.watched(packet, at, found);
        }
        if self.candidate.is_none() && found.is_barren(at) {
            self.join_with(at, (&self.counters(), false), found);
        }
        let known = &mut self.pids[usize::from(pid)];
        *known = *known & !COUNTER | counter & COUNTER;
    }

    /// The tables have changed.
    fn learn(&mut self) {
        for known in &mut self.pids {
            *known &= COUNTER;
        }
        for pid in self.psi.pids() {
            self.pids[usize::from(pid)] |= TABLE;
        }
        let watch = self.psi.watch();
        if let Some(watch) = watch {
            self.pids[usize::from(watch.pid)] |= WATCHED;
        }
        if watch != self.watch {
            self.candidate = None;
        }
        self.watch = watch;
        let head = self.psi.head();
        if *self.head != *head {
            self.head = head.into();
        }
    }

    /// A packet of the PID that join points are on.
    fn watched(&mut self, packet: &[u8; PACKET], at: u64, found: &mut Found) {
        let Some(watch) = self.watch else { return };
        let [_, flags, _, control, adapted, ..] = *packet;
        let begins = flags & 0x40 != 0;
        if begins {
            self.candidate = None;
            let is_random_access = control & 0x20 != 0 && adapted > 0 && packet[5] & 0x40 != 0;
            match watch.coding {
                Coding::Sound if !found.is_due(at) => {}
                Coding::Sound => self.join(at, found),
                Coding::Video(_) if is_random_access => self.join(at, found),
                Coding::Video(syntax) => {
                    let heads = self.counters();
                    let look = syntax.map(Look::new);
                    self.candidate = look.map(|look| Candidate { at, look, heads });
                }
            }
        }
        let is_scrambled = control & 0xc0 != 0;
        let Some(mut candidate) = self.candidate.take_if(|_| !is_scrambled) else {
            return;
        };
        match candidate.look.look(payload(packet)) {
            Verdict::More => self.candidate = Some(candidate),
            Verdict::Other => {}
            Verdict::Key => self.join_with(candidate.at, (&candidate.heads, true), found),
        }
    }

    fn join(&self, at: u64, found: &mut Found) {
        self.join_with(at, (&self.counters(), true), found);
    }

    fn join_with(&self, at: u64, (counters, is_key): (&[(u16, u8)], bool), found: &mut Found) {
        let bridge: Arc<[u8]> = self.psi.bridge(counters).into();
        let heads = Heads { head: Arc::clone(&self.head), reopen: Arc::clone(&bridge), bridge };
        found.join(at, &heads, is_key);
    }

    /// The last continuity counter of each PID that a viewer may follow.
    fn counters(&self) -> Vec<(u16, u8)> {
        let counter = |pid: u16| (pid, self.pids[usize::from(pid)] & COUNTER);
        self.psi.pids().chain(self.psi.streams()).map(counter).collect()
    }
}

/// What a packet carries of its PID's stream.
fn payload(packet: &[u8; PACKET]) -> &[u8] {
    let control = packet[3];
    if control & 0x10 == 0 {
        return &[];
    }
    let adapted = if control & 0x20 == 0 {
        0
    } else {
        1 + usize::from(packet[4])
    };
    packet.get(4 + adapted..).unwrap_or_default()
}
