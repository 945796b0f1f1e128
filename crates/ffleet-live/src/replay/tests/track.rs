//! What the gateway's task of a track does, without bytes and processes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::replay::{
    Action, Backlog, Event, Gave, Given, Id, Plan, Policy, Room, Steps, Switch, Verdict,
};
use ffleet_supervise::Backoff;
use ffleet_types::live::feed::WhenFull;
use ffleet_types::live::stream::Recovery;

/// Frames from one keyframe of an encoder to the next.
const GOP: u64 = 6;
/// Frames that the backlog holds, of 10 bytes each.
const HELD: u64 = 40;

/// A packet: what of a decoder's state it needs, and what state it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coded {
    nth: u64,
    is_key: bool,
    needs: u64,
    leaves: u64,
}

/// An encoder, that makes each packet of all that it has been fed.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Encoder {
    fed: Vec<u64>,
    next: u64,
    /// What it has given, and the state it is in.
    given: u64,
    state: u64,
    /// Whether what it was fed before a keyframe makes no difference to what comes behind.
    forgets: bool,
    is_closed: bool,
    pub(super) is_stopped: bool,
    pub(super) waiting: Option<Coded>,
}

fn mix(state: u64, with: u64) -> u64 {
    (state ^ with.wrapping_add(0x9e37))
        .wrapping_mul(0x0100_0000_01b3)
        .rotate_left(17)
        | 1
}

impl Encoder {
    /// Its next packet. Pictures are decoded in the order 0, 2, 1, 4, 3, 5 of each GOP; it is off by `noise`.
    fn give(&mut self, noise: u64) -> Option<Coded> {
        if let Some(waiting) = self.waiting.take() {
            return Some(waiting);
        }
        let (gop, place) = (self.given / GOP * GOP, self.given % GOP);
        let last = self.fed.len() as u64;
        let pair = gop + place.div_ceil(2) * 2;
        // At its end it has nothing to refer to behind the last.
        let (nth, needed) = match place {
            1 | 3 if self.is_closed && pair >= last => (self.given, self.given),
            1 | 3 => (pair, pair),
            2 | 4 if self.is_closed && gop + place >= last => (self.given, self.given),
            2 | 4 => (gop + place - 1, gop + place),
            _ => (self.given, self.given),
        };
        let number = *self.fed.get(usize::try_from(nth).unwrap())?;
        self.fed.get(usize::try_from(needed).unwrap())?;
        let is_key = place == 0;
        let needs = if is_key { 0 } else { self.state };
        let before = if is_key && self.forgets { 0 } else { self.state };
        self.state = mix(mix(before, number), noise);
        self.given += 1;
        Some(Coded { nth, is_key, needs, leaves: self.state })
    }
}

/// A track, as the gateway has it.
pub(super) struct Track {
    pub(super) backlog: Backlog,
    pub(super) switch: Switch,
    pub(super) steps: Steps<(u64, u64)>,
    pub(super) encoders: BTreeMap<Id, Encoder>,
    starting: Vec<Id>,
    start: u64,
    until: u64,
    now: Duration,
    wake: Option<Duration>,
    /// What went out, group by group, and what was taken of the next one.
    went: Vec<(u64, Coded)>,
    held: Vec<(u64, Coded)>,
    /// Frames that were given up, because three encoders died before they had given a packet.
    lost: Vec<u64>,
    /// How often what had not come out was fed to another.
    pub(super) feeds: u32,
    forgets: bool,
}

impl Track {
    pub(super) fn new(forgets: bool) -> Self {
        let ms = Duration::from_millis;
        let backoff = Backoff { base: ms(100), cap: ms(5_000) };
        let policy = Policy {
            recovery: Recovery::Hot,
            silence: ms(400),
            start: ms(2_000),
            ahead: 100,
            backoff,
        };
        let mut track = Self {
            backlog: Backlog::new(HELD * 10, 0, 32),
            switch: Switch::new(policy),
            steps: Steps::new(),
            encoders: BTreeMap::new(),
            starting: Vec::new(),
            start: 0,
            until: 0,
            now: Duration::ZERO,
            wake: None,
            went: Vec::new(),
            held: Vec::new(),
            lost: Vec::new(),
            feeds: 0,
            forgets,
        };
        track.apply(Event::Begin);
        track
    }

