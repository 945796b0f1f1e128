//! What is the matter with a container, said to people: once where it does not change, and seldom where it goes on.

use std::time::Duration;

use super::{Counts, Loss, Program};

/// Bytes of which so many, or that have come for so long, say what they are, or are something else.
const ENOUGH: u64 = 2 << 20;
const PATIENCE: Duration = Duration::from_secs(3);
/// How often damage is said.
const OFTEN: Duration = Duration::from_secs(10);

/// Looks at what one writer sends, beside a [`super::Reader`] of it. Times are of a clock that only goes forward.
///
/// ```
/// use std::time::Duration;
/// use ffleet_live::mpegts::{Counts, Watcher};
///
/// let mut watcher = Watcher::new(Duration::ZERO);
/// let counts = Counts { strange_bytes: 900, ..Counts::default() };
/// let said = watcher.look(Duration::from_secs(4), 1_000, counts);
/// assert!(said[0].contains("are no MPEG-TS"));
/// ```
#[derive(Debug)]
pub struct Watcher {
    began: Duration,
    bytes: u64,
    program: Option<Program>,
    /// Whether a unit came.
    came: bool,
    /// Whether it was said that nothing can be made of it.
    is_told: bool,
    /// Losses that were not said yet, the last of them, and when some were said.
    lost: u64,
    last: Option<(&'static str, Loss)>,
    said: Option<Duration>,
    /// Units of sound that came twice.
    overlaps: u64,
}

impl Watcher {
    /// One that begins `now`.
    #[must_use]
    pub const fn new(now: Duration) -> Self {
        Self {
            began: now,
            bytes: 0,
            program: None,
            came: false,
            is_told: false,
            lost: 0,
            last: None,
            said: None,
            overlaps: 0,
        }
    }

    /// What is in it was found: what there is to say.
    pub fn program(&mut self, program: &Program) -> Option<String> {
        let said = match (program.tracks.len(), program.ignored) {
            (0, ignored) => Some(format!(
                "nothing in the container can be used, of {ignored} tracks: ffleet reads H.264, H.265, AAC, MP3 and Opus"
            )),
            (_, 0) => None,
            (_, ignored) => Some(format!(
                "{ignored} more tracks in the container are left out: the first picture (H.264, H.265) and the first \
                 sound (AAC, MP3, Opus) are taken"
            )),
        };
        self.program = Some(program.clone());
        said
    }

    /// A unit came.
    pub const fn came(&mut self) {
        self.came = true;
    }

    /// A unit of sound came that is over already.
    pub const fn overlaps(&mut self) {
        self.overlaps += 1;
    }

    /// Something of a track is missing.
    pub const fn lost(&mut self, track: &'static str, loss: Loss) {
        self.lost += 1;
        self.last = Some((track, loss));
    }

    /// Looks at it `now`, after so many more bytes: what there is to say.
    pub fn look(&mut self, now: Duration, bytes: u64, counts: Counts) -> Vec<String> {
        self.bytes += bytes;
        let is_long = self.bytes > ENOUGH || now.saturating_sub(self.began) > PATIENCE;
        let mut remarks = Vec::new();
        if is_long && !self.came && !self.is_told {
            self.is_told = true;
            remarks.extend(self.why_nothing(counts));
        }
        if self.said.is_none_or(|said| now.saturating_sub(said) > OFTEN) {
            let damage = self.damage();
            if damage.is_some() {
                self.said = Some(now);
            }
            remarks.extend(damage);
        }
        remarks
    }

    /// Its writer is gone: what there is to say, and what to tell the writer.
    ///
    /// # Errors
    ///
    /// Why nothing could be made of what it sent, in the second of the two.
    pub fn end(&mut self, counts: Counts) -> (Vec<String>, Result<(), String>) {
        let damage = self.damage().into_iter().collect();
        let nothing = if self.came || self.bytes == 0 {
            None
        } else {
            self.why_nothing(counts)
        };
        match nothing {
            Some(why) if self.is_told => (damage, Err(why)),
            Some(why) => (damage.into_iter().chain([why.clone()]).collect(), Err(why)),
            None => (damage, Ok(())),
        }
    }

