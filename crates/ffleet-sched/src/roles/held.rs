//! Memory of a group that is no child's.

use ffleet_types::{Bytes, RoleGroup};

use super::{Amount, Ledger, Rules};

/// With less no engine begins: who would have a share of that waits instead.
const LEAST: Bytes = Bytes::mib(16);

/// Memory that is no child's does not fit into a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// What the group may have.
    pub most: Bytes,
    /// What its children were promised.
    pub children: Bytes,
    /// What is held of it beside them.
    pub held: Bytes,
}

impl Ledger {
    /// Debits `memory` of `group` that is no child's: the rings of live bytes, which are this process's own. Nobody waits
    /// for it.
    ///
    /// # Errors
    ///
    /// If the group has no room for it now. Nothing is debited then.
    pub fn hold(&mut self, group: &RoleGroup, memory: Bytes) -> Result<(), NoRoom> {
        let Some(group) = self.groups.get_mut(group) else {
            return Ok(());
        };
        let wanted = Amount { memory, ..Amount::default() };
        match group.rules.most.memory {
            Some(most) if group.used.plus(wanted).memory > most => {
                let children = Bytes(group.used.memory.0.saturating_sub(group.held.0));
                Err(NoRoom { most, children, held: group.held })
            }
            _ => {
                group.used = group.used.plus(wanted);
                group.held = Bytes(group.held.0.saturating_add(memory.0));
                Ok(())
            }
        }
    }

    /// The rules of a group whose children share what is left beside what is held.
    #[must_use]
    pub fn left(&self, group: &RoleGroup) -> Option<Rules> {
        let group = self.groups.get(group)?;
        let mut rules = group.rules;
        if let Some(most) = &mut rules.most.memory {
            let left = Bytes(most.0.saturating_sub(group.held.0));
            *most = if left < LEAST { *most } else { left };
        }
        Some(rules)
    }

    /// Takes back what [`Self::hold`] has debited.
    pub fn release(&mut self, group: &RoleGroup, memory: Bytes) {
        if let Some(group) = self.groups.get_mut(group) {
            group.used = group.used.less(Amount { memory, ..Amount::default() });
            group.held = Bytes(group.held.0.saturating_sub(memory.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::super::{Answer, Bounds, Rules};
    use super::*;

    #[test]
    fn rings_and_children_share_the_memory_of_their_group() {
        let live = RoleGroup::named(RoleGroup::LIVE);
        let most = Bounds { memory: Some(Bytes::mib(100)), ..Bounds::default() };
        let rules = Rules { most, ..Rules::default() };
        let mut ledger = Ledger::new(Bounds::default(), BTreeMap::from([(live.clone(), rules)]));
        let child = Amount { processes: 1, memory: Bytes::mib(30), ..Amount::default() };
        ledger.hold(&live, Bytes::mib(60)).unwrap();
        assert_eq!(ledger.ask(&live, child, None, Duration::ZERO), Answer::Go);
        let full = ledger.hold(&live, Bytes::mib(11)).unwrap_err();
        let (children, held) = (Bytes::mib(30), Bytes::mib(60));
        assert_eq!(full, NoRoom { most: Bytes::mib(100), children, held });
        let Answer::Wait(ticket, None) = ledger.ask(&live, child, None, Duration::ZERO) else {
            panic!("it waits for a ring to go")
        };
        ledger.release(&live, Bytes::mib(60));
        assert_eq!(ledger.ask(&live, child, Some(ticket), Duration::ZERO), Answer::Go);
        let used = |ledger: &Ledger| ledger.standings().next().map(|(_, it)| it.used.memory);
        assert_eq!(used(&ledger), Some(Bytes::mib(60)));
        ledger.credit(&live, child);
        ledger.hold(&live, Bytes::mib(70)).unwrap();
        assert_eq!(used(&ledger), Some(Bytes::mib(100)));
        ledger.hold(&live, Bytes(u64::MAX)).unwrap_err();
        let share = |ledger: &Ledger| ledger.left(&live).and_then(|rules| rules.share().memory);
        assert_eq!(share(&ledger), Some(Bytes::mib(30)));
        ledger.credit(&live, child);
        ledger.hold(&live, Bytes::mib(20)).unwrap();
        assert_eq!(share(&ledger), Some(Bytes::mib(100)), "10 MiB are of no use: it waits");
    }

    #[test]
    fn group_without_a_bound_and_one_that_is_not_there_hold_whatever_there_is() {
        let live = RoleGroup::named(RoleGroup::LIVE);
        let groups = BTreeMap::from([(live.clone(), Rules::default())]);
        let mut ledger = Ledger::new(Bounds::default(), groups);
        for group in [&live, &RoleGroup::named("none")] {
            ledger.hold(group, Bytes(u64::MAX)).unwrap();
            ledger.release(group, Bytes(u64::MAX));
        }
    }
}
