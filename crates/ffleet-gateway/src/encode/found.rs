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
/// How long a track is waited for when another one has come. Keys of pictures may be far apart.
const fn patience(kind: Kind) -> Duration {
    match kind {
        Kind::Video => Duration::from_secs(20),
        Kind::Audio => Duration::from_secs(3),
    }
}
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
    /// One that was waited for in vain.
    pub(super) late: Option<(Kind, Inlet)>,
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
        late: None,
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
    look(&mut looked).await;
    let is_late = |one: &Looked| one.wish != Wish::Copy && one.track.is_none();
    if let Some(late) = looked.iter().position(is_late) {
        let Looked { kind, inlet, .. } = looked.swap_remove(late);
        let (what, waited) = (kind.name(), patience(kind).as_secs());
        found.remarks.push(format!(
            "no {what} has come {waited} s after the other track: the stream goes on without it"
        ));
        found.late = Some((kind, inlet));
    }
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
async fn look(looked: &mut [Looked]) {
    let mut since: Option<Instant> = None;
    while !looked.iter().all(Looked::is_known) {
        let missing = looked.iter().filter(|one| !one.is_known());
        let most = missing.map(|one| patience(one.kind)).max().unwrap_or_default();
        let late = async {
            match since.map(|since| since + most) {
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
        if since.is_none() && looked.iter().any(|one| one.track.is_some()) {
            since = Some(Instant::now());
        }
    }
}

/// Waits until there is a track that the stream would be made of as well, and is not: why it begins anew. It has these
/// `kinds`, and one that came too `late`, if there is one.
pub(super) async fn more(
    hub: &Hub,
    recipe: &Recipe,
    kinds: &[Kind],
    late: Option<(Kind, Inlet)>,
) -> String {
    let kind = tokio::select! {
        kind = come(late) => kind,
        kind = declared(hub, recipe, kinds) => kind,
    };
    format!("its source has {} now as well: the stream begins anew with it", kind.name())
}

/// Waits until decoding of a track can begin.
async fn come(late: Option<(Kind, Inlet)>) -> Kind {
    if let Some((kind, mut inlet)) = late {
        while let Some(frame) = inlet.next().await {
            if frame.coded.is_some_and(|coded| coded.begins.is_some()) {
                return kind;
            }
        }
    }
    std::future::pending().await
}

/// Waits until a container says that it has a track that is wanted and new.
async fn declared(hub: &Hub, recipe: &Recipe, kinds: &[Kind]) -> Kind {
    let Some(whole) = hub.whole() else {
        return std::future::pending().await;
    };
    // What is there already was found, and what was left out is no news.
    let mut program = whole.program();
    let new = |codecs: Option<std::sync::Arc<[Codec]>>| {
        let codecs = codecs.unwrap_or_default();
        let mut wanted = codecs
            .iter()
            .map(|&codec| container::of(codec))
            .filter(|&kind| Wish::of(recipe, kind) != Wish::Nothing);
        wanted.find(|kind| !kinds.contains(kind))
    };
    while program.changed().await.is_ok() {
        let codecs = program.borrow_and_update().clone();
        if let Some(kind) = new(codecs) {
            return kind;
        }
    }
    std::future::pending().await
}
