use proptest::prelude::*;

use super::*;

const POLICY: Policy = Policy {
    timeout: Some(Duration::from_secs(60)),
    stall: Some(Duration::from_secs(10)),
    grace: Duration::from_secs(3),
};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(1_000 + seconds)
}

/// A child that started at second 0.
fn running() -> Child {
    let mut child = Child::new(POLICY, s(0));
    assert_eq!(child.apply(Event::Started, s(0)).actions, []);
    assert_eq!(child.state(), State::Running);
    child
}

/// Ticks every second after `from` up to and including `to`; what was to be done, and when.
fn tick(child: &mut Child, from: u64, to: u64) -> Vec<(u64, Action)> {
    (from + 1..=to)
        .flat_map(|second| {
            let plan = child.apply(Event::Tick, s(second));
            plan.actions.into_iter().map(move |action| (second, action))
        })
        .collect()
}

#[test]
fn child_that_ends_by_itself_is_reported_as_it_ended() {
    let mut child = running();
    let exit = Exit::Signal(11);
    let plan = child.apply(Event::Exited(exit), s(5));
    let actions = vec![Action::Report(Verdict::Exited { exit })];
    assert_eq!(plan, Plan { actions, wake: None });
    assert_eq!(child.apply(Event::Exited(Exit::Code(0)), s(6)), Plan::default());
}

#[test]
fn silent_child_is_stalled_terminated_and_killed() {
    let mut child = running();
    child.apply(Event::Progress(7), s(4)).actions.clear();
    assert_eq!(
        tick(&mut child, 4, 19),
        [
            (14, Action::Terminate),
            (17, Action::Kill),
            (18, Action::Kill),
            (19, Action::Kill)
        ]
    );
    let plan = child.apply(Event::Exited(Exit::Signal(9)), s(20));
    let silent = Duration::from_secs(10);
    assert_eq!(plan.actions, [Action::Report(Verdict::Stalled { silent })]);
}

#[test]
fn saying_the_same_again_is_no_progress() {
    let mut child = running();
    for second in 1..10 {
        let plan =
            child.apply(Event::Progress(if second == 1 { 5 } else { second % 5 }), s(second));
        assert_eq!(plan.actions, []);
    }
    assert_eq!(tick(&mut child, 9, 11), [(11, Action::Terminate)]);
}

#[test]
fn progress_does_not_save_from_the_timeout() {
    let mut child = running();
    let acted: Vec<_> = (1..=61)
        .flat_map(|second| child.apply(Event::Progress(second), s(second)).actions)
        .collect();
    assert_eq!(acted, [Action::Terminate]);
    let plan = child.apply(Event::Exited(Exit::Code(0)), s(62));
    let limit = Duration::from_secs(60);
    assert_eq!(plan.actions, [Action::Report(Verdict::TimedOut { limit })]);
}

#[test]
fn paused_time_counts_to_no_limit() {
    let mut child = running();
    assert_eq!(tick(&mut child, 0, 9), []);
    assert_eq!(child.apply(Event::Ordered(Order::Pause), s(9)).actions, [Action::Freeze]);
    assert_eq!(tick(&mut child, 9, 5_000), []);
    assert_eq!(child.apply(Event::Ordered(Order::Run), s(5_000)).actions, [Action::Thaw]);
    assert_eq!(tick(&mut child, 5_000, 5_001), [(5_001, Action::Terminate)]);
    assert_eq!(child.worked(), Duration::from_secs(10));
}

#[test]
fn machine_that_slept_finds_its_children_in_order() {
    let mut child = running();
    assert_eq!(child.apply(Event::Tick, s(100_000)).actions, []);
    assert_eq!(child.apply(Event::Progress(1), s(100_001)).actions, []);
}

#[test]
fn paused_child_is_thawed_to_hear_that_it_is_to_stop() {
    let mut child = running();
    child.apply(Event::Ordered(Order::Pause), s(1)).actions.clear();
    let plan = child.apply(Event::Ordered(Order::Stop(Stop::Canceled)), s(2));
    assert_eq!(plan.actions, [Action::Terminate, Action::Thaw]);
    assert_eq!(plan.wake, Some(s(5)));
}

#[test]
fn second_order_to_stop_restarts_no_grace_and_changes_no_reason() {
    let mut child = running();
    let first = child.apply(Event::Ordered(Order::Stop(Stop::Canceled)), s(1));
    assert_eq!(first.actions, [Action::Terminate]);
    for order in [Order::Stop(Stop::Interrupted), Order::Run, Order::Pause] {
        let plan = child.apply(Event::Ordered(order), s(3));
        assert_eq!(plan, Plan { actions: vec![], wake: Some(s(4)) });
    }
    assert_eq!(tick(&mut child, 3, 4), [(4, Action::Kill)]);
    let plan = child.apply(Event::Exited(Exit::Signal(9)), s(5));
    assert_eq!(plan.actions, [Action::Report(Verdict::Canceled)]);
}

