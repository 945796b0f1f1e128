//! Times, spans and numbers as people read them.

use std::time::Duration;

use ffleet_api::Moment;
use ffleet_types::Timestamp;
use maud::{Markup, html};

/// What stands where there is nothing to say.
pub(super) const NOTHING: &str = "–";

/// A moment as its distance from now; the whole time is its title, and the script keeps it
/// current.
pub(super) fn ago(moment: Moment, now: Timestamp) -> Markup {
    let exact = moment.to_string();
    let title = format!("{} {} UTC", &exact[..10], &exact[11..19]);
    html! {
        time datetime=(exact) title=(title) { (distance(now.since(moment.0))) }
    }
}

/// The time of day of a moment, with its date as the title.
pub(super) fn clock(moment: Moment) -> Markup {
    let exact = moment.to_string();
    let title = format!("{} {} UTC", &exact[..10], &exact[11..23]);
    html! {
        time .clock datetime=(exact) title=(title) { (&exact[..10]) " " (&exact[11..19]) }
    }
}

/// How long ago something was, roughly.
fn distance(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=4 => "just now".to_owned(),
        5..=59 => format!("{seconds} s ago"),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// How long something took: three figures are enough.
pub(super) fn span(seconds: f64) -> String {
    if seconds < 0.999_5 {
        return format!("{:.0} ms", seconds.max(0.0) * 1_000.0);
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::try_from_secs_f64(seconds.round())
        .unwrap_or(Duration::MAX)
        .as_secs();
    match whole {
        0..=3_599 => format!("{} min {:02} s", whole / 60, whole % 60),
        3_600..=86_399 => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {:02} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// The time between two moments.
pub(super) fn between(start: Moment, end: Moment) -> String {
    span(end.0.since(start.0).as_secs_f64())
}

/// A time to go, as a player shows it: `1:02:03`.
pub(super) fn countdown(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A whole number with its thousands apart, by a thin space as in ISO 80000-1.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A word of the API for people: `timed_out` as `timed out`.
pub(super) fn word(name: &str) -> String {
    name.replace('_', " ")
}

/// The last part of a path or a URL, and what is before it.
pub(super) fn split_path(path: &str) -> (&str, &str) {
    let end = path.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
    path.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_three_figures() {
        for (seconds, text) in [
            (0.0, "0 ms"),
            (0.012_3, "12 ms"),
            (0.999_9, "1.0 s"),
            (12.34, "12.3 s"),
            (59.99, "1 min 00 s"),
            (61.0, "1 min 01 s"),
            (3_725.0, "1 h 02 min"),
            (200_000.0, "2 d 07 h"),
            (-1.0, "0 ms"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn distance_is_rough_and_never_in_the_future() {
        let now = Timestamp::from_millis(1_000_000_000);
        let at = |seconds: u64| {
            let moment = Moment(Timestamp::from_millis(1_000_000_000 - seconds * 1_000));
            ago(moment, now).into_string()
        };
        assert!(at(3).contains(">just now<"));
        assert!(at(59).contains(">59 s ago<"));
        assert!(at(7_200).contains(">2 h ago<"));
        assert!(
            ago(Moment(now.after(Duration::from_secs(9))), now)
                .into_string()
                .contains("just now")
        );
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (1_234_567, "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((countdown(59), countdown(3_723)), ("0:59".into(), "1:02:03".into()));
    }

    #[test]
    fn path_is_split_before_its_name() {
        for (path, parts) in [
            ("/a/b.mp4", ("/a/", "b.mp4")),
            ("test:720p30", ("", "test:720p30")),
            ("/", ("", "/")),
            ("rtmp://h/app/key", ("rtmp://h/app/", "key")),
        ] {
            assert_eq!(split_path(path), parts);
        }
    }
}
