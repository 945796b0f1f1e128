use super::*;
use proptest::prelude::*;

/// What is shown when, of pictures with these counts; a run begins at 0.
fn shown(reorder: usize, counts: &[i64]) -> (Vec<i64>, u64) {
    let (mut order, mut out) = (Order::default(), Vec::new());
    for &poc in counts {
        push(&mut order, reorder, poc, &mut out);
    }
    order.end(&mut out);
    assert_eq!(out.len(), counts.len());
    (out.iter().map(|unit| unit.display).collect(), order.irregular())
}

fn push(order: &mut Order, reorder: usize, poc: i64, out: &mut Vec<Unit>) {
    let unit = Unit { bytes: vec![1], is_key: false, has_sets: false, display: 0, reorder: 0 };
    let starts = if poc == 0 { Starts::Run } else { Starts::Nothing };
    order.push(unit, Picture { poc, is_key: poc == 0, starts, reorder }, out);
}

#[test]
fn step_is_learnt_whatever_it_is() {
    for step in [1, 2, 3, 7] {
        let counts = [0, 4, 2, 1, 3, 8, 6, 5, 7, 0, 4, 2, 1, 3].map(|count| count * step);
        let expected = vec![0, 4, 2, 1, 3, 8, 6, 5, 7, 9, 13, 11, 10, 12];
        assert_eq!(shown(2, &counts), (expected, 0), "{step}");
    }
}

#[test]
fn only_the_beginning_of_a_stream_waits() {
    let (mut order, mut out) = (Order::default(), Vec::new());
    let mut given = Vec::new();
    for poc in [0, 8, 4, 2, 6, 16, 0, 8] {
        push(&mut order, 2, poc, &mut out);
        given.push(out.len());
    }
    assert_eq!(given, [0, 0, 0, 4, 5, 6, 7, 8]);
    let (mut order, mut out) = (Order::default(), Vec::new());
    push(&mut order, 0, 0, &mut out);
    assert_eq!(out.len(), 1, "nothing is reordered");
}

#[test]
fn run_that_is_too_short_teaches_nothing() {
    let (indices, irregular) = shown(2, &[0, 8, 0, 8, 4, 2, 6, 16, 12]);
    assert_eq!((indices, irregular), (vec![0, 1, 2, 6, 4, 3, 5, 10, 8], 0));
}

#[test]
fn gap_is_left_where_a_picture_is_missing() {
    assert_eq!(shown(1, &[0, 4, 2, 12, 10, 0, 4, 2]), (vec![0, 2, 1, 6, 5, 7, 9, 8], 0));
}

#[test]
fn wrong_guess_is_corrected_behind_the_run() {
    // Every other picture is missing at first.
    let wrong = [0, 8, 4, 12, 10, 14, 18, 16, 22, 20, 26, 24];
    let right = [0, 4, 2, 8, 6];
    let (shown, irregular) = shown(1, &[&wrong[..], &right, &right].concat());
    assert!(irregular > 0);
    let last = shown.len() - 5;
    let first = shown[last];
    assert_eq!(shown[last..], [0, 2, 1, 4, 3].map(|index| first + index));
}

#[test]
fn what_is_reordered_against_all_announcements_is_noticed() {
    let (indices, irregular) = shown(0, &[0, 4, 2, 8, 6, 0, 4, 2, 8, 6]);
    assert_eq!(indices[..5], [0, 1, 2, 3, 4], "they had been given");
    assert_eq!(indices[5..], [5, 7, 6, 9, 8]);
    assert!(irregular > 0);
}

#[test]
fn count_that_jumps_moves_nothing_far() {
    let (indices, irregular) = shown(1, &[0, 4, 2, 1_000_000, 1_000_004, 1_000_002, -5]);
    assert_eq!(indices, [0, 2, 1, 3, 5, 4, 6]);
    assert_eq!(irregular, 2);
}

proptest! {
    #[test]
    fn any_counts_are_survived(
        counts in prop::collection::vec(prop_oneof![-20..20_i64, any::<i64>()], 0..80), reorder in 0..20_usize,
    ) {
        let (mut order, mut out) = (Order::default(), Vec::new());
        for (at, &poc) in counts.iter().enumerate() {
            push(&mut order, reorder, poc, &mut out);
            prop_assert!(at + 1 - out.len() <= WAITING);
        }
        order.end(&mut out);
        prop_assert_eq!(out.len(), counts.len());
        let bound = FAR * i64::try_from(counts.len() + 1).unwrap();
        prop_assert!(out.iter().all(|unit| unit.display.abs() <= bound && unit.reorder <= HELD));
    }

    #[test]
    fn reordered_pictures_are_shown_without_gaps(groups in prop::collection::vec(1..9_i64, 1..20), step in 1..4_i64) {
        // Each group's last picture comes first, then the others: one is reordered.
        let (mut counts, mut expected, mut last) = (vec![0], vec![0], 0);
        for group in groups {
            for place in std::iter::once(group).chain(1..group) {
                counts.push((last + place) * step);
                expected.push(last + place);
            }
            last += group;
        }
        if counts.len() > 3 {
            prop_assert_eq!(shown(1, &counts), (expected, 0));
        }
    }
}
