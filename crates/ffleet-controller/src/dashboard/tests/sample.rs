//! A small fleet to look at.

use std::collections::BTreeMap;

use axum::http::Extensions;
use std::sync::Arc;

use ffleet_api::attempt::{Attempt, Ending, Progress, Usage};
use ffleet_api::control::Phase;
use ffleet_api::job::{Change, Page, Summary};
use ffleet_api::live::{Feed, Stream};
use ffleet_api::problem::Code;
use ffleet_api::sample::List;
use ffleet_api::token::Token;
use ffleet_api::{Job, Moment, Node, Problem, log, query};
use ffleet_types::job::{Actor, Class, Limits, Priority, Queue};
use ffleet_types::node::{Capacity, Description, Engine, GuardLevel};
use ffleet_types::task::State;
use ffleet_types::{Bytes, Cpu, JobId, JobNumber, JobRef, NodeId, Reason, Span, Timestamp};

use super::watched::{config, feed_of, feeds, stream_of, streams, token_of};
use super::work::{output, said, sampled};
use crate::dashboard::{Action, Backend, Tally};

/// 2026-01-31T12:00:00Z.
const NOW: u64 = 1_769_860_800_000;

/// So many seconds before now.
pub(super) fn before(seconds: u64) -> Moment {
    Moment(Timestamp::from_millis(NOW - seconds * 1_000))
}

/// A server with these jobs, newest first.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) jobs: Vec<Job>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) streams: Vec<Stream>,
}

impl Backend for Fleet {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW)
    }

    async fn jobs(&self, query: query::Jobs) -> Result<Page, Problem> {
        let fits = |job: &Summary| {
            (query.states.is_empty() || query.states.contains(&job.state))
                && query.after.is_none_or(|after| job.number < after)
        };
        let limit = usize::try_from(query.limit).expect("a small number");
        let mut jobs: Vec<Summary> =
            self.jobs.iter().map(|job| job.summary.clone()).filter(fits).collect();
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        let next = jobs.last().filter(|_| more).map(|job| job.number);
        Ok(Page { jobs, next })
    }

    async fn job(&self, wanted: JobRef) -> Result<Job, Problem> {
        let is = |job: &&Job| match wanted {
            JobRef::Number(number) => job.summary.number == number,
            JobRef::Id(id) => job.summary.id == id,
        };
        let missing = || Problem::new(Code::JobNotFound, format!("there is no job {wanted}"));
        self.jobs.iter().find(is).cloned().ok_or_else(missing)
    }

    async fn samples(&self, wanted: JobRef) -> Result<List, Problem> {
        let job = self.job(wanted).await?;
        let samples = match job.summary.state {
            State::Running => (0..240).map(|second| sampled(NOW, second)).collect(),
            _ => Vec::new(),
        };
        Ok(List { attempt: 1, samples })
    }

    async fn logs(&self, query: query::Logs) -> Result<log::Page, Problem> {
        Ok(said(NOW, &query))
    }

    async fn nodes(&self) -> Result<Vec<Node>, Problem> {
        Ok(self.nodes.clone())
    }

    fn feeds(&self) -> Vec<Feed> {
        self.feeds.clone()
    }

    async fn feed(&self, name: String) -> Result<(Feed, String), Problem> {
        feed_of(&self.feeds, &name)
    }

    fn restart(&self, name: &str) -> Result<(), Problem> {
        feed_of(&self.feeds, name).map(|_| ())
    }

    fn streams(&self) -> Vec<Stream> {
        self.streams.clone()
    }

    async fn stream(&self, name: String) -> Result<(Stream, String), Problem> {
        stream_of(&self.streams, &name)
    }

    async fn token(&self, stream: String, expires: Span) -> Result<Token, Problem> {
        token_of(&self.streams, &stream, self.now().after(expires.0))
    }

    fn config(&self) -> Arc<serde_json::Value> {
        Arc::new(config())
    }

    async fn tally(&self) -> Result<Tally, Problem> {
        let mut tally = Tally::new();
        for job in &self.jobs {
            *tally.entry(job.summary.state).or_default() += 1;
        }
        Ok(tally)
    }

    fn actor(_: &Extensions) -> Actor {
        Actor::User("local".into())
    }

    async fn act(&self, wanted: JobRef, action: Action, _: Actor) -> Result<JobNumber, Problem> {
        let job = self.job(wanted).await?;
        if action.suits(job.summary.state) {
            return Ok(job.summary.number);
        }
        let why = format!("job {wanted} is {} and takes no {action}", job.summary.state);
        Err(Problem::new(Code::WrongState, why))
    }
}

