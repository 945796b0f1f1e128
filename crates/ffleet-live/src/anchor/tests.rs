use proptest::prelude::*;

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A picture of 25 frames a second, and sound of 48,000 samples.
fn anchor() -> Anchor {
    Anchor::new(&[(25, 1), (48_000, 1)])
}

#[test]
fn tracks_that_begin_together_have_one_beginning() {
    let mut anchor = anchor();
    assert_eq!(anchor.take(0, 1, ms(5_000)), 0);
    assert_eq!(anchor.take(1, 1_024, ms(5_300)), 0, "its program was slower to open it");
    assert_eq!(anchor.take(0, 1, ms(5_310)), 3_600);
    assert_eq!(anchor.take(1, 1_024, ms(5_311)), 1_920);
}

#[test]
fn time_follows_from_the_number_and_not_from_the_moment() {
    let mut anchor = Anchor::new(&[(30_000, 1_001)]);
    let times: Vec<i64> = (0..4).map(|_| anchor.take(0, 1, ms(0))).collect();
    assert_eq!(times, [0, 3_003, 6_006, 9_009]);
}

#[test]
fn source_that_was_away_comes_back_where_the_clock_is_and_in_step() {
    let mut anchor = anchor();
    anchor.take(0, 250, ms(1_000));
    anchor.take(1, 480_000, ms(1_000));
    anchor.leave(0);
    anchor.leave(1);
    assert_eq!(anchor.take(1, 1_024, ms(21_000)), 20 * CLOCK);
    assert_eq!(anchor.take(0, 1, ms(21_200)), 20 * CLOCK, "both at one instant");
}

#[test]
fn tracks_that_come_back_begin_at_one_instant_behind_all_that_was_of_either() {
    let mut anchor = anchor();
    anchor.take(0, 300, ms(0));
    anchor.take(1, 48_000, ms(0));
    anchor.leave(0);
    anchor.leave(1);
    assert_eq!(anchor.take(1, 960, ms(3_000)), 12 * CLOCK, "pictures were pushed in a burst");
    assert_eq!(anchor.take(0, 1, ms(4_500)), 12 * CLOCK);
}

/// A program that pushes, a picture each 40 ms and sound each 20 ms, and what becomes of it.
struct Program {
    anchor: Anchor,
    now: u64,
}

impl Program {
    /// Gives what is next of one track.
    fn give(&mut self, track: usize) -> i64 {
        let units = [1, 960][track];
        let at = self.anchor.take(track, units, ms(self.now));
        self.anchor.wait(track, ms(self.now));
        at
    }

    /// Gives `tracks` for so long.
    fn run(&mut self, tracks: &[usize], millis: u64) {
        for step in 1..=millis / 20 {
            self.now += 20;
            for &track in tracks {
                if track == 1 || step % 2 == 0 {
                    self.give(track);
                }
            }
        }
    }
}

#[test]
fn sound_that_goes_on_while_the_source_is_away_is_where_it_was_and_the_picture_joins_it() {
    let mut program = Program { anchor: anchor(), now: 0 };
    program.give(0);
    program.give(1);
    program.run(&[0, 1], 1_000);
    program.run(&[1], 2_000);
    program.anchor.away(0, ms(program.now));
    program.run(&[1], 900);
    let sound = program.give(1);
    assert_eq!(sound, 3_900 * 90 + 1_800, "it goes on");
    assert_eq!(program.give(0), sound, "and is no beginning that the picture shares");
}

#[test]
fn tracks_that_stalled_come_back_at_one_instant_whichever_is_first() {
    for first in [0, 1] {
        let mut program = Program { anchor: anchor(), now: 0 };
        program.give(0);
        program.give(1);
        program.run(&[0, 1], 1_000);
        // The sound a little longer.
        program.run(&[1], 300);
        program.now += 1_700;
        program.anchor.away(0, ms(program.now));
        program.now += 8_000;
        let began = program.give(first);
        assert_eq!(began, 11 * CLOCK);
        program.now += 300;
        assert_eq!(program.give(1 - first), began);
    }
}

#[test]
fn sound_that_stalled_comes_anew_once_the_picture_has() {
    let mut program = Program { anchor: anchor(), now: 0 };
    program.give(0);
    program.give(1);
    program.run(&[0, 1], 1_000);
    program.anchor.leave(0);
    program.now += 4_000;
    program.give(0);
    program.run(&[0], 4_000);
    assert_eq!(program.give(1), 9 * CLOCK, "where the picture stands");
}

#[test]
fn writer_that_was_kept_waiting_goes_on_with_its_count() {
    let mut anchor = anchor();
    anchor.take(0, 1, ms(0));
    anchor.wait(0, ms(0));
    anchor.take(1, 960, ms(0));
    anchor.wait(1, ms(0));
    anchor.take(1, 960, ms(20));
    anchor.leave(0);
    // What came last of the sound is still being handed on.
    assert_eq!(anchor.take(0, 1, ms(9_000)), 9 * CLOCK);
    assert_eq!(anchor.take(1, 960, ms(9_001)), 2 * 1_800);
}

#[test]
fn picture_that_comes_back_alone_is_where_the_sound_is() {
    let mut anchor = anchor();
    anchor.take(0, 25, ms(0));
    anchor.take(1, 48_000, ms(0));
    anchor.leave(0);
    assert_eq!(anchor.take(0, 1, ms(9_000)), 9 * CLOCK);
}

