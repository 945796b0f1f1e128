//! A stream that is encoded from the raw tracks of a feed, by processes that may die.
//!
//! Each track has a task ([`track`]) that keeps its input until it has come out, and encoders ([`encoder`]) that are
//! fed by it: one, and a spare behind it. What they give is put on the feed's own time, written as one transport stream
//! ([`mux`]), and pushed into the ring that viewers read. Neither the ring nor what is written into it knows which
//! process a packet came from.

mod blocks;
mod encoder;
pub(crate) mod health;
mod job;
mod made;
mod mux;
mod track;

use std::collections::BTreeMap;
use std::sync::Arc;

use ffleet_engine::plan::Budget;
use ffleet_engine::{Refused, track as commands};
use ffleet_media::codec::AudioCodec;
use ffleet_media::recipe::{Audio, Recipe};
use ffleet_types::Cpu;
use ffleet_types::live::Encode;
use ffleet_types::node::Engine;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use self::health::Health;
use self::job::{Cut, Job};
use self::mux::Mux;
use crate::feed::{Ended, Feed, Shop};
use crate::inputs::{Hub, Kind};
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
        return Ended::failed("the feed that it reads has no raw tracks");
    };
    let _hold = feed.parent().map(Feed::hold);
    let equipment = tokio::select! {
        equipment = shop.equipment() => equipment,
        () = stop.cancelled() => return Ended::failed("it was stopped"),
    };
    let jobs = match jobs(hub, encode, &equipment) {
        Ok(jobs) => jobs,
        Err(refused) => return Ended::failed(refused.to_string()),
    };
    let (sender, mut made) = mpsc::channel(WAITING);
    let ended = stop.child_token();
    let mut tracks = JoinSet::new();
    let outputs = feed.outputs().map(Arc::clone);
    let mut mux = Mux::new(jobs.len(), reading, outputs.clone());
    let sending = outputs.map(|outputs| outputs.start(shop, feed.label(), equipment.engine.path.as_ref()));
    for (number, job) in jobs.into_iter().enumerate() {
        let Some(frames) = hub.lane(job.kind).map(crate::inputs::Lane::subscribe) else {
            continue;
        };
        let parts = track::Parts {
            shop: Arc::clone(shop),
            label: feed.label().to_owned(),
            health: Arc::clone(health),
            made: sender.clone(),
            frames,
            number,
        };
        // Each ends when it is told to, and its encoders with it; the set ends them when this is dropped.
        tracks.spawn(track::run(job, parts, ended.clone()));
    }
    drop(sender);
    // Ends with the last of the tracks.
    while let Some(first) = made.recv().await {
        mux.take(first);
        while let Ok(next) = made.try_recv() {
            mux.take(next);
        }
        mux.push();
    }
    while tracks.join_next().await.is_some() {}
    if let Some(sending) = sending {
        sending.finish().await;
    }
    Ended::failed("it was stopped")
}

/// What each track of the feed is encoded by.
fn jobs(hub: &Hub, encode: &Encode, equipment: &Equipment) -> Result<Vec<Job>, Refused> {
    let Equipment { engine, presets, cpu } = equipment;
    let budget = Budget::fitted(*cpu);
    let named = |name: &str| presets.get(name).cloned().or_else(|| ffleet_media::preset::builtin(name));
    let recipe = named(&encode.preset).ok_or_else(|| {
        let unknown = ffleet_media::preset::Unknown::new(&encode.preset, presets.keys().map(String::as_str));
        Refused { reason: ffleet_types::Reason::UserError, message: unknown.to_string() }
    })?;
    let mut jobs = Vec::new();
    if let Some(picture) = &hub.spec.video
        && let Some(command) = commands::picture(&recipe, picture, engine, budget)?
    {
        jobs.push(Job {
            kind: Kind::Video,
            cut: Cut::Frames { rate: picture.fps.parts() },
            again: 0,
            ..Job::new(hub, encode, engine, command)
        });
    }
    if let (Some(sound), Audio::Encode(wanted)) = (&hub.spec.audio, &recipe.audio)
        && let Some(command) = commands::sound(&recipe, sound, engine, budget)?
    {
        let samples = commands::samples(wanted.codec)?;
        jobs.push(Job {
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
            ..Job::new(hub, encode, engine, command)
        });
    }
    if jobs.is_empty() {
        let message = format!("the preset {} leaves out every track that the feed has", encode.preset);
        return Err(Refused { reason: ffleet_types::Reason::UserError, message });
    }
    Ok(jobs)
}

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