/// A fleet with one job in nearly every state.
pub(crate) fn fleet() -> Fleet {
    Fleet { jobs: jobs(), nodes: vec![node()], feeds: feeds(), streams: streams() }
}

fn jobs() -> Vec<Job> {
    let mut odd = job(1_007, State::Queued, "/data/in/\"><script>alert(1)</script>.mp4");
    odd.summary.outputs[0].target = "/data/out/'\"><img src=x onerror=alert(2)>.mp4".into();
    odd.summary.labels = BTreeMap::from([("<i>a</i>".into(), "\"><b>".into())]);
    vec![
        odd,
        running(),
        live(),
        retrying(),
        failed(),
        completed(),
        job(
            1_001,
            State::Canceled,
            "https://media.example/films/the%20long%20way.mov?token=hush",
        ),
    ]
}

/// A job in `state`, accepted a minute before its neighbour.
pub(crate) fn job(number: u64, state: State, input: &str) -> Job {
    let at = before((1_008 - number) * 67);
    let accepted = Change {
        at,
        from: None,
        to: State::Queued,
        actor: "user:local".into(),
        reason: None,
        message: None,
        attempt: None,
    };
    let summary = Summary {
        id: JobId::from_parts(NOW - number, u128::from(number)),
        number: JobNumber(number),
        state,
        reason: None,
        waits: None,
        message: None,
        input: input.into(),
        outputs: vec![output("/data/out/talk-480p.mp4", "480p-h264")],
        queue: Queue::Default,
        priority: Priority::Medium,
        class: Class::Medium,
        role_group: ffleet_types::RoleGroup::named("encode"),
        tenant: "default".into(),
        labels: BTreeMap::new(),
        limits: Limits { memory: Some(Bytes::gib(2)), ..Limits::default() },
        retries: 3,
        engine: ffleet_media::job::EngineChoice::Auto,
        overwrite: false,
        verify: None,
        duration: None,
        retry_of: None,
        cancel_requested: false,
        accepted_at: at,
        started_at: None,
        finished_at: None,
        progress: None,
    };
    Job { summary, attempts: Vec::new(), history: vec![accepted] }
}

/// Adds an attempt that began and, if it `outcome` is one, ended so.
fn attempt(job: &mut Job, began: u64, outcome: Option<Ending>) {
    let number = u64::try_from(job.attempts.len()).expect("few") + 1;
    let ended = outcome.map(|_| before(began - 15));
    let usage = Usage {
        wall_seconds: 14.82,
        cpu_seconds: 27.31,
        verify_cpu_seconds: 2.04,
        peak_memory_bytes: 231_473_152,
        peak_resident_bytes: 212_860_928,
        predicted_memory_bytes: 224_395_264,
        peak_threads: 24,
        peak_threads_by: ffleet_types::attempt::Tally::Counted,
        predicted_threads: 23,
        paused_seconds: 0.0,
    };
    let target = &job.summary.outputs[0].target;
    job.attempts.push(Attempt {
        number,
        node: NodeId::from_parts(NOW, 1),
        node_name: Some("studio-1".into()),
        assigned_at: before(began),
        started_at: Some(before(began)),
        finished_at: ended,
        outcome,
        reason: None,
        message: None,
        usage: if outcome.is_some() { usage } else { Usage::default() },
        commands: vec![
            [
                "ffmpeg",
                "-nostdin",
                "-hide_banner",
                "-i",
                &job.summary.input,
                "-vf",
                "scale=-2:480,setsar=1",
                "-c:v",
                "libx264",
                "-preset",
                "medium",
                "-crf",
                "21",
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                "-movflags",
                "+faststart",
                "-y",
                target,
            ]
            .map(str::to_owned)
            .to_vec(),
        ],
        notes: vec!["scaled from 1280x720 to 854x480".into()],
        artifacts: Vec::new(),
    });
    for (to, actor) in [(State::Assigned, "controller"), (State::Running, "node:studio-1")] {
        moved(job, to, before(began), actor, number);
    }
}

fn moved(job: &mut Job, to: State, at: Moment, actor: &str, attempt: u64) {
    job.history.push(Change {
        at,
        from: job.history.last().map(|change| change.to),
        to,
        actor: actor.into(),
        reason: job.summary.reason,
        message: job.summary.message.clone(),
        attempt: Some(attempt),
    });
}

