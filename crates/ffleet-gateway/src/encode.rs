//! A stream that is encoded from the tracks of a feed, by processes that may die.
//!
//! Each track has a task ([`track`]) that keeps its input until it has come out, and encoders ([`encoder`]) that are
//! fed by it: one, and a spare behind it. What they give is put on the feed's own time, written as one transport stream
//! ([`mux`]), and pushed into the ring that viewers read. Neither the ring nor what is written into it knows which
//! process a packet came from.

mod copied;
mod decode;
mod encoder;
mod found;
pub(crate) mod health;
mod inlet;
mod intake;
mod job;
mod made;
mod mux;
mod process;
mod slate;
mod source;
mod track;

use std::collections::BTreeMap;
use std::sync::Arc;

use ffleet_engine::plan::Budget;
use ffleet_engine::{Refused, track as commands};
use ffleet_media::codec::AudioCodec;
use ffleet_media::recipe::{Audio, AudioEncode, Recipe};
use ffleet_types::Cpu;
use ffleet_types::live::{Away, Encode};
use ffleet_types::node::Engine;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::found::{Found, Wish};
pub(crate) use self::health::Health;
use self::job::{Cut, Job};
use self::mux::{Mux, Next};
use crate::feed::{Ended, Feed, Shop};
use crate::inputs::Kind;
use crate::reader::Reading;

/// What is needed to encode.
#[derive(Clone, Debug, PartialEq)]
pub struct Equipment {
    /// The engine, proven.
    pub engine: Engine,
    /// Presets beyond those that are built in.
    pub presets: BTreeMap<String, Recipe>,
    /// What an encoder may use.
    pub cpu: Cpu,
}

/// Frames that wait for a track, beyond those that it holds.
const FRAMES: usize = 2;
/// Packets of all tracks that wait to be written.
const WAITING: usize = 64;

/// One run of a feed that encoders of ours fill: until it is stopped.
pub(crate) async fn run(
    feed: &Arc<Feed>,
    shop: &Arc<Shop>,
    encode: &Encode,
    reading: Reading,
    stop: CancellationToken,
) -> Ended {
    let Some((hub, health)) = feed.hub().zip(feed.health()) else {
        return Ended::failed("the feed that it reads has no tracks");
    };
    let told = |what: String| {
        health.note(health::Event { at: shop.clock.now(), kind: Kind::Video, what });
    };
    let refuse = |refused: Refused| {
        told(format!("it cannot be encoded: {refused}"));
        Ended::failed(refused.to_string())
    };
    let was_stopped = || Ended::failed("it was stopped");
    let equipment = tokio::select! {
        equipment = shop.equipment() => equipment,
        () = stop.cancelled() => return was_stopped(),
    };
    let recipe = match recipe(encode, &equipment) {
        Ok(recipe) => recipe,
        Err(refused) => return refuse(refused),
    };
    // Not before anything can come of it.
    let _hold = feed.parent().map(Feed::hold);
    let _following = intake::follow(feed, shop, hub, health);
    let mut found = tokio::select! {
        found = found::find(hub, &recipe) => found,
        () = stop.cancelled() => return was_stopped(),
    };
    let _decoders = intake::decode((feed, shop, hub, health), (encode, &equipment), &mut found);
    found.remarks.drain(..).for_each(&told);
    let jobs = match jobs(&found, (encode, &recipe), &equipment) {
        Ok(jobs) => jobs,
        Err(refused) => return refuse(refused),
    };
    let slate = slate(feed, shop, (encode, &found), &equipment).await;
    let (sender, mut made) = mpsc::channel(WAITING);
    let ended = stop.child_token();
    let ring = Arc::clone(&reading.ring);
    let outputs = feed.outputs().map(Arc::clone);
    let mut mux = Mux::new(jobs.len(), reading, outputs.clone());
    let program = equipment.engine.path.as_ref();
    let sending = outputs.map(|outputs| outputs.start(shop, feed.label(), program));
    let kinds: Vec<Kind> = jobs.iter().map(Work::kind).collect();
    let start = Start { shop, label: feed.label(), health, made: sender, stop: ended.clone() };
    let (mut tracks, lanes) = start.all(jobs);
    drop(start);
    let parts = source::Parts {
        shop: Arc::clone(shop),
        label: feed.label().to_owned(),
        hub: Arc::clone(hub),
        spec: found.spec,
        others: feed.instead().to_vec(),
        fallback: encode.fallback.clone(),
        slate,
        health: Arc::clone(health),
        ring,
    };
    // Ends when this does.
    let _sources = source::start(parts, &lanes, found.inlets);
    drop(lanes);
    let is_pushed = |number: usize| {
        let lane = kinds.get(number).and_then(|&kind| hub.lane(kind));
        lane.is_some_and(crate::inputs::Lane::is_written)
    };
    let more = tokio::select! {
        () = pass_on(&mut mux, &mut made, is_pushed) => None,
        more = found::more(hub, &recipe, &kinds, found.late) => Some(more),
    };
    ended.cancel();
    // What they have given is written.
    pass_on(&mut mux, &mut made, |_| false).await;
    while tracks.join_next().await.is_some() {}
    if let Some(sending) = sending {
        sending.finish().await;
    }
    let why = more.inspect(|more| told(more.clone()));
    Ended::failed(why.unwrap_or_else(|| "it was stopped".to_owned()))
}

