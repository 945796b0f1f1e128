//! Killed at any moment, again and again, while clients submit.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use std::{iter, thread};

use ffleet_testkit::{need, until};

use crate::crash::client::{self, Ticket};
use crate::crash::judge;
use crate::crash::life::{self, Life};
use crate::crash::load::{Dice, Kind, Order, Places};
use crate::crash::watch::Watch;
use crate::fixture::{Room, assert_no_temporary_files};

/// Clients at once.
const CLIENTS: u64 = 3;
/// Orders that each of them has open at most, and how often it looks at them.
const OPEN: usize = 4;
const LOOK: Duration = Duration::from_millis(100);
/// Orders for each kill: more than a life has time for.
const ORDERS: usize = 12;
/// How long what is left at the end may take: the pauses of what was interrupted often, and a few
/// seconds of work for each of the clients' last orders.
const DRAIN: Duration = Duration::from_secs(60);

/// Names a seed to run again with.
const SEED: &str = "FFLEET_TEST_SEED";

/// When a life ends.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its start, whatever it is at: it may not even listen.
    AfterStart(Duration),
    /// So long after it listens.
    AtWork(Duration),
    /// So long after something has happened, for this many times, to files beside targets.
    Publishing(u64, Duration),
}

/// What the clients share.
struct Desk<'a> {
    places: &'a Places,
    orders: &'a [Order],
    taken: AtomicUsize,
    over: AtomicBool,
    acknowledged: Mutex<Vec<(Order, Ticket)>>,
}

#[test]
fn twenty_kills_lose_no_job_and_do_none_twice() {
    storm(20);
}

#[test]
fn death_in_the_first_start_leaves_a_directory_that_works() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let places = Places::new(Arc::new(Room::new()));
    let mut watch = Watch::new(&places.dirs());
    for step in 0..16 {
        // Key, lock, instance, cgroups, store and engines come one after the other; each life
        // gets a little further than the last.
        live_until(Moment::AfterStart(Duration::from_millis(12 * step)), &places, &mut watch);
    }
    let server = life::begin_well(Arc::clone(&places.room));
    let order = Order { index: 0, kind: Kind::Copy };
    let ticket = client::submit(&places.room, "first", &order.body(&places));
    judge::await_all_ended(&server, DRAIN);
    judge::each_is_done_once(&server, &places, &[(order, ticket)], &mut watch);
    server.stop();
}

#[test]
#[ignore = "soak: two hundred kills"]
fn soak_crash_random() {
    storm(200);
}

fn storm(kills: usize) {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let mut dice = Dice(seed());
    eprintln!("{SEED}={} runs these orders and moments again", dice.0);
    let places = Places::new(Arc::new(Room::new()));
    let orders = Order::many(&mut dice, kills * ORDERS);
    orders.iter().for_each(|order| order.prepare(&places));
    let mut watch = Watch::new(&places.dirs());
    let desk = Desk {
        places: &places,
        orders: &orders,
        taken: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        acknowledged: Mutex::default(),
    };
    let server = thread::scope(|scope| {
        // They end when the storm is over and what they had begun is acknowledged, or when they
        // have waited too long for a server.
        for client in 0..CLIENTS {
            let (desk, dice) = (&desk, Dice(dice.below(u64::MAX) ^ client));
            scope.spawn(move || desk.submit(dice));
        }
        let _over = Over(&desk.over);
        for moment in iter::repeat_with(|| moment(&mut dice)).take(kills) {
            live_until(moment, &places, &mut watch);
        }
        life::begin_well(Arc::clone(&places.room))
    });
    let acknowledged = desk.acknowledged.into_inner().unwrap();
    judge::await_all_ended(&server, DRAIN);
    let cut_off = judge::each_is_done_once(&server, &places, &acknowledged, &mut watch);
    let jobs = acknowledged.len();
    eprintln!("{kills} kills, {jobs} jobs, {cut_off} assignments cut off");
    assert!(jobs < orders.len(), "the clients ran out of orders: the last kills hit nothing");
    assert!(cut_off > kills / 4, "the kills hit next to nothing");
    let told = life::said(&places.room);
    assert!(!told.contains("panicked"), "{told}");
    // It leaves no process, no cgroup, no work directory.
    server.stop();
    places.dirs().into_iter().for_each(assert_no_temporary_files);
}

/// Tells the clients that it is over, also when the storm itself has failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Desk<'_> {
    /// Hands in orders, and has no more than a few open.
    fn submit(&self, mut dice: Dice) {
        let mut open: Vec<Ticket> = Vec::new();
        while !self.over.load(Ordering::Relaxed) {
            open.retain(|ticket| !ended(self.places, ticket));
            if open.len() >= OPEN {
                thread::park_timeout(LOOK);
                continue;
            }
            let Some(&order) = self.orders.get(self.taken.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            open.push(self.acknowledge(order, dice.below(4) == 0));
        }
    }

    /// Submits until it is acknowledged, and at times once more, as a client does that did not
    /// hear the answer.
    fn acknowledge(&self, order: Order, again: bool) -> Ticket {
        let (key, body) = (format!("order-{}", order.index), order.body(self.places));
        let ticket = client::submit(&self.places.room, &key, &body);
        if again {
            let second = client::submit(&self.places.room, &key, &body);
            assert_eq!(second, ticket, "one key made two jobs: {order:?}");
        }
        self.acknowledged.lock().unwrap().push((order, ticket.clone()));
        ticket
    }
}

fn ended(places: &Places, ticket: &Ticket) -> bool {
    let path = format!("/v1/jobs/{}", ticket.id);
    client::ask(&places.room, ("GET", &path), "", "").is_some_and(|answer| {
        assert_eq!(answer.status, 200, "an acknowledged job is not there: {answer:?}");
        answer.json()["state"] == "completed"
    })
}

fn live_until(moment: Moment, places: &Places, watch: &mut Watch) {
    let mut life = Life::begin(&places.room, None);
    let pause = match moment {
        Moment::AfterStart(pause) => pause,
        Moment::AtWork(pause) => {
            life.await_listening(&places.room);
            pause
        }
        Moment::Publishing(times, pause) => {
            life.await_listening(&places.room);
            watch.take();
            for _ in 0..times {
                until(DRAIN, "something is published", || watch.take());
            }
            pause
        }
    };
    let begun = Instant::now();
    while let Some(left) = pause.checked_sub(begun.elapsed()) {
        thread::park_timeout(left);
    }
    life.kill();
    watch.take();
}

fn moment(dice: &mut Dice) -> Moment {
    let (kind, times) = (dice.below(10), 1 + dice.below(6));
    let mut micros = |most| Duration::from_micros(dice.below(most));
    match kind {
        0..2 => Moment::AfterStart(micros(500_000)),
        2..6 => Moment::AtWork(micros(2_500_000)),
        _ => Moment::Publishing(times, micros(20_000)),
    }
}

/// The seed that was asked for, or a new one.
fn seed() -> u64 {
    if let Ok(text) = std::env::var(SEED) {
        return text.parse().expect("a seed is a number");
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos()) ^ u64::from(std::process::id())
}
