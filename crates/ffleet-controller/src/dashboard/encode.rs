//! How a stream encodes the tracks of its feed.

use ffleet_api::live::{DecodedTrack, EncodedTrack, Encoding};
use ffleet_telemetry::redact::redact;
use ffleet_types::{Bytes, Timestamp};
use maud::{Markup, html};

use super::format;

/// Events that are shown, the newest first.
const SHOWN: usize = 10;

/// The tracks, and what happened to their encoders.
pub(super) fn render(encode: &Encoding, now: Timestamp) -> Markup {
    html! {
        h2 { "Encoders " span .plain .faint { (encode.preset) ", recovery " (encode.recovery) } }
        table .outputs .tracks {
            thead { tr {
                th scope="col" { "Track" }
                th scope="col" .right { "In" }
                th scope="col" .right { "Out" }
                th scope="col" .right { "Waiting" }
                th scope="col" .right { "Dropped" }
                th scope="col" .right { "Lost" }
                th scope="col" .right { "Recoveries" }
                th scope="col" .right { "Longest gap" }
                th scope="col" .right { "Held" }
            } }
            tbody {
                @for track in &encode.tracks {
                    (row(track))
                    @if let Some(decoder) = &track.decoder { (decoding(track, decoder)) }
                }
            }
        }
        @if !encode.events.is_empty() {
            ul .events {
                @for event in encode.events.iter().rev().take(SHOWN) {
                    li {
                        span .faint { (format::ago(event.at, now)) " " (event.track) }
                        " " (redact(&event.what))
                    }
                }
            }
        }
    }
}

/// How what comes coded is decoded.
fn decoding(track: &EncodedTrack, decoder: &DecodedTrack) -> Markup {
    let standing = match (decoder.pid, decoder.spare_pid) {
        (Some(_), Some(_)) => "decodes, spare ready",
        (Some(_), None) => "decodes",
        (None, _) => "no decoder",
    };
    html! {
        tr data-decoder=(track.track) {
            td .work { strong { (track.track) } " " span .faint { (standing) } }
            td .right data-name="in" { (format::grouped(decoder.units_in)) }
            td .right data-name="out" { (format::grouped(decoder.frames_out)) }
            td .right data-name="waiting" { (format::grouped(decoder.units_waiting)) }
            td .right data-name="dropped" { "–" }
            td .right data-name="lost" { (format::grouped(decoder.units_lost)) }
            td .right data-name="recoveries" { (format::grouped(decoder.recoveries)) }
            td .right data-name="longest gap" { "–" }
            td .right data-name="held" { (Bytes(decoder.held_bytes).human()) }
        }
    }
}

fn row(track: &EncodedTrack) -> Markup {
    let standing = match (track.pid, track.spare_pid) {
        (Some(_), Some(_)) => "encodes, spare ready",
        (Some(_), None) => "encodes",
        (None, _) => "no encoder",
    };
    let twin = track.twin.as_ref().map(|twin| match twin.as_str() {
        "alone" => ", no twin".to_owned(),
        stands => format!(", twin {stands}"),
    });
    html! {
        tr data-track=(track.track) {
            td .work { strong { (track.track) } " " span .faint { (standing) (twin.unwrap_or_default()) } }
            td .right data-name="in" { (format::grouped(track.frames_in)) }
            td .right data-name="out" { (format::grouped(track.frames_out)) }
            td .right data-name="waiting" { (format::grouped(track.frames_waiting)) }
            td .right data-name="dropped" { (format::grouped(track.frames_dropped)) }
            td .right data-name="lost" { (format::grouped(track.frames_lost)) }
            td .right data-name="recoveries" { (format::grouped(track.recoveries)) }
            td .right data-name="longest gap" { (format::grouped(track.longest_gap_micros / 1_000)) " ms" }
            td .right data-name="held" { (Bytes(track.held_bytes).human()) }
        }
    }
}
