//! Two encoders, their frames and their packets, in any order of events.

mod track;

use std::time::Duration;

use proptest::prelude::*;

use self::track::Track;

/// What happens, and to which encoder.
type Step = (u8, usize);

/// Goes through `steps`, then lets everything that lives go on until all has come out.
fn play(steps: &[Step], is_exact: bool) -> Track {
    let mut track = Track::new(!is_exact);
    for (at, &(what, which)) in (1_u64..).zip(steps) {
        let roles = track.roles();
        let one = roles.get(which % roles.len().max(1)).copied();
        match (what, one) {
            (0..=3, _) => track.push(),
            (4..=8, Some(id)) => {
                track.feed(id);
            }
            (9..=14, Some(id)) => {
                let noise = if !is_exact && at % 7 == 0 { at } else { 0 };
                track.give(id, noise);
            }
            (15 | 16, _) => track.start_one(),
            (17, Some(id)) if which % 3 == 0 => track.end(id),
            (18, Some(id)) if which % 3 == 0 => {
                if let Some(encoder) = track.encoders.get_mut(&id) {
                    encoder.is_stopped = true;
                }
            }
            _ => track.pass(Duration::from_millis(40)),
        }
        track.check();
    }
    for _ in 0..200 {
        track.start_one();
        track.push();
        track.work();
        track.pass(Duration::from_millis(40));
        track.check();
    }
    track
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whoever dies or falls silent, whenever, and whatever the two make: what goes out is each frame once, in an order
    /// in which a decoder can decode it, and what is held is bounded.
    #[test]
    fn each_frame_goes_out_once_and_can_be_decoded(
        steps in proptest::collection::vec((0..20_u8, 0..12_usize), 1..500),
        is_exact in any::<bool>(),
    ) {
        let track = play(&steps, is_exact);
        prop_assert!(track.backlog.end() > 100, "it goes on: {}", track.backlog.end());
        prop_assert!(track.backlog.waiting() < 8, "{}", track.backlog.waiting());
        let twin = track.switch.twin();
        prop_assert!(twin.is_some_and(|twin| track.steps.is_in_step(twin)), "{:?}", twin);
    }
}

/// A track whose encoder and twin have been in step for long.
fn paired() -> Track {
    let track = play(&[], true);
    assert_eq!(track.feeds, 1, "the first");
    track
}

#[test]
fn death_or_silence_of_one_of_two_in_step_is_never_met_by_feeding_again() {
    for is_stopped in [false, true] {
        for which in 0..2 {
            let mut track = paired();
            for _ in 0..20 {
                let id = track.fed()[which];
                match is_stopped {
                    true => track.encoders.get_mut(&id).unwrap().is_stopped = true,
                    false => track.end(id),
                }
                for _ in 0..40 {
                    let out = track.backlog.out();
                    track.push();
                    track.work();
                    track.start_one();
                    track.pass(Duration::from_millis(40));
                    track.check();
                    assert!(track.backlog.out() > out || track.backlog.waiting() < 4);
                }
            }
            assert_eq!(track.feeds, 1);
            assert_eq!(track.switch.recoveries(), if which == 0 { 20 } else { 0 });
        }
    }
}

#[test]
fn both_at_once_are_followed_by_the_spare() {
    let mut track = paired();
    for id in track.fed() {
        track.end(id);
    }
    assert_eq!(track.feeds, 2);
    assert!(track.switch.active().is_some());
}
