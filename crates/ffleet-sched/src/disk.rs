//! Whether a node takes more work, by how full the disk of its work directories is.
//!
//! Work that is begun on the last percents of a disk ends in the middle, and takes what is under way
//! down with it: a node closes before that. It opens again a little below where it closed, as one bound
//! would have it close and open with every log that grows and every job that is cleared away.

/// How full a disk may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// From here on no more work is taken: percent, rounded up, as `df(1)` says.
    pub full: u8,
    /// Up to here it is taken again; between the two it stays as it was.
    pub room: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self { full: 95, room: 93 }
    }
}

/// Whether a node takes work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a node that is not closed takes work until its disk is full"]
pub enum Door {
    /// It does.
    #[default]
    Open,
    /// It waits for room.
    Closed,
}

impl Policy {
    /// Decides what follows for a node that was `before`, and whose disk is full to `percent`.
    pub const fn decide(self, before: Door, percent: u8) -> Door {
        match before {
            _ if percent >= self.full => Door::Closed,
            Door::Closed if percent > self.room => Door::Closed,
            Door::Closed | Door::Open => Door::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn node_closes_when_its_disk_is_full_and_opens_when_there_is_room() {
        let policy = Policy::default();
        let mut door = Door::default();
        for (percent, wanted) in [
            (0, Door::Open),
            (94, Door::Open),
            (95, Door::Closed),
            (94, Door::Closed),
            (93, Door::Open),
            (94, Door::Open),
            (100, Door::Closed),
            (0, Door::Open),
        ] {
            door = policy.decide(door, percent);
            assert_eq!(door, wanted, "at {percent} %");
        }
    }

    proptest! {
        #[test]
        fn door_moves_at_its_own_bound_only(
            bounds in (0_u8..=100, 0_u8..=100),
            looks in prop::collection::vec(0_u8..=100, 1..50),
        ) {
            let policy = Policy { room: bounds.0.min(bounds.1), full: bounds.0.max(bounds.1) };
            let mut door = Door::Open;
            for percent in looks {
                let before = door;
                door = policy.decide(before, percent);
                prop_assert_eq!(door, policy.decide(door, percent), "a second look changes nothing");
                prop_assert!(percent < policy.full || door == Door::Closed);
                prop_assert!(percent > policy.room || percent == policy.full || door == Door::Open);
                let between = policy.room < percent && percent < policy.full;
                prop_assert!(!between || door == before, "between the two it stays as it was");
            }
        }
    }
}
