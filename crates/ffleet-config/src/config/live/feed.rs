//! `feeds`: where live bytes come from.

use std::path::{Component, Path, PathBuf};

use ffleet_types::live::feed::{AtEnd, Fallback, Mode};
use ffleet_types::live::stream::Access;
use ffleet_types::live::{Feed, Name, Source};
use ffleet_types::{Bytes, Span};

use super::inputs;
use crate::block::{Block, Trouble};

/// What a feed can say.
pub(super) const WORDS: [&str; 14] = [
    "for",
    "command",
    "push",
    "pull",
    "fifo",
    "inputs",
    "when-full",
    "feed",
    "mode",
    "silence",
    "fallback",
    "at-end",
    "ring-bytes",
    "access",
];
/// What names a source.
const SOURCES: [&str; 5] = ["command", "push", "pull", "fifo", "inputs"];
/// Silence after which a feed counts as dead. It is bytes that are waited for, not pictures: a still
/// camera sends some all the time, and FFmpeg needs up to 5 s to look at an input first.
pub(crate) const SILENCE: Span = Span::secs(10);
/// What a ring holds.
pub(crate) const RING: Bytes = Bytes::mib(8);

/// The feed that `block` declares; nothing where it has no source, which is noted. `usual` says who may push
/// to one that does not say.
pub(super) fn read(name: &Name, block: &mut Block<'_>, usual: Access) -> Option<Feed> {
    let feed = block.read::<Name>("feed");
    let other = SOURCES[1..].iter().find(|&&word| block.says(word));
    if let Some(other) = other.filter(|_| block.says("feed")) {
        let message = format!("says `{other}`, and `feed`, which a command reads");
        block.wrong("feed", Trouble::new(message, "leave one of the two out"));
    }
    let source = source(block);
    let is_pushed = match &source {
        Some(Source::Inputs(inputs)) => inputs.are_pushed(),
        _ => block.says("push"),
    };
    if block.says("access") && !is_pushed && source.is_some() {
        let hint = "leave it out; who may watch is said by a stream's `access`";
        block.wrong("access", Trouble::new("nobody pushes to it", hint));
    }
    if block.says("inputs") && block.says("ring-bytes") {
        let hint = "leave it out; `backlog` of a stream's `encode` says what is held";
        block.wrong("ring-bytes", Trouble::new("raw tracks have no ring", hint));
    }
    if block.says("when-full") && !block.says("inputs") {
        let hint = "leave it out; what others give is never kept waiting";
        block.wrong("when-full", Trouble::new("only `inputs` have it", hint));
    }
    Some(Feed {
        name: name.clone(),
        source: source?,
        feed,
        mode: block.read("mode").unwrap_or(Mode::OnDemand),
        silence: or_never(block, "silence", span_ms(100)..=Span::secs(86_400), Some(SILENCE)),
        fallback: fallback(block),
        at_end: block.read("at-end").unwrap_or(AtEnd::Restart),
        // Raw tracks are held by the streams that encode them.
        ring: match block.says("inputs") {
            true => Bytes(0),
            false => ring(block),
        },
        // One that nobody pushes to is not another one where the usual access changes.
        access: match is_pushed {
            true => block.read("access").unwrap_or(usual),
            false => Access::Open,
        },
    })
}

/// The one source that `block` names.
fn source(block: &mut Block<'_>) -> Option<Source> {
    let said: Vec<&str> = SOURCES.into_iter().filter(|word| block.says(word)).collect();
    match said[..] {
        ["command"] => block.command("command").map(Source::Command),
        ["push"] => is_http(block).then_some(Source::Push),
        ["pull"] => {
            let text = block.text("pull")?;
            address(&text).map_err(|trouble| block.wrong("pull", trouble)).ok()?;
            Some(Source::Pull(text))
        }
        ["inputs"] => inputs::read(block).map(Source::Inputs),
        [_fifo] => {
            let text = block.text("fifo")?;
            let path = path(&text, "a FIFO")
                .map_err(|trouble| block.wrong("fifo", trouble))
                .ok()?;
            Some(Source::Fifo(path))
        }
        [] => {
            let hint = "say `command`, `push: http`, `pull: URL`, `fifo: PATH` or `inputs`";
            block.wrong("", Trouble::new("has no source", hint));
            None
        }
        [first, second, ..] => {
            let message = format!("has two sources, `{first}` and `{second}`");
            block.wrong(second, Trouble::new(message, "keep one"));
            None
        }
    }
}

