//! The power goes: a process is killed in the middle of its work, again and again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};

use ffleet_store::{Options, Store};
use ffleet_types::task::State;
use ffleet_types::{JobId, JobRef};

use crate::child;

const KILLS: u64 = 20;

/// What a state must have reached once a verb was acknowledged.
fn rank(state: State) -> u8 {
    match state {
        State::Queued => 1,
        State::Assigned => 2,
        State::Completed => 3,
        other => panic!("nobody made it {other}"),
    }
}

/// Adds an acknowledgement to those that were heard. The last line may have been cut short.
fn hear(line: &str, heard: &mut BTreeMap<JobId, u8>) -> bool {
    let words: Vec<_> = line.split(' ').collect();
    let ["acknowledged", verb, job] = words[..] else {
        return false;
    };
    let Ok(job) = job.parse() else {
        return false;
    };
    let reached = match verb {
        "submit" => 1,
        "claim" => 2,
        "finish" => 3,
        _ => return false,
    };
    let known: &mut u8 = heard.entry(job).or_default();
    *known = reached.max(*known);
    true
}

#[tokio::test]
async fn everything_acknowledged_survives_kill_at_random_instants() {
    let dir = tempfile::tempdir().unwrap();
    let mut heard = BTreeMap::new();
    for round in 0..KILLS {
        let mut child = child::spawn(dir.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A number of lines is no instant: what the child is at then, differs every time.
        let mut chance = [0];
        ffleet_base::chance::fill(&mut chance);
        let mut left = 1 + u64::from(chance[0]);
        while left > 0 {
            let line = lines.next().expect("the child works until it is killed").unwrap();
            left -= u64::from(hear(&line, &mut heard));
        }
        child.kill().unwrap();
        for line in lines.map_while(Result::ok) {
            hear(&line, &mut heard);
        }
        child.wait().unwrap();

        let store = Store::open(dir.path(), Options { check: true, ..Options::default() }).unwrap();
        for (&job, &reached) in &heard {
            let row = store.job(JobRef::Id(job)).await.unwrap();
            let row = row.unwrap_or_else(|| panic!("round {round}: job {job} is gone"));
            let state = row.summary.state;
            assert!(rank(state) >= reached, "round {round}: job {job} is only {state}");
            let path: Vec<_> = row.history.iter().map(|edge| edge.to).collect();
            assert_eq!(path.last(), Some(&state), "the history explains the state");
            let ended = row.attempts.iter().filter(|a| a.outcome.is_some()).count();
            assert_eq!(ended, usize::from(state == State::Completed), "done once");
        }
        let total: u64 = store.counts().iter().map(|(_, count)| count).sum();
        assert!(total >= heard.len() as u64, "{total} jobs for {} heard of", heard.len());
        store.close().await.unwrap();
    }
    assert!(heard.len() > 100, "only {} jobs in all rounds", heard.len());
}
