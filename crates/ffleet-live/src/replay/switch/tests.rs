use proptest::prelude::*;

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn switch(recovery: Recovery) -> Switch {
    let backoff = Backoff { base: ms(100), cap: ms(5_000) };
    Switch::new(Policy { recovery, silence: ms(400), start: ms(2_000), ahead: 100, backoff })
}

/// A switch whose first encoder has given packets for long, and whose spare, if it has one, is ready.
fn running(recovery: Recovery) -> Switch {
    let mut switch = switch(recovery);
    assert_eq!(switch.apply(Event::Begin, ms(0), 0.0).actions, [Action::Start(1)]);
    assert_eq!(switch.apply(Event::Ready(1), ms(0), 0.0).actions, [Action::Feed(1)]);
    switch.apply(Event::Gave(1), ms(50), 0.0);
    if recovery != Recovery::Cold {
        assert_eq!(switch.spare(), Some((2, false)));
        assert!(switch.apply(Event::Ready(2), ms(60), 0.0).actions.is_empty());
    }
    switch.apply(Event::Gave(1), ms(5_000), 0.0);
    switch
}

#[test]
fn spare_is_fed_the_moment_the_encoder_dies_and_is_replaced_when_it_works() {
    let mut switch = running(Recovery::Spare);
    assert_eq!(switch.apply(Event::Ended(1), ms(5_010), 0.0).actions, [Action::Feed(2)]);
    assert_eq!((switch.active(), switch.recoveries()), (Some(2), 1));
    assert_eq!(switch.apply(Event::Gave(2), ms(5_030), 0.0).actions, [Action::Start(3)]);
}

#[test]
fn without_a_spare_another_is_started_at_once() {
    let mut switch = running(Recovery::Cold);
    assert_eq!(switch.spare(), None);
    assert_eq!(switch.apply(Event::Ended(1), ms(5_010), 0.0).actions, [Action::Start(2)]);
    assert_eq!(switch.apply(Event::Ready(2), ms(5_060), 0.0).actions, [Action::Feed(2)]);
}

/// Encoder `id` takes a frame at each of these times.
fn takes(switch: &mut Switch, id: Id, times: impl IntoIterator<Item = u64>) -> Plan {
    let mut plan = Plan::default();
    for at in times {
        switch.apply(Event::Offered(id), ms(at), 0.0);
        plan = switch.apply(Event::Took(id), ms(at), 0.0);
    }
    plan
}

#[test]
fn encoder_that_takes_frames_and_gives_nothing_is_dead() {
    let mut switch = running(Recovery::Spare);
    takes(&mut switch, 1, [9_000, 9_040, 9_080]);
    let plan = switch.apply(Event::Tick, ms(9_439), 0.0);
    assert_eq!((plan.actions, plan.wake), (vec![], Some(ms(9_440))));
    let plan = switch.apply(Event::Tick, ms(9_440), 0.0);
    assert_eq!(plan.actions, [Action::Kill(1), Action::Feed(2)]);
    assert!(
        switch.apply(Event::Ended(1), ms(5_401), 0.0).actions.is_empty(),
        "that is known"
    );
    assert!(switch.apply(Event::Gave(1), ms(5_402), 0.0).actions.is_empty());
}

#[test]
fn encoder_that_takes_nothing_is_dead_though_no_frame_comes_any_more() {
    let mut switch = running(Recovery::Spare);
    let plan = switch.apply(Event::Offered(1), ms(9_000), 0.0);
    assert_eq!(plan.wake, Some(ms(9_400)));
    let plan = switch.apply(Event::Tick, ms(9_400), 0.0);
    assert_eq!(plan.actions, [Action::Kill(1), Action::Feed(2)]);
    let plan = switch.apply(Event::Offered(2), ms(9_400), 0.0);
    assert_eq!(plan.wake, Some(ms(11_400)), "longer before its first packet");
    switch.apply(Event::Took(2), ms(9_410), 0.0);
    switch.apply(Event::Gave(2), ms(9_420), 0.0);
    let plan = switch.apply(Event::Offered(2), ms(9_421), 0.0);
    assert_eq!(plan.wake, Some(ms(9_821)));
}

#[test]
fn encoder_that_is_not_given_anything_may_be_silent() {
    let mut switch = running(Recovery::Spare);
    let plan = takes(&mut switch, 1, [6_000]);
    assert_eq!(plan.wake, None, "the input may pause, and a frame may be in the encoder");
    assert!(switch.apply(Event::Tick, ms(60_000), 0.0).actions.is_empty());
}

#[test]
fn encoder_may_hold_again_what_it_held_when_it_gave_something() {
    let mut switch = switch(Recovery::Cold);
    switch.apply(Event::Begin, ms(0), 0.0);
    switch.apply(Event::Ready(1), ms(0), 0.0);
    // Ten frames a second, of which it holds forty, and gives eight at once.
    let plan = takes(&mut switch, 1, (0..48).map(|nth| nth * 100));
    assert_eq!(plan.wake, None, "it has not given anything yet, and may look far ahead");
    for burst in 0..100 {
        let now = 4_800 + burst * 800;
        for _ in 0..8 {
            switch.apply(Event::Gave(1), ms(now), 0.0);
        }
        let plan = takes(&mut switch, 1, (0..8).map(|nth| now + nth * 100));
        assert_eq!((plan.actions, plan.wake), (vec![], None), "burst {burst}");
    }
    let end = 4_800 + 100 * 800;
    let plan = takes(&mut switch, 1, [end, end + 100, end + 200]);
    assert!(plan.wake.is_some(), "more than it ever held");
}

