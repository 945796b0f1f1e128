//! What a stream is made of, which is looked at before anything is started.
//!
//! Of raw tracks it is said. Of what is coded it is in the first units: those are put back when they have been looked at,
//! and nothing of them is lost.

use std::time::Duration;

use ffleet_live::packet::{Codec, Track};
use ffleet_live::timeline;
use ffleet_media::recipe::{Audio, Recipe, Video};
use ffleet_types::FrameRate;
use ffleet_types::live::Inputs;
use ffleet_types::live::inputs::{Picture, PictureFormat};
use tokio::sync::watch;
use tokio::time::Instant;

use super::inlet::Inlet;
use crate::inputs::{Frame, Hub, Kind, container};

/// How many pictures are looked at to see how many there are in a second.
const PICTURES: usize = 10;
/// How long a track is waited for when another one has come.
const PATIENCE: Duration = Duration::from_secs(3);
/// What a second of pictures has where nothing says how many.
const USUAL: (u32, u32) = (25, 1);

/// See the module.
#[derive(Debug)]
pub(super) struct Found {
    /// The tracks that are raw, as they are pushed.
    pub(super) spec: Inputs,
    /// Those that are coded, and what is known of them.
    pub(super) coded: Vec<Coded>,
    /// Where all of them come from.
    pub(super) inlets: Vec<(Kind, Inlet)>,
    /// What there is to say.
    pub(super) remarks: Vec<String>,
}

/// A track that is coded.
#[derive(Clone, Debug)]
pub(super) struct Coded {
    pub(super) kind: Kind,
    /// Whether it is passed on, or decoded.
    pub(super) wish: Wish,
    /// What it is; nothing where nobody needs to know it, since it is passed on.
    pub(super) track: Option<Track>,
    /// How many pictures a second it has.
    pub(super) fps: Option<FrameRate>,
}

/// What is to become of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Copy,
    Encode,
}

impl Wish {
    /// Of a track of this kind.
    pub(super) const fn of(recipe: &Recipe, kind: Kind) -> Self {
        match kind {
            Kind::Video => match recipe.video {
                Video::Drop => Self::Nothing,
                Video::Copy => Self::Copy,
                Video::Encode(_) | Video::Thumbnail(_) | Video::Gif(_) => Self::Encode,
            },
            Kind::Audio => match recipe.audio {
                Audio::Drop => Self::Nothing,
                Audio::Copy => Self::Copy,
                Audio::Encode(_) => Self::Encode,
            },
        }
    }
}

/// A track that is looked at.
struct Looked {
    kind: Kind,
    wish: Wish,
    inlet: Inlet,
    track: Option<Track>,
    /// When its pictures are decoded.
    times: Vec<i64>,
    /// How many a second there are, where that is said.
    fps: Option<FrameRate>,
}

impl Looked {
    /// Whether there is nothing more to see.
    fn is_known(&self) -> bool {
        let is_timed =
            self.kind == Kind::Audio || self.fps.is_some() || self.times.len() >= PICTURES;
        self.wish == Wish::Copy || (self.track.is_some() && is_timed)
    }

    fn note(&mut self, frame: Frame) {
        if let Some(coded) = &frame.coded {
            if let (None, Some(begins)) = (&self.track, &coded.begins) {
                self.track = Some((**begins).clone());
            }
            if self.times.len() < PICTURES {
                self.times.push(coded.dts);
            }
        }
        self.inlet.hold(frame);
    }

    fn found(self) -> (Coded, (Kind, Inlet)) {
        let measured = || timeline::rate(&self.times).or_else(|| FrameRate::new(USUAL.0, USUAL.1));
        let fps = match self.kind {
            Kind::Video => self.fps.or_else(measured),
            Kind::Audio => None,
        };
        let Self { kind, wish, track, inlet, .. } = self;
        (Coded { kind, wish, track, fps }, (kind, inlet))
    }
}

