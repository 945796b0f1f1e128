use proptest::prelude::*;

use super::*;

/// A backlog of raw frames of 10 bytes.
fn raw(frames: u64) -> Backlog {
    let mut backlog = Backlog::new(1_000, 0, 16);
    for _ in 0..frames {
        backlog.push(10, true);
    }
    backlog
}

#[test]
fn frame_is_held_until_its_packet_has_come() {
    let mut backlog = raw(3);
    assert_eq!(backlog.gave(0), Gave::Upto(1));
    assert_eq!((backlog.release(), backlog.first(), backlog.bytes()), (1, 1, 20));
    assert_eq!(backlog.resume(), 1);
    assert_eq!(backlog.gave(0), Gave::Double);
    assert_eq!(backlog.gave(3), Gave::Double, "there is no such frame");
}

#[test]
fn packets_out_of_order_go_out_when_none_before_them_is_missing() {
    let mut backlog = raw(5);
    assert_eq!(backlog.gave(0), Gave::Upto(1));
    assert_eq!(backlog.gave(4), Gave::Hold);
    assert_eq!(backlog.gave(2), Gave::Hold);
    assert_eq!(backlog.gave(1), Gave::Hold, "3 is still to come, and 4 has been decoded");
    assert_eq!(backlog.gave(3), Gave::Upto(5));
}

#[test]
fn who_takes_over_begins_behind_the_last_whole_group() {
    let mut backlog = raw(6);
    backlog.gave(0);
    backlog.gave(4);
    backlog.gave(2);
    backlog.forget_ahead();
    assert_eq!(backlog.resume(), 1);
    assert_eq!(backlog.gave(1), Gave::Upto(2));
    assert_eq!(backlog.gave(2), Gave::Upto(3), "what the dead one gave of it never went out");
}

#[test]
fn group_of_which_one_is_missing_is_fed_again_from_its_first() {
    let mut backlog = raw(6);
    backlog.gave(0);
    for number in [5, 3, 1, 2] {
        assert_eq!(backlog.gave(number), Gave::Hold);
        // Three of them lie before the one that is missing, and none has gone out.
        assert_eq!((backlog.out(), backlog.resume()), (1, 1));
    }
    backlog.forget_ahead();
    assert_eq!(backlog.gave(1), Gave::Upto(2));
}

#[test]
fn sound_is_fed_again_from_a_little_before() {
    let mut backlog = Backlog::new(1_000, 3, 16);
    for _ in 0..10 {
        backlog.push(4, true);
    }
    for number in 0..7 {
        backlog.gave(number);
        backlog.release();
    }
    assert_eq!((backlog.resume(), backlog.first()), (4, 4));
}

#[test]
fn coded_input_is_fed_again_from_its_last_keyframe() {
    let mut backlog = Backlog::new(1_000, 0, 16);
    for number in 0..12 {
        backlog.push(10, number % 5 == 0);
    }
    for number in 0..8 {
        backlog.gave(number);
        backlog.release();
    }
    assert_eq!((backlog.resume(), backlog.first()), (5, 5));
}

#[test]
fn full_backlog_does_what_it_was_told_to() {
    let mut backlog = raw(100);
    assert_eq!(backlog.room(10, WhenFull::Block, 2), Room::Wait);
    assert_eq!(backlog.room(10, WhenFull::DropNewest, 2), Room::LeaveOut);
    assert_eq!(backlog.room(10, WhenFull::DropOldest, 2), Room::Yes);
    assert!(backlog.is_dropped(2) && !backlog.is_dropped(1) && !backlog.is_dropped(3));
    assert_eq!(backlog.missed(), (2, 0));
    // The one that was left out is not waited for.
    backlog.gave(0);
    backlog.gave(1);
    assert_eq!(backlog.gave(3), Gave::Upto(4));
}

