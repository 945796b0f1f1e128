//! The protocol as it is to be.

use ffleet_model::{Faults, Fleet, Size, Stage, State, Witness, tell};
use ffleet_types::task::State as TaskState;
use stateright::{Checker as _, Expectation, HasDiscoveries, Model as _};

use crate::{NOTHING, SMALL, search};

/// Threads that search.
const THREADS: usize = 2;

/// Something that must be reachable, lest the properties be true of nothing.
fn seen(name: &'static str, condition: fn(&Fleet, &State) -> bool) -> Witness {
    (name, condition)
}

fn completed(state: &State, fence: u64) -> bool {
    let is = |job: &ffleet_model::Job| {
        job.state() == TaskState::Completed && job.custody.task.fence.as_u64() == fence
    };
    state.jobs.iter().any(is)
}

/// Holds `size` to all properties, in every state that there is.
fn holds(size: Size, witnesses: Vec<Witness>) {
    let mut fleet = Fleet::new(size);
    fleet.witnesses = witnesses;
    fleet
        .witnesses
        .push(seen("a job completes", |_, state| completed(state, 1)));
    let checker = search(fleet, THREADS, HasDiscoveries::AnyFailures);
    for property in checker.model().properties() {
        match (property.expectation, checker.discovery(property.name)) {
            (Expectation::Sometimes, None) => panic!("never seen: {}", property.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(path)) => {
                let next = ffleet_model::fair::way(checker.model(), path.last_state(), 60);
                let way: String = next.iter().map(|action| format!("     {action}\n")).collect();
                panic!("{}   then:\n{way}", tell(checker.model(), property.name, &path))
            }
        }
    }
    assert!(checker.is_done(), "not searched to the end");
}

#[test]
fn nothing_is_lost_where_nothing_but_messages_goes_wrong() {
    let retried = |_: &Fleet, state: &State| completed(state, 2);
    holds(SMALL, vec![seen("one that was lost completes", retried)]);
}

#[test]
fn worker_that_dies_goes_on_or_is_replaced() {
    let faults = Faults { crashes: 1, ..NOTHING };
    holds(Size { faults, ..SMALL }, Vec::new());
}

#[test]
fn planner_that_dies_or_stands_still_harms_nobody() {
    let faults = Faults { controllers: 1, lapses: 1, ..NOTHING };
    holds(Size { faults, ..SMALL }, Vec::new());
}

#[test]
fn clock_that_leaps_takes_nothing_from_who_is_in_time() {
    let faults = Faults { leaps: 1, lapses: 1, ..NOTHING };
    holds(Size { faults, ..SMALL }, Vec::new());
}

#[test]
fn job_that_is_canceled_is_published_or_not_and_never_both() {
    let faults = Faults { cancels: 1, crashes: 1, ..NOTHING };
    let canceled = |_: &Fleet, state: &State| {
        state
            .jobs
            .iter()
            .any(|job| job.state() == TaskState::Canceled && job.tries.len() == 1)
    };
    holds(Size { faults, ..SMALL }, vec![seen("one is canceled under way", canceled)]);
}

#[test]
fn what_a_lost_machine_has_sealed_is_published_by_others() {
    let faults = Faults { losses: 1, ..NOTHING };
    let rescued = |_: &Fleet, state: &State| {
        state.workers.contains(&ffleet_model::Life::Lost)
            && state.jobs.iter().any(|job| {
                job.published == 1 && job.tries[0].stage == Stage::Absent && job.custody.sealed
            })
    };
    holds(Size { faults, ..SMALL }, vec![seen("published for a lost machine", rescued)]);
}

#[test]
fn target_of_a_worker_alone_waits_for_it() {
    let faults = Faults { crashes: 1, stops: 1, ..NOTHING };
    holds(Size { shared: false, faults, ..SMALL }, Vec::new());
}

#[test]
fn result_that_is_taken_away_is_not_made_again() {
    let faults = Faults { crashes: 1, takings: 1, ..NOTHING };
    holds(Size { faults, ..SMALL }, Vec::new());
}

#[test]
fn lease_of_several_ticks_is_kept_to_the_tick() {
    let faults = Faults { lapses: 1, ..NOTHING };
    holds(Size { term: 2, faults, ..SMALL }, Vec::new());
}

#[test]
fn two_jobs_of_one_worker_take_turns() {
    let taken_turns =
        |_: &Fleet, state: &State| state.jobs.iter().all(|job| job.state() == TaskState::Completed);
    let size = Size { jobs: 2, workers: 1, controllers: 1, tries: 1, ..SMALL };
    holds(size, vec![seen("both complete", taken_turns)]);
}

#[test]
fn crash_lapse_and_cancel_together_harm_nobody() {
    let faults = Faults { crashes: 1, lapses: 1, cancels: 1, ..NOTHING };
    holds(Size { controllers: 1, faults, ..SMALL }, Vec::new());
}

#[test]
#[ignore = "soak: minutes"]
fn soak_three_attempts_a_crash_and_a_lost_machine() {
    let faults = Faults { crashes: 1, losses: 1, ..NOTHING };
    let quarantined = |_: &Fleet, state: &State| state.jobs[0].state() == TaskState::Quarantined;
    let size = Size { tries: 3, faults, ..SMALL };
    holds(size, vec![seen("one is put aside", quarantined)]);
}

#[test]
#[ignore = "soak: minutes"]
fn soak_workers_controllers_and_clock_go_wrong_together() {
    let faults = Faults { crashes: 1, controllers: 1, lapses: 1, leaps: 1, ..NOTHING };
    holds(Size { faults, ..SMALL }, Vec::new());
}

#[test]
#[ignore = "soak: minutes"]
fn soak_two_jobs_two_workers_and_a_crash() {
    let faults = Faults { crashes: 1, ..NOTHING };
    holds(Size { jobs: 2, tries: 1, controllers: 1, faults, ..SMALL }, Vec::new());
}