/// Looks what there is of `hub` for a stream that is made as `recipe` says. Waits for as long as nothing comes.
pub(super) async fn find(hub: &Hub, recipe: &Recipe) -> Found {
    let mut found = Found {
        spec: Inputs { container: None, ..hub.spec.clone() },
        coded: Vec::new(),
        inlets: Vec::new(),
        remarks: Vec::new(),
    };
    let mut looked = Vec::new();
    for kind in [Kind::Video, Kind::Audio] {
        let Some(lane) = hub.lane(kind) else { continue };
        let wish = Wish::of(recipe, kind);
        if wish == Wish::Nothing {
            continue;
        }
        let inlet = Inlet::from(lane.subscribe());
        let picture = hub.spec.video.as_ref().filter(|_| kind == Kind::Video);
        match picture {
            Some(Picture { format: PictureFormat::Coded(_), fps, .. }) => {
                found.spec.video = None;
                looked.push(Looked { fps: Some(*fps), ..looked_at(kind, wish, inlet) });
            }
            _ if hub.whole().is_some() => looked.push(looked_at(kind, wish, inlet)),
            _ => found.inlets.push((kind, inlet)),
        }
    }
    if let Some(whole) = hub.whole() {
        of_program(&mut looked, whole.program()).await;
    }
    look(&mut looked, &mut found.remarks).await;
    for one in looked {
        let (coded, inlet) = one.found();
        found.coded.push(coded);
        found.inlets.push(inlet);
    }
    found
}

const fn looked_at(kind: Kind, wish: Wish, inlet: Inlet) -> Looked {
    Looked { kind, wish, inlet, track: None, times: Vec::new(), fps: None }
}

/// Waits until a container says what is in it that is wanted: the rest is not looked at.
async fn of_program(
    looked: &mut Vec<Looked>,
    mut program: watch::Receiver<Option<std::sync::Arc<[Codec]>>>,
) {
    loop {
        let codecs = program.borrow_and_update().clone();
        let has = |kind| {
            codecs
                .iter()
                .flat_map(|all| all.iter())
                .any(|&one| container::of(one) == kind)
        };
        if looked.iter().any(|one| has(one.kind)) {
            looked.retain(|one| has(one.kind));
            return;
        }
        if program.changed().await.is_err() {
            return;
        }
    }
}

/// Looks at what comes until all is known, or what is missing is waited for no more.
async fn look(looked: &mut Vec<Looked>, remarks: &mut Vec<String>) {
    let mut until: Option<Instant> = None;
    while !looked.iter().all(Looked::is_known) {
        let late = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        // All are taken from, so that none keeps the source of another waiting.
        let (first, rest) = looked.split_at_mut(1);
        let [one] = first else { return };
        let other = rest.first_mut();
        tokio::select! {
            frame = one.inlet.look() => match frame {
                Some(frame) => one.note(frame),
                None => return,
            },
            Some(frame) = async { match other {
                Some(other) => Some((other.inlet.look().await, other)),
                None => std::future::pending().await,
            } } => match frame {
                (Some(frame), other) => other.note(frame),
                (None, _) => return,
            },
            () = late => break,
        }
        if until.is_none() && looked.iter().any(|one| one.track.is_some()) {
            until = Some(Instant::now() + PATIENCE);
        }
    }
    looked.retain(|one| {
        let is_there = one.wish == Wish::Copy || one.track.is_some();
        if !is_there {
            remarks.push(format!(
                "no {} has come {} s after the other track: the stream goes on without it",
                one.kind.name(),
                PATIENCE.as_secs()
            ));
        }
        is_there
    });
}

/// Waits until a container has a track that a stream of these `kinds` would be made of as well, and is not: why it begins
/// anew.
pub(super) async fn more(hub: &Hub, recipe: &Recipe, kinds: &[Kind]) -> String {
    let Some(whole) = hub.whole() else {
        return std::future::pending().await;
    };
    let mut program = whole.program();
    let is_new = |codecs: &Option<std::sync::Arc<[Codec]>>| {
        let of = codecs
            .iter()
            .flat_map(|all| all.iter())
            .map(|&codec| container::of(codec));
        let wanted = of.filter(|&kind| Wish::of(recipe, kind) != Wish::Nothing);
        wanted.into_iter().find(|kind| !kinds.contains(kind))
    };
    // What is there already was found, and what was left out is no news.
    loop {
        if program.changed().await.is_err() {
            return std::future::pending().await;
        }
        let new = is_new(&program.borrow_and_update());
        if let Some(kind) = new {
            return format!(
                "its source has {} now as well: the stream begins anew with it",
                kind.name()
            );
        }
    }
}
