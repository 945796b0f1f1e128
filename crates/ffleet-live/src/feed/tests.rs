use ffleet_types::Span;
use proptest::prelude::*;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy(mode: Mode) -> Policy {
    Policy {
        mode,
        at_end: AtEnd::Restart,
        fallback: vec![Fallback::Hold(None)],
        backoff: Backoff { base: s(2), cap: s(60) },
        healthy: s(10),
        tries: (5, s(600)),
    }
}

/// What comes of an event, without chance.
fn at(feed: &mut Feed, seconds: u64, event: Event) -> Vec<Action> {
    feed.apply(event, s(seconds), 0.0).actions
}

#[test]
fn feed_on_demand_runs_while_somebody_needs_it() {
    let mut feed = Feed::new(policy(Mode::OnDemand));
    assert!(at(&mut feed, 0, Event::Tick).is_empty());
    assert_eq!(at(&mut feed, 1, Event::Enter), [Action::Start]);
    assert!(at(&mut feed, 1, Event::Enter).is_empty());
    assert!(at(&mut feed, 2, Event::Bytes).is_empty());
    assert!(at(&mut feed, 3, Event::Leave).is_empty());
    assert_eq!(at(&mut feed, 4, Event::Leave), [Action::Stop]);
    assert_eq!(feed.state(), State::Stopping);
    assert_eq!(at(&mut feed, 4, Event::Enter), [], "it has to end first");
    assert_eq!(at(&mut feed, 5, Event::Ended(Over::Failed)), [Action::Start], "without a wait");
}

#[test]
fn linger_counts_from_the_last_one_who_left() {
    let mut feed = Feed::new(policy(Mode::Linger(Span::secs(10))));
    assert_eq!(at(&mut feed, 0, Event::Enter), [Action::Start]);
    let _plan = feed.apply(Event::Leave, s(5), 0.0);
    assert!(at(&mut feed, 14, Event::Enter).is_empty(), "it comes back in time");
    assert!(at(&mut feed, 16, Event::Tick).is_empty(), "the old term is void");
    let plan = feed.apply(Event::Leave, s(20), 0.0);
    assert_eq!(plan, Plan { actions: vec![], wake: Some(s(30)) });
    assert_eq!(at(&mut feed, 30, Event::Tick), [Action::Stop]);
}

#[test]
fn modes_say_when_it_runs_without_viewers() {
    let mut autostart = Feed::new(policy(Mode::Autostart));
    assert_eq!(at(&mut autostart, 0, Event::Tick), [Action::Start]);
    let mut continuous = Feed::new(policy(Mode::Continuous));
    assert!(at(&mut continuous, 0, Event::Tick).is_empty());
    assert_eq!(at(&mut continuous, 1, Event::Enter), [Action::Start]);
    assert!(at(&mut continuous, 2, Event::Leave).is_empty());
}

#[test]
fn run_of_an_earlier_life_goes_on_and_waits_a_while_for_those_who_needed_it() {
    let mut feed = Feed::new(policy(Mode::OnDemand));
    feed.take_over(3, s(100));
    let plan = feed.apply(Event::Tick, s(100), 0.0);
    assert_eq!(plan, Plan { actions: vec![], wake: Some(s(110)) });
    assert_eq!((feed.starts(), feed.starts_before()), (3, 3), "it was not started here");
    assert!(at(&mut feed, 101, Event::Bytes).is_empty());
    assert_eq!(feed.state(), State::Live { since: s(101) });
    assert!(at(&mut feed, 105, Event::Enter).is_empty(), "its viewer is back");
    assert_eq!(at(&mut feed, 106, Event::Leave), [Action::Stop], "and leaves as any other");
    let mut feed = Feed::new(policy(Mode::OnDemand));
    feed.take_over(1, s(0));
    assert!(at(&mut feed, 9, Event::Tick).is_empty());
    assert_eq!(at(&mut feed, 10, Event::Tick), [Action::Stop], "nobody has come");
    let mut feed = Feed::new(policy(Mode::Continuous));
    feed.take_over(1, s(0));
    assert!(at(&mut feed, 20, Event::Tick).is_empty(), "it was used once");
    let plan = feed.apply(Event::Ended(Over::Failed), s(21), 0.0);
    assert_eq!(plan.wake, Some(s(23)));
    assert_eq!(at(&mut feed, 23, Event::Tick), [Action::Start]);
    assert_eq!((feed.starts(), feed.starts_before()), (2, 1));
}