    /// Why no unit came, as far as that was not said.
    fn why_nothing(&self, counts: Counts) -> Option<String> {
        let Self { bytes, .. } = self;
        Some(match &self.program {
            None if counts.strange_bytes > bytes / 2 => {
                format!("{bytes} bytes are no MPEG-TS: write it with `-f mpegts`")
            }
            None => format!(
                "{bytes} bytes of MPEG-TS do not say what is in them: there is no PAT, or no PMT"
            ),
            Some(program) if program.tracks.is_empty() => {
                "nothing in the container can be used".to_owned()
            }
            Some(_) if counts.scrambled > 0 => {
                "what is in the container is scrambled, and cannot be read".to_owned()
            }
            Some(_) => format!(
                "no unit that decoding can begin with has come in {bytes} bytes, but {} others: pictures need \
                 a keyframe with parameter sets",
                counts.skipped
            ),
        })
    }

    fn damage(&mut self) -> Option<String> {
        let (lost, overlaps) = (std::mem::take(&mut self.lost), std::mem::take(&mut self.overlaps));
        let last = self.last.take();
        let lost = last.filter(|_| lost > 0).map(|(track, loss)| {
            let why = match loss {
                Loss::Continuity => "packets did not arrive",
                Loss::Truncated => "it was not finished",
                Loss::Scrambled => "it is scrambled",
                Loss::Damaged => "it makes no sense",
                Loss::Long => "it is longer than 64 MiB",
                Loss::Untimed => "it has no time",
            };
            format!("{lost} units of the container are left out, the last of {track}: {why}")
        });
        let twice = (overlaps > 0)
            .then(|| format!("{overlaps} units of sound are left out, whose time is over already"));
        match (lost, twice) {
            (Some(lost), Some(twice)) => Some(format!("{lost}; {twice}")),
            (lost, twice) => lost.or(twice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Codec;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn what_is_no_container_is_said_once_and_to_its_writer() {
        let mut watcher = Watcher::new(secs(0));
        let counts = Counts { strange_bytes: 900, ..Counts::default() };
        assert!(watcher.look(secs(1), 1_000, counts).is_empty());
        let said = watcher.look(secs(4), 0, counts);
        assert!(said[0].contains("are no MPEG-TS"), "{said:?}");
        assert!(watcher.look(secs(5), 0, counts).is_empty());
        let (said, told) = watcher.end(counts);
        assert!(said.is_empty() && told.unwrap_err().contains("-f mpegts"));
    }

    #[test]
    fn each_way_to_be_silent_has_its_words() {
        let counts = Counts::default();
        let program = |tracks: &[Codec], ignored| Program { tracks: tracks.to_vec(), ignored };
        for (found, says) in [
            (None, "no PAT"),
            (Some(program(&[], 2)), "nothing in the container can be used"),
            (Some(program(&[Codec::H264], 0)), "a keyframe with parameter sets"),
        ] {
            let mut watcher = Watcher::new(secs(0));
            if let Some(found) = &found {
                watcher.program(found);
            }
            let said = watcher.look(secs(1), 3 << 20, counts);
            assert!(said[0].contains(says), "{said:?}");
        }
    }

    #[test]
    fn damage_is_said_at_once_and_then_summed() {
        let mut watcher = Watcher::new(secs(0));
        watcher.came();
        watcher.lost("video", Loss::Continuity);
        assert_eq!(watcher.look(secs(1), 1, Counts::default()).len(), 1);
        watcher.lost("video", Loss::Continuity);
        watcher.lost("audio", Loss::Damaged);
        watcher.overlaps();
        assert!(watcher.look(secs(9), 1, Counts::default()).is_empty());
        let said = watcher.look(secs(12), 1, Counts::default());
        assert!(said[0].starts_with("2 units") && said[0].contains("over already"), "{said:?}");
        assert_eq!(watcher.end(Counts::default()), (Vec::new(), Ok(())));
    }
}
