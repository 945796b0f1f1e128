//! How fast jobs go through the store, each step awaited on disk.
//!
//! `cargo bench -p ffleet-store --bench life_cycle [-- SECONDS [DIR]]` prints lines of a Markdown
//! table, from rounds of so many seconds. All are of one run on one disk, the kinds by turns, so
//! that their ratios mean something on any machine; what the disk itself takes to sync is one of
//! them. It fails where a promised bound is missed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement that fails says where, prints a table, and reads the clock"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ffleet_base::chance;
use ffleet_media::job::{EngineChoice, Make, Output};
use ffleet_media::{Source, Spec, Target};
use ffleet_store::{Claim, Filter, Finish, NewJob, Options, Page, Store};
use ffleet_testkit::measure::{Bound, Row, millis, quantile, sync_times};
use ffleet_types::attempt::{Artifact, Usage};
use ffleet_types::job::{Actor, Terms};
use ffleet_types::task::{Next, State};
use ffleet_types::{AttemptId, Bytes, Fence, JobId, NodeId, Outcome, TaskId, Timestamp};
use tokio::runtime::Runtime;

const SUBMITTERS: usize = 64;
const ROUNDS: usize = 3;
const NODE: NodeId = NodeId::from_parts(1, 1);

/// What one submitter does again and again.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Submit,
    Life,
    /// Lives of so many jobs, each verb one call.
    Slice(usize),
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap())
}

fn new_job() -> NewJob {
    let at = now();
    let args = "-c:v libx264 -preset medium -crf 23 -pix_fmt yuv420p -c:a aac -b:a 128k";
    let spec = Spec {
        input: Source::File("/srv/media/incoming/2026/episode-0042.mov".into()),
        outputs: vec![Output {
            target: Target::File("/srv/media/ready/2026/episode-0042-1080p.mp4".into()),
            make: Make::Raw { args: args.split(' ').map(String::from).collect() },
        }],
        duration: None,
        engine: EngineChoice::Auto,
        overwrite: false,
        verify: None,
        terms: Terms::default(),
    };
    let actor = Actor::User("local".into());
    NewJob {
        id: chance::job_id(at),
        spec,
        accepted: at,
        actor,
        idempotency: None,
        retry_of: None,
    }
}

fn finish(id: JobId) -> Finish {
    let at = now();
    let command = "ffmpeg -nostdin -y -i /srv/media/incoming/2026/episode-0042.mov -c:v libx264";
    let target = "/srv/media/ready/2026/episode-0042-1080p.mp4";
    Finish {
        attempt: attempt(id),
        at,
        actor: Actor::Node("local".into()),
        started: Some(at),
        outcome: Outcome::Completed,
        next: Next::End,
        not_before: None,
        usage: Usage { wall_micros: 1_234_567, user_micros: 2_345_678, ..Usage::default() },
        artifacts: vec![Artifact {
            output: 0,
            staged: format!("{target}.part"),
            target: target.into(),
            size: Bytes(12_345_678),
            published: true,
        }],
        commands: vec![command.split(' ').map(String::from).collect()],
        notes: Vec::new(),
    }
}

fn attempt(id: JobId) -> AttemptId {
    AttemptId { task: TaskId::whole(id), fence: Fence::FIRST }
}

/// One turn; answers with how many jobs it took how far.
async fn turn(store: &Store, turn: Turn) -> u64 {
    let count = match turn {
        Turn::Slice(count) => count,
        Turn::Submit | Turn::Life => 1,
    };
    let jobs: Vec<_> = std::iter::repeat_with(new_job).take(count).collect();
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    for answer in store.submit(jobs).await.unwrap() {
        answer.unwrap();
    }
    if !matches!(turn, Turn::Submit) {
        let claim = |&id| Claim { attempt: attempt(id), node: NODE, at: now(), why: None };
        for answer in store.claim(ids.iter().map(claim).collect()).await.unwrap() {
            answer.map(drop).unwrap();
        }
        let ends = ids.iter().copied().map(finish).collect();
        for answer in store.finish(ends).await.unwrap() {
            answer.map(drop).unwrap();
        }
    }
    count as u64
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    per_second: f64,
    p99: f64,
}

