//! Inputs behind a URL: whether the connection broke, or the server can never serve this file.
//!
//! FFmpeg says the same of both, "Stream ends prematurely", but the first passes and the second
//! does not: a server without ranges can be read from front to back only, and a file whose index is
//! at its end (or whose tracks are far apart) cannot be read so.

use ffleet_media::Source;

use super::Line;

/// What is said of an input that [`cannot_seek`].
pub(super) const CANNOT_SEEK: &str = "the server does not serve ranges, and this file cannot be read \
    from front to back (its index is at the end?): have it served by one that does, or remux the \
    file with -movflags +faststart";

/// Whether FFmpeg could not jump within the file because its server serves no ranges.
///
/// FFmpeg does not say so; it shows in where it stopped. The demuxer asked for an offset ("partial
/// file"), and the server, which began anew at 0, ended before that very offset. A connection that
/// breaks in a body stops in the middle of a packet instead. Where no length is known there is no
/// such offset, but then not even the first packet could be read, while a body that breaks has
/// begun. One case cannot be told apart: a server with ranges that closes, in order and each time it is
/// asked, just before the first byte of a jump. It counts as one without ranges, for asking again
/// would most likely be answered the same.
pub(super) fn cannot_seek(stderr: &str, source: &Source) -> bool {
    if !matches!(source, Source::Url(_)) {
        return false;
    }
    let complaints = || stderr.lines().map(Line::read).filter(Line::is_complaint);
    let asked: Vec<u64> = complaints().filter_map(|line| asked_for(line.text)).collect();
    let mut ends = complaints().filter_map(|line| ended_at(line.text)).peekable();
    if asked.is_empty() || complaints().any(|line| line.text.contains("Connection ")) {
        return false;
    }
    if ends.peek().is_some() {
        return ends.any(|end| asked.contains(&end));
    }
    stderr.lines().map(Line::read).any(|line| {
        line.text.starts_with("Could not find codec parameters")
            || line.text.starts_with("Cannot determine format of input")
    })
}

/// Whether the connection ended before the file did, as far as FFmpeg says it: the end of a body
/// without a known length is always taken for the end of the file.
pub(super) fn is_broken(stderr: &str, source: &Source) -> bool {
    let Source::Url(url) = source else {
        return false;
    };
    if stderr.lines().any(is_plain_end) {
        return false;
    }
    let mut complaints = stderr.lines().map(Line::read).filter(Line::is_complaint);
    complaints.any(|line| {
        let about = line.text.strip_prefix(url.as_str());
        line.text.contains("Stream ends prematurely")
            || about.is_some_and(|error| {
                error == ": Input/output error" || error == ": Connection reset by peer"
            })
    })
}

/// Whether this is how FFmpeg 5 greets the end of any body of unknown length: as 2^64 - 1 bytes
/// that did not come.
pub(super) fn is_plain_end(text: &str) -> bool {
    text.contains("Stream ends prematurely at ") && text.contains("should be 18446744073709551615")
}

/// `stream 1, offset 0x30: partial file`
fn asked_for(text: &str) -> Option<u64> {
    let (_, rest) = text.strip_suffix(": partial file")?.split_once("offset 0x")?;
    u64::from_str_radix(rest, 16).ok()
}

/// `Stream ends prematurely at 48, should be 294512`
fn ended_at(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("Stream ends prematurely at ")?;
    rest.split_once(',')?.0.parse().ok()
}
