//! Each rule broken on purpose is found out, and it is told how.

use std::collections::BTreeSet;

use ffleet_model::{Break, Faults, Fleet, Size, property, tell};
use stateright::{Checker as _, HasDiscoveries};

use crate::{NOTHING, SMALL, search};

/// Searches for the shortest way against `property` without `rule`, and tells it.
fn breaks(rule: Break, property: &'static str, faults: Faults) {
    breaks_at(Size { faults, ..SMALL }, rule, property);
}

fn breaks_at(size: Size, rule: Break, property: &'static str) {
    let until = HasDiscoveries::AllOf(BTreeSet::from([property]));
    let checker = search(Fleet::without(size, rule), 1, until);
    let Some(path) = checker.discovery(property) else {
        panic!("without {rule:?} nothing was found against \"{property}\"");
    };
    println!("{}", tell(checker.model(), property, &path));
}

#[test]
fn without_fences_two_attempts_publish() {
    breaks(Break::NoFence, property::ONE_PUBLISHER, NOTHING);
    breaks(Break::NoFence, property::ONCE, NOTHING);
}

#[test]
fn without_the_seal_a_worker_that_was_cut_off_publishes_too() {
    breaks(Break::NoSeal, property::ONCE, NOTHING);
}

#[test]
fn sealed_attempt_that_is_taken_from_a_silent_worker_fails_and_is_published() {
    breaks(Break::SealedReclaimed, property::NO_FILE, NOTHING);
}

#[test]
fn job_that_completes_before_the_rename_has_no_file() {
    breaks(Break::CompletedFirst, property::FILE, NOTHING);
}

#[test]
fn result_that_is_undone_before_the_end_is_acknowledged_is_missed() {
    breaks(Break::UndoneEarly, property::UNHARMED, Faults { crashes: 1, ..NOTHING });
}

#[test]
fn sealed_attempt_that_is_ended_by_a_worker_that_knows_nothing_fails_and_is_published() {
    breaks(Break::UnawareEnds, property::NO_FILE, Faults { crashes: 1, ..NOTHING });
}

#[test]
fn room_that_is_given_back_before_the_cgroup_is_empty_is_used_twice() {
    breaks(Break::CreditedEarly, property::LEDGER, NOTHING);
}

#[test]
fn worker_that_forgets_its_children_starts_more_than_there_is_room_for() {
    breaks(Break::Forsaken, property::LEDGER, Faults { crashes: 1, ..NOTHING });
}

#[test]
fn worker_that_notes_no_assignment_leaves_files_behind() {
    let size = Size { shared: false, faults: Faults { crashes: 1, ..NOTHING }, ..SMALL };
    breaks_at(size, Break::NotNoted, property::ENDS);
}

#[test]
fn planner_without_an_epoch_takes_what_was_renewed() {
    breaks(Break::NoEpoch, property::IN_TIME, Faults { lapses: 1, ..NOTHING });
}

#[test]
fn planner_that_does_not_wait_takes_from_workers_that_nobody_listened_to() {
    breaks(Break::NoWait, property::IN_TIME, Faults { lapses: 1, ..NOTHING });
}

#[test]
fn planner_that_goes_on_in_a_lapsed_office_takes_from_workers_that_nobody_listened_to() {
    breaks(Break::LapsedGoesOn, property::IN_TIME, Faults { lapses: 1, ..NOTHING });
}

#[test]
fn clock_that_leaps_beyond_the_margin_takes_from_who_is_in_time() {
    breaks(Break::NoMargin, property::IN_TIME, Faults { leaps: 1, ..NOTHING });
}

#[test]
fn lease_that_is_not_looked_at_again_is_taken_although_it_was_renewed() {
    breaks(Break::NoSecondLook, property::IN_TIME, NOTHING);
}

#[test]
fn without_a_rescue_a_lost_machine_keeps_its_job_for_ever() {
    breaks(Break::NoRescue, property::ENDS, Faults { losses: 1, ..NOTHING });
}

#[test]
fn what_failed_after_its_seal_and_is_tried_again_is_published_twice() {
    breaks(Break::RetriedAfterSeal, property::ONCE, Faults { takings: 1, ..NOTHING });
}
