//! Whose packets go out where two encoders are fed the same frames.
//!
//! What has gone out is one *sequence* of packets, in the order in which they are decoded. An encoder is **in step** with
//! it if, from a packet on at which a decoder can begin, each that it gave was the same, byte for byte, as what
//! went out. Then a decoder that was given the sequence is in the state in which that encoder believes it, and whatever
//! the encoder gives next can follow: so the first of those in step to give the next packet gives it, and none of them
//! is missed when it dies or falls silent. Nothing is taken on trust of encoders and their settings; whoever makes other packets is
//! found out with the first of them.
//!
//! An encoder that is not in step can come in at its next such packet, and does if nobody else has that frame to give.
//! Until that is known the packet *waits*, and its encoder is not read.

use std::collections::{BTreeMap, VecDeque};

use super::Id;

/// Packets of the sequence that are kept at most for those who have not given them. Whoever is further behind is out
/// of step.
const LONGEST: usize = 4_096;

/// Whose packets go out. `D` is what packets are compared by.
#[derive(Clone, Debug)]
pub struct Steps<D> {
    /// The encoders that are fed.
    members: BTreeMap<Id, Stand>,
    /// Of the sequence what somebody has still to give.
    log: VecDeque<Given<D>>,
    /// The place in the sequence of the first that is kept.
    base: u64,
    /// Whether somebody comes who has all still to give.
    is_kept: bool,
    /// The encoder that gives frames before this one, and then no more.
    leaving: Option<(Id, u64)>,
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<D> {
    /// The number of the frame that it is of.
    pub number: u64,
    /// What it is compared by: alike only where its bytes, and what a decoder must know beside them, are the same.
    pub digest: D,
    /// Whether a decoder can begin with it, and nothing that is shown before it comes behind it.
    pub is_start: bool,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a packet that is taken goes out"]
pub enum Verdict {
    /// It is the next of the sequence.
    Take,
    /// The same one was taken from another encoder.
    Same,
    /// Another one was taken in its place, or nothing that it could follow: it is left out.
    Differs,
    /// It was there before its encoder was fed: it is left out.
    Old,
    /// It may be the next one later: ask again, and take nothing more of this encoder before.
    Wait,
}

/// How an encoder stands to what goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What it gives can follow.
    InStep,
    /// It has not given anything that could be compared.
    Behind,
    /// It makes other packets.
    Apart,
}

/// Where an encoder stands, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// In step; its next packet has this place in the sequence.
    In(u64),
    /// Out of step. The highest frame number of what it gave, if it has given something.
    Out(Option<u64>),
}

