//! Raw tracks that programs push into a feed.

use ffleet_api::live::Input;
use ffleet_telemetry::redact::redact;
use maud::{Markup, html};

use super::{chip, format};

/// The inputs of a feed; nothing where it has none.
pub(super) fn render(inputs: &[Input]) -> Markup {
    html! {
        h2 { "Inputs" }
        table .outputs .tracks {
            thead { tr {
                th scope="col" { "Track" }
                th scope="col" { "State" }
                th scope="col" .right { "Received" }
                th scope="col" .right { "Writers" }
                th scope="col" .right { "Unfinished" }
            } }
            tbody { @for input in inputs { (row(input)) } }
        }
    }
}

fn row(input: &Input) -> Markup {
    let (tone, word) = if input.written {
        ("ok", "written")
    } else {
        ("off", "nobody writes")
    };
    let unit = if input.track == "audio" { " samples" } else { " frames" };
    html! {
        tr data-track=(input.track) {
            td .work {
                strong { (input.track) } " " span .faint { (input.format) }
                span .path .faint { span { (redact(&input.from)) } }
            }
            td .state { (chip::word(tone, word)) }
            td .right data-name="received" { (format::grouped(input.received)) span .unit .faint { (unit) } }
            td .right data-name="writers" { (format::grouped(input.writers)) }
            td .right data-name="unfinished" { (format::grouped(input.unfinished)) }
        }
    }
}
