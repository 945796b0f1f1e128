//! How hot a node is, by what it reports of itself, and what that means for placement.
//!
//! A ledger says what was promised; pressure says what became of it. A node whose tasks wait for the
//! processor, for memory or for the disk gets its next task only where no cooler node has room for it, and
//! one that stalls gets none. It cools a good way below where it heated up: figures of ten seconds swing,
//! and a task that is placed moves them by itself.

/// What a node reports of the last ten seconds or so; percent, from 0 to 100. What it does not know is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Of the time, that something waited for a processor (PSI `cpu some avg10`).
    pub cpu: u8,
    /// That something waited for memory (PSI `memory some avg10`).
    pub memory: u8,
    /// That something waited for a disk (PSI `io some avg10`).
    pub io: u8,
    /// How full the disk of its work directories is.
    pub disk: u8,
}

/// How hot a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    /// As any.
    #[default]
    Calm,
    /// It gets what fits nowhere else.
    Warm,
    /// It gets nothing.
    Hot,
}

/// From where on a node is warm, and hot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// From where on it is warm.
    pub warm: Pressure,
    /// From where on it is hot.
    pub hot: Pressure,
    /// How far below a bound it has to come to be counted below it again.
    pub cool: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            // A processor that is waited for half of the time is what a fleet is run for; memory is not.
            warm: Pressure { cpu: 60, memory: 5, io: 40, disk: 85 },
            hot: Pressure { cpu: 95, memory: 20, io: 80, disk: 95 },
            cool: 3,
        }
    }
}

impl Policy {
    /// How hot a node is that was `before`, and says this of itself.
    #[must_use]
    pub fn decide(&self, before: Heat, now: Pressure) -> Heat {
        let above = |bound: &Pressure, slack: u8| {
            let over = |figure: u8, bound: u8| bound > 0 && figure >= bound.saturating_sub(slack);
            over(now.cpu, bound.cpu)
                || over(now.memory, bound.memory)
                || over(now.io, bound.io)
                || over(now.disk, bound.disk)
        };
        let slack = |heat| if before >= heat { self.cool } else { 0 };
        if above(&self.hot, slack(Heat::Hot)) {
            Heat::Hot
        } else if above(&self.warm, slack(Heat::Warm)) {
            Heat::Warm
        } else {
            Heat::Calm
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_heats_up_at_its_bounds_and_cools_below_them() {
        let policy = Policy::default();
        let mut heat = Heat::default();
        for (memory, wanted) in [
            (0, Heat::Calm),
            (4, Heat::Calm),
            (5, Heat::Warm),
            (3, Heat::Warm),
            (1, Heat::Calm),
            (20, Heat::Hot),
            (18, Heat::Hot),
            (16, Heat::Warm),
            (0, Heat::Calm),
        ] {
            heat = policy.decide(heat, Pressure { memory, ..Pressure::default() });
            assert_eq!(heat, wanted, "at {memory} %");
        }
    }

    #[test]
    fn any_one_part_is_enough() {
        let policy = Policy::default();
        let none = Pressure::default();
        for pressure in [
            Pressure { cpu: 95, ..none },
            Pressure { memory: 20, ..none },
            Pressure { io: 80, ..none },
            Pressure { disk: 95, ..none },
        ] {
            assert_eq!(policy.decide(Heat::Calm, pressure), Heat::Hot, "{pressure:?}");
        }
    }
}
