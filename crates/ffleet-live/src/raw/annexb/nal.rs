//! The NAL unit under way.

use super::scan::without_zeros;
use super::{CODE, LOOK, UNIT};

/// What has come of it.
#[derive(Debug, Default)]
pub(super) struct Nal {
    state: State,
    /// A start code, and what came behind it; of one that is too long the beginning.
    bytes: Vec<u8>,
    /// How many zeros came last: a start code may begin with them.
    zeros: usize,
    torn: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No start code has come.
    #[default]
    Before,
    Open,
    /// Longer than a unit may be.
    Overlong,
    /// It was taken; a start code should come.
    Taken,
}

impl Nal {
    /// How many zeros came last.
    pub(super) const fn zeros(&self) -> usize {
        self.zeros
    }

    /// How often more came of what had been taken.
    pub(super) const fn torn(&self) -> u64 {
        self.torn
    }

    /// Whether one is under way.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Overlong)
    }

    pub(super) fn is_overlong(&self) -> bool {
        self.state == State::Overlong
    }

    /// The beginning of it, without its start code.
    pub(super) fn beginning(&self) -> &[u8] {
        let body = self.bytes.get(CODE.len()..).unwrap_or_default();
        let body = if self.is_overlong() { body } else { without_zeros(body) };
        &body[..body.len().min(LOOK)]
    }

    /// A start code has come.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&CODE);
        self.state = State::Open;
        self.zeros = 0;
    }

    /// More bytes, which are no start code.
    pub(super) fn grow(&mut self, bytes: &[u8]) {
        let long = without_zeros(bytes).len();
        self.zeros = if long == 0 {
            self.zeros.saturating_add(bytes.len())
        } else {
            bytes.len() - long
        };
        match self.state {
            State::Open => {
                let room = UNIT.saturating_sub(self.bytes.len());
                self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
                // Zeros at its end are no part of it.
                if long > room {
                    self.bytes.truncate(CODE.len() + LOOK);
                    self.bytes.shrink_to_fit();
                    self.state = State::Overlong;
                }
            }
            State::Taken if long > 0 => {
                self.torn += 1;
                self.state = State::Before;
            }
            State::Taken | State::Before | State::Overlong => {}
        }
    }

    /// The whole of it with its start code, if one was under way and there is something of it that is not too long.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let state = std::mem::replace(&mut self.state, State::Taken);
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(without_zeros(&bytes).len());
        (state == State::Open && bytes.len() > CODE.len()).then_some(bytes)
    }

    /// It is the rest of what a flush has ended.
    pub(super) const fn tear(&mut self) {
        self.torn += 1;
    }

    /// What comes next is of another stream.
    pub(super) fn forget(&mut self) {
        self.state = State::Before;
        self.bytes = Vec::new();
        self.zeros = 0;
    }
}