/// What starts the tasks of tracks.
struct Start<'a> {
    shop: &'a Arc<Shop>,
    label: &'a str,
    health: &'a Arc<Health>,
    made: mpsc::Sender<made::Made>,
    stop: CancellationToken,
}

impl Start<'_> {
    /// Starts one for each job: where they are fed. Each ends when it is told to, and its encoders with it; the set ends
    /// them when it is dropped.
    fn all(&self, jobs: Vec<Work>) -> (JoinSet<()>, source::Tracks) {
        let (mut tracks, mut lanes) = (JoinSet::new(), Vec::new());
        for (number, work) in jobs.into_iter().enumerate() {
            let (feeder, frames) = mpsc::channel(FRAMES);
            lanes.push((work.kind(), feeder));
            let (health, made) = (Arc::clone(self.health), self.made.clone());
            match work {
                Work::Encode(job) => {
                    let (shop, label) = (Arc::clone(self.shop), self.label.to_owned());
                    let parts = track::Parts { shop, label, health, made, frames, number };
                    tracks.spawn(track::run(*job, parts, self.stop.clone()));
                }
                Work::Copy(kind) => {
                    let parts = copied::Parts { health, made, frames, kind, number };
                    tracks.spawn(copied::run(parts, self.stop.clone()));
                }
            }
        }
        (tracks, lanes)
    }
}

/// Writes what tracks give, to the end of the last of them.
async fn pass_on(
    mux: &mut Mux,
    made: &mut mpsc::Receiver<made::Made>,
    is_pushed: impl Fn(usize) -> bool,
) {
    loop {
        match mux.next(made).await {
            Next::Made(first) => mux.take(first),
            // One that is pushed comes, however slow its encoder is at first.
            Next::Late => mux.begin_without(&is_pushed),
            Next::End => return,
        }
        while let Ok(next) = made.try_recv() {
            mux.take(next);
        }
        mux.push();
    }
}

/// What becomes of a track.
#[derive(Clone, Debug)]
enum Work {
    /// It is encoded.
    Encode(Box<Job>),
    /// It is passed on as it is.
    Copy(Kind),
}

impl Work {
    const fn kind(&self) -> Kind {
        match self {
            Self::Encode(job) => job.kind,
            Self::Copy(kind) => *kind,
        }
    }
}

/// The slate, if there is to be one. Without it the stream goes on: that it cannot be shown is said.
async fn slate(
    feed: &Feed,
    shop: &Shop,
    (encode, found): (&Encode, &Found),
    equipment: &Equipment,
) -> Option<slate::Slate> {
    let path = encode.fallback.iter().find_map(|step| match step {
        Away::Slate(path) => Some(path),
        _ => None,
    })?;
    let health = feed.health()?;
    let program = (feed.label(), equipment.engine.path.as_str());
    match slate::Slate::open(shop, program, path, &found.spec).await {
        Ok(slate) => Some(slate),
        Err(why) => {
            tracing::error!(stream = feed.label(), why, "there is no slate");
            let what = format!("there is no slate: {why}");
            health.note(health::Event { at: shop.clock.now(), kind: Kind::Video, what });
            None
        }
    }
}

