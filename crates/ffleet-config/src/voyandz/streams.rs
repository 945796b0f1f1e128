//! `streams` of voyandz.

use std::collections::BTreeMap;

use ffleet_types::Span;
use ffleet_types::live::stream::{Access, Client, Kind, Slow};
use ffleet_types::live::{Name, Stream};

use super::feeds::command;
use super::{said, text};
use crate::block::{Block, Trouble};
use crate::config::live::feed::RING;
use crate::config::live::stream::media_type;
use crate::config::live::{Declared, Section, path};

/// What a stream can say.
pub(super) const WORDS: [&str; 6] = ["command", "type", "mimetype", "client", "url", "feed"];
/// What it cannot be without.
pub(super) const NEEDED: [&str; 3] = ["command", "type", "mimetype"];
/// For how long a viewer may take nothing.
const SLOW_AFTER: Span = Span::secs(10);
/// How long a shot may take. For voyandz as long as it likes, so this is long.
const TIMEOUT: Span = Span::secs(60);
/// Pages of voyandz, which win over streams at the same address.
const PAGES: [&str; 2] = ["/config", "/stat"];

/// The stream that `block` declares.
pub(super) fn read(name: &Name, block: &mut Block<'_>) -> Option<Stream> {
    let feed = said(block, "feed").and_then(|_| block.read("feed"));
    let kind = needed(block, "type", "write `type: stream` or `type: shot`")
        .and_then(|_| block.read("type"))
        .unwrap_or(Kind::Stream);
    let hint = "say what viewers get, such as video/mp2t";
    let mimetype = needed(block, "mimetype", hint).unwrap_or_default();
    if let Some(trouble) = media_type(&mimetype).err().filter(|_| !mimetype.is_empty()) {
        block.wrong("mimetype", trouble);
    }
    Some(Stream {
        name: name.clone(),
        feed,
        command: Some(command(block)?),
        encode: None,
        outputs: Vec::new(),
        kind,
        // Any other word is no error there, and means what no word does.
        client: match text(block, "client").as_deref() {
            Some("exclusive") => Client::Exclusive,
            _ => Client::Shared,
        },
        mimetype,
        path: match text(block, "url").map(|url| path_of(&url)) {
            Some(path) if path != "/" => path,
            _ => usual(name),
        },
        slow: Slow::Skip,
        slow_after: Some(SLOW_AFTER),
        viewers: None,
        ring: RING,
        timeout: TIMEOUT,
        cache: Span::secs(0),
        access: Access::Open,
    })
}

/// What voyandz is silent about, and one may want to know.
pub(super) fn warn(block: &Block<'_>, warnings: &mut Vec<String>) {
    let client = said(block, "client").map(|node| &node.value);
    if let Some(crate::tree::Value::Scalar(word)) = client
        && word.parse::<Client>().is_err()
    {
        let text = format!("{word:?} is neither shared nor exclusive, and taken for shared");
        warnings.push(block.warning("client", &text));
    }
}

fn needed(block: &mut Block<'_>, word: &str, hint: &str) -> Option<String> {
    if said(block, word).is_none() {
        block.wrong("", Trouble::new(format!("has no `{word}`"), hint));
    }
    text(block, word)
}

fn usual(name: &Name) -> String {
    format!("/stream/{name}")
}

/// Whether `path` is `/stream/NAME` for some name.
fn is_stream_page(path: &str) -> bool {
    path.strip_prefix("/stream/")
        .is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// The path of a `url`, which may lack its first `/`, as it stands in a request: `url` is compared with
/// what a request says when its `%XX` are undone.
fn path_of(url: &str) -> String {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&c);
    let mut path = String::from("/");
    for byte in url.trim_start_matches('/').bytes() {
        if plain(byte) {
            path.push(char::from(byte));
        } else {
            let digit = |four: u8| char::from(b"0123456789ABCDEF"[usize::from(four)]);
            path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    path
}

/// Leaves a stream whose `url` would never be come to there at its usual address alone, with a warning.
/// What would hide a page of ours is a problem.
pub(super) fn settle_paths(streams: &mut Section<'_, Stream>, warnings: &mut Vec<String>) {
    let names = streams.names();
    let mut taken: BTreeMap<String, Name> = BTreeMap::new();
    for Declared { item, block, .. } in &mut streams.all {
        let Some(stream) = item else { continue };
        let usual = usual(&stream.name);
        if stream.path == usual {
            continue;
        }
        let path = stream.path.as_str();
        let hidden = PAGES.contains(&path) || is_stream_page(path);
        let shot = path::usual_of(path).filter(|of| *of != stream.name && names.contains(of));
        let unreachable =
            path.contains("//") || path.split('/').any(|part| part == "." || part == "..");
        let why = if hidden {
            "is a page of voyandz".to_owned()
        } else if unreachable {
            "is no path that is asked for as it is written".to_owned()
        } else if let Some(first) = taken.get(path) {
            format!("is where {first} answers")
        } else if path::is_own(path) || shot.is_some() {
            let message = format!("{path} is an address of ffleet's own");
            block.wrong("url", Trouble::new(message, "choose another"));
            continue;
        } else {
            taken.insert(path.to_owned(), stream.name.clone());
            continue;
        };
        let text = format!("{path} {why}: the stream answers at {usual} alone");
        warnings.push(block.warning("url", &text));
        stream.path = usual;
    }
}
