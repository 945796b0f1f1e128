//! The last minutes of a stream as curves: who watched, what came, what was sent.

use ffleet_api::live::{Look, Stream};
use maud::{Markup, html};

use super::curves::{Dot, Shape, count, draw, whole};

/// Two looks further apart than this, in seconds, are not joined.
const GAP: f64 = 15.0;
/// The least and the most seconds that are shown.
const SPAN: (f64, f64) = (60.0, 600.0);

const VIEWERS: Shape =
    Shape { name: "Viewers", title: "How many watched", text: count, least: 1.0 };
const IN: Shape = Shape {
    name: "In",
    title: "Bit rate of what its viewers read",
    text: bits,
    least: 100_000.0,
};
const OUT: Shape = Shape {
    name: "Out",
    title: "Bit rate of what was sent to all viewers together",
    text: bits,
    least: 100_000.0,
};

/// The curves of a stream; a word where it was not looked at yet.
pub(super) fn render(stream: &Stream) -> Markup {
    let looks = stream.looks.as_slice();
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return html! {
            h2 { "The last minutes" }
            p .faint { "It is looked at every few seconds." }
        };
    };
    let ago = |look: &Look| last.at.0.since(look.at.0).as_secs_f64();
    let span = ago(first).clamp(SPAN.0, SPAN.1);
    let x = |at: usize| span - ago(&looks[at]);
    let viewers: Vec<Dot> = looks
        .iter()
        .enumerate()
        .map(|(at, look)| (at, whole(look.viewers), at > 0 && apart(looks, at).is_some()))
        .collect();
    html! {
        h2 { "The last minutes" }
        div .curves {
            // Nobody stays for a shot.
            @if stream.kind != "shot" { (draw(&VIEWERS, &viewers, &x, span)) }
            (draw(&IN, &rates(looks, |look| look.received_bytes), &x, span))
            (draw(&OUT, &rates(looks, |look| look.delivered_bytes), &x, span))
        }
    }
}

/// Seconds from the look before to this one, unless they are too far apart.
fn apart(looks: &[Look], at: usize) -> Option<f64> {
    let seconds = looks[at].at.0.since(looks[at - 1].at.0).as_secs_f64();
    (seconds > 0.0 && seconds <= GAP).then_some(seconds)
}

/// What a sum of bytes grew by, in bits a second.
fn rates(looks: &[Look], sum: fn(&Look) -> u64) -> Vec<Dot> {
    let rate = |at: usize| {
        let seconds = apart(looks, at)?;
        let grown = sum(&looks[at]).saturating_sub(sum(&looks[at - 1]));
        Some((at, whole(grown) * 8.0 / seconds, at > 1 && apart(looks, at - 1).is_some()))
    };
    (1..looks.len()).filter_map(rate).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is shown was a count of bytes"
)]
fn bits(rate: f64) -> String {
    match rate as u64 {
        rate @ ..1_000_000 => format!("{} kbit/s", rate / 1_000),
        rate => format!("{}.{} Mbit/s", rate / 1_000_000, rate % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use ffleet_api::Moment;
    use ffleet_types::Timestamp;

    use super::*;

    fn look(second: u64, bytes: u64) -> Look {
        let at = Moment(Timestamp::from_millis(second * 1_000));
        Look { at, viewers: 1, received_bytes: bytes, delivered_bytes: 0 }
    }

    #[test]
    fn bytes_become_bits_a_second_and_what_was_not_looked_at_is_left_open() {
        let looks = [look(0, 0), look(5, 5_000), look(10, 15_000), look(60, 20_000), look(65, 0)];
        let rates = rates(&looks, |look| look.received_bytes);
        assert_eq!(rates, [(1, 8_000.0, false), (2, 16_000.0, true), (4, 0.0, false)]);
        assert_eq!((bits(8_000.0), bits(5_250_000.0)), ("8 kbit/s".into(), "5.2 Mbit/s".into()));
    }
}
