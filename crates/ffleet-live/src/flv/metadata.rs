//! `onMetaData` (Adobe's specification 10.1, annex E.5; Enhanced RTMP v1 for codecs by name).
//!
//! It says what is known before the first packet and nothing else: players that are told a rate or a duration that
//! is not true do worse than those that are told none.

use super::sets::Sets;
use super::{avc, hevc, sound};
use crate::rtmp::amf::{self, Value};

/// What the body begins with: its name, as a value.
pub(super) const NAME: &[u8] = b"\x02\0\x0aonMetaData";

/// What is said of a track.
#[derive(Debug)]
pub(super) enum Said<'a> {
    Picture(&'a Sets),
    Aac(sound::Format),
    Mp3,
}

/// The body of the tag for these tracks.
pub(super) fn body<'a>(tracks: impl Iterator<Item = Said<'a>>) -> Vec<u8> {
    let mut pairs: Vec<(String, Value)> = Vec::new();
    let mut say = |name: &str, value| pairs.push((name.to_owned(), value));
    for track in tracks {
        match track {
            Said::Picture(sets) => {
                if let Some(size) = sets.size() {
                    say("width", Value::Number(f64::from(size.width)));
                    say("height", Value::Number(f64::from(size.height)));
                }
                let codec = if sets.is_hevc() {
                    u32::from_be_bytes(hevc::CODEC)
                } else {
                    u32::from(avc::CODEC)
                };
                say("videocodecid", Value::Number(f64::from(codec)));
            }
            Said::Aac(format) => {
                say("audiocodecid", Value::Number(f64::from(sound::AAC)));
                say("audiosamplerate", Value::Number(f64::from(format.rate)));
                if let Some(channels) = format.channels {
                    say("stereo", Value::Boolean(channels == 2));
                }
            }
            Said::Mp3 => say("audiocodecid", Value::Number(f64::from(sound::MP3))),
        }
    }
    say("encoder", Value::String("ffleet".to_owned()));
    let mut body = NAME.to_vec();
    amf::encode(&[Value::Map(pairs)], &mut body);
    body
}
