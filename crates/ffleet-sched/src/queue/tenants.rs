//! Whose tasks wait, what they hold, and what that leaves them.

use std::collections::BTreeMap;

use ffleet_types::TenantId;
use ffleet_types::node::Capacity;

use super::{Entry, Lane, Queue, ShapeId};
use crate::share::{Held, Share};

/// Where tasks are: whose, and in which lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) lane: Lane,
    pub(super) tenant: u32,
}

/// Whether a tenant's quota lets any of its tasks through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    /// It has no quota.
    #[default]
    None,
    /// There may be room in it.
    Open,
    /// There is none for the least that it asks for.
    Closed,
}

/// Everybody who has had a task, by number. There are as many as somebody has declared.
#[derive(Clone, Debug, Default)]
pub(super) struct Tenants {
    numbers: BTreeMap<TenantId, u32>,
    accounts: Vec<Account>,
}

/// What a tenant has.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    share: Share,
    held: Held,
    /// The least that any of its tasks took, part by part; nothing before the first.
    least: Option<Capacity>,
    gate: Gate,
}

impl Account {
    /// What its gate is to be.
    fn wanted(&self) -> Gate {
        let least = self.least.unwrap_or_default();
        match self.share.quota {
            quota if quota.is_open() => Gate::None,
            quota if quota.admits(&self.held, &least) => Gate::Open,
            _ => Gate::Closed,
        }
    }
}

impl Tenants {
    pub(super) fn number(&mut self, tenant: &TenantId) -> u32 {
        if let Some(&number) = self.numbers.get(tenant) {
            return number;
        }
        let number = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        self.accounts.push(Account::default());
        self.numbers.insert(tenant.clone(), number);
        number
    }

    pub(super) fn share(&self, tenant: u32) -> Share {
        self.account(tenant).share
    }

    /// Whether its quota has room for one task more that takes `need`.
    pub(super) fn admits(&self, tenant: u32, need: &Capacity) -> bool {
        let Account { share, held, .. } = self.account(tenant);
        share.quota.admits(&held, need)
    }

    pub(super) fn gate(&self, tenant: u32) -> Gate {
        self.account(tenant).gate
    }

    pub(super) fn set_gate(&mut self, tenant: u32, gate: Gate) {
        if let Some(account) = self.account_mut(tenant) {
            account.gate = gate;
        }
    }

    /// Notes what a task of a tenant takes.
    pub(super) fn note(&mut self, tenant: u32, need: &Capacity) {
        let Some(account) = self.account_mut(tenant) else {
            return;
        };
        let least = account.least.unwrap_or(*need);
        account.least = Some(Capacity {
            cpu: least.cpu.min(need.cpu),
            memory: least.memory.min(need.memory),
            scratch: least.scratch.min(need.scratch),
            tasks: least.tasks.min(need.tasks),
        });
    }

    fn account(&self, tenant: u32) -> Account {
        self.accounts.get(tenant as usize).copied().unwrap_or_default()
    }

    fn account_mut(&mut self, tenant: u32) -> Option<&mut Account> {
        self.accounts.get_mut(tenant as usize)
    }
}

impl Queue {
    /// Says what a tenant gets, and what bounds it, from now on.
    pub fn share(&mut self, tenant: &TenantId, share: Share, whole: &Capacity) {
        let number = self.tenants.number(tenant);
        if let Some(account) = self.tenants.account_mut(number) {
            account.share = share;
        }
        let lanes: Vec<Lane> = self.lanes.keys().copied().collect();
        for lane in lanes {
            self.weigh(Spot { lane, tenant: number }, whole);
        }
        self.regate(number);
        self.stir();
    }

    /// What a tenant has, as it was said.
    #[must_use]
    pub fn share_of(&self, tenant: &TenantId) -> (Share, Held) {
        let number = self.tenants.numbers.get(tenant);
        let account = number.map(|&number| self.tenants.account(number)).unwrap_or_default();
        (account.share, account.held)
    }

    /// Says that a node holds `entry` from now on.
    pub fn hold(&mut self, entry: &Entry, whole: &Capacity) {
        self.holds(entry, whole, |held| held.add(&entry.need));
    }

    /// Says that no node does any more.
    pub fn release(&mut self, entry: &Entry, whole: &Capacity) {
        self.holds(entry, whole, |held| held.take(&entry.need));
    }

    fn holds(&mut self, entry: &Entry, whole: &Capacity, change: impl Fn(&mut Held)) {
        let spot = Spot { lane: entry.lane(), tenant: self.tenants.number(&entry.tenant) };
        let flow = self.lanes.entry(spot.lane).or_default().flows.entry(spot.tenant);
        let flow = flow.or_default();
        flow.turn.tenant = spot.tenant;
        change(&mut flow.held);
        self.weigh(spot, whole);
        if let Some(account) = self.tenants.account_mut(spot.tenant) {
            change(&mut account.held);
        }
        self.regate(spot.tenant);
    }

    /// Lets a tenant's tasks through, or not, as its quota has it now.
    pub(super) fn regate(&mut self, tenant: u32) {
        let account = self.tenants.account(tenant);
        if account.share.quota.is_open() && account.gate == Gate::None {
            return;
        }
        self.set_gate(tenant, account.wanted());
        for flows in self.lanes.values_mut() {
            if let Some(flow) = flows.flows.get_mut(&tenant) {
                flow.spent = None;
            }
        }
    }

    /// Gives a tenant the place in a lane that what it holds leaves it.
    fn weigh(&mut self, spot: Spot, whole: &Capacity) {
        let share = self.tenants.share(spot.tenant);
        let Some(flows) = self.lanes.get_mut(&spot.lane) else {
            return;
        };
        flows.turn_to(spot.tenant, |flow| flow.turn.load = flow.held.load(whole, &share));
    }

    /// Whether `entry` waits for its tenant's quota.
    #[must_use]
    pub fn is_parked(&self, entry: &Entry, shape: ShapeId) -> bool {
        let tenant = self.tenants.numbers.get(&entry.tenant);
        tenant.is_some_and(|&tenant| !self.tenants.admits(tenant, &self.shapes[shape].need))
    }

    /// How many tasks of its tenant and lane are before `entry`. O(n) in those.
    #[must_use]
    pub fn ahead(&self, entry: &Entry) -> usize {
        let key = self.key(entry);
        let tenant = self.tenants.numbers.get(&entry.tenant);
        let flow = tenant.and_then(|&tenant| self.flow(Spot { lane: entry.lane(), tenant }));
        let groups = flow.into_iter().flat_map(|flow| flow.groups.values());
        groups.map(|keys| keys.range(..key).count()).sum()
    }
}
