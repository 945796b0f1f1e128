//! What the children of one attempt used, summed as it goes.

use std::time::Duration;

use ffleet_types::Bytes;
use ffleet_types::attempt::Usage;
use serde::{Deserialize, Serialize};

use crate::child::Ended;

/// The sum so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Costs {
    usage: Usage,
    first_start: Option<Duration>,
    last_end: Duration,
    paused: Duration,
}

impl Costs {
    /// Adds a child that ended.
    pub(crate) fn add(&mut self, ended: &Ended) {
        let usage = &mut self.usage;
        usage.user_micros += ended.usage.user_micros;
        usage.system_micros += ended.usage.system_micros;
        usage.peak_memory = usage.peak_memory.max(ended.usage.peak_memory);
        usage.peak_resident = usage.peak_resident.max(ended.usage.peak_resident);
        usage.note_threads(ended.usage.peak_threads, ended.usage.peak_threads_by);
        self.paused += ended.paused;
        self.first_start.get_or_insert(ended.began);
        self.last_end = self.last_end.max(ended.ended);
    }

    /// Notes how many threads a child is predicted to have.
    pub(crate) fn predict(&mut self, threads: u32) {
        self.usage.predicted_threads = self.usage.predicted_threads.max(threads);
    }

    /// Notes how much memory a child is predicted to hold.
    pub(crate) fn predict_memory(&mut self, memory: Bytes) {
        self.usage.predicted_memory = self.usage.predicted_memory.max(memory);
    }

    /// Adds a child that verified.
    pub(crate) fn add_verification(&mut self, ended: &Ended) {
        self.add(ended);
        self.usage.verify_cpu_micros += ended.usage.user_micros + ended.usage.system_micros;
    }

    /// Adds a pause between two children.
    pub(crate) fn pause(&mut self, span: Duration) {
        self.paused += span;
    }

    /// All of it.
    pub(crate) fn usage(&self) -> Usage {
        let wall = self
            .first_start
            .map_or(Duration::ZERO, |start| self.last_end.saturating_sub(start));
        Usage {
            wall_micros: micros(wall),
            paused_micros: micros(self.paused),
            ..self.usage
        }
    }
}

/// Whole microseconds.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