#[test]
fn run_that_ends_before_its_viewers_are_back_is_not_started_for_nobody() {
    let mut feed = Feed::new(policy(Mode::OnDemand));
    feed.take_over(1, s(0));
    assert!(at(&mut feed, 1, Event::Ended(Over::Failed)).is_empty());
    assert_eq!(feed.state(), State::Idle);
    assert!(at(&mut feed, 5, Event::Tick).is_empty());
}

#[test]
fn dead_feed_comes_back_with_growing_waits() {
    let mut feed = Feed::new(policy(Mode::OnDemand));
    assert_eq!(at(&mut feed, 0, Event::Enter), [Action::Start]);
    let plan = feed.apply(Event::Ended(Over::Failed), s(1), 0.0);
    assert_eq!(plan, Plan { actions: vec![], wake: Some(s(3)) });
    assert_eq!(at(&mut feed, 3, Event::Tick), [Action::Start]);
    let plan = feed.apply(Event::Ended(Over::Clean), s(4), 0.0);
    assert_eq!(plan.wake, Some(s(8)), "an end is one of them");
    assert_eq!(at(&mut feed, 8, Event::Tick), [Action::Start]);
    assert!(at(&mut feed, 8, Event::Bytes).is_empty());
    let plan = feed.apply(Event::Ended(Over::Failed), s(18), 0.0);
    assert_eq!(plan.wake, Some(s(20)), "it was well for a while");
}

#[test]
fn viewer_who_comes_back_does_not_shorten_the_wait() {
    let mut feed = Feed::new(policy(Mode::OnDemand));
    assert_eq!(at(&mut feed, 0, Event::Enter), [Action::Start]);
    let _plan = feed.apply(Event::Ended(Over::Failed), s(1), 0.0);
    assert!(at(&mut feed, 1, Event::Leave).is_empty());
    assert_eq!(feed.state(), State::Idle);
    let plan = feed.apply(Event::Enter, s(2), 0.0);
    assert_eq!(plan, Plan { actions: vec![], wake: Some(s(3)) });
    assert_eq!(at(&mut feed, 3, Event::Tick), [Action::Start]);
}

#[test]
fn restarts_have_a_budget() {
    let mut feed =
        Feed::new(Policy { backoff: Backoff { base: s(0), cap: s(0) }, ..policy(Mode::Autostart) });
    assert_eq!(at(&mut feed, 0, Event::Tick), [Action::Start]);
    for second in 1..=5 {
        assert_eq!(at(&mut feed, second, Event::Ended(Over::Failed)), [Action::Start]);
    }
    let plan = feed.apply(Event::Ended(Over::Failed), s(6), 0.0);
    assert_eq!(plan, Plan { actions: vec![], wake: Some(s(601)) });
    assert_eq!(
        at(&mut feed, 7, Event::Restart),
        [Action::Start],
        "on request there is a new one"
    );
    for second in 8..=12 {
        assert_eq!(at(&mut feed, second, Event::Ended(Over::Failed)), [Action::Start]);
    }
    assert!(at(&mut feed, 13, Event::Ended(Over::Failed)).is_empty());
}

#[test]
fn viewers_come_and_go_without_a_budget() {
    let mut feed = Feed::new(policy(Mode::OnDemand));
    assert_eq!(at(&mut feed, 0, Event::Enter), [Action::Start]);
    let _plan = feed.apply(Event::Ended(Over::Failed), s(1), 0.0);
    assert_eq!(at(&mut feed, 3, Event::Tick), [Action::Start], "it had failed once");
    assert!(at(&mut feed, 3, Event::Bytes).is_empty());
    assert_eq!(at(&mut feed, 13, Event::Leave), [Action::Stop]);
    for second in 14..100 {
        assert!(at(&mut feed, second, Event::Ended(Over::Failed)).is_empty());
        assert_eq!(at(&mut feed, second, Event::Enter), [Action::Start]);
        assert_eq!(at(&mut feed, second, Event::Leave), [Action::Stop]);
    }
}

#[test]
fn end_is_the_viewers_end_if_that_is_wanted() {
    let mut feed = Feed::new(Policy { at_end: AtEnd::End, ..policy(Mode::OnDemand) });
    assert_eq!(at(&mut feed, 0, Event::Enter), [Action::Start]);
    assert!(at(&mut feed, 1, Event::Bytes).is_empty());
    assert_eq!(at(&mut feed, 2, Event::Ended(Over::Clean)), [Action::EndViewers]);
    assert_eq!(feed.state(), State::Idle, "though they have not left yet");
    assert_eq!(at(&mut feed, 3, Event::Enter), [Action::Start]);
    assert!(at(&mut feed, 4, Event::Ended(Over::Failed)).is_empty(), "a failure is none");
}

