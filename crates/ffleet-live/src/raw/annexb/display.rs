//! From the order of decoding to that of display.
//!
//! Each picture says where it is in the order of output (picture order count), but not how much that grows from one
//! picture to the next: H.264's mostly by 2, H.265's by 1, and either may do otherwise. So the beginning of a stream is
//! held until that is seen: if R pictures are reordered, one of the R + 1 that follow the first is shown right after
//! it. Later nothing is held but random access points of H.265 that others may lead, until one comes that does not:
//! how many there are says where it is shown itself. Where nothing is reordered nothing is held, and pictures are
//! counted.
//!
//! To sort pictures as a decoder does would need no such guess, but would hold each until it is shown.

use super::Unit;
use super::syntax::{Picture, Starts};

/// The most pictures that are reordered (H.264, A.3.1; H.265, A.4.2).
const HELD: usize = 16;
/// How many units may wait, and bytes of them: as many as are reordered, and as many that lead them.
const WAITING: usize = 2 * HELD + 2;
const WAITING_BYTES: usize = 64 << 20;
/// A picture that is so many away from the newest is so by a fault.
const FAR: i64 = 64;
/// How many pictures must have been counted before it is said that the guess was wrong.
const MANY: i64 = 8;

/// What is known of the order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// How many pictures precede one at most that are shown after it.
    reorder: usize,
    /// How much the count grows from picture to picture.
    step: Option<i64>,
    run: Run,
    /// The index behind the last one shown.
    next: i64,
    waiting: Vec<(Unit, Picture)>,
    /// The newest indices.
    recent: Vec<i64>,
    irregular: u64,
}

/// Pictures since the count last began anew.
#[derive(Debug, Default)]
enum Run {
    /// The first of them wait.
    #[default]
    Waits,
    /// Nothing is reordered; the count of the last one.
    Plain { last: i64 },
    /// The count of one of them, its index, and how much the count is taken to grow.
    Counted { poc: i64, index: i64, step: i64, seen: Seen },
}

/// What was seen of the counts of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// How many pictures there were behind the first.
    pictures: i64,
    /// How far they went.
    span: i64,
    /// What divides all of them.
    divisor: i64,
}

impl Order {
    /// How many pictures broke the order that was announced or guessed.
    pub(super) const fn irregular(&self) -> u64 {
        self.irregular
    }

    /// How many units wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next unit in the order of decoding; what needs to wait no more goes to `out`.
    pub(super) fn push(&mut self, unit: Unit, picture: Picture, out: &mut Vec<Unit>) {
        if picture.starts != Starts::Nothing {
            self.end(out);
        }
        self.reorder = self.reorder.max(picture.reorder.min(HELD));
        self.waiting.push((unit, picture));
        if !matches!(self.run, Run::Waits) || self.is_settled() {
            self.release(out);
        }
    }

    /// Nothing follows of this run.
    pub(super) fn end(&mut self, out: &mut Vec<Unit>) {
        self.release(out);
        if let Run::Counted { seen, step, .. } = &self.run {
            self.step = self.step.map(|_| seen.corrected(*step));
        }
        self.run = Run::Waits;
    }

    /// Whether enough of a run has come to say where its first picture is shown, and how far the others are from it.
    fn is_settled(&self) -> bool {
        let Some((_, first)) = self.waiting.first() else {
            return false;
        };
        let later = self
            .waiting
            .iter()
            .filter(|(_, picture)| picture.poc > first.poc)
            .count();
        let bytes: usize = self.waiting.iter().map(|(unit, _)| unit.bytes.len()).sum();
        let is_step_known = self.step.is_some() || later > self.reorder || self.least() == Some(1);
        self.reorder == 0
            || is_step_known && (later > 0 || first.starts != Starts::LedRun)
            || self.waiting.len() >= WAITING
            || bytes > WAITING_BYTES
    }