/// All submitters at once, for so long, in a store of their own.
fn measure(runtime: &Runtime, dir: &Path, group: usize, what: Turn, length: Duration) -> Measured {
    let dir = tempfile::tempdir_in(dir).unwrap();
    let store = Store::open(dir.path(), Options { group, ..Options::default() }).unwrap();
    let done = Arc::new(AtomicU64::new(0));
    let measured = runtime.block_on(async {
        let began = Instant::now();
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|_| {
                let (store, done) = (store.clone(), Arc::clone(&done));
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    while began.elapsed() < length {
                        let turned = Instant::now();
                        done.fetch_add(turn(&store, what).await, Ordering::Relaxed);
                        times.push(turned.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut times = Vec::new();
        for submitter in submitters {
            times.append(&mut submitter.await.unwrap());
        }
        let took = began.elapsed();
        times.sort_unstable();
        Measured {
            per_second: count(done.load(Ordering::Relaxed)) / took.as_secs_f64(),
            p99: millis(quantile(&times, 0.99)),
        }
    });
    runtime.block_on(store.close()).unwrap();
    measured
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

/// Pages of a long history: the 99th percentile of each round, with and without filters.
fn lists(runtime: &Runtime, dir: &Path) -> Vec<Row> {
    let dir = tempfile::tempdir_in(dir).unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    let rows = runtime.block_on(async {
        for _ in 0..1_000 {
            turn(&store, Turn::Slice(100)).await;
        }
        for _ in 0..100 {
            let jobs = std::iter::repeat_with(new_job).take(100).collect();
            store.submit(jobs).await.unwrap();
        }
        let vitals = store.vitals();
        eprintln!("database {}, log {}", vitals.database.human(), vitals.wal.human());
        let filters = [
            ("first page", Bound::AtMost(10.0), Filter::default()),
            (
                "first page of the completed ones",
                Bound::AtMost(10.0),
                Filter { states: vec![State::Completed], ..Filter::default() },
            ),
            (
                "text that no job has",
                Bound::Open,
                Filter { text: Some("zzz".into()), ..Filter::default() },
            ),
        ];
        let mut rows = Vec::new();
        for (name, bound, filter) in filters {
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push(page_p99(&store, &filter).await);
            }
            let what = format!("store: 100,000 finished and 10,000 queued jobs, {name}: p99");
            rows.push(Row::new(what, "ms", bound, &rounds));
        }
        rows.push(active(&store).await);
        rows
    });
    runtime.block_on(store.close()).unwrap();
    rows
}

async fn page_p99(store: &Store, filter: &Filter) -> f64 {
    let mut times = Vec::new();
    for _ in 0..300 {
        let began = Instant::now();
        let page = Page { before: None, limit: 50 };
        store.jobs(filter.clone(), page).await.unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    millis(quantile(&times, 0.99))
}

/// What a start reads: everything that is queued or held.
async fn active(store: &Store) -> Row {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (began, mut after, mut tasks) = (Instant::now(), None, 0);
        loop {
            let page = store.active(after, 1_000).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.number);
            tasks += page.len();
        }
        assert_eq!(tasks, 10_000);
        rounds.push(millis(began.elapsed()));
    }
    Row::new("store: 10,000 active tasks read, as at a start", "ms", Bound::Open, &rounds)
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let seconds = words.first().and_then(|word| word.parse().ok()).unwrap_or(2);
    let dir = words.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let length = Duration::from_secs(seconds);
    let runtime = Runtime::new().unwrap();
    let kinds = [
        (1_024, Turn::Submit),
        (1_024, Turn::Life),
        (1, Turn::Life),
        (1_024, Turn::Slice(64)),
    ];
    let (mut syncs, mut measured) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("measuring: the store, round {round} of {ROUNDS}");
        syncs.push(millis(quantile(&sync_times(&dir, 200).unwrap(), 0.5)));
        measured.push(kinds.map(|(group, what)| measure(&runtime, &dir, group, what, length)));
    }
    let of = |pick: &dyn Fn(&[Measured; 4]) -> f64| measured.iter().map(pick).collect::<Vec<_>>();
    let rate = |kind: usize| of(&|round| round[kind].per_second);
    let life = "store, 64 submitters: submit → claim → finish, each on disk";
    let ratio = of(&|round| round[1].per_second / round[2].per_second);
    let mut rows = vec![
        Row::new(life, "jobs/s", Bound::AtLeast(20_000.0), &rate(1)),
        Row::new(format!("{life}: p99"), "ms", Bound::Open, &of(&|round| round[1].p99)),
        Row::new("the same with one commit per call", "jobs/s", Bound::Open, &rate(2)),
        Row::new("the first / one commit per call", "×", Bound::AtLeast(10.0), &ratio),
        Row::new("the same in slices of 64 jobs", "jobs/s", Bound::Open, &rate(3)),
        Row::new("store, 64 submitters: submit alone", "jobs/s", Bound::Open, &rate(0)),
    ];
    rows.extend(lists(&runtime, &dir));
    rows.push(Row::new("the disk: one sync of a 4 KiB append", "ms", Bound::Open, &syncs));
    for row in &rows {
        println!("{row} `life_cycle` |");
    }
    match rows.iter().all(Row::is_kept) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
