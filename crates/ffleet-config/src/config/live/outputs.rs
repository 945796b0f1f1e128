//! `outputs`: where a stream goes beside its viewers.

use ffleet_live::rtmp::Address;
use ffleet_types::live::Output;
use ffleet_types::live::output::{Record, To, Url};
use ffleet_types::{Bytes, Span};

use crate::block::{Block, Trouble};
use crate::tree::Value as Part;

/// What is held for each, if nothing is said.
const RING: Bytes = Bytes::mib(32);
/// How many a stream may have.
const MOST: usize = 16;
/// What is written in their place.
const HINT: &str =
    "write an address (rtmp://, rtmps://, srt://), {url: …, ring-bytes: …} or {record: {path: …}}";

/// What `block`, a stream, says of `outputs`. What is wrong is noted.
pub(super) fn read(block: &mut Block<'_>) -> Vec<Output> {
    let is_list = block
        .node("outputs")
        .is_none_or(|node| matches!(node.value, Part::List(_)));
    if !is_list {
        block.wrong("outputs", Trouble::new("is no list", HINT));
    }
    let mut outputs: Vec<Output> = Vec::new();
    for (node, mut item) in block.items("outputs") {
        let read = match &node.value {
            Part::Scalar(text) => address(&mut item, "", text).map(|to| Output { to, ring: RING }),
            Part::Map(_) => section(&mut item),
            Part::List(_) | Part::Empty => {
                item.wrong("", Trouble::new("is no output", HINT));
                None
            }
        };
        if let Some(output) = read {
            let is_there = outputs.iter().any(|other| other.to == output.to);
            if is_there {
                item.wrong(
                    "",
                    Trouble::new("is there already", "each would take the other's place: keep one"),
                );
            } else if outputs.len() == MOST {
                item.wrong(
                    "",
                    Trouble::new("is one too many", format!("a stream has up to {MOST}")),
                );
            }
            outputs.push(output);
        }
        block.absorb(item);
    }
    outputs
}

fn section(item: &mut Block<'_>) -> Option<Output> {
    item.only(&["url", "record", "ring-bytes"]);
    let ring = item
        .within("ring-bytes", &(Bytes::mib(1)..=Bytes::gib(4)))
        .unwrap_or(RING);
    let to = match (item.says("url"), item.says("record")) {
        (true, false) => {
            let text = item.text("url")?;
            address(item, "url", &text)
        }
        (false, true) => record(item).map(To::Record),
        (true, true) => {
            item.wrong("record", Trouble::new("is another output than `url`", "make two of them"));
            None
        }
        (false, false) => {
            item.wrong("", Trouble::new("has neither a `url` nor a `record`", HINT));
            None
        }
    };
    Some(Output { to: to?, ring })
}

/// The address in `text`, which is a secret: nothing of it is said.
fn address(item: &mut Block<'_>, word: &str, text: &str) -> Option<To> {
    let text = match word {
        // A word's text is filled in already.
        "" => item.fill(text),
        _ => Ok(text.to_owned()),
    };
    let read = text.and_then(|text| {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("rtmp" | "rtmps") => match text.parse::<Address>() {
                Ok(_) => Ok(To::Rtmp(Url(text))),
                Err(error) => Err(Trouble::from(error.to_string())),
            },
            Some("srt") => srt(&text).map(|()| To::Srt(Url(text))),
            Some(other) => Err(Trouble::new(format!("{other}:// is no output"), HINT)),
            None => Err(Trouble::new("is no output", HINT)),
        }
    });
    read.map_err(|trouble| item.wrong(word, trouble)).ok()
}

/// Whether `text` is an address that FFmpeg sends to by SRT.
fn srt(text: &str) -> Result<(), Trouble> {
    let authority = text.get("srt://".len()..).unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let is_port = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
    let odd = |c: char| c.is_control() || c.is_whitespace();
    if !is_port || text.contains(odd) || text.len() > 4_096 {
        let hint = "write srt://HOST:PORT?OPTIONS, without blanks, up to 4096 bytes";
        return Err(Trouble::new("is no address of SRT", hint));
    }
    Ok(())
}

fn record(item: &mut Block<'_>) -> Option<Record> {
    let mut record = item.section("record")?;
    record.only(&["path", "split"]);
    if !record.says("path") && !record.is_broken() {
        let hint = "say it, such as `path: /media/studio-%Y%m%d-%H%M%S.mkv`";
        record.wrong("", Trouble::new("has no `path`", hint));
    }
    let path = record.text("path").and_then(|text| {
        text.parse()
            .map_err(|error: ffleet_types::ParseError| record.wrong("path", error.to_string()))
            .ok()
    });
    let split = record.within("split", &(Span::secs(1)..=Span::secs(7 * 86_400)));
    item.absorb(record);
    Some(Record { path: path?, split })
}