    fn apply(&mut self, event: Event) {
        let Plan { actions, wake } = self.switch.apply(event, self.now, 0.5);
        self.wake = wake;
        for action in actions {
            match action {
                Action::Start(id) => self.starting.push(id),
                Action::Feed(id) => {
                    self.backlog.forget_ahead();
                    self.held.clear();
                    self.steps.break_off();
                    self.feed_from(id, self.backlog.resume());
                    self.feeds += 1;
                }
                Action::Join(id) => {
                    self.encoders.get_mut(&id).unwrap().next = self.start;
                    self.steps.join(id);
                    self.steps.keep(false);
                }
                Action::Renew(id) => {
                    let old = self.switch.leaving().unwrap();
                    let encoder = self.encoders.get_mut(&old).unwrap();
                    self.until = encoder.next.max(self.backlog.untouched());
                    self.steps.retire(old, self.until);
                    self.feed_from(id, self.until);
                }
                Action::Lead(_) => {}
                Action::Kill(id) => self.remove(id),
                Action::GiveUp => {
                    self.lost.push(self.backlog.out());
                    self.backlog.give_up(1);
                }
            }
        }
    }

    fn feed_from(&mut self, id: Id, next: u64) {
        self.encoders.get_mut(&id).unwrap().next = next;
        self.start = next;
        self.steps.join(id);
        self.steps.keep(true);
    }

    fn remove(&mut self, id: Id) {
        self.starting.retain(|&other| other != id);
        self.encoders.remove(&id);
        self.steps.leave(id);
    }

    pub(super) fn fed(&self) -> Vec<Id> {
        self.switch.active().into_iter().chain(self.switch.twin()).collect()
    }

    pub(super) fn roles(&self) -> Vec<Id> {
        let spare = self.switch.spare().map(|(id, _)| id);
        self.fed()
            .into_iter()
            .chain(self.switch.leaving())
            .chain(spare)
            .collect()
    }

    pub(super) fn push(&mut self) {
        if self.backlog.is_crowded(10) {
            self.settle();
            if self.backlog.is_crowded(10) && self.switch.awaits_twin() {
                self.steps.keep(false);
                self.apply(Event::Gone);
                self.settle();
            }
            let late = |id: &Id| self.encoders[id].next + 8 < self.backlog.resume();
            if let Some(id) = self.fed().into_iter().find(late) {
                self.apply(Event::Late(id));
                self.settle();
            }
        }
        if self.backlog.room(10, WhenFull::Block, 0) == Room::Yes {
            self.backlog.push(10, true);
        }
    }

    /// Feeds an encoder its next frame; whether there was one.
    pub(super) fn feed(&mut self, id: Id) -> bool {
        let is_leaving = self.switch.leaving() == Some(id);
        let end = if is_leaving { self.until } else { self.backlog.end() };
        let is_fed = is_leaving || self.fed().contains(&id);
        let first = self.backlog.first();
        let encoder = self.encoders.get_mut(&id).filter(|_| is_fed);
        let Some(encoder) = encoder else { return false };
        if encoder.next >= end {
            encoder.is_closed = is_leaving;
            return false;
        }
        assert!(encoder.next >= first, "a frame that it has still to be fed is held");
        let takes = !encoder.is_stopped;
        if takes {
            encoder.fed.push(encoder.next);
            encoder.next += 1;
        }
        self.apply(Event::Offered(id));
        if takes {
            self.apply(Event::Took(id));
        }
        takes
    }

    /// Has an encoder that is fed give its next packet; whether it did.
    pub(super) fn give(&mut self, id: Id, noise: u64) -> bool {
        let Some(encoder) = self.encoders.get_mut(&id).filter(|one| !one.is_stopped) else {
            return false;
        };
        if encoder.waiting.is_some() {
            return false;
        }
        let Some(packet) = encoder.give(noise) else {
            if encoder.is_closed && encoder.given == encoder.fed.len() as u64 {
                self.end(id);
            }
            return false;
        };
        self.packet(id, packet);
        self.settle();
        true
    }