#[test]
fn encoder_has_longer_for_its_first_packet() {
    let mut switch = running(Recovery::Spare);
    switch.apply(Event::Ended(1), ms(6_000), 0.0);
    takes(&mut switch, 2, (0..102).map(|nth| 6_899 + nth));
    assert!(switch.apply(Event::Tick, ms(8_999), 0.0).actions.is_empty());
    let plan = switch.apply(Event::Tick, ms(9_000), 0.0);
    assert_eq!(plan.actions, [Action::Kill(2), Action::Start(3)]);
}

#[test]
fn frame_that_kills_three_encoders_is_given_up() {
    let mut switch = running(Recovery::Cold);
    let mut now = ms(6_000);
    let mut given_up = 0;
    switch.apply(Event::Ended(1), now, 0.0);
    for id in 2..8 {
        now += ms(10_000);
        switch.apply(Event::Tick, now, 0.0);
        switch.apply(Event::Ready(id), now, 0.0);
        let plan = switch.apply(Event::Ended(id), now, 0.0);
        given_up += plan.actions.iter().filter(|&&action| action == Action::GiveUp).count();
    }
    assert_eq!(given_up, 2);
}

#[test]
fn encoders_that_cannot_be_started_are_tried_ever_more_seldom() {
    let mut switch = switch(Recovery::Spare);
    let mut plan = switch.apply(Event::Begin, ms(0), 0.0);
    let mut waits = Vec::new();
    let mut now = ms(0);
    for id in 1..9 {
        assert_eq!(plan.actions, [Action::Start(id)]);
        plan = switch.apply(Event::Ended(id), now, 0.0);
        if plan.actions.is_empty() {
            let wake = plan.wake.unwrap();
            waits.push((wake - now).as_millis());
            now = wake;
            plan = switch.apply(Event::Tick, now, 0.0);
        }
    }
    assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000]);
}

#[test]
fn nothing_is_started_once_it_is_closed() {
    let mut switch = running(Recovery::Spare);
    let plan = switch.apply(Event::Close, ms(6_000), 0.0);
    assert_eq!(plan.actions, [Action::Kill(1), Action::Kill(2)]);
    let plan = switch.apply(Event::Ended(1), ms(6_001), 0.0);
    assert_eq!(plan, Plan::default());
}

proptest! {
    /// In any order of events: one encoder is fed at most, none is fed before it is ready or after its end, none is
    /// forgotten, and there are never more than two.
    #[test]
    fn at_most_one_is_fed_and_none_is_forgotten(
        steps in proptest::collection::vec((0..7_u8, 0..3_u64, 0..600_u64), 1..300),
        recovery in prop_oneof![Just(Recovery::Cold), Just(Recovery::Spare)],
    ) {
        let mut switch = switch(recovery);
        let mut now = ms(0);
        let (mut starting, mut ready) = (Vec::new(), Vec::new());
        let mut fed: Option<Id> = None;
        let mut plan = switch.apply(Event::Begin, now, 0.5);
        for (what, which, later) in steps {
            for action in plan.actions.drain(..) {
                match action {
                    Action::Start(id) => starting.push(id),
                    Action::Feed(id) => {
                        prop_assert_eq!(fed, None);
                        prop_assert!(ready.contains(&id));
                        ready.retain(|&other| other != id);
                        fed = Some(id);
                    }
                    Action::Kill(id) => {
                        starting.retain(|&other| other != id);
                        ready.retain(|&other| other != id);
                        fed.take_if(|fed| *fed == id);
                    }
                    Action::GiveUp => {}
                }
            }
            let all: Vec<Id> = starting.iter().chain(&ready).copied().chain(fed).collect();
            prop_assert!(all.len() <= 2, "{:?}", all);
            prop_assert_eq!(switch.active(), fed);
            now += ms(later);
            let event = match what {
                0 => match starting.pop() {
                    Some(id) => { ready.push(id); Event::Ready(id) }
                    None => Event::Tick,
                },
                1 | 2 => fed.map_or(Event::Tick, Event::Gave),
                3 => match all.get(usize::try_from(which).unwrap()) {
                    Some(&id) => {
                        starting.retain(|&other| other != id);
                        ready.retain(|&other| other != id);
                        fed.take_if(|fed| *fed == id);
                        Event::Ended(id)
                    }
                    None => Event::Tick,
                },
                4 => fed.map_or(Event::Tick, Event::Offered),
                5 => fed.map_or(Event::Tick, Event::Took),
                _ => Event::Tick,
            };
            plan = switch.apply(event, now, 0.5);
        }
        // Whatever came: left alone, it starts one within the longest wait.
        if fed.is_none() && ready.is_empty() && starting.is_empty() {
            let wake = plan.wake.unwrap_or(now).max(now);
            let later = switch.apply(Event::Tick, wake, 0.5);
            let started = plan.actions.iter().chain(&later.actions);
            prop_assert!(started.into_iter().any(|action| matches!(action, Action::Start(_))));
            prop_assert!(wake - now <= ms(5_000));
        }
    }
}
