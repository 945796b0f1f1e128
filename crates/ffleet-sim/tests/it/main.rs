//! The fleet under faults, on a virtual clock: nothing is lost, nothing is done twice, and what is broken on purpose
//! is seen.
#![expect(clippy::print_stderr, reason = "a failing seed says how to replay it")]

use ffleet_sim::{Broken, Faults, Report, Scenario, run};

fn small(seed: u64) -> Scenario {
    Scenario { nodes: 200, jobs: 20_000, seed, ..Scenario::default() }
}

/// Runs it, and fails with the whole report, which says how to have it again.
fn holds(scenario: &Scenario) -> Report {
    let report = run(scenario);
    assert!(report.holds(), "{report}");
    let ended: u64 = report.ends.values().sum();
    assert_eq!(ended, u64::from(scenario.jobs), "{report}");
    report
}

#[test]
fn fleet_under_every_fault_loses_nothing_and_does_nothing_twice() {
    let mut settled = 0;
    for seed in 1..=4 {
        let report = holds(&small(seed));
        assert!(report.reclaimed > 0 && report.retried > 0 && report.takeovers > 1, "{report}");
        assert!(report.stale > 0 && report.declined > 0, "{report}");
        settled += report.settled;
    }
    assert!(settled > 0, "no result was published in the place of a silent node");
}

#[test]
fn fleet_without_faults_wastes_no_attempt_and_is_fair() {
    let report = holds(&Scenario { faults: Faults::none(), load: 400, ..small(7) });
    assert_eq!((report.retried, report.reclaimed, report.stale), (0, 0, 0), "{report}");
    assert_eq!(report.takeovers, 1, "{report}");
    assert!(report.fairness.is_some_and(|index| index > 0.95), "{report}");
}

#[test]
fn same_seed_is_the_same_world() {
    let scenario = Scenario { nodes: 50, jobs: 2_000, ..small(11) };
    assert_eq!(run(&scenario), run(&scenario));
    assert_ne!(run(&scenario), run(&Scenario { seed: 12, ..scenario }));
}

/// The first of these seeds with which a broken rule is seen, and what was seen.
fn caught(broken: Broken, word: &str) {
    let seeds = 1..=8;
    let seen = seeds.clone().find_map(|seed| {
        let report = run(&Scenario { broken: Some(broken), ..small(seed) });
        let told = report
            .violations
            .iter()
            .find(|violation| violation.what.contains(word))?;
        Some((seed, told.what.clone()))
    });
    let (seed, what) = seen.unwrap_or_else(|| panic!("{broken:?} was not seen with {seeds:?}"));
    eprintln!("{broken:?}, seed {seed}: {what}");
}

#[test]
fn reports_that_count_whatever_their_fence_are_seen() {
    caught(Broken::NoFence, "published");
}

#[test]
fn room_that_is_credited_before_a_child_is_gone_is_seen() {
    caught(Broken::CreditedEarly, "over its budget");
}

#[test]
fn reclaim_without_a_second_look_is_seen() {
    caught(Broken::NoSecondLook, "after it was answered as good");
}

#[test]
fn quotas_that_the_planner_does_not_know_are_seen() {
    caught(Broken::NoQuota, "holds");
}

#[test]
fn report_of_a_violation_says_what_to_type_to_have_it_again() {
    let report = run(&Scenario { broken: Some(Broken::NoQuota), ..small(3) });
    assert!(!report.holds());
    let said = report.to_string();
    assert!(
        said.contains("again: ffleet simulate --nodes 200 --jobs 20000 --seed 3"),
        "{said}"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["scenario"]["broken"], "no-quota");
    assert_eq!(json["violated"], report.violated);
}

/// Minutes of one core.
#[test]
#[ignore = "soak: 10,000 nodes and 1,000,000 jobs"]
fn soak_ten_thousand_nodes_do_a_million_jobs_under_every_fault() {
    let report =
        holds(&Scenario { nodes: 10_000, jobs: 1_000_000, seed: 1, ..Scenario::default() });
    eprintln!("{report}");
}
