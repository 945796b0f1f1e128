//! Takes secrets out of text that is about to be shown or written.
//!
//! Known by their form: ffleet's own keys (`ffk_…`) and tokens (`fft_…`), `Authorization` headers, and in URLs the user
//! information, values of parameters that are credentials by name, and the last part of an RTMP
//! path, which is the stream key. What is replaced becomes `***`; text without secrets is handed
//! back as it is, without a copy.
//!
//! Scanned by hand rather than by regular expressions: every line of the log passes here, and
//! almost none holds anything.

use std::borrow::Cow;
use std::ops::Range;

/// What a secret becomes.
const HIDDEN: &str = "***";
/// How ffleet's own keys and tokens begin.
const KEYS: [&str; 2] = ["ffk_", "fft_"];
/// A header whose value is a secret, in lower case.
const HEADER: &str = "authorization";
/// Names of parameters whose values are secrets: any name that holds one of these, in lower case.
const PARAMETERS: [&str; 12] = [
    "key",
    "token",
    "secret",
    "sig",
    "pass",
    "pwd",
    "auth",
    "credential",
    "streamid",
    "session",
    "jwt",
    "policy",
];

/// `text` with `***` for every secret in it.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut spans = Vec::new();
    keys(text, &mut spans);
    headers(text, &mut spans);
    urls(text, &mut spans);
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_by_key(|span| (span.start, span.end));
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        if span.end <= done {
            continue;
        }
        if span.start >= done {
            clean.push_str(&text[done..span.start]);
            clean.push_str(HIDDEN);
        }
        done = span.end;
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

/// `args` as one line that a shell would take, without secrets.
#[must_use]
pub fn command_line<S: AsRef<str>>(args: &[S]) -> String {
    let mut line = String::new();
    for arg in args {
        if !line.is_empty() {
            line.push(' ');
        }
        let arg = redact(arg.as_ref());
        let plain = |c: char| c.is_alphanumeric() || "-_=+:,./@%*".contains(c);
        if !arg.is_empty() && arg.chars().all(plain) {
            line.push_str(&arg);
        } else {
            line.push('\'');
            line.push_str(&arg.replace('\'', r"'\''"));
            line.push('\'');
        }
    }
    line
}

/// Where `ffk_…` and `fft_…` are, each without its beginning.
fn keys(text: &str, spans: &mut Vec<Range<usize>>) {
    for (at, key) in KEYS.iter().flat_map(|key| text.match_indices(key)) {
        let start = at + key.len();
        let end = end_of(text, start, |c| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        if end > start {
            spans.push(start..end);
        }
    }
}

/// Where the values of `Authorization` headers are: up to the end of the line or of the quotes.
fn headers(text: &str, spans: &mut Vec<Range<usize>>) {
    for at in positions(text, HEADER) {
        let after = &text[at + HEADER.len()..];
        let value = after.trim_start_matches(['"', '\'', '\\', ' ']);
        let Some(value) = value.strip_prefix([':', '=']) else {
            continue;
        };
        let value = value.trim_start_matches([' ', '"', '\'', '\\']);
        let start = text.len() - value.len();
        let end = end_of(text, start, |c| matches!(c, '\r' | '\n' | '"' | '\'' | '\\' | ','));
        if end > start && &text[start..end] != HIDDEN {
            spans.push(start..end);
        }
    }
}

/// Where `needle`, of lower-case ASCII letters, is in `text`, in any case.
fn positions<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let first = needle.as_bytes()[0];
    text.bytes().enumerate().filter_map(move |(at, byte)| {
        let here = byte.eq_ignore_ascii_case(&first)
            && text
                .as_bytes()
                .get(at..at + needle.len())
                .is_some_and(|piece| piece.eq_ignore_ascii_case(needle.as_bytes()));
        here.then_some(at)
    })
}

fn urls(text: &str, spans: &mut Vec<Range<usize>>) {
    for (at, _) in text.match_indices("://") {
        let scheme = text[..at]
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '+' || c == '.' || c == '-'))
            .next()
            .unwrap_or_default();
        if !scheme.is_empty() {
            let start = at + "://".len();
            let end = end_of(text, start, |c| {
                c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '\\' | '|')
            });
            url(scheme, text, start..end, spans);
        }
    }
}

/// The secrets of one URL, whose part behind `://` is at `rest`.
fn url(scheme: &str, text: &str, rest: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let authority = end_of(&text[..rest.end], rest.start, |c| matches!(c, '/' | '?' | '#'));
    if let Some(at) = text[rest.start..authority].rfind('@') {
        spans.push(rest.start..rest.start + at);
    }
    let query = end_of(&text[..rest.end], authority, |c| matches!(c, '?' | '#'));
    let scheme = scheme.to_ascii_lowercase();
    let pushed = scheme.starts_with("rtmp");
    if pushed && authority < query {
        // rtmp://HOST/APP/KEY, where a key may hold slashes. Of a path of one part nothing says
        // that it is a key, but nothing says that it is none.
        let path = authority + 1;
        let app = end_of(&text[..query], path, |c| c == '/') + 1;
        let start = if app < query { app } else { path };
        if start < query {
            spans.push(start..query);
        }
    }
    let mut at = query;
    while at < rest.end {
        let start = at + 1;
        let end = end_of(&text[..rest.end], start, |c| matches!(c, '&' | '?' | '#' | ';'));
        let pair = &text[start..end];
        if let Some((name, value)) = pair.split_once('=')
            && !value.is_empty()
            && (pushed || scheme == "srt" || is_credential(name))
        {
            spans.push(end - value.len()..end);
        }
        at = end;
    }
}

fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARAMETERS.iter().any(|word| name.contains(word))
}

/// The first place from `start` on where `stop` holds, or the end.
fn end_of(text: &str, start: usize, stop: impl Fn(char) -> bool) -> usize {
    text[start..].find(stop).map_or(text.len(), |at| start + at)
}

#[cfg(test)]
mod tests;