/// Whether `text` is an address that can be pulled. What it holds may be a secret: it is not shown.
fn address(text: &str) -> Result<(), Trouble> {
    let scheme = text
        .split_once("://")
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let rest = match &scheme {
        Some((scheme, rest)) if scheme == "http" || scheme == "https" => rest,
        Some((scheme, _)) => {
            let message = format!("{scheme}:// is not an address that is pulled");
            let hint = "http:// and https:// are; for others write a `command`, such as ffmpeg's";
            return Err(Trouble::new(message, hint));
        }
        None => return Err(Trouble::new("is not an address", "write http://HOST/PATH")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let odd = |c: char| c.is_control() || c.is_whitespace();
    if host.is_empty() || host.starts_with(':') || text.contains(odd) || text.len() > 4_096 {
        let hint = "write http://HOST/PATH, without blanks, up to 4096 bytes";
        return Err(Trouble::new("is not an address", hint));
    }
    Ok(())
}

/// Whether `push` says the one way that there is.
pub(super) fn is_http(block: &mut Block<'_>) -> bool {
    let Some(text) = block.text("push") else { return false };
    if text != "http" {
        let message = format!("{text:?} is not a way to push");
        block.wrong("push", Trouble::new(message, "write `push: http`"));
    }
    text == "http"
}

/// The path of what is `what`.
pub(super) fn path(text: &str, what: &str) -> Result<PathBuf, Trouble> {
    let path = Path::new(text);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || text.contains(char::is_control) || text.ends_with('/') {
        let hint = "write the whole path, from `/` on, without `..`";
        return Err(Trouble::new(format!("{text:?} is not the path of {what}"), hint));
    }
    Ok(path.to_path_buf())
}

/// What viewers get while the feed is dead.
fn fallback(block: &mut Block<'_>) -> Vec<Fallback> {
    let Some(texts) = block.texts("fallback") else {
        return vec![Fallback::Hold(None)];
    };
    let mut all = Vec::new();
    for (at, text) in &texts {
        if let Some(last @ (Fallback::End | Fallback::Hold(None))) = all.last() {
            let message = format!("{text:?} is never come to: `{last}` lasts");
            block.wrong_at(*at, "fallback", Trouble::new(message, "leave out what comes after it"));
            break;
        }
        match text.parse::<Fallback>() {
            Ok(step) => all.push(step),
            Err(error) => block.wrong_at(*at, "fallback", error.to_string()),
        }
    }
    if texts.is_empty() && block.node("fallback").is_some_and(is_empty_list) {
        let hint = "write `[hold]`, `[hold 30s, end]` or `[end]`";
        block.wrong("fallback", Trouble::new("says nothing", hint));
    }
    all
}

fn is_empty_list(node: &crate::tree::Node) -> bool {
    matches!(&node.value, crate::tree::Value::List(items) if items.is_empty())
}

/// `ring-bytes`.
pub(super) fn ring(block: &mut Block<'_>) -> Bytes {
    block
        .within("ring-bytes", &(Bytes::mib(1)..=Bytes::gib(4)))
        .unwrap_or(RING)
}

/// A span within `range`, or `never`.
pub(super) fn or_never(
    block: &mut Block<'_>,
    word: &str,
    range: std::ops::RangeInclusive<Span>,
    default: Option<Span>,
) -> Option<Span> {
    let never = block.node(word).is_some_and(
        |node| matches!(&node.value, crate::tree::Value::Scalar(text) if text == "never"),
    );
    if never {
        return None;
    }
    block.within(word, &range).map_or(default, Some)
}

pub(super) const fn span_ms(count: u64) -> Span {
    Span(std::time::Duration::from_millis(count))
}
