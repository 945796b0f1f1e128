//! Killed at every named step from the work directory to its removal.
//!
//! The program kills itself there (`FFLEET_DIE_AT`), which no signal from outside could time.

use std::sync::Arc;
use std::time::Duration;

use ffleet_spool::Step;
use ffleet_testkit::need;

use crate::crash::client;
use crate::crash::judge;
use crate::crash::life::{self, Life};
use crate::crash::load::{Kind, Order, Places};
use crate::crash::watch::Watch;
use crate::fixture::{Room, assert_no_temporary_files};

/// How long a next life may take to do the job.
const PATIENCE: Duration = Duration::from_secs(30);

/// Steps that come once for each output.
const OF_OUTPUTS: [Step; 6] = [
    Step::Staging,
    Step::Staged,
    Step::Synced,
    Step::Renaming,
    Step::Renamed,
    Step::DirSynced,
];

/// Steps that settling a sealed attempt takes again.
const OF_SETTLING: [Step; 4] = [Step::Renaming, Step::Renamed, Step::DirSynced, Step::Published];

#[test]
fn death_at_any_step_on_the_way_to_the_same_file_system_does_the_job_once() {
    each(Kind::Encode, Step::ALL, |step| vec![step.to_string()]);
}

#[test]
fn death_at_any_step_on_the_way_to_another_file_system_does_the_job_once() {
    each(Kind::FarCopy, &publishing(), |step| vec![step.to_string()]);
}

#[test]
fn death_at_any_step_of_the_first_of_two_outputs_does_the_job_once() {
    each(Kind::Pair, &publishing(), |step| vec![step.to_string()]);
}

#[test]
fn death_at_any_step_of_the_second_of_two_outputs_does_the_job_once() {
    each(Kind::Pair, &OF_OUTPUTS, |step| vec![format!("{step}:2")]);
}

#[test]
fn death_while_a_file_is_replaced_does_the_job_once() {
    let steps: Vec<_> = OF_OUTPUTS.into_iter().filter(|step| *step >= Step::Synced).collect();
    each(Kind::Replace, &steps, |step| vec![step.to_string()]);
}

#[test]
fn death_while_a_death_is_settled_does_the_job_once() {
    each(Kind::Pair, &OF_SETTLING, |step| {
        vec![Step::Sealed.to_string(), step.to_string()]
    });
}

/// Where places begin to matter; all before happens in the data directory.
fn publishing() -> Vec<Step> {
    Step::ALL
        .iter()
        .copied()
        .filter(|step| *step >= Step::Staging)
        .collect()
}

/// For each of these steps, one job whose server dies at the places that `deaths` says, one after
/// the other; then everything is as if it had not.
fn each(kind: Kind, steps: &[Step], deaths: impl Fn(Step) -> Vec<String>) {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let places = Places::new(Arc::new(Room::new()));
    let orders: Vec<_> = (0..steps.len()).map(|index| Order { index, kind }).collect();
    orders.iter().for_each(|order| order.prepare(&places));
    let mut watch = Watch::new(&places.dirs());
    let mut done = Vec::new();
    for (&order, &step) in orders.iter().zip(steps) {
        let mut ticket = None;
        for death in deaths(step) {
            let life = Life::begin(&places.room, Some(&death));
            ticket.get_or_insert_with(|| {
                client::submit(&places.room, &format!("at-{step}"), &order.body(&places))
            });
            life.await_death(&places.room);
        }
        let ticket = ticket.unwrap();
        let server = life::begin_well(Arc::clone(&places.room));
        judge::await_all_ended(&server, PATIENCE);
        let job = client::read(&places.room, &format!("/v1/jobs/{}", ticket.number));
        let cut_off = judge::completed_once(&job);
        // What is encoded is gone on with; what is not is done again.
        let expected = usize::from(step < Step::Encoded);
        assert_eq!(cut_off, expected, "death at {step}: {job:#}");
        done.push((order, ticket));
        if done.len() == steps.len() {
            judge::each_is_done_once(&server, &places, &done, &mut watch);
        }
        // It leaves no process, no cgroup, no work directory.
        server.stop();
        places.dirs().into_iter().for_each(assert_no_temporary_files);
    }
}