#[test]
fn order_to_kill_does_not_wait_for_the_grace() {
    let mut child = running();
    child
        .apply(Event::Ordered(Order::Stop(Stop::Canceled)), s(1))
        .actions
        .clear();
    let plan = child.apply(Event::Ordered(Order::Kill(Stop::Interrupted)), s(2));
    assert_eq!(plan.actions, [Action::Kill]);
    let plan = running().apply(Event::Ordered(Order::Kill(Stop::Interrupted)), s(2));
    assert_eq!(plan.actions, [Action::Kill]);
}

#[test]
fn orders_that_come_before_the_process_hold_for_it() {
    let mut child = Child::new(POLICY, s(0));
    assert_eq!(child.apply(Event::Ordered(Order::Pause), s(0)).actions, []);
    assert_eq!(child.apply(Event::Started, s(1)).actions, [Action::Freeze]);

    let mut child = Child::new(POLICY, s(0));
    let stop = Event::Ordered(Order::Stop(Stop::Interrupted));
    assert_eq!(child.apply(stop, s(0)).actions, [Action::Terminate]);
    assert_eq!(child.apply(Event::Started, s(1)).actions, [Action::Terminate]);
    assert_eq!(tick(&mut child, 1, 3), [(3, Action::Kill)]);
}

#[test]
fn child_without_limits_is_left_alone() {
    let mut child = Child::new(Policy { timeout: None, stall: None, ..POLICY }, s(0));
    assert_eq!(child.apply(Event::Started, s(0)).actions, []);
    assert_eq!(tick(&mut child, 0, 10_000), []);
}

fn event() -> impl Strategy<Value = Event> {
    let stop = prop_oneof![Just(Stop::Canceled), Just(Stop::Interrupted)];
    prop_oneof![
        1 => Just(Event::Started),
        8 => Just(Event::Tick),
        4 => (0..5_u64).prop_map(Event::Progress),
        2 => Just(Event::Ordered(Order::Pause)),
        2 => Just(Event::Ordered(Order::Run)),
        1 => stop.clone().prop_map(|stop| Event::Ordered(Order::Stop(stop))),
        1 => stop.prop_map(|stop| Event::Ordered(Order::Kill(stop))),
    ]
}

/// How far along the way to its end a child is: nothing leads back.
const fn stage(state: State) -> u8 {
    match state {
        State::Starting => 0,
        State::Running | State::Paused => 1,
        State::Stopping { killed: None, .. } => 2,
        State::Stopping { killed: Some(_), .. } => 3,
        State::Ended { .. } => 4,
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_machine_goes_forward_only(
        events in prop::collection::vec((event(), 0..4_000_u64), 0..60),
        exit in 0..3_i32,
    ) {
        let mut child = Child::new(POLICY, s(0));
        let mut now = s(0);
        let mut frozen = false;
        let mut promised: Option<(Duration, Verdict)> = None;
        for (event, gap) in events {
            now += Duration::from_millis(gap);
            let before = stage(child.state());
            let plan = child.apply(event, now);
            prop_assert!(stage(child.state()) >= before, "{event:?} led back");
            for action in &plan.actions {
                match action {
                    Action::Freeze => { prop_assert!(!frozen); frozen = true; }
                    Action::Thaw => { prop_assert!(frozen); frozen = false; }
                    Action::Report(_) => prop_assert!(false, "reported while it lived"),
                    Action::Terminate => {}
                    // It reaches frozen processes too.
                    Action::Kill => frozen = false,
                }
            }
            prop_assert_eq!(child.state() == State::Paused, frozen);
            prop_assert!(plan.wake.is_some_and(|wake| wake <= now + PULSE), "{:?}", plan);
            if let State::Stopping { since, killed, verdict } = child.state() {
                let first = *promised.get_or_insert((since, verdict));
                prop_assert_eq!(first, (since, verdict), "a later order changed the first");
                prop_assert!(killed.is_some() || now < since + POLICY.grace, "grace overrun");
            }
        }
        let exit = Exit::Code(exit);
        let plan = child.apply(Event::Exited(exit), now);
        let verdict = promised.map_or(Verdict::Exited { exit }, |(_, verdict)| verdict);
        prop_assert_eq!(plan.actions, [Action::Report(verdict)]);
        prop_assert_eq!(plan.wake, None);
    }

    #[test]
    fn events_twice_do_no_more_than_once(events in prop::collection::vec(event(), 0..40)) {
        let (mut once, mut twice) = (Child::new(POLICY, s(0)), Child::new(POLICY, s(0)));
        for (second, event) in (0..).zip(events) {
            let plan = once.apply(event, s(second));
            prop_assert_eq!(&twice.apply(event, s(second)).actions, &plan.actions);
            let again = twice.apply(event, s(second)).actions;
            // Telling a child that is just there to end is repeated, and does no harm.
            let harmless = event == Event::Started
                && again.iter().all(|a| matches!(a, Action::Terminate | Action::Kill));
            prop_assert!(again.is_empty() || harmless, "{:?} again: {:?}", event, again);
            prop_assert_eq!(once.state(), twice.state());
        }
    }
}
