//! Tenants beside each other: shares by weight, quotas, and jobs that last differently long.

use super::*;
use crate::share::{Quota, Share};

fn of(tenant: &str, id: u64) -> Entry {
    Entry {
        tenant: tenant.parse().unwrap(),
        ..entry(id, Class::Medium, 1, second(0))
    }
}

fn share(fleet: &mut Fleet, tenant: &str, share: Share) {
    fleet.apply(Event::TenantShared { tenant: tenant.parse().unwrap(), share });
}

/// How many of each tenant's tasks are held, in the order of `tenants`.
fn held(fleet: &Fleet, tenants: &[&str]) -> Vec<usize> {
    let of = |name: &&str| {
        let held = fleet.tasks.values().filter(|task| task.lease().is_some());
        held.filter(|task| task.entry.tenant.as_str() == *name).count()
    };
    tenants.iter().map(of).collect()
}

#[test]
fn shares_of_what_is_held_follow_the_weights_however_long_jobs_last() {
    let mut fleet = fleet_of(40);
    let tenants = ["brief", "lasting", "heavy"];
    share(&mut fleet, "heavy", Share { weight: 200, ..Share::default() });
    let mut next = 0;
    let mut running: Vec<(u64, AttemptId)> = Vec::new();
    for now in 1..=300 {
        // Each always has more waiting than there is room for.
        for tenant in tenants {
            for _ in 0..12 {
                next += 1;
                fleet.apply(Event::Submitted(of(tenant, next)));
            }
        }
        let attempts: Vec<AttemptId> = running.iter().map(|&(_, attempt)| attempt).collect();
        hear(&mut fleet, 1, &attempts, second(now));
        for (_, attempt) in running.extract_if(.., |(until, _)| *until <= now) {
            fleet.apply(Event::Ended { attempt, then: Then::End });
        }
        for assign in carry_out(&mut fleet, second(now)).assigns {
            let tenant = fleet.tasks[&assign.task].entry.tenant.clone();
            let lasts = if tenant.as_str() == "brief" { 1 } else { 20 };
            running.push((now + lasts, assign.attempt()));
        }
    }
    let held = held(&fleet, &tenants);
    assert_eq!(held.iter().sum::<usize>(), 40);
    for (held, wanted) in held.iter().zip([10, 10, 20_usize]) {
        assert!(held.abs_diff(wanted) <= 1, "{held} beside {wanted}");
    }
}

#[test]
fn quotas_hold_and_leave_the_rest_to_others() {
    let mut fleet = fleet_of(40);
    let quota = Quota { running: Some(3), ..Quota::default() };
    share(&mut fleet, "bound", Share { quota, ..Share::default() });
    let quota = Quota { cpu: Some(Cpu::whole(5)), ..Quota::default() };
    share(&mut fleet, "narrow", Share { quota, ..Share::default() });
    for id in 0..60 {
        let tenant = ["bound", "narrow", "free"][usize::try_from(id % 3).unwrap()];
        fleet.apply(Event::Submitted(of(tenant, id)));
    }
    let plan = carry_out(&mut fleet, second(1));
    assert_eq!(held(&fleet, &["bound", "narrow", "free"]), [3, 5, 20]);
    let ended = plan
        .assigns
        .iter()
        .find(|assign| fleet.tasks[&assign.task].entry.tenant.as_str() == "bound");
    let attempt = ended.unwrap().attempt();
    fleet.apply(Event::Ended { attempt, then: Then::End });
    let next = only(&fleet.plan(second(2)));
    assert_eq!(fleet.tasks[&next.task].entry.tenant.as_str(), "bound");
    share(&mut fleet, "narrow", Share::default());
    assert_eq!(fleet.plan(second(2)).assigns.len(), 12, "it fills up the rest");
}

#[test]
fn no_node_is_kept_for_a_tenant_whose_quota_is_used_up() {
    let mut fleet = fleet_of(4);
    let quota = Quota { running: Some(0), ..Quota::default() };
    share(&mut fleet, "bound", Share { quota, ..Share::default() });
    fleet.apply(Event::Submitted(of("bound", 1)));
    for now in 1..=100 {
        hear(&mut fleet, 1, &[], second(now));
        fleet.apply(Event::Submitted(of("free", 100 + now)));
        let went = only(&carry_out(&mut fleet, second(now)));
        fleet.apply(Event::Ended { attempt: went.attempt(), then: Then::End });
    }
}
