use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn refused() -> Death {
    let message = "Connection refused".to_owned();
    Death { reason: Reason::NetworkError, message, sent: false, lived: s(0) }
}

fn broke(lived: u64) -> Death {
    Death {
        message: "Broken pipe".to_owned(),
        sent: true,
        lived: s(lived),
        ..refused()
    }
}

fn hopeless(sent: bool) -> Death {
    let message = "Unknown encoder".to_owned();
    Death { reason: Reason::RuntimeError, message, sent, lived: s(1) }
}

#[test]
fn duration_runs_from_the_first_start_whoever_listens() {
    let mut live = Live::new(Some(s(60)), s(1_000));
    assert_eq!(live.next(s(1_000)), Next::Send { elapsed: s(0), left: Some(s(60)) });
    assert_eq!(live.died(refused(), s(1_001), 0.0), Next::Wait(Duration::from_millis(500)));
    assert_eq!(live.next(s(1_002)), Next::Send { elapsed: s(2), left: Some(s(58)) });
    let Next::Fail { reason, message } = live.next(s(1_060)) else {
        panic!("nothing was sent")
    };
    assert_eq!(reason, Reason::NetworkError);
    assert_eq!(message, "nothing was sent in its duration of 1m: Connection refused");
}

#[test]
fn without_a_duration_there_is_always_another_sender() {
    let mut live = Live::new(None, s(0));
    for hour in 1..100 {
        assert!(matches!(live.died(broke(1), s(hour * 3_600), 0.5), Next::Wait(_)));
        let elapsed = s(hour * 3_600);
        assert_eq!(live.next(elapsed), Next::Send { elapsed, left: None });
    }
}

#[test]
fn what_was_sent_once_ends_well_though_nobody_listens_at_the_end() {
    let mut live = Live::new(Some(s(10)), s(0));
    let _wait = live.died(broke(5), s(5), 0.0);
    let _wait = live.died(refused(), s(6), 0.0);
    assert_eq!(live.next(s(10)), Next::End);
}

#[test]
fn waits_grow_up_to_the_cap_and_begin_anew_after_a_sender_that_was_well() {
    let mut live = Live::new(None, s(0));
    let mut wait = |lived, now| match live.died(broke(lived), s(now), 0.0) {
        Next::Wait(wait) => wait.as_millis(),
        other => panic!("{other:?}"),
    };
    let waits: Vec<_> = (0..8).map(|now| wait(1, now)).collect();
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    assert_eq!(wait(30, 100), 500);
    assert_eq!(wait(29, 200), 1_000);
}

#[test]
fn wait_is_never_longer_than_what_is_left() {
    let mut live = Live::new(Some(s(10)), s(0));
    for _ in 0..10 {
        let _wait = live.died(refused(), s(1), 0.0);
    }
    assert_eq!(live.died(refused(), s(8), 0.0), Next::Wait(s(2)));
    assert_eq!(live.died(refused(), s(11), 0.0), Next::Wait(s(0)));
}

#[test]
fn what_can_never_work_fails_at_once_unless_it_has_worked() {
    let fails = |next: Next| matches!(next, Next::Fail { reason: Reason::RuntimeError, .. });
    let mut live = Live::new(None, s(0));
    assert!(fails(live.died(hopeless(false), s(1), 0.0)));
    let mut live = Live::new(None, s(0));
    let _wait = live.died(refused(), s(1), 0.0);
    assert!(fails(live.died(hopeless(false), s(2), 0.0)));
    let mut live = Live::new(None, s(0));
    let _wait = live.died(broke(1), s(1), 0.0);
    assert!(matches!(live.died(hopeless(false), s(2), 0.0), Next::Wait(_)));
    assert!(matches!(live.died(hopeless(true), s(3), 0.0), Next::Wait(_)));
}

#[test]
fn limit_of_time_is_an_end_whatever_was_sent() {
    let mut live = Live::new(None, s(0));
    let _wait = live.died(broke(1), s(1), 0.0);
    let late = Death { reason: Reason::Timeout, ..broke(1) };
    assert!(matches!(live.died(late, s(2), 0.0), Next::Fail { reason: Reason::Timeout, .. }));
}

#[test]
fn reason_that_costs_nothing_is_charged_when_nothing_was_ever_sent() {
    let mut live = Live::new(Some(s(1)), s(0));
    let _wait = live.died(Death { reason: Reason::Interrupted, ..refused() }, s(1), 0.0);
    assert!(matches!(live.next(s(1)), Next::Fail { reason: Reason::NetworkError, .. }));
    let mut live = Live::new(Some(s(1)), s(0));
    let _wait = live.died(Death { reason: Reason::Stalled, ..refused() }, s(1), 0.0);
    assert!(matches!(live.next(s(1)), Next::Fail { reason: Reason::Stalled, .. }));
}

#[test]
fn deaths_alike_are_told_once_and_the_last_is_at_hand() {
    let mut live = Live::new(None, s(0));
    assert_eq!(live.trouble("the destination"), None);
    for death in [broke(7), refused(), refused()] {
        let _wait = live.died(death, s(9), 0.0);
    }
    let notes = live.notes("the destination");
    assert_eq!(
        notes,
        [
            "the sender died once, last after 7 s: Broken pipe",
            "the destination refused 2 times, last: Connection refused",
        ]
    );
    assert_eq!(live.trouble("the destination").as_ref(), notes.last());
}

#[test]
fn deaths_of_many_kinds_take_bounded_room() {
    let mut live = Live::new(None, s(0));
    for n in 0..1_000 {
        let death = Death { message: format!("trouble {n}"), ..broke(1) };
        let _wait = live.died(death, s(n), 0.0);
    }
    let notes = live.notes("the destination");
    assert_eq!(notes.len(), TOLD + 1);
    assert_eq!(notes[TOLD], "the sender died 990 times more, last: trouble 999");
    assert_eq!(live.trouble("the destination").as_ref(), notes.last());
}
