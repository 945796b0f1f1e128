//! What came of what was to be done.

use ffleet_base::{Clock as _, SystemClock, chance};
use ffleet_supervise::watch::{Id, Outcome};
use serde_json::json;

use super::super::hands::Answer;
use super::super::take::Taken;
use super::super::tell::Process;
use super::super::totals::one_more;
use super::{Scan, Session};
use crate::failure::Failure;

impl Session<'_> {
    pub(super) fn answered(&mut self, answer: Answer) -> Result<(), Failure> {
        let now = SystemClock.monotonic();
        let step = match answer {
            Answer::Taken(id, outcome, taken) => return self.taken(id, outcome, taken),
            Answer::Measured(first, reading) => self.watch.measured(now, first, reading),
            Answer::Changed(first, rule, Ok(taken)) => {
                self.lacks(first, &rule.label, &taken)?;
                self.watch.changed(first, rule, None)
            }
            Answer::Changed(first, rule, Err(why)) => self.watch.changed(first, rule, Some(why)),
            Answer::Released(first, released) => {
                if let Ok(troubles) = &released {
                    for trouble in troubles {
                        self.teller.tell("warning", json!({ "message": trouble }), trouble)?;
                    }
                }
                self.watch.released(first, released.err())
            }
            Answer::Closed(first, again) => {
                match again {
                    Some(rule) => self.watch.adopt(first, rule),
                    None => drop(self.names.remove(&first)),
                }
                return Ok(());
            }
            Answer::Round => {
                self.look_at_all(now);
                return Ok(());
            }
        };
        self.step(step)
    }

    /// Groups are measured: whoever is there now and was in one before has left it.
    fn look_at_all(&mut self, now: std::time::Duration) {
        if matches!(self.scan, Scan::Measures) {
            let scanner = self.scanner.clone();
            let task = tokio::task::spawn_blocking(move || scanner.pass());
            self.scan = Scan::Looks(now, task);
        }
    }

    fn taken(&mut self, id: Id, outcome: Outcome, taken: Taken) -> Result<(), Failure> {
        let now = SystemClock.monotonic();
        let born = self.born.remove(&id);
        if outcome == Outcome::Taken {
            if let Some(born) = born {
                self.totals.delays.add(now.saturating_sub(born));
            }
            self.names.insert(id, taken.name.clone());
        }
        let step = self.watch.taken(now, id, outcome, chance::unit());
        self.fresh = Some((taken, born.map(|born| now.saturating_sub(born))));
        let told = self.step(step);
        self.fresh = None;
        told
    }

    /// Tells what does not hold of what a rule brings.
    fn lacks(&self, id: Id, rule: &str, taken: &Taken) -> Result<(), Failure> {
        for lack in &taken.lacks {
            let process = Process { id, name: &taken.name, rule };
            self.teller.of("not-limited", &process, json!({ "why": lack }), lack)?;
        }
        Ok(())
    }

    /// Counts an attachment that failed.
    pub(super) fn count_failure(&mut self, rule: &str) {
        one_more(&mut self.totals.failed, rule.to_owned());
    }
}