#[test]
fn coded_input_loses_whole_groups() {
    let mut backlog = Backlog::new(100, 0, 16);
    for number in 0..10 {
        backlog.push(10, number % 5 == 0);
    }
    assert_eq!(backlog.room(10, WhenFull::DropOldest, 1), Room::Yes);
    let dropped: Vec<u64> = (0..10).filter(|&number| backlog.is_dropped(number)).collect();
    assert_eq!(dropped, [1, 2, 3, 4], "what follows a frame that is missing cannot be decoded");
}

#[test]
fn one_frame_has_room_whatever_the_limit() {
    let mut backlog = Backlog::new(5, 0, 16);
    assert_eq!(backlog.room(10, WhenFull::Block, 0), Room::Yes);
    backlog.push(10, true);
    assert_eq!(backlog.room(10, WhenFull::Block, 0), Room::Wait);
    assert_eq!(backlog.room(10, WhenFull::DropOldest, 1), Room::LeaveOut);
}

#[test]
fn frame_that_never_comes_out_is_given_up() {
    let mut backlog = Backlog::new(1_000, 0, 2);
    for _ in 0..6 {
        backlog.push(10, true);
    }
    backlog.gave(0);
    assert_eq!(backlog.gave(2), Gave::Hold);
    assert_eq!(backlog.gave(3), Gave::Hold);
    assert_eq!(backlog.gave(4), Gave::Upto(5));
    assert_eq!(backlog.missed(), (0, 1));
    backlog.give_up(1);
    assert_eq!((backlog.out(), backlog.missed()), (6, (0, 2)));
}

proptest! {
    /// Whatever is taken, left out, comes out in whatever order and dies: each frame goes out once, or is counted as missed.
    #[test]
    fn each_frame_goes_out_once_or_is_missed(
        steps in proptest::collection::vec((0..11_u8, 0..60_usize), 1..400),
        again in 0..4_u64,
        gop in 1..6_u64,
        when_full in prop_oneof![Just(WhenFull::DropNewest), Just(WhenFull::DropOldest)],
    ) {
        let mut backlog = Backlog::new(200, again, 20);
        // An encoder that gives groups of what it was fed, each in an order of its own, and what of it waits for others.
        let (mut fed, mut given): (u64, VecDeque<u64>) = (0, VecDeque::new());
        let (mut group, mut held) = (Vec::new(), Vec::new());
        let (mut offered, mut refused, mut went) = (0_u64, 0_u64, 0_u64);
        for (step, order) in steps {
            match step {
                0..=3 => {
                    offered += 1;
                    match backlog.room(10, when_full, fed) {
                        Room::Yes => { backlog.push(10, (offered - 1) % gop == 0); }
                        _ => refused += 1,
                    }
                }
                4..=6 => {
                    while fed < backlog.end() && backlog.is_dropped(fed) { fed += 1; }
                    if fed < backlog.end() { group.insert(order % (group.len() + 1), fed); fed += 1; }
                    if group.len() > order % 5 { given.extend(group.drain(..)); }
                }
                7..=9 => if let Some(number) = given.pop_front() {
                    let before = backlog.out();
                    let gave = backlog.gave(number);
                    if gave != Gave::Double { held.push(number); }
                    if let Gave::Upto(until) = gave {
                        prop_assert!(until > before);
                        held.sort_unstable();
                        let whole: Vec<u64> = (before..until).filter(|&n| !backlog.is_dropped(n)).collect();
                        prop_assert_eq!(&held, &whole);
                        went += held.len() as u64;
                        held.clear();
                    }
                    backlog.release();
                },
                _ => {
                    given.clear();
                    group.clear();
                    held.clear();
                    backlog.forget_ahead();
                    fed = backlog.resume();
                    prop_assert!(fed <= backlog.out());
                }
            }
            prop_assert!(backlog.bytes() <= 200);
            prop_assert!(backlog.first() <= backlog.out() && backlog.out() <= backlog.end());
        }
        let (dropped, lost) = backlog.missed();
        prop_assert_eq!(lost, 0);
        prop_assert!(dropped >= refused);
        let left = (backlog.out()..backlog.end()).filter(|&n| !backlog.is_dropped(n)).count() as u64;
        prop_assert_eq!(offered, went + left + dropped);
    }
}
