//! Where a stream goes beside its viewers.

use ffleet_api::live::{Output, Stream};
use ffleet_telemetry::redact::redact;
use ffleet_types::{Bytes, Timestamp};
use maud::{Markup, html};

use super::{chip, format};

/// The outputs of a stream; nothing where it has none.
pub(super) fn render(stream: &Stream, now: Timestamp) -> Markup {
    html! {
        h2 { "Outputs" }
        table .outputs .tracks {
            thead { tr {
                th scope="col" { "To" }
                th scope="col" { "State" }
                th scope="col" .right { "Sent" }
                th scope="col" .right { "Behind" }
                th scope="col" .right { "Held" }
                th scope="col" .right { "Dropped" }
                th scope="col" .right { "Reconnects" }
            } }
            tbody { @for output in &stream.outputs { (row(output, now)) } }
        }
    }
}

fn row(output: &Output, now: Timestamp) -> Markup {
    let tone = match output.state.as_str() {
        "sending" | "recording" => "ok",
        "connecting" => "go",
        _ if output.last_error.is_none() => "off",
        _ => "bad",
    };
    html! {
        tr {
            td .work {
                span .path title=(redact(&output.to)) { span { (redact(output.file.as_ref().unwrap_or(&output.to))) } }
                @if let (Some(why), Some(at)) = (&output.last_error, output.last_error_at) {
                    span .path .faint title=(redact(why)) { span { (format::ago(at, now)) ": " (redact(why)) } }
                }
            }
            td .state { (chip::word(tone, &output.state)) }
            td .right data-name="sent" { (Bytes(output.sent_bytes).human()) }
            td .right data-name="behind" { (behind(output)) }
            td .right data-name="held" { (Bytes(output.held_bytes).human()) }
            td .right data-name="dropped" { (format::grouped(output.dropped_packets)) }
            td .right data-name="reconnects" { (format::grouped(output.reconnects)) }
        }
    }
}

fn behind(output: &Output) -> String {
    match output.behind_ms {
        0 => format::NOTHING.to_owned(),
        millis => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
    }
}