#[test]
fn viewers_are_held_for_as_long_as_it_says() {
    let fallback = vec![Fallback::Hold(Some(Span::secs(30))), Fallback::End];
    let mut feed = Feed::new(Policy { fallback, ..policy(Mode::OnDemand) });
    assert_eq!(at(&mut feed, 0, Event::Enter), [Action::Start]);
    assert!(at(&mut feed, 5, Event::Bytes).is_empty());
    let plan = feed.apply(Event::Ended(Over::Failed), s(50), 0.0);
    assert_eq!(plan.wake, Some(s(52)));
    assert_eq!(at(&mut feed, 52, Event::Tick), [Action::Start]);
    let plan = feed.apply(Event::Tick, s(60), 0.0);
    assert_eq!(plan, Plan { actions: vec![], wake: Some(s(80)) });
    assert_eq!(at(&mut feed, 80, Event::Tick), [Action::EndViewers]);
    assert!(at(&mut feed, 81, Event::Tick).is_empty(), "once");
    assert!(at(&mut feed, 82, Event::Enter).is_empty(), "who comes later is held anew");
}

#[test]
fn restart_on_request_does_not_wait() {
    let mut feed = Feed::new(policy(Mode::OnDemand));
    assert_eq!(at(&mut feed, 0, Event::Enter), [Action::Start]);
    let _plan = feed.apply(Event::Ended(Over::Failed), s(1), 0.0);
    assert_eq!(at(&mut feed, 1, Event::Restart), [Action::Start]);
    assert_eq!(at(&mut feed, 2, Event::Restart), [Action::Stop]);
    assert_eq!(at(&mut feed, 3, Event::Ended(Over::Failed)), [Action::Start]);
}

#[test]
fn closed_feed_ends_and_stays_so() {
    let mut feed = Feed::new(policy(Mode::Autostart));
    assert_eq!(at(&mut feed, 0, Event::Tick), [Action::Start]);
    assert_eq!(at(&mut feed, 1, Event::Close), [Action::Stop]);
    assert!(at(&mut feed, 2, Event::Ended(Over::Failed)).is_empty());
    assert!(at(&mut feed, 3, Event::Enter).is_empty());
    assert_eq!(feed.state(), State::Idle);
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Enter),
        Just(Event::Leave),
        Just(Event::Bytes),
        Just(Event::Ended(Over::Clean)),
        Just(Event::Ended(Over::Failed)),
        Just(Event::Restart),
        Just(Event::Tick),
    ]
}

proptest! {
    /// There is never more than one run, no stop without one, and who needs it gets one in the end.
    #[test]
    fn there_is_one_run_at_a_time(
        mode in prop_oneof![
            Just(Mode::OnDemand), Just(Mode::Autostart), Just(Mode::Continuous),
            Just(Mode::Linger(Span::secs(3))),
        ],
        acts in prop::collection::vec((event(), 0..5_u64), 1..200),
    ) {
        let mut feed = Feed::new(policy(mode));
        let (mut now, mut runs, mut wake) = (0, 0_i32, None);
        for (event, gap) in acts {
            if runs == 0 && matches!(event, Event::Ended(_) | Event::Bytes) {
                continue;
            }
            now += gap;
            if matches!(event, Event::Ended(_)) {
                runs -= 1;
            }
            let plan = feed.apply(event, s(now), 0.5);
            for action in plan.actions {
                match action {
                    Action::Start => runs += 1,
                    Action::Stop => prop_assert!(runs == 1),
                    Action::EndViewers => {}
                }
            }
            prop_assert!(runs == 0 || runs == 1);
            wake = plan.wake;
        }
        // The end of a wait may find the budget spent, and there is another one then.
        for _ in 0..2 {
            if feed.holders() > 0 && runs == 0 {
                let plan = feed.apply(Event::Tick, wake.expect("it waits for a time"), 0.5);
                runs += i32::try_from(plan.actions.len()).unwrap();
                wake = plan.wake;
            }
        }
        prop_assert!(feed.holders() == 0 || runs == 1);
    }
}
