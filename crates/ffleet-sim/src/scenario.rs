//! What is simulated: how many nodes and jobs, which faults, and which rule is broken on purpose.

use std::fmt;
use std::str::FromStr;

use ffleet_types::ParseError;
use serde::Serialize;

/// What is simulated. The same scenario gives the same report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scenario {
    /// Nodes. 1 to 1,000,000.
    pub nodes: u32,
    /// Jobs. 1 to 100,000,000.
    pub jobs: u32,
    /// What decides everything that is left to chance.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
    /// CPU that is asked for while jobs come in, in hundredths of what there is: above 100 they queue up.
    pub load: u32,
    /// A rule that is broken, to see that it is missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            nodes: 100,
            jobs: 10_000,
            seed: 1,
            faults: Faults::all(),
            load: 110,
            broken: None,
        }
    }
}

impl Scenario {
    /// What a person types to have the same again.
    #[must_use]
    pub fn replay(&self) -> String {
        let Self { nodes, jobs, seed, faults, load, broken: _ } = self;
        format!(
            "ffleet simulate --nodes {nodes} --jobs {jobs} --seed {seed} --load {load} --faults {faults}"
        )
    }
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A machine dies with everything on it, and comes back.
    Machine,
    /// A worker process dies; its children go on, and it comes back.
    Worker,
    /// A node hears nothing and is not heard.
    Cut,
    /// A node is heard and does not hear, or the other way round.
    OneWay,
    /// A node takes several times as long.
    Slow,
    /// A controller dies and comes back, or stands still and goes on.
    Controller,
    /// Calls and answers are lost, repeated and late.
    Calls,
    /// The database's clock leaps.
    Clock,
    /// Jobs fail, and are canceled.
    Jobs,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Machine,
        Self::Worker,
        Self::Cut,
        Self::OneWay,
        Self::Slow,
        Self::Controller,
        Self::Calls,
        Self::Clock,
        Self::Jobs,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Worker => "worker",
            Self::Cut => "cut",
            Self::OneWay => "one-way",
            Self::Slow => "slow",
            Self::Controller => "controller",
            Self::Calls => "calls",
            Self::Clock => "clock",
            Self::Jobs => "jobs",
        }
    }
}

/// A set of faults: names with commas between them, `all` or `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Everything goes wrong.
    #[must_use]
    pub fn all() -> Self {
        Self(Fault::ALL.to_vec())
    }

    /// Nothing does.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether `fault` is among them.
    #[must_use]
    pub fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0 => f.write_str("none"),
            all if all == Fault::ALL.len() => f.write_str("all"),
            _ => {
                let names: Vec<_> = self.0.iter().map(|fault| fault.name()).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl FromStr for Faults {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut faults = match text {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self::none()),
            _ => Vec::new(),
        };
        for word in text.split(',') {
            let found = Fault::ALL.into_iter().find(|fault| fault.name() == word.trim());
            let expected = "faults: all, none, or some of machine, worker, cut, one-way, slow, \
                            controller, calls, clock and jobs with commas between them";
            faults.push(found.ok_or_else(|| ParseError::new(text, expected))?);
        }
        faults.sort_unstable();
        faults.dedup();
        Ok(Self(faults))
    }
}

impl Serialize for Faults {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broken {
    /// Reports count whatever their fence.
    NoFence,
    /// Room is credited when a child is told to die, not when it is gone.
    CreditedEarly,
    /// A reclaim does not look at `renewed` again.
    NoSecondLook,
    /// Tenants' quotas are not known to the planner.
    NoQuota,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_survive_their_text_form() {
        for text in ["all", "none", "cut", "machine,calls,clock"] {
            assert_eq!(text.parse::<Faults>().unwrap().to_string(), text);
        }
        assert_eq!("clock, cut".parse::<Faults>().unwrap().to_string(), "cut,clock");
        for text in ["", "fire", "cut,,clock"] {
            text.parse::<Faults>().unwrap_err();
        }
    }
}
