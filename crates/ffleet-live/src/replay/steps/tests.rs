use super::*;

/// A packet of frame `number` with these bytes.
fn packet(number: u64, bytes: u8) -> Given<u8> {
    Given { number, digest: bytes, is_start: false }
}

fn start(number: u64, bytes: u8) -> Given<u8> {
    Given { is_start: true, ..packet(number, bytes) }
}

/// Encoders 1 and 2, of which the first has given frames 0 to 2 and the second none.
fn two() -> Steps<u8> {
    let mut steps = Steps::new();
    steps.join(1);
    steps.keep(true);
    assert_eq!(steps.given(1, start(0, 10), (0, true)), Verdict::Take);
    assert_eq!(steps.given(1, packet(1, 11), (1, true)), Verdict::Take);
    assert_eq!(steps.given(1, packet(2, 12), (2, true)), Verdict::Take);
    steps.join(2);
    steps.keep(false);
    steps
}

#[test]
fn whoever_is_first_of_two_in_step_gives_the_next_packet() {
    let mut steps = two();
    assert_eq!(steps.standing(2), Standing::Behind);
    assert_eq!(steps.given(2, start(0, 10), (3, true)), Verdict::Same);
    assert!(steps.is_in_step(2));
    assert_eq!(steps.given(2, packet(1, 11), (3, true)), Verdict::Same);
    assert_eq!(steps.given(2, packet(2, 12), (3, true)), Verdict::Same);
    assert_eq!(steps.kept(), 0, "both have given all");
    assert_eq!(steps.given(2, packet(3, 13), (3, true)), Verdict::Take);
    assert_eq!(steps.given(1, packet(3, 13), (4, true)), Verdict::Same);
    steps.leave(1);
    assert_eq!(steps.given(2, packet(4, 14), (4, true)), Verdict::Take);
}

#[test]
fn one_byte_is_enough_to_be_out_of_step_until_a_decoder_can_begin() {
    let mut steps = two();
    assert_eq!(steps.given(2, start(0, 10), (3, true)), Verdict::Same);
    assert_eq!(steps.given(2, packet(1, 99), (3, true)), Verdict::Differs);
    assert_eq!(steps.standing(2), Standing::Apart);
    assert_eq!(steps.given(2, packet(2, 12), (3, true)), Verdict::Differs, "it follows 99");
    assert_eq!(steps.given(2, packet(3, 13), (3, true)), Verdict::Differs, "it follows 99");
    assert_eq!(steps.given(1, packet(3, 13), (3, true)), Verdict::Take);
    assert_eq!(steps.given(1, start(4, 14), (4, true)), Verdict::Take);
    assert_eq!(steps.given(2, start(4, 14), (5, true)), Verdict::Same);
    assert_eq!(steps.given(2, packet(5, 15), (5, true)), Verdict::Take);
}

#[test]
fn other_keyframe_of_the_same_frame_does_not_bring_anybody_into_step() {
    let mut steps = two();
    assert_eq!(steps.given(2, start(0, 99), (3, true)), Verdict::Differs);
    assert_eq!(steps.given(2, packet(1, 11), (3, true)), Verdict::Differs);
    assert!(!steps.is_in_step(2));
}

#[test]
fn keyframe_out_of_step_waits_and_goes_out_if_nobody_else_has_it() {
    let mut steps = two();
    assert_eq!(steps.given(2, start(0, 99), (3, true)), Verdict::Differs);
    assert_eq!(steps.given(2, start(4, 94), (3, true)), Verdict::Wait);
    assert_eq!(steps.given(1, packet(3, 13), (3, true)), Verdict::Take);
    assert_eq!(
        steps.given(2, start(4, 94), (4, true)),
        Verdict::Wait,
        "the first is expected to"
    );
    steps.leave(1);
    assert_eq!(steps.given(2, start(4, 94), (4, false)), Verdict::Wait, "6 was taken before 5");
    assert_eq!(steps.given(2, start(4, 94), (4, true)), Verdict::Take);
    assert_eq!(steps.given(2, packet(5, 95), (5, true)), Verdict::Take);
}

#[test]
fn who_leaves_is_followed_at_the_frame_that_was_said() {
    let mut steps = two();
    steps.leave(2);
    steps.retire(1, 4);
    steps.join(3);
    assert_eq!(steps.given(3, start(4, 34), (3, true)), Verdict::Wait);
    assert_eq!(steps.given(1, packet(3, 13), (3, true)), Verdict::Take);
    assert_eq!(steps.given(3, start(4, 34), (4, true)), Verdict::Take);
}

#[test]
fn what_was_there_before_is_old() {
    let mut steps = Steps::new();
    steps.join(1);
    assert_eq!(steps.given(1, start(5, 1), (7, true)), Verdict::Old);
    assert_eq!(steps.given(1, start(6, 2), (7, true)), Verdict::Old);
    assert_eq!(steps.given(1, start(7, 3), (7, true)), Verdict::Take);
    assert_eq!(steps.given(2, start(8, 4), (8, true)), Verdict::Differs, "it is nobody's");
}

#[test]
fn what_is_kept_has_a_bound_and_who_is_further_behind_is_out_of_step() {
    let mut steps = two();
    assert_eq!(steps.given(2, start(0, 10), (3, true)), Verdict::Same);
    for number in 3..20_000 {
        assert_eq!(steps.given(1, packet(number, 1), (number, true)), Verdict::Take);
        assert!(steps.kept() <= LONGEST);
    }
    assert!(!steps.is_in_step(2));
}
