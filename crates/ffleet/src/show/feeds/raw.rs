//! Raw tracks that programs push, and how streams encode them.

use ffleet_api::live::{DecodedTrack, EncodedTrack, Encoding, Feed};
use ffleet_types::Timestamp;

use super::{Page, ago, count, size};

/// Events that are shown, the newest.
const SHOWN: usize = 10;

/// The tracks of a feed.
pub(super) fn inputs(page: &mut Page, feed: &Feed) {
    for input in &feed.inputs {
        let writers = match (input.written, input.writers) {
            (true, _) => "written now".to_owned(),
            (false, 0) => "nobody has written yet".to_owned(),
            (false, writers) => format!("nobody writes; {} came", count(writers, "writer")),
        };
        page.line(&input.track, &format!("{}  {}", input.from, input.format));
        // Of what is coded, frames of sound are counted.
        let is_raw = input.format.contains("Hz") && !input.format.starts_with("aac");
        let unit = if input.track == "audio" && is_raw {
            "sample"
        } else {
            "frame"
        };
        let cut = match input.unfinished {
            0 => String::new(),
            cut => format!(", {cut} left unfinished"),
        };
        page.line("", &format!("{writers}, {}{cut}", count(input.received, unit)));
    }
}

/// How a stream encodes them.
pub(super) fn encoding(page: &mut Page, encode: &Encoding, now: Timestamp) {
    page.line("encodes", &format!("{}, recovery {}", encode.preset, encode.recovery));
    for track in &encode.tracks {
        page.line(&track.track, &processes(track));
        if let Some(decoder) = &track.decoder {
            decoding(page, decoder);
        }
        let frames = format!(
            "{} in, {} out, {} waiting, {} dropped, {} lost",
            track.frames_in,
            track.frames_out,
            track.frames_waiting,
            track.frames_dropped,
            track.frames_lost
        );
        page.line("", &frames);
        page.line("", &format!("held {} of {}", size(track.held_bytes), size(track.backlog_bytes)));
        if let Some(twin) = &track.twin {
            let stands = format!(
                "hot: {twin}; {} of {} packets of both were the same",
                track.packets_equal,
                track.packets_equal.saturating_add(track.packets_different)
            );
            page.line("", &stands);
        }
        if track.recoveries > 0 {
            let recovered = format!(
                "taken over {}, {} fed again, {} ms without a packet at most, {} ms the last time",
                count(track.recoveries, "time"),
                count(track.frames_replayed, "frame"),
                track.longest_gap_micros / 1_000,
                track.last_gap_micros / 1_000
            );
            page.line("", &recovered);
        }
    }
    let first = encode.events.len().saturating_sub(SHOWN);
    for event in &encode.events[first..] {
        page.line("", &format!("{} ago, {}: {}", ago(event.at.0, now), event.track, event.what));
    }
}

/// How what comes coded is decoded.
fn decoding(page: &mut Page, decoder: &DecodedTrack) {
    let process = match (decoder.pid, decoder.spare_pid) {
        (None, _) => "no decoder".to_owned(),
        (Some(pid), None) => format!("decoder {pid}"),
        (Some(pid), Some(spare)) => format!("decoder {pid}, spare {spare}"),
    };
    let units = format!(
        "{process}: {} in, {} out, {} waiting, {} lost",
        count(decoder.units_in, "unit"),
        decoder.frames_out,
        decoder.units_waiting,
        decoder.units_lost
    );
    page.line("", &units);
    let held = format!("held {} of {}", size(decoder.held_bytes), size(decoder.most_bytes));
    let again = match decoder.recoveries {
        0 => String::new(),
        recoveries => format!(
            ", taken over {}, {} fed again",
            count(recoveries, "time"),
            count(decoder.units_replayed, "unit")
        ),
    };
    page.line("", &format!("{held}{again}"));
}

fn processes(track: &EncodedTrack) -> String {
    let encoder = track
        .pid
        .map_or_else(|| "no encoder".to_owned(), |pid| format!("process {pid}"));
    let twin = track.twin_pid.map_or_else(String::new, |twin| format!(", twin {twin}"));
    match track.spare_pid {
        Some(spare) => format!("{encoder}{twin}, spare {spare}"),
        None => format!("{encoder}{twin}"),
    }
}