fn running() -> Job {
    let mut job = job(1_006, State::Running, "/data/in/talks/2026/opening keynote (final).mov");
    job.summary.outputs.push(output("/data/out/talk-audio.m4a", "aac-128k"));
    attempt(&mut job, 40, None);
    job.summary.started_at = Some(before(40));
    job.summary.labels = BTreeMap::from([("show".into(), "keynote".into())]);
    job.summary.progress = Some(Progress {
        phase: Phase::Encode,
        percent: Some(42.7),
        frames: 4_821,
        fps: 118.4,
        speed: 4.93,
        position_seconds: 160.7,
        size_bytes: 18_432_511,
        eta_seconds: Some(44),
        trouble: None,
    });
    job
}

fn live() -> Job {
    let mut job = job(1_005, State::Running, "test:720p30");
    job.summary.outputs = vec![output("rtmp://live.example/app/hush-hush", "live-720p")];
    (job.summary.queue, job.summary.class) = (Queue::Live, Class::Live);
    attempt(&mut job, 3_700, None);
    job.summary.progress = Some(Progress {
        phase: Phase::Encode,
        fps: 30.0,
        speed: 1.0,
        position_seconds: 3_698.4,
        trouble: Some("the sender died once, last after 12 s: Broken pipe".into()),
        ..Progress::default()
    });
    job
}

fn retrying() -> Job {
    let mut job = job(1_004, State::Retrying, "https://media.example/films/harbour.mkv");
    attempt(&mut job, 200, Some(Ending::Failed));
    job.summary.reason = Some(Reason::NetworkError);
    job.summary.message =
        Some("the connection to media.example was reset after 41 MiB; next attempt in 8 s".into());
    moved(&mut job, State::Retrying, before(185), "node:studio-1", 1);
    job
}

fn failed() -> Job {
    let mut job = job(1_003, State::Failed, "/data/in/notes.mp4");
    attempt(&mut job, 280, Some(Ending::Failed));
    job.summary.reason = Some(Reason::InputError);
    job.summary.message = Some(
        "/data/in/notes.mp4 is no media file: moov atom not found; Invalid data found when \
         processing input. Check that it was copied completely."
            .into(),
    );
    job.attempts[0].message.clone_from(&job.summary.message);
    moved(&mut job, State::Failed, before(265), "node:studio-1", 1);
    job.summary.finished_at = Some(before(265));
    job
}

fn completed() -> Job {
    let mut job = job(1_002, State::Completed, "/data/in/interview.mov");
    job.summary.outputs[0].publish(48_211_934);
    job.summary.limits.timeout = Some(Span::secs(3_600));
    attempt(&mut job, 390, Some(Ending::Completed));
    moved(&mut job, State::Completed, before(375), "node:studio-1", 1);
    job.summary.started_at = Some(before(390));
    job.summary.finished_at = Some(before(375));
    job
}

fn node() -> Node {
    let engine = Engine {
        name: "ffmpeg".into(),
        path: "/usr/bin/ffmpeg".into(),
        version: "5.1.6-0+deb12u1".into(),
        hash: "9f2b61c0aa34de7719".into(),
        encoders: ["libx264", "libx265", "libsvtav1", "libvpx-vp9", "aac", "libopus", "libmp3lame"]
            .map(str::to_owned)
            .to_vec(),
        decoders: "h264 hevc av1 vp9 aac opus".split(' ').map(Into::into).collect(),
        filters: Vec::new(),
        muxers: Vec::new(),
        listed: Vec::new(),
        unproven: BTreeMap::from([("h264_nvenc".into(), "Cannot load libcuda.so.1".into())]),
        threads: BTreeMap::new(),
        memory: BTreeMap::new(),
    };
    let description = Description {
        name: "studio-1".into(),
        version: "0.1.0".into(),
        capacity: Capacity {
            cpu: Cpu::whole(8),
            memory: Bytes::gib(32),
            scratch: Bytes::gib(400),
            tasks: 2,
        },
        guard: GuardLevel::Partial {
            missing: vec![
                "memory: the memory controller is not delegated; set Delegate=yes".into(),
            ],
        },
        thread_peaks: ffleet_types::attempt::Tally::Sampled,
        labels: BTreeMap::from([("disk".into(), "nvme".into())]),
        engines: vec![engine],
    };
    let mut node = Node::new(NodeId::from_parts(NOW, 1), &description, before(1));
    node.promised = Capacity {
        cpu: Cpu::whole(6),
        memory: Bytes::gib(3),
        scratch: Bytes::gib(20),
        tasks: 2,
    };
    node
}
