use std::cell::Cell;
use std::sync::Arc;

use ffleet_types::job::{Class, Priority};
use ffleet_types::{Bytes, Cpu, JobId, TenantId, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::share::{Quota, Share};

const WHOLE: Capacity = Capacity {
    cpu: Cpu(10_000),
    memory: Bytes(1 << 40),
    scratch: Bytes(1 << 40),
    tasks: 100,
};

fn index(sequence: u64) -> usize {
    usize::try_from(sequence).unwrap()
}

fn entry(sequence: u64, class: Class, second: u64) -> Entry {
    Entry {
        task: TaskId::whole(JobId::from_bits(u128::from(sequence))),
        class,
        priority: Priority::Medium,
        tenant: TenantId::default(),
        need: Capacity { cpu: Cpu::whole(1), tasks: 1, ..Capacity::default() },
        demands: [].into(),
        wishes: Arc::default(),
        submitted: Timestamp::from_millis(second * 1_000),
        sequence,
    }
}

fn of(tenant: &str, sequence: u64) -> Entry {
    Entry { tenant: tenant.parse().unwrap(), ..entry(sequence, Class::Medium, 0) }
}

fn insert(queue: &mut Queue, entry: &Entry) {
    let shape = queue.shape(entry.need, 0, entry.lane().is_live());
    queue.insert(entry, shape);
}

fn remove(queue: &mut Queue, entry: &Entry) -> bool {
    let shape = queue.known_shape(&entry.need, 0, entry.lane().is_live());
    shape.is_some_and(|shape| queue.remove(entry, shape))
}

fn queue(entries: &[Entry]) -> Queue {
    let mut queue = Queue::default();
    for entry in entries {
        insert(&mut queue, entry);
    }
    queue
}

/// Takes the next that fits.
fn take(queue: &mut Queue, mut fits: impl FnMut(&Capacity) -> bool) -> Option<Key> {
    let fit = |shape: &mut Shape, _: &Key| if fits(&shape.need) { Fit::Yes } else { Fit::No };
    let next = queue.next(fit)?;
    queue.take(&next, &WHOLE);
    Some(next.key)
}

/// Takes everything; the sequence numbers in the order they came.
fn drained(queue: &mut Queue) -> Vec<u64> {
    std::iter::from_fn(|| take(queue, |_| true))
        .map(|key| key.sequence)
        .collect()
}

#[test]
fn classes_go_in_their_order_and_each_first_come_first_served() {
    let mut queue = queue(&[
        entry(1, Class::Batch, 0),
        entry(2, Class::Low, 1),
        entry(3, Class::Medium, 2),
        entry(4, Class::High, 3),
        entry(5, Class::Live, 4),
        entry(6, Class::Medium, 4),
    ]);
    assert_eq!(drained(&mut queue), [5, 4, 3, 6, 2, 1]);
    assert!(queue.is_empty() && queue.shapes().next().is_none());
}

#[test]
fn priority_orders_live_and_batch_inside() {
    let with = |sequence, class, priority| Entry { priority, ..entry(sequence, class, 0) };
    let mut queue = queue(&[
        with(1, Class::Batch, Priority::Low),
        with(2, Class::Batch, Priority::High),
        with(3, Class::Live, Priority::Medium),
        with(4, Class::Live, Priority::High),
    ]);
    assert_eq!(drained(&mut queue), [4, 3, 2, 1]);
}

#[test]
fn batch_that_has_waited_goes_before_high_that_comes_now() {
    let handicap = Policy::default().handicap(Lane::of(Class::Batch, Priority::Medium))
        - Policy::default().handicap(Lane::of(Class::High, Priority::Medium));
    let mut soon = queue(&[entry(1, Class::Batch, 0), entry(2, Class::High, handicap.as_secs())]);
    assert_eq!(drained(&mut soon), [1, 2]);
    let mut sooner =
        queue(&[entry(1, Class::Batch, 0), entry(2, Class::High, handicap.as_secs() - 1)]);
    assert_eq!(drained(&mut sooner), [2, 1]);
}

#[test]
fn tenants_take_turns() {
    let mut entries: Vec<Entry> = (1..=6).map(|sequence| of("greedy", sequence)).collect();
    entries.extend([of("modest", 7), of("modest", 8)]);
    assert_eq!(drained(&mut queue(&entries)), [1, 7, 2, 8, 3, 4, 5, 6]);
}

#[test]
fn weight_is_what_a_tenant_gets() {
    let mut queue = Queue::default();
    let share = Share { weight: 3 * Share::WEIGHT, ..Share::default() };
    queue.share(&"heavy".parse().unwrap(), share, &WHOLE);
    for sequence in 0..100 {
        insert(&mut queue, &of("heavy", sequence));
        insert(&mut queue, &of("light", 100 + sequence));
    }
    let first: Vec<u64> = drained(&mut queue).into_iter().take(40).collect();
    let heavy = first.iter().filter(|&&sequence| sequence < 100).count();
    assert!((29..=31).contains(&heavy), "{heavy} of 40 at weight 3 beside 1");
}

#[test]
fn large_tasks_cost_their_tenant_more() {
    let mut entries: Vec<Entry> = (1..=4).map(|sequence| of("large", sequence)).collect();
    for entry in &mut entries {
        entry.need.cpu = Cpu::whole(3);
    }
    entries.extend((5..=10).map(|sequence| of("small", sequence)));
    // After one of 3 CPUs, three of 1 CPU.
    assert_eq!(drained(&mut queue(&entries)), [1, 5, 6, 7, 2, 8, 9, 10, 3, 4]);
}

#[test]
fn tenant_that_was_idle_has_saved_nothing_up() {
    let mut queue = queue(&(1..=10).map(|sequence| of("busy", sequence)).collect::<Vec<_>>());
    for _ in 0..6 {
        take(&mut queue, |_| true).unwrap();
    }
    for sequence in 11..=14 {
        insert(&mut queue, &of("newcomer", sequence));
    }
    let order = drained(&mut queue);
    let served = order.iter().take(4).filter(|&&sequence| sequence > 10).count();
    assert_eq!(served, 2, "they take turns from now on: {order:?}");
}

#[test]
fn task_that_does_not_fit_blocks_nobody_behind_it() {
    let large = Entry {
        need: Capacity { cpu: Cpu::whole(8), ..WHOLE },
        ..entry(1, Class::High, 0)
    };
    let mut queue = queue(&[large, entry(2, Class::High, 1), entry(3, Class::Low, 0)]);
    let mut fits = || take(&mut queue, |need| need.cpu <= Cpu::whole(1));
    assert_eq!(fits().unwrap().sequence, 2);
    assert_eq!(fits().unwrap().sequence, 3);
    assert_eq!(fits(), None);
    assert_eq!(queue.heads((9, 9), |_| true)[0].0.sequence, 1);
}

#[test]
fn task_behind_one_that_does_not_fit_does_not_go_for_its_lane() {
    let large = Entry { need: WHOLE, ..entry(1, Class::Batch, 0) };
    let long = Policy::default().handicap(Lane::LAST).as_secs();
    let mut queue = queue(&[large, entry(2, Class::Batch, long), entry(3, Class::High, long)]);
    let next = take(&mut queue, |need| *need != WHOLE).unwrap();
    assert_eq!(next.sequence, 3, "the old task's age is its own");
}

#[test]
fn no_shape_is_looked_at_twice_before_there_is_more_room() {
    let mut queue = queue(&(0..1_000).map(|n| entry(n, Class::Medium, n)).collect::<Vec<_>>());
    let looks = Cell::new(0);
    let look = |queue: &mut Queue| {
        looks.set(0);
        let found = take(queue, |_| {
            looks.set(looks.get() + 1);
            false
        });
        assert_eq!(found, None);
        looks.get()
    };
    assert_eq!(look(&mut queue), 1, "they are all alike");
    assert_eq!(look(&mut queue), 0);
    insert(&mut queue, &entry(1_000, Class::Medium, 1_000));
    assert_eq!(look(&mut queue), 0, "and so is the new one");
    let mut other = entry(1_001, Class::Medium, 1_001);
    other.need.cpu = Cpu::whole(2);
    insert(&mut queue, &other);
    assert_eq!(look(&mut queue), 1, "which this is not");
    queue.look_again();
    assert_eq!(look(&mut queue), 2);
}

#[test]
fn task_that_comes_back_to_its_old_place_is_there() {
    let entries: Vec<Entry> = (0..4).map(|n| entry(n, Class::Medium, n)).collect();
    let mut queue = queue(&entries);
    assert!(remove(&mut queue, &entries[0]) && !remove(&mut queue, &entries[0]));
    assert_eq!(take(&mut queue, |_| false), None);
    insert(&mut queue, &entries[0]);
    queue.look_again();
    assert_eq!(drained(&mut queue), [0, 1, 2, 3]);
}

#[test]
fn tenant_that_holds_least_goes_first_and_weight_counts() {
    let holding = |queue: &mut Queue, tenant, tasks| {
        (0..tasks).for_each(|_| queue.hold(&of(tenant, 0), &WHOLE));
    };
    let entries = [of("many", 1), of("few", 2), of("heavy", 3)];
    let mut queue = queue(&entries);
    let share = Share { weight: 10 * Share::WEIGHT, ..Share::default() };
    queue.share(&"heavy".parse().unwrap(), share, &WHOLE);
    holding(&mut queue, "many", 3);
    holding(&mut queue, "few", 2);
    holding(&mut queue, "heavy", 10);
    assert_eq!(drained(&mut queue), [3, 2, 1]);
}

#[test]
fn tenant_whose_quota_is_used_up_waits_and_goes_on_when_something_ends() {
    let mut queue = queue(&[of("bound", 1), of("bound", 2), of("other", 3)]);
    let quota = Quota { running: Some(1), ..Quota::default() };
    let tenant: TenantId = "bound".parse().unwrap();
    queue.share(&tenant, Share { quota, ..Share::default() }, &WHOLE);
    assert_eq!(take(&mut queue, |_| true).unwrap().sequence, 1);
    queue.hold(&of("bound", 1), &WHOLE);
    assert_eq!(drained(&mut queue), [3]);
    assert_eq!(queue.len(), 1);
    queue.release(&of("bound", 1), &WHOLE);
    assert_eq!(drained(&mut queue), [2]);
}

#[test]
fn what_fits_into_a_quota_goes_past_what_does_not() {
    let mut large = of("bound", 1);
    large.need.cpu = Cpu::whole(4);
    let mut queue = queue(&[large, of("bound", 2)]);
    let quota = Quota { cpu: Some(Cpu::whole(2)), ..Quota::default() };
    queue.share(&"bound".parse().unwrap(), Share { quota, ..Share::default() }, &WHOLE);
    assert_eq!(drained(&mut queue), [2]);
    queue.share(&"bound".parse().unwrap(), Share::default(), &WHOLE);
    assert_eq!(drained(&mut queue), [1], "the quota was lifted");
}

fn any_entry() -> impl Strategy<Value = (Class, Priority, u64)> {
    (
        proptest::sample::select(Class::ALL),
        proptest::sample::select(Priority::ALL),
        0..400_000_u64,
    )
}

proptest! {
    /// The promise of the module: nothing that is submitted later than a task's handicap after
    /// it goes before it.
    #[test]
    fn waiting_is_bounded(entries in prop::collection::vec(any_entry(), 1..60)) {
        let entries: Vec<Entry> = (0..).zip(entries).map(|(sequence, (class, priority, second))| {
            Entry { priority, ..entry(sequence, class, second) }
        }).collect();
        let policy = Policy::default();
        let mut queue = queue(&entries);
        let order = drained(&mut queue);
        prop_assert_eq!(order.len(), entries.len());
        for (at, &later) in order.iter().enumerate() {
            for &earlier in &order[..at] {
                let (went, waited) = (&entries[index(earlier)], &entries[index(later)]);
                let bound = waited.submitted.after(policy.handicap(waited.lane()));
                prop_assert!(went.submitted <= bound, "{:?} before {:?}", went, waited);
                if went.lane() == waited.lane() {
                    prop_assert!(went.submitted <= waited.submitted, "first come, first served");
                }
            }
        }
    }

    /// Between two turns of a tenant that has something waiting, with all weights alike and all
    /// tasks alike, every other tenant has one turn at most.
    #[test]
    fn no_tenant_starves(counts in prop::collection::vec(1..20_u64, 2..6)) {
        let mut queue = Queue::default();
        let mut owners = Vec::new();
        for (tenant, &count) in counts.iter().enumerate() {
            for _ in 0..count {
                let sequence = owners.len() as u64;
                owners.push(tenant);
                insert(&mut queue, &of(&format!("t{tenant}"), sequence));
            }
        }
        let order: Vec<usize> =
            drained(&mut queue).into_iter().map(|sequence| owners[index(sequence)]).collect();
        for tenant in 0..counts.len() {
            let turns: Vec<usize> = (0..order.len()).filter(|&at| order[at] == tenant).collect();
            for turn in turns.windows(2) {
                let between = &order[turn[0] + 1..turn[1]];
                for other in 0..counts.len() {
                    let times = between.iter().filter(|&&owner| owner == other).count();
                    prop_assert!(times <= 1, "{other} twice before {tenant}: {order:?}");
                }
            }
        }
    }
}