impl<D: Copy + Eq> Default for Steps<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Copy + Eq> Steps<D> {
    /// Nobody is fed, and nothing has gone out.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            log: VecDeque::new(),
            base: 0,
            is_kept: false,
            leaving: None,
        }
    }

    /// An encoder is fed.
    pub fn join(&mut self, id: Id) {
        self.members.insert(id, Stand::Out(None));
    }

    /// It is no more.
    pub fn leave(&mut self, id: Id) {
        self.members.remove(&id);
        self.leaving.take_if(|(leaving, _)| *leaving == id);
        self.trim();
    }

    /// An encoder is fed no frame from `until` on: others give those.
    pub const fn retire(&mut self, id: Id, until: u64) {
        self.leaving = Some((id, until));
    }

    /// Whether the sequence is to be kept from here on, because somebody comes who is fed the same from its beginning.
    pub fn keep(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
        self.trim();
    }

    /// Forgets the sequence: what was taken and has not gone out never does, and nobody is in step.
    pub fn break_off(&mut self) {
        self.members.clear();
        self.base += self.log.len() as u64;
        self.log.clear();
        self.leaving = None;
    }

    /// Whether what an encoder gives can follow what went out.
    #[must_use]
    pub fn is_in_step(&self, id: Id) -> bool {
        matches!(self.members.get(&id), Some(Stand::In(_)))
    }

    /// How an encoder stands.
    #[must_use]
    pub fn standing(&self, id: Id) -> Standing {
        match self.members.get(&id) {
            Some(Stand::In(_)) => Standing::InStep,
            Some(Stand::Out(Some(_))) => Standing::Apart,
            Some(Stand::Out(None)) | None => Standing::Behind,
        }
    }

    /// How many packets are kept to be compared.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.log.len()
    }

    fn end(&self) -> u64 {
        self.base + self.log.len() as u64
    }

    /// Encoder `id` has given a packet. All frames before number `out` have gone out, and if `is_whole` nothing behind
    /// it has been taken.
    pub fn given(&mut self, id: Id, packet: Given<D>, (out, is_whole): (u64, bool)) -> Verdict {
        let Some(&stand) = self.members.get(&id) else {
            return Verdict::Differs;
        };
        let (stand, verdict) = match stand {
            Stand::In(place) => self.next(place, packet),
            Stand::Out(most) => self.come_in(most, packet, (out, is_whole)),
        };
        if verdict == Verdict::Take {
            self.log.push_back(packet);
        }
        self.members.insert(id, stand);
        self.trim();
        verdict
    }

    /// What one in step gives.
    fn next(&self, place: u64, packet: Given<D>) -> (Stand, Verdict) {
        match self.at(place) {
            None => (Stand::In(place + 1), Verdict::Take),
            Some(taken) if *taken == packet => (Stand::In(place + 1), Verdict::Same),
            Some(_) => (Stand::Out(Some(packet.number)), Verdict::Differs),
        }
    }

    /// What one out of step gives.
    fn come_in(
        &self,
        most: Option<u64>,
        packet: Given<D>,
        (out, is_whole): (u64, bool),
    ) -> (Stand, Verdict) {
        let number = packet.number;
        let out_of_step = Stand::Out(Some(most.map_or(number, |most| most.max(number))));
        if !packet.is_start {
            return (out_of_step, Verdict::Differs);
        }
        if let Some(at) = self.log.iter().position(|taken| taken.number == number) {
            return match self.log[at] == packet {
                true => (Stand::In(self.base + at as u64 + 1), Verdict::Same),
                false => (out_of_step, Verdict::Differs),
            };
        }
        if number < out {
            return (out_of_step, Verdict::Old);
        }
        if is_whole && number == out && !self.is_expected(number) {
            return (Stand::In(self.end() + 1), Verdict::Take);
        }
        (Stand::Out(most), Verdict::Wait)
    }

    /// Whether somebody in step has frame `number` still to give.
    fn is_expected(&self, number: u64) -> bool {
        self.members.iter().any(|(&id, stand)| {
            let is_over = self
                .leaving
                .is_some_and(|(leaving, until)| leaving == id && number >= until);
            matches!(stand, Stand::In(_)) && !is_over
        })
    }

    fn at(&self, place: u64) -> Option<&Given<D>> {
        let at = usize::try_from(place.checked_sub(self.base)?).ok()?;
        self.log.get(at)
    }

    /// Lets go of what everybody has given.
    fn trim(&mut self) {
        let needed = |stand: &Stand| match *stand {
            Stand::In(place) => place,
            // It can come in with what it has not given yet.
            Stand::Out(most) => {
                let is_ahead = |taken: &Given<D>| {
                    taken.is_start && most.is_none_or(|most| taken.number > most)
                };
                let at = self.log.iter().position(is_ahead).unwrap_or(self.log.len());
                self.base + at as u64
            }
        };
        let kept = if self.is_kept { self.base } else { self.end() };
        let from = self.members.values().map(needed).fold(kept, u64::min);
        let from = from.max(self.end().saturating_sub(LONGEST as u64));
        while self.base < from {
            self.log.pop_front();
            self.base += 1;
        }
        for stand in self.members.values_mut() {
            if matches!(stand, Stand::In(place) if *place < from) {
                *stand = Stand::Out(None);
            }
        }
    }
}

#[cfg(test)]
mod tests;
