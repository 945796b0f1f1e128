//! What is shown while the source of a stream is away: whose frames are taken, and when it counts as back.
//!
//! A source is away when it has given no frame for a while. What then comes is a list in order of preference: the
//! last of it that can be had is shown, so that a slate bridges the time until another feed gives frames. The source
//! is taken back once it has given frames without a pause for as long as it may be away unnoticed.

use std::time::Duration;

/// A source that gives nothing for so long has paused.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a source is waited for where no time is said.
const HOLD: Duration = Duration::from_secs(2);

/// One step of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing for so long, or as long as it takes.
    Hold(Option<Duration>),
    /// A slate.
    Slate,
    /// Another feed: they are counted from 1, in their order.
    Feed(usize),
    /// The end.
    End,
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Frames of a feed: 0 is the stream's own.
    Feed(usize),
    /// Nothing.
    Nothing,
    /// A slate.
    Slate,
    /// Nothing, and whoever watches is sent away.
    End,
}

/// How one source is.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    /// Since when it has given frames without a pause, and when it gave the last.
    gives: Option<(Duration, Duration)>,
}

/// See the module. Times are of a clock that only goes forward.
#[derive(Clone, Debug)]
pub struct Away {
    steps: Vec<Step>,
    /// By number, the stream's own first.
    sources: Vec<Source>,
    shown: Shown,
}

impl Away {
    /// The source has not come yet: that is no absence.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        let feeds = steps.iter().filter(|step| matches!(step, Step::Feed(_))).count();
        Self {
            steps,
            sources: vec![Source::default(); feeds + 1],
            shown: Shown::Feed(0),
        }
    }

    /// What is shown.
    #[must_use]
    pub const fn shown(&self) -> Shown {
        self.shown
    }

    /// A source has given a frame.
    pub fn came(&mut self, source: usize, now: Duration) {
        if let Some(source) = self.sources.get_mut(source) {
            let since = source
                .gives
                .filter(|&(_, last)| now.saturating_sub(last) < PAUSE)
                .map_or(now, |(since, _)| since);
            source.gives = Some((since, now));
        }
    }

    /// What is to be shown now, and when to ask again.
    pub fn look(&mut self, now: Duration) -> (Shown, Option<Duration>) {
        self.shown = self.choose(now);
        (self.shown, self.wake(now))
    }

    /// How long the source may be away unnoticed.
    fn hold(&self) -> Option<Duration> {
        match self.steps.first() {
            Some(Step::Hold(span)) => *span,
            None => None,
            Some(_) => Some(PAUSE),
        }
    }

    fn choose(&self, now: Duration) -> Shown {
        let Some((since, last)) = self.sources.first().and_then(|own| own.gives) else {
            return Shown::Feed(0);
        };
        let (Some(hold), back) = (self.hold(), self.hold().unwrap_or(HOLD)) else {
            return Shown::Feed(0);
        };
        let is_away = now.saturating_sub(last) >= hold;
        match self.shown {
            Shown::Feed(0) if !is_away => Shown::Feed(0),
            // It is back when it has been there for as long as it may be away.
            _ if !is_away
                && last.saturating_sub(since) >= back
                && now.saturating_sub(last) < PAUSE =>
            {
                Shown::Feed(0)
            }
            _ => self.instead(now),
        }
    }

    /// The last of the list that can be had.
    fn instead(&self, now: Duration) -> Shown {
        let gives = |feed: usize| {
            let given = self.sources.get(feed).and_then(|source| source.gives);
            given.is_some_and(|(_, last)| now.saturating_sub(last) < PAUSE)
        };
        let had = self.steps.iter().rev().find_map(|step| match *step {
            Step::Slate => Some(Shown::Slate),
            Step::End => Some(Shown::End),
            Step::Feed(feed) if gives(feed) => Some(Shown::Feed(feed)),
            Step::Feed(_) | Step::Hold(_) => None,
        });
        had.unwrap_or(Shown::Nothing)
    }

    fn wake(&self, now: Duration) -> Option<Duration> {
        let hold = self.hold()?;
        let (_, last) = self.sources.first()?.gives?;
        match self.shown {
            Shown::Feed(0) => Some((last + hold).max(now)),
            // Whether a feed pauses, or the source is back.
            _ => Some(now + PAUSE / 4),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Frames of a source each 40 ms.
    fn gives(away: &mut Away, source: usize, from: u64, until: u64) {
        for at in (from..until).step_by(40) {
            away.came(source, ms(at));
            away.look(ms(at));
        }
    }

    #[test]
    fn slate_bridges_until_another_feed_gives_frames_and_the_source_comes_back_when_it_is_well() {
        let hold = Step::Hold(Some(ms(2_000)));
        let mut away = Away::new(vec![hold, Step::Slate, Step::Feed(1)]);
        assert_eq!(away.look(ms(60_000)), (Shown::Feed(0), None), "it has not come yet");
        gives(&mut away, 0, 60_000, 61_000);
        assert_eq!(away.look(ms(62_959)).0, Shown::Feed(0));
        assert_eq!(away.look(ms(62_960)).0, Shown::Slate);
        gives(&mut away, 1, 64_000, 65_000);
        assert_eq!(away.look(ms(65_000)).0, Shown::Feed(1));
        assert_eq!(away.look(ms(66_000)).0, Shown::Slate, "that has paused");
        gives(&mut away, 0, 70_000, 72_000);
        assert_eq!(away.shown(), Shown::Slate, "it may go again");
        gives(&mut away, 0, 72_000, 72_050);
        assert_eq!(away.shown(), Shown::Feed(0));
    }

    #[test]
    fn without_another_it_is_held_for_ever_or_ended() {
        let mut away = Away::new(vec![Step::Hold(None)]);
        gives(&mut away, 0, 0, 100);
        assert_eq!(away.look(ms(3_600_000)), (Shown::Feed(0), None));
        let mut away = Away::new(vec![Step::Hold(Some(ms(500))), Step::End]);
        gives(&mut away, 0, 0, 100);
        assert_eq!(away.look(ms(579)).0, Shown::Feed(0));
        assert_eq!(away.look(ms(580)).0, Shown::End);
    }

    proptest! {
        /// Whatever comes: the source is shown while it gives frames without a pause, and the slate is never left for a
        /// feed that gives none.
        #[test]
        fn who_is_shown_gives_frames(
            steps in proptest::collection::vec((0..3_usize, 0..1_500_u64), 1..200),
        ) {
            let hold = Step::Hold(Some(ms(700)));
            let mut away = Away::new(vec![hold, Step::Feed(1), Step::Slate, Step::Feed(2)]);
            let (mut now, mut last) = (ms(0), [None; 3]);
            for (source, later) in steps {
                now += ms(later);
                away.came(source, now);
                last[source] = Some(now);
                let (shown, wake) = away.look(now);
                if let Shown::Feed(feed @ 1..) = shown {
                    prop_assert!(last[feed].is_some_and(|last| now - last < PAUSE));
                }
                if let Some(wake) = wake {
                    prop_assert!(wake >= now);
                    let mut later = away.clone();
                    let (shown, _) = later.look(now + ms(700));
                    prop_assert!(source != 0 || shown != Shown::Nothing);
                }
                prop_assert!(shown != Shown::Nothing && shown != Shown::End);
            }
        }
    }
}
