//! Putting processes back to where they were.
//!
//! What is set on each is undone while it is inside, and then it is moved: whoever is killed in
//! between finds it inside again, and does the same once more.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Error;
use super::group::Group;
use super::process::Process;
use crate::pause;

/// How often the group is gone through at most.
const ROUNDS: u32 = 64;
/// After so many of them something may need time.
const AT_ONCE: u32 = 8;
/// Between two of the rest.
const BETWEEN: Duration = Duration::from_millis(5);

/// What was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The processes.
    pub processes: Vec<Process>,
    /// What could not be put back, or not as it was, in words.
    pub trouble: Vec<String>,
    /// Whether nothing of the group is left. Otherwise its file is still there.
    pub is_gone: bool,
}

impl Group {
    /// Puts every process back to where it was, those born inside to where the nearest was that they
    /// descend from; gives them back their nice and what else was set on each; and removes the group.
    /// Blocks.
    ///
    /// # Errors
    ///
    /// If the group is empty and cannot be removed. What could not be put back is in the answer.
    pub fn release(self) -> Result<Released, Error> {
        let mut released = Released::default();
        let mut done = BTreeSet::new();
        for round in 0..ROUNDS {
            let inside = self.processes();
            let fresh: Vec<_> = inside.iter().filter(|one| done.insert(**one)).collect();
            for &one in &fresh {
                self.put_back(*one, &mut released);
            }
            let moves = !self.state.group.dirs().is_empty();
            let rest = if moves { inside.len() } else { fresh.len() };
            if rest == 0 {
                break;
            }
            // Those that were moved are listed no more; who stays has something against it, or is ending.
            if round > AT_ONCE {
                pause(BETWEEN);
            }
        }
        released.trouble.sort();
        released.trouble.dedup();
        let is_empty = self.state.group.touched().is_empty();
        if is_empty {
            self.place.alone(|| self.state.remove(&self.path))?;
        }
        released.is_gone = is_empty;
        Ok(released)
    }

    fn put_back(&self, one: Process, released: &mut Released) {
        let Some(member) = self.member(one).or_else(|| self.heir(one)) else {
            released
                .trouble
                .push(format!("process {}: nobody knows where it was", one.pid));
            return;
        };
        let Some(_same) = one.open() else { return };
        for (limit, why) in self.state.means.undo(one, &member.before) {
            released.trouble.push(format!("{limit} of {why}"));
        }
        member.go_back(&mut released.trouble);
        released.processes.push(one);
    }
}
