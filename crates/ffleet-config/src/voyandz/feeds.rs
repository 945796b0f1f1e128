//! `feeds` of voyandz.

use std::time::Duration;

use ffleet_types::Span;
use ffleet_types::live::feed::{AtEnd, Fallback, Mode};
use ffleet_types::live::stream::Access;
use ffleet_types::live::{Feed, Name, Source};

use super::{said, text};
use crate::block::{Block, Trouble};
use crate::config::live::feed::RING;

/// What a feed can say.
pub(super) const WORDS: [&str; 3] = ["command", "mode", "feed"];
/// Silence after which a feed counts as dead. For voyandz none does, so this is long.
const SILENCE: Span = Span::secs(60);
/// The longest time to linger, ten years, in seconds.
const LONGEST: f64 = 315_360_000.0;

/// The feed that `block` declares. Its end ends the streams of its viewers, and it is started again by
/// the next one, as there; its failure is made good, as it is not there.
pub(super) fn read(name: &Name, block: &mut Block<'_>) -> Option<Feed> {
    let feed = said(block, "feed").and_then(|_| block.read("feed"));
    let mode = mode(block);
    Some(Feed {
        name: name.clone(),
        source: Source::Command(command(block)?),
        feed,
        mode,
        silence: Some(SILENCE),
        fallback: vec![Fallback::Hold(None)],
        at_end: AtEnd::End,
        ring: RING,
        access: Access::Open,
    })
}

/// The command of a feed or a stream, which neither can be without.
pub(super) fn command(block: &mut Block<'_>) -> Option<ffleet_types::live::Command> {
    if block.says("command") {
        return block.command("command");
    }
    let hint = "write `command: PROGRAM ARGUMENTS`";
    block.wrong("", Trouble::new("has no command", hint));
    None
}

/// A word in any case, or seconds to linger.
fn mode(block: &mut Block<'_>) -> Mode {
    let Some(text) = text(block, "mode") else {
        return Mode::default();
    };
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=LONGEST).contains(seconds));
    if let Some(seconds) = seconds {
        return Mode::Linger(Span(Duration::from_secs_f64(seconds)));
    }
    text.to_ascii_lowercase().parse().unwrap_or_else(|_mode| {
        let hint = "write on-demand, autostart, continuous, or a number of seconds to linger";
        block.wrong("mode", Trouble::new(format!("{text:?} is not a mode"), hint));
        Mode::default()
    })
}
