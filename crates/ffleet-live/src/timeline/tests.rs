use proptest::prelude::*;

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn picture(dts: i64, pts: i64) -> Said {
    Said { pts, dts, samples: None }
}

/// A frame of AAC.
const fn sound(at: i64) -> Said {
    Said { pts: at, dts: at, samples: Some((1_024, 48_000)) }
}

/// The ticks of 1024 samples.
const FRAME: i64 = 1_920;

fn times(placed: Option<Placed>) -> (i64, i64) {
    placed.map_or((i64::MIN, i64::MIN), |Placed { pts, dts }| (pts, dts))
}

#[test]
fn all_tracks_are_moved_by_the_same() {
    let mut timeline = Timeline::new(2);
    let mut place = |track, said| times(timeline.place(track, said, ms(9_000)));
    assert_eq!(place(0, picture(123_000, 130_200)), (7_200, 0));
    assert_eq!(place(1, sound(122_000)), (-1_000, -1_000), "it may begin a little earlier");
    assert_eq!(place(0, picture(126_600, 126_600)), (3_600, 3_600));
    assert_eq!(place(1, sound(122_000 + FRAME + 30)), (FRAME - 1_000, FRAME - 1_000));
}

#[test]
fn sound_follows_sound_unless_there_is_a_hole() {
    let mut timeline = Timeline::new(1);
    let mut place = |at| timeline.place(0, sound(at), ms(0)).map(|placed| placed.dts);
    assert_eq!(place(0), Some(0));
    assert_eq!(place(FRAME + 3_000), Some(FRAME));
    assert_eq!(place(2 * FRAME - 3_000), Some(2 * FRAME));
    assert_eq!(place(3 * FRAME + SLACK + 1), Some(3 * FRAME + SLACK + 1), "a hole");
    assert_eq!(place(3 * FRAME + 1), None, "that has been");
    assert_eq!(place(4 * FRAME + SLACK + 1), Some(4 * FRAME + SLACK + 1));
}

#[test]
fn source_that_begins_anew_goes_on_behind_all_that_was_and_where_the_clock_is() {
    let mut timeline = Timeline::new(2);
    for number in 0..100 {
        timeline
            .place(0, picture(number * 3_600, number * 3_600), ms(0))
            .unwrap();
        timeline.place(1, sound(number * FRAME), ms(0)).unwrap();
    }
    assert_eq!(times(timeline.place(0, picture(-70, -70), ms(1_000))).1, 100 * 3_600);
    // Sound that belongs to what was before comes late.
    assert_eq!(times(timeline.place(1, sound(100 * FRAME), ms(1_000))).1, 100 * FRAME);
    assert_eq!(times(timeline.place(1, sound(-70), ms(1_000))).1, 100 * 3_600);
    assert_eq!(timeline.leaps(), 1);
    timeline.part();
    assert_eq!(times(timeline.place(1, sound(3_600), ms(9_000))).1, 9 * CLOCK);
    assert_eq!(times(timeline.place(0, picture(3_600, 3_600), ms(9_100))).1, 9 * CLOCK);
}

#[test]
fn clock_that_is_set_forward_is_followed_from_where_the_feed_is() {
    let mut timeline = Timeline::new(2);
    timeline.place(0, picture(0, 0), ms(0)).unwrap();
    timeline.place(1, sound(0), ms(0)).unwrap();
    assert_eq!(times(timeline.place(0, picture(3_600 * CLOCK, 3_600 * CLOCK), ms(40))).1, 3_600);
    assert_eq!(times(timeline.place(1, sound(3_600 * CLOCK + 60), ms(41))).1, 3_660);
}

#[test]
fn rate_is_what_is_between_most_pictures() {
    let every = |apart: i64| (0..9).map(|number| number * apart).collect::<Vec<_>>();
    let shown = |times: &[i64]| rate(times).map(|rate| rate.to_string());
    assert_eq!(shown(&every(3_600)).as_deref(), Some("25"));
    assert_eq!(shown(&every(3_003)).as_deref(), Some("30000/1001"));
    assert_eq!(shown(&every(3_000)).as_deref(), Some("30"));
    assert_eq!(shown(&[0, 3_600, 7_200, 90_000, 93_600]).as_deref(), Some("25"), "with a hole");
    assert_eq!(shown(&every(12_000)).as_deref(), Some("90000/12000"));
    assert_eq!(shown(&[5]), None);
    assert_eq!(shown(&[5, 5, 4]), None);
    assert_eq!(shown(&every(1)), None, "no rate has so many");
}

proptest! {
    /// Whatever the container says.
    #[test]
    fn times_only_grow_and_nothing_is_shown_before_it_is_decoded(
        steps in prop::collection::vec(
            (0..3_usize, prop_oneof![4 => -200_000..900_000_i64, 1 => any::<i64>()], 0..90_000_i64, 0..3_000_u64),
            1..200,
        ),
    ) {
        let mut timeline = Timeline::new(2);
        let (mut now, mut last) = (ms(0), [i64::MIN; 2]);
        for (track, dts, more, later) in steps {
            now += ms(later);
            // Times that do not fit are no times.
            let dts = dts >> 2;
            if track > 1 {
                timeline.part();
                continue;
            }
            let said = if track == 0 { picture(dts, dts + more) } else { sound(dts) };
            if let Some(Placed { pts, dts }) = timeline.place(track, said, now) {
                prop_assert!(dts > last[track] && pts >= dts, "{} {} after {}", pts, dts, last[track]);
                last[track] = dts;
                if dts > i64::MAX / 4 { break }
            } else {
                prop_assert!(track == 1, "a picture is never left out");
            }
        }
    }

    /// A source that says what is, however its two tracks are interleaved, and wherever it begins.
    #[test]
    fn what_is_right_is_only_moved(
        begin in -1_000_000..1_000_000_000_i64,
        order in prop::collection::vec(any::<bool>(), 1..300),
    ) {
        let mut timeline = Timeline::new(2);
        let (mut counts, mut by) = ([0_i64; 2], None);
        for is_picture in order {
            let track = usize::from(!is_picture);
            let at = begin + counts[track] * if is_picture { 3_600 } else { FRAME };
            // No muxer is ahead by more.
            if counts[1 - track] * 3_600 + 5 * CLOCK < counts[track] * 3_600 {
                continue;
            }
            counts[track] += 1;
            let said = if is_picture { picture(at, at + 7_200) } else { sound(at) };
            let placed = timeline.place(track, said, ms(0)).unwrap();
            prop_assert_eq!(placed.dts - at, *by.get_or_insert(placed.dts - at));
            prop_assert_eq!(placed.pts - placed.dts, said.pts - said.dts);
        }
        prop_assert_eq!(timeline.leaps(), 0);
    }
}
