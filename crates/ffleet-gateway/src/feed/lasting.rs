//! Commands that outlive us: in the hands of shims, and taken over by our next life.
//!
//! A command prints into a pipe whose reading end its shim holds beside us. When we die it meets no broken pipe: it goes
//! on, and blocks at worst once the pipe is full, until the next life reads on or its orphan grace is over. That life finds it
//! by its name, and takes it if it is still what is wanted and what it prints can be read from anywhere on: of formats
//! whose head stands only at the beginning nobody could make anything any more, so that those are started anew. So are
//! commands that read another feed: what they were given has ended in the middle of something.

use std::io;
use std::os::fd::AsFd as _;

use ffleet_base::chain;
use ffleet_guard::{Child, ChildSpec, Stdout, Tie, supervise};
use ffleet_live::join::Format;
use ffleet_supervise::{Order, Policy, Stop};
use ffleet_types::live::{Command, Source};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

use super::memo::Memo;
use super::{Feed, Shop, pull};

/// What a shim calls the reading end of what its child prints.
const OUTPUT: &str = "output";
/// And what the page that says of which format that is.
const MEMO: &str = "memo";

/// A command of an earlier life that goes on.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) child: Child,
    /// Which run it is.
    pub(super) number: u64,
    pub(super) output: Receiver,
    pub(super) memo: Memo,
    /// What it prints.
    pub(super) format: Format,
}

/// What says whether a command is still the same: nothing if it cannot outlive us.
pub(super) fn note(feed: &Feed, shop: &Shop, words: &Command) -> Option<String> {
    if feed.parent.is_some() {
        return None;
    }
    let note = format!("{:?} in {}", words.words(), shop.options.cwd.display());
    if note.len() > ChildSpec::LONGEST_NOTE {
        tracing::info!(feed = feed.label, "its command is too long to outlive a restart of ffleet");
        return None;
    }
    Some(note)
}

/// Has a child that is to be started outlive us: what it prints, and the page beside that.
pub(super) fn outlive(spec: &mut ChildSpec, note: String) -> io::Result<(Receiver, Memo)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    let memo = Memo::new()?;
    spec.tie = Tie::Shim;
    spec.note = Some(note);
    spec.stdout = Stdout::File(theirs.into());
    spec.held.insert(OUTPUT.to_owned(), ours.try_clone()?);
    spec.held.insert(MEMO.to_owned(), memo.as_fd().try_clone_to_owned()?);
    Ok((Receiver::from_owned_fd(ours)?, memo))
}

/// What an earlier life left of a feed, if one can go on with it; all else that it left is ended.
pub(super) async fn find(feed: &Feed, shop: &Shop) -> Option<Left> {
    let note = words(feed, shop).and_then(|words| note(feed, shop, &words));
    let mut best: Option<Left> = None;
    for name in shop.node.orphans() {
        let Some(number) = number(&name, &feed.label) else {
            continue;
        };
        let Some(child) = adopt(shop, &name) else { continue };
        let worse = match take(child, number, note.as_deref()) {
            Ok(left) if best.as_ref().is_none_or(|best| best.number < number) => {
                best.replace(left).map(|left| left.child)
            }
            Ok(left) => Some(left.child),
            Err(refused) => {
                let (child, why) = *refused;
                tracing::info!(child = name, why, "a command of an earlier life is ended");
                Some(child)
            }
        };
        if let Some(worse) = worse {
            end(shop, &worse).await;
        }
    }
    best
}

/// Ends what an earlier life left of feeds and streams that are not `there` any more.
pub(crate) fn abandon(shop: &std::sync::Arc<Shop>, there: impl Fn(&str) -> bool) {
    let ours = |name: &String| ffleet_types::live::Sort::is_label(name);
    for name in shop.node.orphans().into_iter().filter(ours) {
        let label = name.rsplit_once('.').map_or(name.as_str(), |(label, _)| label);
        if there(label) {
            continue;
        }
        if let Some(child) = adopt(shop, &name) {
            tracing::info!(child = name, "a command that nobody declares any more is ended");
            let shop = std::sync::Arc::clone(shop);
            // Ends with the child.
            tokio::spawn(async move { end(&shop, &child).await });
        }
    }
}

/// Which run of a feed a child is.
fn number(child: &str, label: &str) -> Option<u64> {
    let (of, number) = child.rsplit_once('.')?;
    (of == label).then(|| number.parse().ok()).flatten()
}

fn adopt(shop: &Shop, name: &str) -> Option<Child> {
    match shop.node.adopt(name) {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!(child = name, error = %chain(&error), "it cannot be taken over");
            None
        }
    }
}

/// What there is to go on with of a child; the child, and why not.
fn take(
    mut child: Child,
    number: u64,
    note: Option<&str>,
) -> Result<Left, Box<(Child, &'static str)>> {
    let refused = |child, why| Err(Box::new((child, why)));
    if child.exit().is_some() {
        return refused(child, "it has ended");
    }
    if note.is_none() || child.note() != note {
        return refused(child, "another one is wanted");
    }
    let held = child.take_held(OUTPUT).zip(child.take_held(MEMO));
    let Some((output, memo)) = held else {
        return refused(child, "what it prints is lost");
    };
    let memo = Memo::of(memo);
    let Some(format) = memo.read().filter(|format| format.is_found_anywhere()) else {
        return refused(child, "what it prints has to be read from its beginning on");
    };
    match Receiver::from_owned_fd(output) {
        Ok(output) => Ok(Left { child, number, output, memo, format }),
        Err(error) => {
            tracing::warn!(%error, "a pipe cannot be read on");
            refused(child, "what it prints cannot be read")
        }
    }
}

/// Sees a child to an end that nobody wants to know more of.
async fn end(shop: &Shop, child: &Child) {
    let policy = Policy { timeout: None, stall: None, grace: shop.options.grace };
    let (_orders, ordered) = watch::channel(Order::Stop(Stop::Canceled));
    let (_progress, progress) = watch::channel(0);
    let _report = supervise(child, policy, shop.clock.as_ref(), ordered, progress).await;
}

/// The command that a feed is, if it is one.
fn words(feed: &Feed, shop: &Shop) -> Option<Command> {
    match &feed.spec.source {
        Source::Command(words) => Some(words.clone()),
        Source::Pull(url) if !pull::is_ours(url) => pull::command(&shop.options.ffmpeg, url).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_of_a_run_is_told_from_those_of_other_names() {
        for (child, found) in [
            ("feed-cam.3", Some(3)),
            ("feed-cam.back.3", None),
            ("feed-cam", None),
            ("feed-cam.x", None),
            ("stream-cam.3", None),
        ] {
            assert_eq!(number(child, "feed-cam"), found, "{child}");
        }
    }
}
