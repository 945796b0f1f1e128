//! Where a stream goes beside its viewers: servers that it is published to, and recordings.
//!
//! What the encoders of a stream give is put, packet by packet, into a line for each destination ([`line`]), which holds
//! it until the destination has got it. Each line is emptied by a task of its own ([`keep`]) that connects, sends
//! ([`rtmp`], [`child`]), waits, and connects again. Nothing of a destination reaches the encoders, the viewers or
//! another destination: to put something into a line never waits. Which destinations there are may change meanwhile: those
//! that stay notice nothing of it.

mod child;
mod keep;
mod line;
mod process;
mod record;
mod rtmp;
mod socket;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_api::live::EncoderEvent;
use ffleet_live::packet::{Packet, Track};
use ffleet_types::live::Output as Spec;
use tokio::task::JoinSet;

pub(crate) use self::line::Line;
use crate::feed::Shop;

/// How long destinations may take to get what is left for them when their stream ends.
const LAST: Duration = Duration::from_secs(12);

/// The destinations of a stream, which come and go while it lives, and what it is made of.
#[derive(Debug)]
pub(crate) struct Outputs(Mutex<All>);

#[derive(Debug)]
struct All {
    lines: Vec<Arc<Line>>,
    tracks: Arc<[Track]>,
    /// How destinations are sent to, while the stream is under way.
    sending: Option<Sending>,
    /// How many have been, which names what is started for them.
    begun: u64,
}

/// How destinations are sent to. Dropped, they are cut off.
#[derive(Debug)]
struct Sending {
    shop: Arc<Shop>,
    label: String,
    program: PathBuf,
    tasks: JoinSet<()>,
}

/// What is on its way to a destination.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Which of the tracks it is of.
    pub(crate) track: usize,
    /// The tracks, as they are from it on.
    pub(crate) tracks: Arc<[Track]>,
    pub(crate) packet: Packet,
}

/// What sends is given.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) shop: Arc<Shop>,
    pub(crate) line: Arc<Line>,
    /// What children and logs are called.
    pub(crate) label: String,
    /// FFmpeg.
    pub(crate) program: PathBuf,
}