    /// Has all encoders do what they can.
    pub(super) fn work(&mut self) {
        for id in self.roles() {
            while self.feed(id) || self.give(id, 0) {}
        }
    }

    fn packet(&mut self, id: Id, packet: Coded) {
        let encoder = self.encoders.get_mut(&id).unwrap();
        let number = encoder.fed[usize::try_from(packet.nth).unwrap()];
        let is_start = packet.is_key;
        let was = self.steps.is_in_step(id);
        let given = Given { number, digest: (packet.needs, packet.leaves), is_start };
        let verdict = self.steps.given(id, given, self.backlog.awaited());
        if self.steps.is_in_step(id) && !was {
            self.apply(Event::InStep(id));
        }
        match verdict {
            Verdict::Take => {
                self.held.push((number, packet));
                let gave = self.backlog.gave(number);
                assert_ne!(gave, Gave::Double);
                self.apply(Event::Gave(id));
                if let Gave::Upto(_) = gave {
                    self.went.append(&mut self.held);
                }
            }
            Verdict::Wait => {
                self.encoders.get_mut(&id).unwrap().waiting = Some(packet);
                self.apply(Event::Waits(id));
            }
            Verdict::Same => self.apply(Event::Gave(id)),
            Verdict::Old => panic!("frame {number} has come out, and is fed again"),
            Verdict::Differs => {
                if self.switch.twin() == Some(id) {
                    self.apply(Event::Gave(id));
                }
                self.apply(Event::OutOfStep(id));
            }
        }
    }

    fn settle(&mut self) {
        loop {
            let (awaited, is_whole) = self.backlog.awaited();
            if self.switch.leaving().is_some() && is_whole && awaited >= self.until {
                self.apply(Event::Over);
            }
            let waits = |id: &Id| self.encoders[id].waiting.is_some();
            let Some(id) = self.fed().into_iter().find(waits) else {
                break;
            };
            let packet = self.encoders.get_mut(&id).unwrap().waiting.take().unwrap();
            self.packet(id, packet);
            if self.encoders.get(&id).is_some_and(|one| one.waiting.is_some()) {
                break;
            }
        }
        let fed = self.fed().into_iter().chain(self.switch.leaving());
        let fed = fed.filter_map(|id| Some(self.encoders.get(&id)?.next));
        let awaited = self.switch.awaits_twin().then_some(self.start);
        self.backlog.keep(fed.chain(awaited).min());
        self.backlog.release();
    }

    pub(super) fn end(&mut self, id: Id) {
        self.remove(id);
        let is_fed = self.roles().contains(&id);
        if is_fed {
            // Nobody may be left of its packets when it is known to be dead.
            let alive: Vec<Id> = self.fed().into_iter().filter(|&one| one != id).collect();
            for one in alive {
                if let Some(packet) = self.encoders.get_mut(&one).and_then(|one| one.waiting.take())
                {
                    self.packet(one, packet);
                }
            }
        }
        self.apply(Event::Ended(id));
        self.settle();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.apply(Event::Tick);
        self.settle();
    }

    pub(super) fn start_one(&mut self) {
        if let Some(id) = self.starting.pop() {
            self.encoders
                .insert(id, Encoder { forgets: self.forgets, ..Encoder::default() });
            self.apply(Event::Ready(id));
            self.settle();
        }
    }

    /// Whether a decoder can decode what went out, and each frame up to the last is there once.
    pub(super) fn check(&self) {
        let mut state = 0;
        for &(number, packet) in &self.went {
            assert!(
                packet.is_key || packet.needs == state,
                "frame {number} follows something else"
            );
            state = packet.leaves;
        }
        let went = self.went.iter().map(|&(number, _)| number);
        let mut numbers: Vec<u64> = went.chain(self.lost.iter().copied()).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..self.backlog.out()));
        assert!(self.backlog.bytes() <= HELD * 10, "{}", self.backlog.bytes());
        assert!(self.roles().len() <= 4);
        assert_eq!(self.encoders.len() + self.starting.len(), self.roles().len());
        assert!(self.steps.kept() <= 4 * usize::try_from(HELD).unwrap(), "{}", self.steps.kept());
    }
}
