use proptest::prelude::*;

use super::*;

/// A queue of whatever numbers, GOPs of `gop`, of which each item takes 100 bytes.
fn queue(bound: u64, count: i64, gop: i64) -> Queue<i64> {
    let mut queue = Queue::new(bound);
    push(&mut queue, 0..count, gop);
    queue
}

fn push(queue: &mut Queue<i64>, numbers: std::ops::Range<i64>, gop: i64) {
    for number in numbers {
        let is_start = number % gop == 0;
        queue.push(Item { time: number * 10, size: 100 - OVERHEAD, is_start, what: number });
    }
}

fn all(queue: &mut Queue<i64>) -> Vec<i64> {
    std::iter::from_fn(|| queue.take().map(|(_, item)| item.what)).collect()
}

#[test]
fn what_has_arrived_is_forgotten_gop_by_gop() {
    let mut queue = queue(10_000, 12, 4);
    assert_eq!(queue.behind(), 110);
    assert_eq!(all(&mut queue), (0..12).collect::<Vec<_>>());
    queue.delivered(3);
    assert_eq!(queue.bytes(), 1_200);
    queue.delivered(9);
    assert_eq!(
        (queue.bytes(), queue.behind()),
        (400, 20),
        "the third is held until a fourth begins"
    );
    queue.delivered(12);
    assert!(queue.is_done());
    assert_eq!(queue.behind(), 0);
}

#[test]
fn next_connection_begins_at_the_oldest_gop_that_did_not_wholly_arrive() {
    let mut queue = queue(10_000, 12, 4);
    all(&mut queue);
    queue.delivered(6);
    queue.rewind();
    assert_eq!(all(&mut queue), (4..12).collect::<Vec<_>>());
    assert_eq!((queue.doubled(), queue.dropped()), (2, 0));
    queue.delivered(8);
    queue.rewind();
    assert_eq!(queue.doubled(), 2, "between two GOPs nothing is sent twice");
    assert_eq!(all(&mut queue), (8..12).collect::<Vec<_>>());
}

#[test]
fn at_the_bound_the_oldest_whole_gop_goes() {
    let mut queue = queue(1_000, 10, 4);
    assert_eq!(queue.dropped(), 0);
    push(&mut queue, 10..11, 4);
    assert_eq!((queue.dropped(), queue.bytes()), (4, 700));
    assert_eq!(all(&mut queue), (4..11).collect::<Vec<_>>());
}

#[test]
fn slow_connection_goes_on_at_the_next_gop() {
    let mut queue = queue(1_000, 8, 4);
    for _ in 0..2 {
        queue.take();
    }
    push(&mut queue, 8..11, 4);
    assert_eq!(queue.dropped(), 4, "two were on the way, and nobody knows whether they arrived");
    assert_eq!(queue.take().map(|(number, item)| (number, item.what)), Some((4, 4)));
}

#[test]
fn gop_larger_than_the_bound_passes_a_connection_that_keeps_up() {
    let mut queue = Queue::new(500);
    for number in 0..50 {
        push(&mut queue, number..number + 1, 40);
        assert_eq!(queue.take().map(|(_, item)| item.what), Some(number));
        queue.delivered(queue.end());
        assert!(queue.bytes() <= 500);
    }
    assert_eq!(queue.dropped(), 0);
}

#[test]
fn gop_larger_than_the_bound_is_left_out_where_nobody_takes_it() {
    let mut queue = queue(500, 12, 10);
    assert_eq!(all(&mut queue), [10, 11]);
    assert_eq!(queue.dropped(), 10);
}

#[test]
fn connection_lost_in_a_gop_whose_beginning_is_gone_waits_for_the_next() {
    let mut queue = Queue::new(500);
    for number in 0..8 {
        push(&mut queue, number..number + 1, 10);
        queue.take();
        queue.delivered(queue.end());
    }
    push(&mut queue, 8..10, 10);
    queue.rewind();
    assert_eq!((all(&mut queue), queue.dropped()), (vec![], 2));
    push(&mut queue, 10..12, 10);
    assert_eq!(all(&mut queue), [10, 11]);
}

#[test]
fn first_item_of_all_can_be_begun_with() {
    let mut queue = Queue::new(1_000);
    push(&mut queue, 3..6, 4);
    assert_eq!(all(&mut queue), [3, 4, 5]);
    assert_eq!(queue.dropped(), 0);
}

