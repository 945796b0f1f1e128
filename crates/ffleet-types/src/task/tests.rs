//! The table of edges, and random histories through it.

use proptest::prelude::*;

use super::*;

fn event() -> impl Strategy<Value = Event> {
    let fence = (0..5_u64).prop_map(Fence::from_u64);
    let outcome = prop_oneof![
        Just(Outcome::Completed),
        Just(Outcome::Canceled),
        prop::sample::select(Reason::ALL).prop_map(|reason| Outcome::failed(reason, "why")),
    ];
    let next = prop::sample::select(
        &[Next::End, Next::RetryCharged, Next::RetryFree, Next::Quarantine][..],
    );
    prop_oneof![
        fence.clone().prop_map(|fence| Event::Assign { fence }),
        fence.clone().prop_map(|fence| Event::Decline { fence }),
        fence.clone().prop_map(|fence| Event::Start { fence }),
        fence.clone().prop_map(|fence| Event::Pause { fence }),
        fence.clone().prop_map(|fence| Event::Resume { fence }),
        (fence, outcome, next).prop_map(|(fence, outcome, next)| Event::Finish {
            fence,
            outcome,
            next
        }),
        Just(Event::Requeue),
        Just(Event::Reject),
        Just(Event::Cancel),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Every event is also sent a second time, as a client that lost the answer would.
    #[test]
    fn random_histories_keep_to_the_table(events in prop::collection::vec(event(), 1..60)) {
        let mut task = Task::default();
        let mut history = vec![State::Queued];
        for event in events {
            let before = task;
            match task.apply(&event) {
                Ok(Change::Moved { from, to }) => {
                    prop_assert_eq!(from, before.state);
                    prop_assert_eq!(to, task.state);
                    prop_assert!(from.may_become(to) && !from.is_terminal());
                    prop_assert_eq!(history.last(), Some(&from), "the history explains the state");
                    history.push(to);
                    let once = task;
                    let again = task.apply(&event);
                    prop_assert_eq!(&again, &Ok(Change::Already), "{:?} twice", event);
                    prop_assert_eq!(task, once, "the second call changed something");
                }
                Ok(Change::Already) | Err(_) => prop_assert_eq!(task, before),
            }
            prop_assert!(task.fence >= before.fence, "a fence went back");
            prop_assert!(task.fence.as_u64() - before.fence.as_u64() <= 1);
            prop_assert!(task.charged - before.charged <= 1);
        }
        prop_assert_eq!(history.last(), Some(&task.state));
        let assigned = history.iter().filter(|&&state| state == State::Assigned).count();
        prop_assert_eq!(assigned as u64, task.fence.as_u64(), "each attempt has its own fence");
    }

    /// Whatever else happens, a report under an old fence changes nothing.
    #[test]
    fn stale_report_changes_nothing(events in prop::collection::vec(event(), 1..60)) {
        let mut task = Task::default();
        for event in events {
            let before = task;
            let carried = match &event {
                Event::Decline { fence } | Event::Start { fence } | Event::Pause { fence }
                | Event::Resume { fence } | Event::Finish { fence, .. } => Some(*fence),
                Event::Assign { .. } | Event::Requeue | Event::Reject | Event::Cancel => None,
            };
            let applied = task.apply(&event);
            if carried.is_some_and(|carried| carried != before.fence) {
                let stale = matches!(applied, Err(Refusal::StaleFence { .. }));
                prop_assert!(stale, "{:?}", applied);
                prop_assert_eq!(task, before);
            }
        }
    }
}

#[test]
fn terminal_states_lead_nowhere() {
    for from in State::ALL.into_iter().filter(|state| state.is_terminal()) {
        assert!(State::ALL.into_iter().all(|to| !from.may_become(to)), "{from}");
    }
}

#[test]
fn every_living_state_can_be_canceled() {
    for from in State::ALL.into_iter().filter(|state| !state.is_terminal()) {
        assert!(from.may_become(State::Canceled), "{from}");
    }
}

#[test]
fn every_state_is_reached_from_queued() {
    let mut reached = vec![State::Queued];
    let mut at = 0;
    while let Some(&from) = reached.get(at) {
        at += 1;
        for to in State::ALL {
            if from.may_become(to) && !reached.contains(&to) {
                reached.push(to);
            }
        }
    }
    assert_eq!(reached.len(), State::ALL.len());
}

#[test]
fn timeout_ends_as_timed_out_and_codec_error_as_failed() {
    for (reason, state) in
        [(Reason::Timeout, State::TimedOut), (Reason::RuntimeError, State::Failed)]
    {
        let mut task = Task { state: State::Running, fence: Fence::FIRST, charged: 0 };
        let outcome = Outcome::failed(reason, "why");
        let event = Event::Finish { fence: Fence::FIRST, outcome, next: Next::End };
        assert_eq!(task.apply(&event), Ok(Change::Moved { from: State::Running, to: state }));
    }
}

#[test]
fn start_that_was_overtaken_by_a_pause_does_not_resume() {
    let mut task = Task { state: State::Paused, fence: Fence::FIRST, charged: 0 };
    assert_eq!(task.apply(&Event::Start { fence: Fence::FIRST }), Ok(Change::Already));
    assert_eq!(task.state, State::Paused);
}

#[test]
fn state_survives_its_text_form() {
    for state in State::ALL {
        assert_eq!(state.name().parse(), Ok(state));
        assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
    }
}

#[test]
fn attempt_that_nobody_holds_has_no_end_to_report() {
    for state in [State::Queued, State::Retrying] {
        let mut task = Task { state, fence: Fence::FIRST, charged: 0 };
        let outcome = Outcome::Canceled;
        let event = Event::Finish { fence: Fence::FIRST, outcome, next: Next::End };
        let refused = Err(Refusal::NoEdge { from: state, to: State::Canceled });
        assert_eq!(task.apply(&event), refused);
        assert_eq!(task.state, state);
    }
}