    /// How many waiting pictures are shown behind the one with this count.
    fn later(&self, poc: i64) -> usize {
        self.waiting.iter().filter(|(_, picture)| picture.poc > poc).count()
    }

    /// How much the count grows, if so much of the run waits that this is certain.
    fn learnt(&self) -> Option<i64> {
        let (_, first) = self.waiting.first()?;
        let is_enough = self.later(first.poc) > self.reorder;
        self.least().filter(|&least| is_enough || least == 1)
    }

    /// The least that counts of waiting pictures are apart.
    fn least(&self) -> Option<i64> {
        let mut counts: Vec<_> = self.waiting.iter().map(|(_, picture)| picture.poc).collect();
        counts.sort_unstable();
        let apart = counts.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        apart.filter(|&apart| apart > 0).min()
    }

    fn release(&mut self, out: &mut Vec<Unit>) {
        let Some((_, first)) = self.waiting.first() else { return };
        if matches!(self.run, Run::Waits) {
            let poc = first.poc;
            self.run = if self.reorder == 0 {
                Run::Plain { last: poc.saturating_sub(1) }
            } else {
                let leading = self.waiting.iter().filter(|(_, picture)| picture.poc < poc).count();
                let index = self.next.saturating_add(i64::try_from(leading).unwrap_or(0));
                self.step = self.step.or_else(|| self.learnt());
                let step = self.step.or_else(|| self.least()).unwrap_or(1);
                Run::Counted { poc, index, step, seen: Seen::default() }
            };
        }
        for (mut unit, picture) in std::mem::take(&mut self.waiting) {
            unit.display = self.index(picture.poc);
            self.note(unit.display);
            unit.reorder = self.reorder;
            out.push(unit);
        }
    }

    /// The index of the next picture of the run, which has this count.
    fn index(&mut self, poc: i64) -> i64 {
        match &mut self.run {
            Run::Waits => self.next,
            Run::Plain { last } => {
                if poc <= *last {
                    self.irregular += 1;
                    self.reorder = self.reorder.max(1);
                }
                *last = poc;
                self.next
            }
            Run::Counted { poc: base, index, step, seen } => {
                let step = *step;
                let away = poc.saturating_sub(*base);
                seen.note(away);
                let at = index.saturating_add(away.div_euclid(step));
                let is_far = at.saturating_sub(self.next).saturating_abs() > FAR;
                if is_far {
                    (*base, *index, *seen) = (poc, self.next, Seen::default());
                }
                if is_far || away % step != 0 {
                    self.irregular += 1;
                }
                if is_far { self.next } else { at }
            }
        }
    }

    /// A picture with this index was decoded: those before it that are shown after it are reordered with it.
    fn note(&mut self, index: i64) {
        let later = self.recent.iter().filter(|&&other| other > index).count();
        if later > self.reorder {
            self.irregular += 1;
            self.reorder = later;
        }
        if self.recent.len() == HELD {
            self.recent.remove(0);
        }
        self.recent.push(index);
        self.next = self.next.max(index.saturating_add(1));
    }
}

impl Seen {
    const fn note(&mut self, away: i64) {
        if away != 0 {
            self.pictures += 1;
            self.divisor = divisor(self.divisor, away);
        }
        if away > self.span {
            self.span = away;
        }
    }

    /// The step after a run that was counted by `step`. Pictures that are closer together than that show that it was
    /// too large; if they are farther apart, some may be missing, unless none lies between.
    fn corrected(self, step: i64) -> i64 {
        if self.pictures < MANY {
            return step;
        }
        let apart = (self.span / self.pictures).max(1);
        let is_wrong = apart < step || apart >= 2 * step && self.divisor >= 2 * step;
        match is_wrong {
            true if apart < step => apart,
            true => self.divisor,
            false => step,
        }
    }
}

/// The greatest number that divides both; the other one, where one is 0.
const fn divisor(one: i64, other: i64) -> i64 {
    let (mut one, mut other) = (one.saturating_abs(), other.saturating_abs());
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests;