#[test]
fn clock_of_a_writer_begins_anywhere_and_all_its_tracks_have_it() {
    let mut anchor = anchor();
    let since_1970 = 1_700_000_000 * CLOCK;
    assert_eq!(anchor.place(0, since_1970, ms(7_000)), 0);
    assert_eq!(anchor.place_run(1, 960, since_1970 - 900, ms(7_001)), -900, "10 ms earlier");
    assert_eq!(anchor.place(0, since_1970 + 3_700, ms(7_040)), 3_700, "not where the rate says");
    assert_eq!(
        anchor.place(0, since_1970 + 5_000, ms(7_041)),
        5_000,
        "sooner than the rate says"
    );
}

#[test]
fn sound_follows_sound_unless_there_is_a_hole() {
    let mut anchor = anchor();
    assert_eq!(anchor.place_run(1, 4_800, -5, ms(0)), 0);
    assert_eq!(
        anchor.place_run(1, 4_800, 9_000 + 800, ms(100)),
        9_000,
        "a clock that was read late"
    );
    assert_eq!(anchor.place_run(1, 4_800, 18_000 - 900, ms(200)), 18_000, "or early");
    assert_eq!(anchor.place_run(1, 4_800, 45_000, ms(500)), 45_005, "four runs are missing");
    assert_eq!(anchor.place_run(1, 4_800, 54_000, ms(600)), 54_005);
}

#[test]
fn next_writer_is_placed_by_our_clock_whatever_its_own_says() {
    let mut anchor = anchor();
    anchor.place(0, 90_000, ms(0));
    anchor.place_run(1, 960, 90_000, ms(0));
    anchor.leave(0);
    anchor.leave(1);
    assert_eq!(anchor.place(0, -77, ms(3_000)), 3 * CLOCK);
    assert_eq!(anchor.place_run(1, 960, -77, ms(3_001)), 3 * CLOCK);
}

#[test]
fn clock_that_was_set_is_followed_from_where_it_was() {
    let mut anchor = anchor();
    anchor.place(0, 0, ms(0));
    assert_eq!(anchor.place(0, 1_000_000 * CLOCK, ms(40)), 3_600);
    assert_eq!(anchor.place(0, 1_000_000 * CLOCK + 3_600, ms(80)), 7_200);
    // Who waited as long did not set it.
    assert_eq!(anchor.place(0, 1_000_020 * CLOCK, ms(20_040)), 20 * CLOCK + 3_600);
}

/// How a program stops.
#[derive(Clone, Copy, Debug)]
enum Stop {
    Close,
    Stall,
    CloseOne(usize),
}

fn stop() -> impl Strategy<Value = Stop> {
    prop_oneof![Just(Stop::Close), Just(Stop::Stall), (0..2_usize).prop_map(Stop::CloseOne),]
}

proptest! {
    /// A program that stops and goes on again in any way has picture and sound begin at one instant: the track that
    /// comes second as long after the first as `late`, or at once if its writer has not gone.
    #[test]
    fn picture_and_sound_are_in_step_after_every_pause(
        sections in proptest::collection::vec(
            (stop(), 0..40_u64, 2_500..20_000_u64, 0..2_usize, 0..400_u64),
            1..12,
        ),
    ) {
        const HOLD: u64 = 2_000;
        let mut program = Program { anchor: anchor(), now: 0 };
        program.give(0);
        program.give(1);
        for (stop, lasts, pause, first, late) in sections {
            program.run(&[0, 1], 400 + lasts * 100);
            match stop {
                Stop::Close => (0..2).for_each(|track| program.anchor.leave(track)),
                Stop::CloseOne(track) => program.anchor.leave(track),
                Stop::Stall => {}
            }
            program.now += HOLD;
            program.anchor.away(0, ms(program.now));
            program.now += pause - HOLD;
            let began = program.give(first);
            program.now += late;
            let second = program.give(1 - first);
            prop_assert_eq!(began, second, "{:?} first {}, later {}", stop, first, late);
            program.run(&[1 - first], 200);
            // The other catches up with what it owes.
            for _ in 0..if first == 0 { 5 } else { 10 } {
                program.give(first);
            }
            program.run(&[0, 1], HOLD);
            program.anchor.back(ms(program.now));
        }
    }

    #[test]
    fn placed_time_never_goes_back(
        steps in proptest::collection::vec((0..2_usize, 0..5_u8, any::<i64>(), 0..3_000_u64), 1..200),
    ) {
        let mut anchor = anchor();
        let (mut now, mut last) = (ms(0), [i64::MIN; 2]);
        for (track, what, time, later) in steps {
            now += ms(later);
            // Times that do not fit are no times.
            let time = time >> 4;
            let at = match (what, track) {
                (0, 0) if time & 1 == 0 => { anchor.away(track, now); continue }
                (0, 1) if time & 1 == 0 => { anchor.back(now); continue }
                (0, _) => { anchor.leave(track); continue }
                (1, _) => anchor.take(track, 1, now),
                (_, 0) => anchor.place(0, time, now),
                (_, _) => anchor.place_run(1, 960, time, now),
            };
            prop_assert!(at > last[track], "{} after {}", at, last[track]);
            last[track] = at;
            // What follows a time that is far away cannot be counted.
            if at.abs() > i64::MAX / 4 { break }
        }
    }

    #[test]
    fn time_never_goes_back(
        steps in proptest::collection::vec((0..2_usize, 0..3_u8, 1..2_000_u32, 0..3_000_u64), 1..200),
    ) {
        let mut anchor = anchor();
        let (mut now, mut last) = (ms(0), [-1_i64; 2]);
        for (track, what, units, later) in steps {
            now += ms(later);
            if what == 0 {
                match units % 4 {
                    0 => anchor.away(track, now),
                    1 => anchor.back(now),
                    _ => anchor.leave(track),
                }
            } else {
                let at = anchor.take(track, units, now);
                prop_assert!(at > last[track], "{} after {}", at, last[track]);
                last[track] = at;
            }
        }
    }
}
