//! Nodes: machines with the worker role, what they have and what is wanted of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::attempt::Tally;
use crate::units::{Bytes, Cpu};

/// What a node has, what a task takes of it, and what is promised: the same units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capacity {
    /// Processor time.
    #[serde(with = "crate::units::any_cpu")]
    pub cpu: Cpu,
    /// Memory.
    pub memory: Bytes,
    /// Temporary disk space.
    pub scratch: Bytes,
    /// Tasks at once.
    pub tasks: u32,
}

impl Capacity {
    /// Whether `need` fits into this.
    #[must_use]
    pub const fn holds(&self, need: &Self) -> bool {
        need.cpu.0 <= self.cpu.0
            && need.memory.0 <= self.memory.0
            && need.scratch.0 <= self.scratch.0
            && need.tasks <= self.tasks
    }

    /// What is left after `taken`; never below zero.
    #[must_use]
    pub const fn less(&self, taken: &Self) -> Self {
        Self {
            cpu: Cpu(self.cpu.0.saturating_sub(taken.cpu.0)),
            memory: Bytes(self.memory.0.saturating_sub(taken.memory.0)),
            scratch: Bytes(self.scratch.0.saturating_sub(taken.scratch.0)),
            tasks: self.tasks.saturating_sub(taken.tasks),
        }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            cpu: Cpu(self.cpu.0.saturating_add(other.cpu.0)),
            memory: Bytes(self.memory.0.saturating_add(other.memory.0)),
            scratch: Bytes(self.scratch.0.saturating_add(other.scratch.0)),
            tasks: self.tasks.saturating_add(other.tasks),
        }
    }
}

/// What is wanted of a node.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Take work.
    #[default]
    Accept,
    /// Take no more, and finish what is there.
    Drain,
    /// Take nothing: it has failed too many different jobs.
    Quarantine,
}

/// What a node is, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Heard from.
    Active,
    /// Its connection broke.
    Suspect,
    /// Silent for its lease's term.
    Gone,
}

/// How far limits hold on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "level", rename_all = "snake_case")]
pub enum GuardLevel {
    /// Every limit is enforced by the kernel.
    Full,
    /// Some are not.
    Partial {
        /// What is missing, each with what to do about it.
        missing: Vec<String>,
    },
    /// Nothing is enforced beyond watching.
    Monitor,
}

/// What a node says of itself when it registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Description {
    /// Its name for people: the host's name unless configured.
    pub name: String,
    /// The version of ffleet it runs.
    pub version: String,
    /// What it has.
    pub capacity: Capacity,
    /// How far its limits hold.
    pub guard: GuardLevel,
    /// How it knows the most threads of what it runs.
    #[serde(default)]
    pub thread_peaks: Tally,
    /// Free words for placement.
    pub labels: BTreeMap<String, String>,
    /// The engines it has, and what they have proven to do.
    pub engines: Vec<Engine>,
}

/// An engine that a node has, and what it has proven to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Engine {
    /// `ffmpeg` or `ffprobe`.
    pub name: String,
    /// Its absolute path.
    pub path: String,
    /// Its version, as it says itself.
    pub version: String,
    /// SHA-256 of the binary, in hexadecimal: what the proofs are cached by.
    pub hash: String,
    /// Encoders that have encoded a frame.
    pub encoders: Vec<String>,
    /// Decoders that have decoded one.
    pub decoders: Vec<String>,
    /// Filters it lists.
    pub filters: Vec<String>,
    /// Muxers it lists, by each of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub muxers: Vec<String>,
    /// Every encoder it lists, and every codec that it lists one for, tried or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<String>,
    /// What it lists but could not do, each with its own last words.
    pub unproven: BTreeMap<String, String>,
    /// The most threads that each calibration of its build had, by the calibration's name
    /// (`ffleet_engine::threads::build`); empty where none was made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub threads: BTreeMap<String, u32>,
    /// The largest resident set of each calibration of its memory, in bytes, by the calibration's
    /// name (`ffleet_engine::memory`); empty where none was made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memory: BTreeMap<String, u64>,
}

/// Something of an engine that a task cannot do without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// One of these encoders, proven.
    Proven(Vec<String>),
    /// This encoder, or one for this codec, that was never put to the test.
    Listed(String),
    /// This filter.
    Filter(String),
    /// This muxer.
    Muxer(String),
}

impl Demand {
    /// One of these encoders, proven.
    pub fn proven<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Proven(names.into_iter().map(str::to_owned).collect())
    }

    /// Whether this engine has it. An FFmpeg that does not say what it lists may.
    #[must_use]
    pub fn is_met(&self, engine: &Engine) -> bool {
        let may = |listed: &[String], name| {
            engine.name == "ffmpeg" && (listed.is_empty() || listed.contains(name))
        };
        match self {
            Self::Proven(names) => names.iter().any(|name| engine.encoders.contains(name)),
            Self::Listed(name) => may(&engine.listed, name),
            Self::Filter(name) => may(&engine.filters, name),
            Self::Muxer(name) => may(&engine.muxers, name),
        }
    }

    /// Why this engine does not have it, in its own words, where it lists it all the same.
    #[must_use]
    pub fn words<'a>(&self, engine: &'a Engine) -> Option<&'a str> {
        let Self::Proven(names) = self else { return None };
        let words = |name| engine.unproven.get(&format!("encoder {name}"));
        names.iter().find_map(words).map(String::as_str)
    }

    /// That there is none of it, for a person: `no working encoder libx265`.
    #[must_use]
    pub fn lack(&self) -> String {
        match self {
            Self::Proven(names) => format!("no working encoder {}", names.join(" or ")),
            Self::Listed(name) => format!("no encoder {name}"),
            Self::Filter(name) => format!("no filter {name}"),
            Self::Muxer(name) => format!("no muxer {name}"),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven(names) => write!(f, "a working encoder {}", names.join(" or ")),
            Self::Listed(name) => write!(f, "an encoder {name}"),
            Self::Filter(name) => write!(f, "the filter {name}"),
            Self::Muxer(name) => write!(f, "the muxer {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_of_nothing_survives_the_wire() {
        for cpu in [Cpu(0), Cpu(5), Cpu(125), Cpu::whole(64)] {
            let capacity = Capacity { cpu, ..Capacity::default() };
            let json = serde_json::to_string(&capacity).unwrap();
            assert_eq!(serde_json::from_str::<Capacity>(&json).unwrap(), capacity, "{json}");
        }
    }

    #[test]
    fn need_fits_only_if_every_part_of_it_does() {
        let node = Capacity {
            cpu: Cpu::whole(2),
            memory: Bytes::gib(4),
            scratch: Bytes::gib(10),
            tasks: 1,
        };
        assert!(node.holds(&node));
        assert!(!node.holds(&Capacity { cpu: Cpu(2_001), ..node }));
        assert!(!node.holds(&Capacity { memory: Bytes(Bytes::gib(4).0 + 1), ..node }));
        assert!(!node.less(&node).holds(&Capacity { tasks: 1, ..Capacity::default() }));
        assert_eq!(node.less(&node).plus(&node), node);
    }

    #[test]
    fn nothing_promised_survives_its_text_form() {
        let nothing = Capacity::default();
        let json = serde_json::to_string(&nothing).unwrap();
        assert_eq!(serde_json::from_str::<Capacity>(&json).unwrap(), nothing, "{json}");
        let negative = json.replace("0%", "-1%");
        assert!(serde_json::from_str::<Capacity>(&negative).is_err(), "{negative}");
    }
}
