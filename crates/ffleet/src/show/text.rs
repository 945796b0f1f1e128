//! Small things in words.

use std::time::Duration;

use ffleet_types::{Bytes, Timestamp};

/// Adds to a text what `format!` would make.
macro_rules! push {
    ($text:expr, $($format:tt)*) => {
        std::fmt::Write::write_fmt(&mut $text, format_args!($($format)*))
            .expect("a String takes whatever is written")
    };
}

pub(crate) use push;

/// A text that does nothing to a terminal: control characters, and those that turn the direction
/// of writing, are shown by their number. File names hold anything.
pub(crate) fn visible(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.chars().any(odd) {
        return text.to_owned();
    }
    text.chars()
        .fold(String::with_capacity(text.len() + 8), |mut shown, c| {
            match c {
                '\n' => shown.push_str("\\n"),
                '\t' => shown.push_str("\\t"),
                '\r' => shown.push_str("\\r"),
                c if odd(c) => shown.extend(c.escape_unicode()),
                c => shown.push(c),
            }
            shown
        })
}

/// A command line that a shell reads as these arguments.
pub(crate) fn quoted(args: &[String]) -> String {
    let plain = |arg: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
        !arg.is_empty() && arg.chars().all(fine)
    };
    let quote = |arg: &String| match arg {
        arg if plain(arg) => arg.clone(),
        arg if arg.chars().any(char::is_control) => {
            let escaped: String = arg.chars().map(ansi_c).collect();
            format!("$'{escaped}'")
        }
        arg => format!("'{}'", arg.replace('\'', "'\\''")),
    };
    args.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// A character inside `$'…'`, as bash, zsh and ksh read it.
fn ansi_c(c: char) -> String {
    match c {
        '\'' => "\\'".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    }
}

/// How long ago, in its largest unit: `12 s`, `5 min`, `3 h`, `8 d`.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(then).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A length of time to about three figures: `0.42 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
pub(crate) fn length(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let whole = Duration::try_from_secs_f64(seconds).map_or(u64::MAX, |span| span.as_secs());
    match whole {
        0..10 => format!("{seconds:.2} s"),
        10..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole / 60 % 60),
    }
}

/// `0:00:12.345`, as players write a place in a recording.
pub(crate) fn clock(micros: u64) -> String {
    let millis = micros / 1_000;
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    format!("{}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// An amount of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    Bytes(bytes).human()
}

/// `1 job`, `2 jobs`.
pub(crate) fn count(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_does_nothing_to_a_terminal() {
        assert_eq!(visible("plain é 漢"), "plain é 漢");
        assert_eq!(visible("a\nb\u{1b}[2Jc\u{202e}d"), "a\\nb\\u{1b}[2Jc\\u{202e}d");
    }

    #[test]
    fn command_line_can_be_pasted() {
        let args = ["ffmpeg", "-i", "file:/a b.mp4", "it's", "", "new\nline", "scale=2:-2", "a(b)"];
        assert_eq!(
            quoted(&args.map(str::to_owned)),
            r"ffmpeg -i 'file:/a b.mp4' 'it'\''s' '' $'new\nline' scale=2:-2 'a(b)'"
        );
    }

    #[test]
    fn lengths_have_about_three_figures() {
        let shown = [0.0, 9.994, 12.34, 59.9, 60.0, 125.0, 3_725.0, f64::NAN, -1.0].map(length);
        let expected = [
            "0.00 s",
            "9.99 s",
            "12.3 s",
            "59.9 s",
            "1 min 00 s",
            "2 min 05 s",
            "1 h 02 min",
            "?",
            "?",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn ages_go_by_the_largest_unit() {
        let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
        let shown = [0, 59, 60, 3_599, 3_600, 86_399, 86_400].map(|s| ago(at(0), at(s)));
        assert_eq!(shown, ["0 s", "59 s", "1 min", "59 min", "1 h", "23 h", "1 d"]);
        assert_eq!(ago(at(9), at(1)), "0 s", "a clock that was set back");
    }

    #[test]
    fn place_in_a_recording_has_milliseconds() {
        assert_eq!(clock(3_723_004_999), "1:02:03.004");
    }
}
