//! One output while it is being planned.

use ffleet_media::Recipe;
use ffleet_media::codec::Container;

use super::job::{Job, seconds};
use super::{Expected, Refused, Tracks, container};
use crate::predict::Cost;

/// What is known of an output so far.
#[derive(Debug)]
pub(super) struct Draft {
    /// Where in the input it begins, if it reads the input for itself, in microseconds.
    pub(super) seek_micros: Option<u64>,
    /// Indexes of the input's tracks that it takes, in order.
    pub(super) tracks: Vec<u32>,
    /// Its options, without `-map` and the name.
    pub(super) args: Vec<String>,
    /// What it loses or changes.
    pub(super) notes: Vec<String>,
    /// What it must turn out to be.
    pub(super) expected: Expected,
    /// What it costs.
    pub(super) cost: Cost,
    /// Its container.
    pub(super) container: Container,
    /// Its length in microseconds, where known.
    pub(super) length: Option<u64>,
}

impl Draft {
    pub(super) fn new(output: u32, container: Container, length: Option<u64>) -> Self {
        Self {
            seek_micros: None,
            tracks: Vec::new(),
            args: Vec::new(),
            notes: Vec::new(),
            expected: Expected {
                output,
                container: Some(container),
                video: Tracks::These(Vec::new()),
                audio: Tracks::These(Vec::new()),
                subtitles: Tracks::These(Vec::new()),
                duration_micros: None,
            },
            cost: Cost::default(),
            container,
            length,
        }
    }

    /// An output of which nothing is known but that it will be there.
    pub(super) fn raw(output: u32) -> Self {
        let mut draft = Self::new(output, Container::Mkv, None);
        draft.expected.container = None;
        draft.expected.video = Tracks::Any;
        draft.expected.audio = Tracks::Any;
        draft.expected.subtitles = Tracks::Any;
        draft
    }

    /// Appends options.
    pub(super) fn say<const N: usize>(&mut self, words: [&str; N]) {
        self.args.extend(words.map(str::to_owned));
    }

    /// Appends an option with a value that was made up just now.
    pub(super) fn option(&mut self, name: &str, value: String) {
        self.args.extend([name.to_owned(), value]);
    }

    /// Notes a loss or a change, once.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Notes what the container has no place for.
    fn note_words(&mut self, job: &Job<'_>) {
        let container = self.container;
        if container.is_picture() || container == Container::Gif {
            return;
        }
        if job.probe.title.is_some() && !container::keeps_title(container) {
            self.note(format!("the title is left out: {container} has no place for it"));
        }
        if job.probe.chapters > 0 && !container::keeps_chapters(container) {
            self.note(format!("the chapters are left out: {container} has no place for them"));
        }
    }

    /// Closes the draft: what concerns the container as a whole.
    pub(super) fn finish(&mut self, job: &Job<'_>, recipe: &Recipe) -> Result<(), Refused> {
        if self.tracks.is_empty() {
            return Err(Refused::input(
                "nothing of the input remains: it has no track of the kinds asked for",
            ));
        }
        if self.seek_micros.is_none() {
            if job.probe.other > 0 {
                self.note(match job.probe.other {
                    1 => "1 track of data, attachment or cover picture is left out".to_owned(),
                    count => format!(
                        "{count} tracks of data, attachments or cover pictures are left out"
                    ),
                });
            }
            self.note_words(job);
            if let (Some(length), Some(_)) = (self.length, recipe.duration) {
                self.option("-t", seconds(length));
            }
            self.expected.duration_micros = self.bounds(job, recipe);
        }
        if self.container.is_picture() || self.container == Container::Gif {
            self.expected.duration_micros = None;
        }
        for (name, value) in container::options(self.container) {
            self.say([name, value]);
        }
        self.say(["-f", container::muxer(self.container)]);
        Ok(())
    }

    /// Least and greatest length. The tracks that are kept may be shorter than the input as a whole,
    /// and a subtitle that has begun is shown to its end even where the rest stops.
    fn bounds(&self, job: &Job<'_>, recipe: &Recipe) -> Option<(u64, u64)> {
        let is_limited = recipe.duration.or(job.spec.duration).is_some();
        let own = job.own_length(&self.tracks);
        let length = match (own, self.length) {
            (Some(own), Some(length)) => own.min(length),
            (None, Some(length)) if is_limited => {
                return Some((1, length + slack(length)));
            }
            _ => return None,
        };
        let has_subtitles =
            matches!(&self.expected.subtitles, Tracks::These(tracks) if !tracks.is_empty());
        let least = if job.is_length_exact {
            length.saturating_sub(slack(length))
        } else {
            1
        };
        let is_open = has_subtitles || !(job.is_length_exact || is_limited);
        Some((least, if is_open { u64::MAX } else { length + slack(length) }))
    }
}

/// How far a length may be off: half a second (a codec's frames do not end where a cut is, sound
/// and picture do not end together) or half a per cent.
fn slack(length: u64) -> u64 {
    (length / 200).max(500_000)
}