/// The preset that it names.
fn recipe(encode: &Encode, equipment: &Equipment) -> Result<Recipe, Refused> {
    let Equipment { presets, .. } = equipment;
    let named = presets
        .get(&encode.preset)
        .cloned()
        .or_else(|| ffleet_media::preset::builtin(&encode.preset));
    named.ok_or_else(|| {
        let unknown =
            ffleet_media::preset::Unknown::new(&encode.preset, presets.keys().map(String::as_str));
        Refused { reason: ffleet_types::Reason::UserError, message: unknown.to_string() }
    })
}

/// What becomes of each track.
fn jobs(
    found: &Found,
    (encode, recipe): (&Encode, &Recipe),
    equipment: &Equipment,
) -> Result<Vec<Work>, Refused> {
    let Equipment { engine, cpu, .. } = equipment;
    let budget = Budget::fitted(*cpu);
    let mut recipe = recipe.clone();
    let copied = |kind| found.coded.iter().any(|one| one.kind == kind && one.wish == Wish::Copy);
    let mut jobs = Vec::new();
    if copied(Kind::Video) {
        jobs.push(Work::Copy(Kind::Video));
    } else if let Some(picture) = &found.spec.video
        && let Some(command) = commands::picture(&recipe, picture, engine, budget)?
    {
        let mut job = Job {
            kind: Kind::Video,
            cut: Cut::Frames { rate: picture.fps.parts() },
            ..Job::new(found.spec.when_full, encode, engine, command)
        };
        if !recipe.live {
            job.reorder = REORDER;
            job.policy.ahead = LOOK_AHEAD;
        }
        jobs.push(Work::Encode(Box::new(job)));
    }
    if copied(Kind::Audio) {
        jobs.push(Work::Copy(Kind::Audio));
    }
    // Raw sound cannot be copied: it is what a picture that is copied goes with.
    if recipe.audio == Audio::Copy {
        recipe.audio = Audio::Encode(AudioEncode { codec: AudioCodec::Aac, bitrate: None });
    }
    if let (Some(sound), Audio::Encode(wanted)) = (&found.spec.audio, &recipe.audio)
        && let Some(command) = commands::sound(&recipe, sound, engine, budget)?
    {
        let samples = commands::samples(wanted.codec)?;
        jobs.push(Work::Encode(Box::new(Job {
            kind: Kind::Audio,
            cut: Cut::Blocks {
                samples,
                rate: sound.rate,
                bytes: usize::try_from(sound.bytes(samples.into())).unwrap_or(usize::MAX),
                silence: match sound.format {
                    ffleet_types::live::inputs::SampleFormat::U8 => 0x80,
                    _ => 0,
                },
                lead: lead(wanted.codec),
            },
            again: AGAIN,
            ..Job::new(found.spec.when_full, encode, engine, command)
        })));
    }
    if jobs.is_empty() {
        let message =
            format!("the preset {} leaves out every track that the feed has", encode.preset);
        return Err(Refused { reason: ffleet_types::Reason::UserError, message });
    }
    Ok(jobs)
}

/// Frames that an encoder may hold before its first packet where it looks ahead: x264 at most 250, and some in its threads.
const LOOK_AHEAD: u64 = 300;
/// Packets by which a decoder is behind where B-frames refer to each other, as x264's and x265's do.
const REORDER: usize = 2;
/// Blocks of sound that an encoder is fed again, whose packets are thrown away: what a transform of overlapping blocks
/// (and a decoder of it) needs to be where the one before was.
const AGAIN: u64 = 3;

/// How many packets an encoder of sound gives before that of its first block, which hold what was before it.
const fn lead(codec: AudioCodec) -> u64 {
    match codec {
        AudioCodec::Aac => 1,
        AudioCodec::Opus | AudioCodec::Mp3 | AudioCodec::Flac | AudioCodec::Pcm => 0,
    }
}