#[test]
fn queue_that_comes_late_begins_with_a_start_and_misses_nothing_before_it() {
    let mut queue = Queue::late(1_000);
    push(&mut queue, 2..4, 4);
    assert_eq!(
        (queue.take().map(|(_, item)| item.what), queue.bytes(), queue.dropped()),
        (None, 0, 0)
    );
    push(&mut queue, 4..7, 4);
    assert_eq!(all(&mut queue), [4, 5, 6]);
    queue.rewind();
    assert_eq!((all(&mut queue), queue.dropped()), (vec![4, 5, 6], 0));
}

/// What happens to a queue.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push { size: u64, is_start: bool },
    Take,
    Deliver(u64),
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..300, prop::bool::weighted(0.25))
            .prop_map(|(size, is_start)| Step::Push { size, is_start }),
        3 => Just(Step::Take),
        1 => (0_u64..8).prop_map(Step::Deliver),
        1 => Just(Step::Lose),
    ]
}

proptest! {
    #[test]
    fn nothing_passes_the_bound_and_nothing_is_lost_unseen(
        bound in 0_u64..3_000,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut queue = Queue::new(bound);
        // All that was pushed, by its place in the source; and of each whether it arrived.
        let (mut pushed, mut arrived) = (0_usize, Vec::<bool>::new());
        // What the present connection was given: numbers, and places in the source.
        let mut given: Vec<(u64, usize, bool)> = Vec::new();
        let mut is_first = true;
        for step in steps {
            match step {
                Step::Push { size, is_start } => {
                    let item = Item { time: i64::try_from(pushed).unwrap(), size, is_start, what: (pushed, is_start || is_first) };
                    queue.push(item);
                    is_first = false;
                    pushed += 1;
                    arrived.push(false);
                }
                Step::Take => {
                    if let Some((number, item)) = queue.take() {
                        let (place, is_start) = item.what;
                        match given.last() {
                            None => prop_assert!(is_start, "a connection begins with a start"),
                            Some(&(before, last, _)) => {
                                prop_assert!(number > before && place > last, "it never goes back");
                                prop_assert!(is_start || place == last + 1, "after a gap there is a start");
                            }
                        }
                        given.push((number, place, is_start));
                    }
                }
                Step::Deliver(back) => {
                    let keep = given.len().saturating_sub(usize::try_from(back).unwrap());
                    if let Some(&(number, ..)) = given.get(..keep).and_then(<[_]>::last) {
                        queue.delivered(number + 1);
                        given[..keep].iter().for_each(|&(_, place, _)| arrived[place] = true);
                    }
                }
                Step::Lose => {
                    queue.rewind();
                    given.clear();
                }
            }
            prop_assert!(queue.bytes() <= bound);
            prop_assert!(queue.behind() >= 0);
        }
        // What is left goes out over one more connection.
        queue.rewind();
        let mut rest = Vec::new();
        while let Some((_, item)) = queue.take() {
            rest.push(item.what.0);
        }
        rest.iter().for_each(|&place| arrived[place] = true);
        let missing = arrived.iter().filter(|&&arrived| !arrived).count() as u64;
        prop_assert!(missing <= queue.dropped(), "{} missing, {} told of", missing, queue.dropped());
    }

    #[test]
    fn within_the_bound_all_arrives_and_at_most_a_gop_comes_twice(
        gop in 1_i64..10,
        cuts in prop::collection::vec((1_i64..20, 0_u64..20), 1..20),
    ) {
        let mut queue = Queue::new(u64::MAX);
        let (mut seen, mut made) = (Vec::new(), 0);
        for (fresh, back) in cuts {
            push(&mut queue, made..made + fresh, gop);
            made += fresh;
            let taken = all(&mut queue);
            let upto = queue.end().saturating_sub(back);
            queue.delivered(upto);
            let kept = taken.iter().filter(|&&what| u64::try_from(what).unwrap() < upto).copied().collect::<Vec<_>>();
            let doubled = kept.iter().filter(|what| seen.contains(*what)).count();
            prop_assert!(doubled < usize::try_from(gop).unwrap(), "{doubled} of {gop}");
            seen.extend(kept);
            queue.rewind();
        }
        seen.extend(all(&mut queue));
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen, (0..made).collect::<Vec<_>>());
        prop_assert_eq!(queue.dropped(), 0);
    }
}