impl Outputs {
    /// These, of which none sends because the stream is `refused`, if it is.
    pub(crate) fn new(specs: &[Spec], refused: Option<&String>, shop: &Shop) -> Self {
        let line = |spec: &Spec| match refused {
            Some(why) => Arc::new(Line::new(spec.clone(), Err(why.clone()), false, &shop.clock)),
            None => made(spec, false, shop),
        };
        let lines: Vec<_> = specs.iter().map(line).collect();
        place(&lines);
        Self(Mutex::new(All { lines, tracks: Arc::new([]), sending: None, begun: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream has these tracks from now on, which packets name by their place.
    pub(crate) fn describe(&self, tracks: &[Track]) {
        self.lock().tracks = tracks.into();
    }

    /// Hands a packet to every destination.
    pub(crate) fn push(&self, track: usize, packet: Packet) {
        let all = self.lock();
        if all.lines.is_empty() {
            return;
        }
        let tracks = Arc::clone(&all.tracks);
        let has_pictures = tracks.iter().any(|track| track.codec.is_video());
        let is_picture = tracks.get(track).is_some_and(|track| track.codec.is_video());
        // Without pictures any packet can be begun with.
        let is_start = packet.is_key && (is_picture || !has_pictures);
        let piece = Arc::new(Piece { track, tracks, packet });
        for line in &all.lines {
            line.push(&piece, is_start);
        }
    }

    /// Lets them send, until the stream ends.
    pub(crate) fn start(
        self: &Arc<Self>,
        shop: &Arc<Shop>,
        label: &str,
        program: &Path,
    ) -> Running {
        let mut all = self.lock();
        all.sending = Some(Sending {
            shop: Arc::clone(shop),
            label: label.to_owned(),
            program: program.to_owned(),
            tasks: JoinSet::new(),
        });
        for line in all.lines.clone() {
            all.begin(&line);
        }
        Running(Arc::clone(self))
    }

    /// Has them be those of `specs`, while the stream goes on: those that are there already are not touched, and those
    /// that are there no more get what is left for them. Whether anything changed. Needs a runtime.
    pub(crate) fn change(&self, specs: &[Spec], shop: &Shop) -> bool {
        let mut all = self.lock();
        let mut old = std::mem::take(&mut all.lines);
        let refused = |lines: &[Arc<Line>]| lines.iter().filter(|line| line.is_refused()).count();
        let is_other = !old.iter().map(|line| &line.spec).eq(specs);
        let in_vain = refused(&old);
        for spec in specs {
            let there = old.iter().position(|line| line.spec == *spec && !line.is_refused());
            let line = there.map_or_else(
                || {
                    let line = made(spec, all.sending.is_some(), shop);
                    all.begin(&line);
                    line
                },
                |at| old.remove(at),
            );
            all.lines.push(line);
        }
        place(&all.lines);
        old.iter().for_each(|line| line.leave());
        is_other || refused(&all.lines) != in_vain
    }

    /// Has those that are not among `specs` give the memory of what they hold up, for those that come.
    pub(crate) fn make_room(&self, specs: &[Spec]) {
        let all = self.lock();
        let gone = all.lines.iter().filter(|line| !specs.contains(&line.spec));
        gone.for_each(|line| line.give_up());
    }

    /// How they are, for whoever asks.
    pub(crate) fn shown(&self) -> Vec<ffleet_api::live::Output> {
        self.lock().lines.iter().map(|line| line.shown()).collect()
    }

    /// What happened to them.
    pub(crate) fn events(&self) -> Vec<EncoderEvent> {
        self.lock().lines.iter().flat_map(|line| line.events()).collect()
    }
}

/// A destination that holds its part of the node's memory, if there is some.
fn made(spec: &Spec, is_late: bool, shop: &Shop) -> Arc<Line> {
    let held = shop.hold(spec.ring).map_err(|refused| refused.to_string());
    if let Err(why) = &held {
        let to = line::shown(&spec.to);
        tracing::error!(to, why, "an output is not set up; a reload tries it again");
    }
    Arc::new(Line::new(spec.clone(), held, is_late, &shop.clock))
}

fn place(lines: &[Arc<Line>]) {
    for (number, line) in (1..).zip(lines) {
        line.place(number);
    }
}

impl All {
    /// Lets a destination be sent to, if the stream is under way.
    fn begin(&mut self, line: &Arc<Line>) {
        let Some(sending) = &mut self.sending else { return };
        if line.is_refused() {
            return;
        }
        self.begun += 1;
        line.open();
        // Those that have ended are not kept.
        while sending.tasks.try_join_next().is_some() {}
        let parts = Parts {
            shop: Arc::clone(&sending.shop),
            line: Arc::clone(line),
            label: format!("{}.output{}", sending.label, self.begun),
            program: sending.program.clone(),
        };
        // Ends when it is told that nothing more comes; the set ends it when this is dropped.
        sending.tasks.spawn(send(parts));
    }
}

/// Sends what comes, and a while longer when the destination is no output of the stream any more.
async fn send(parts: Parts) {
    let (line, label) = (Arc::clone(&parts.line), parts.label.clone());
    let overdue = async {
        line.left().await;
        tokio::time::sleep(LAST).await;
    };
    tokio::select! {
        () = keep::keep(parts) => {}
        () = overdue => {
            tracing::warn!(output = label, "a destination that is no output any more did not take what was left for it");
        }
    }
}

/// Destinations that are sent to. Dropped, they are cut off.
#[derive(Debug)]
pub(crate) struct Running(Arc<Outputs>);

impl Running {
    /// Nothing more comes: waits until they have got what is left, as long as they may take.
    pub(crate) async fn finish(self) {
        let sending = {
            let mut all = self.0.lock();
            all.lines.iter().for_each(|line| line.close());
            all.sending.take()
        };
        let Some(mut sending) = sending else { return };
        let ended = async { while sending.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST, ended).await.is_err() {
            tracing::warn!("a destination of a stream did not take what was left for it");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let sending = self.0.lock().sending.take();
        drop(sending);
    }
}
