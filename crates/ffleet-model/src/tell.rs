//! A way through the model, for a person.

use std::fmt::Write as _;

use stateright::{Model as _, Path};

use crate::action::{Action, At};
use crate::fleet::Fleet;
use crate::state::{Job, Stage, State, Tree};

/// Tells how the property called `what` is broken, a line a step, each with what it changed, up to where it
/// first is.
///
/// # Panics
///
/// If the model has no property of that name.
#[must_use]
pub fn tell(fleet: &Fleet, what: &'static str, path: &Path<State, Action>) -> String {
    let mut text = format!("against \"{what}\"");
    if let Some(rule) = fleet.broken {
        let _infallible = write!(text, ", without the rule {rule:?}");
    }
    text.push('\n');
    let holds = fleet.property(what).condition;
    let steps = path.clone().into_vec();
    for (number, pair) in (1..).zip(steps.windows(2)) {
        let [(before, Some(action)), (after, _)] = pair else {
            continue;
        };
        let _infallible = writeln!(text, "{number:>3}. {action}{}", changes(before, after));
        if !holds(fleet, after) {
            break;
        }
    }
    text
}

/// What of the jobs is not as it was.
fn changes(before: &State, after: &State) -> String {
    let mut text = String::new();
    for (number, (old, new)) in before.jobs.iter().zip(&after.jobs).enumerate() {
        let (was, is) = (row(old), row(new));
        if was != is {
            let _infallible = write!(text, " [job {}: {is}]", number + 1);
        }
        for (index, attempt) in new.tries.iter().enumerate() {
            let is = told(attempt.stage, attempt.tree, attempt.sibling);
            let was = old.tries.get(index).map(|one| told(one.stage, one.tree, one.sibling));
            if was.as_ref() != Some(&is) {
                let at = At::new(number, index);
                let _infallible = write!(text, " [{at} on {}: {is}]", name(attempt.worker));
            }
        }
    }
    text
}

fn row(job: &Job) -> String {
    let mut text = format!("{}, fence {}", job.state(), job.custody.task.fence);
    for (is_so, word) in [
        (job.custody.sealed, ", sealed"),
        (job.custody.cancel, ", to stop"),
        (job.published > 0, ", published"),
        (job.published > 1, " TWICE"),
    ] {
        text.push_str(if is_so { word } else { "" });
    }
    text
}

fn told(stage: Stage, tree: Tree, sibling: bool) -> String {
    let mut text = format!("{stage:?}");
    match tree {
        Tree::Gone => {}
        Tree::Alive => text.push_str(", child runs"),
        Tree::Dying => text.push_str(", child dies"),
    }
    text.push_str(if sibling { ", staged" } else { "" });
    text
}

const fn name(worker: u8) -> char {
    if worker == 0 { 'A' } else { 'B' }
}
