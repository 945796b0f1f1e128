use proptest::prelude::*;

use super::*;

/// A reel of these units: when each is shown, and whether it is a key.
fn reel(units: &[(i64, bool)]) -> Reel {
    let mut reel = Reel::new(1_000, 0);
    for &(shown, is_key) in units {
        assert!(reel.push(shown, is_key, 1));
    }
    reel
}

#[test]
fn next_decoder_begins_at_the_last_key_that_was_shown() {
    let mut reel =
        reel(&[(0, true), (3, false), (1, false), (2, false), (4, true), (6, false), (5, false)]);
    assert_eq!(reel.resume(), 0);
    for shown in [0, 1, 2] {
        assert!(reel.gave(shown));
        assert_eq!((reel.resume(), reel.release()), (0, 0), "3 needs what is before it");
    }
    assert!(reel.gave(3) && reel.gave(4));
    assert_eq!((reel.release(), reel.first(), reel.resume()), (4, 4, 4));
    assert!(!reel.gave(4), "that one came from the decoder before");
    assert_eq!((reel.waiting(), reel.lost()), (2, 0));
}

#[test]
fn pictures_that_lead_a_key_are_decoded_from_the_one_before() {
    // The key 5 is decoded before 3 and 4, which refer to what is before it as well.
    let mut reel = reel(&[(0, true), (2, false), (1, false), (5, true), (3, false), (4, false)]);
    for shown in 0..4 {
        reel.gave(shown);
    }
    assert_eq!(reel.resume(), 0);
    reel.gave(4);
    assert_eq!(reel.resume(), 0);
    reel.gave(5);
    assert_eq!(reel.resume(), 3);
}

#[test]
fn sound_is_fed_again_a_little_before_where_it_goes_on() {
    let mut reel = Reel::new(1_000, 2);
    for shown in 0..10 {
        reel.push(shown, true, 1);
    }
    assert_eq!(reel.resume(), 0);
    reel.gave(0);
    assert_eq!(reel.resume(), 0);
    (1..=6).for_each(|shown| assert!(reel.gave(shown)));
    assert_eq!((reel.release(), reel.resume()), (4, 4));
}

#[test]
fn what_nothing_was_made_of_is_lost_and_no_reason_to_wait() {
    let mut reel = reel(&[(0, true), (1, false), (2, false), (3, false)]);
    assert!(reel.gave(0) && reel.gave(3));
    assert_eq!((reel.lost(), reel.waiting()), (2, 0));
    assert!(!reel.gave(2), "it comes too late");
}

#[test]
fn unit_that_kills_is_given_up_with_all_that_need_it() {
    let mut reel = reel(&[(0, true), (1, false), (2, false), (3, true), (4, false)]);
    reel.gave(0);
    reel.give_up();
    assert_eq!((reel.resume(), reel.lost(), reel.first()), (3, 2, 3));
    reel.give_up();
    assert_eq!((reel.resume(), reel.end(), reel.lost()), (5, 5, 4));
    assert!(!reel.push(5, false, 1), "it needs what was given up");
    assert!(reel.push(6, true, 1));
    assert_eq!(reel.resume(), 5);
}

#[test]
fn group_that_is_longer_than_what_is_held_waits_for_its_key_after_a_death() {
    let mut reel = Reel::new(4, 0);
    for shown in 0..4 {
        assert!(reel.has_room(1) && reel.push(shown, shown == 0, 1));
    }
    assert!(!reel.has_room(1), "none of it has come out");
    reel.gave(0);
    reel.gave(1);
    assert!(reel.has_room(1) && reel.push(4, false, 1));
    assert_eq!((reel.first(), reel.resume(), reel.end()), (1, 5, 5), "its key is gone");
    assert_eq!(reel.release(), 0, "the decoder that is there goes on");
    assert!(reel.has_room(1) && reel.push(5, true, 1));
    assert_eq!(reel.resume(), 5);
    assert!(reel.has_room(1_000) || reel.waiting() > 0);
}

proptest! {
    /// A decoder gives what it was fed, sorted; it is killed at any moment, with anything of it unread. Groups are closed
    /// or open, and as long as they like.
    #[test]
    fn each_frame_comes_once_and_in_order_however_often_decoders_die(
        groups in prop::collection::vec((1..8_usize, any::<bool>()), 1..8),
        steps in prop::collection::vec((0..4_u8, 0..6_usize), 1..300),
    ) {
        // Of each group: a key, then what leads it, then pictures of which each second is shown before the first.
        let (mut units, mut next) = (Vec::new(), 0_i64);
        for &(long, is_open) in &groups {
            let lead = if is_open && !units.is_empty() { 2 } else { 0 };
            units.push((next + lead, true));
            (0..lead).for_each(|at| units.push((next + at, false)));
            next += lead + 1;
            for at in 0..i64::try_from(long).unwrap() {
                units.push((next + (at ^ 1), false));
            }
            next += i64::try_from(long).unwrap() + 1;
        }
        let mut reel = Reel::new(u64::MAX, 0);
        let (mut came, mut out) = (0, Vec::new());
        // What the decoder was fed, and how much of what it makes of that has been read.
        let (mut from, mut fed, mut read) = (0_u64, 0_u64, 0_usize);
        let all = units.len();
        let finish = std::iter::repeat_n((0, 9), all).chain([(1, 99), (2, 999)]);
        for (what, count) in steps.into_iter().chain(finish) {
            match what {
                0 => for &(shown, is_key) in units.iter().skip(came).take(count) {
                    prop_assert!(reel.push(shown, is_key, 1));
                    came += 1;
                },
                1 => fed = (fed + count as u64).min(reel.end()).max(from),
                2 => {
                    // All but what it holds back for order, until everything is there.
                    let begin = units[usize::try_from(from).unwrap()..usize::try_from(fed).unwrap()].to_vec();
                    let first = begin.first().map_or(0, |unit| unit.0);
                    let mut shown: Vec<i64> = begin.iter().map(|unit| unit.0)
                        // What leads the key that it began with cannot be decoded.
                        .filter(|&shown| shown >= first)
                        .collect();
                    shown.sort_unstable();
                    let whole = if usize::try_from(fed).unwrap() == all { 0 } else { 3 };
                    let ready = shown.len().saturating_sub(whole).min(read + count);
                    for &shown in shown.get(read..ready).unwrap_or_default() {
                        if reel.gave(shown) { out.push(shown); }
                    }
                    read = read.max(ready);
                    reel.release();
                }
                _ => {
                    from = reel.resume();
                    (fed, read) = (from, 0);
                }
            }
        }
        let mut expected: Vec<i64> = units.iter().map(|unit| unit.0).collect();
        expected.sort_unstable();
        prop_assert_eq!(out, expected);
        prop_assert_eq!(reel.lost(), 0);
    }
}
