//! Pictures as parts of a `multipart/x-mixed-replace` body (RFC 2046 §5.1): a line with the
//! boundary, header lines, an empty line, the picture.
//!
//! What the boundary is is taken from the first such line: cameras put dashes into the
//! parameter of their media type, or do not. A part ends by its `Content-Length`, so that it is
//! whole before the next begins; without one, or where it does not lead to a boundary, before the
//! next boundary. The line break before a boundary belongs to the part that ends.
//!
//! Each part is a join point, and a viewer sees the boundary's line first.

use super::UNIT;
use super::step::{Found, Step};

/// The longest line in bytes.
const LINE: usize = 4 << 10;
/// The longest boundary with its dashes in bytes; RFC 2046 allows 72.
const BOUNDARY: usize = 256;
/// How many header lines a part may have.
const LINES: u32 = 64;

/// A walk from part to part.
#[derive(Debug, Default)]
pub(super) struct Mpjpeg {
    boundary: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Where a boundary is to be, or line breaks before it.
    #[default]
    Between,
    /// Among header lines.
    Headers { lines: u32, length: Option<u64> },
    /// Behind as many bytes as were announced.
    Behind,
    /// Somewhere before the next boundary, and so many bytes in.
    Within(u64),
}

/// A line, without its break, and how long it is with it.
struct Line<'a> {
    text: &'a [u8],
    long: usize,
}

impl Mpjpeg {
    pub(super) fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        match self.place {
            Place::Between => self.between(bytes, at, found),
            Place::Headers { lines, length } => self.header(bytes, lines, length),
            Place::Behind => self.behind(bytes, at, found),
            Place::Within(passed) => self.within(bytes, passed),
        }
    }

    fn between(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        let breaks = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if breaks > 0 {
            return Step::Unit(breaks as u64);
        }
        let line = match line(bytes, BOUNDARY + 4) {
            Ok(line) => line,
            Err(Step::Lost) => return self.strange(),
            Err(step) => return step,
        };
        if self.boundary.is_empty() {
            if !line.text.starts_with(b"--") || line.text.len() > BOUNDARY {
                return Step::Lost;
            }
            self.boundary = line.text.to_vec();
        }
        match line.text.strip_prefix(&*self.boundary) {
            Some(b"") => {
                found.pass(at);
                found.join_plain(at, true);
                self.place = Place::Headers { lines: 0, length: None };
                Step::Take(line.long as u64)
            }
            // The last one.
            Some(b"--") => {
                found.pass(at);
                Step::Unit(line.long as u64)
            }
            Some(_) | None => self.strange(),
        }
    }

    /// Something else than a boundary.
    fn strange(&mut self) -> Step {
        if self.boundary.is_empty() {
            return Step::Lost;
        }
        self.place = Place::Within(1);
        Step::Take(1)
    }

    fn header(&mut self, bytes: &[u8], lines: u32, length: Option<u64>) -> Step {
        let line = match line(bytes, LINE) {
            Ok(line) if lines < LINES => line,
            Ok(_) | Err(Step::Lost) => return self.strange(),
            Err(step) => return step,
        };
        if !line.text.is_empty() {
            let length = content_length(line.text).or(length);
            self.place = Place::Headers { lines: lines + 1, length };
            return Step::Take(line.long as u64);
        }
        let head = line.long as u64;
        match length {
            Some(length) => {
                self.place = Place::Behind;
                Step::Take(head.saturating_add(length))
            }
            None => {
                self.place = Place::Within(0);
                // The break may be the boundary's as well.
                if line.long > 1 {
                    Step::Take(head - 1)
                } else {
                    self.within(bytes, 0)
                }
            }
        }
    }

    fn behind(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        match bytes {
            [b'\n', ..] => {
                self.place = Place::Between;
                Step::Unit(1)
            }
            [b'\r' | b'-'] => Step::Need(2),
            [b'\r', b'\n', ..] => {
                self.place = Place::Between;
                Step::Unit(2)
            }
            [b'-', b'-', ..] => {
                found.pass(at);
                self.place = Place::Between;
                self.between(bytes, at, found)
            }
            _ => self.strange(),
        }
    }

    fn within(&mut self, bytes: &[u8], passed: u64) -> Step {
        let long = 1 + self.boundary.len();
        let Some(starts) = (bytes.len() + 1).checked_sub(long).filter(|&starts| starts > 0) else {
            return Step::Need(long);
        };
        let mut begin = 0;
        let reached = loop {
            let Some(next) = bytes[begin..starts].iter().position(|&byte| byte == b'\n') else {
                break None;
            };
            begin += next + 1;
            if bytes[begin..].starts_with(&self.boundary) {
                break Some(begin);
            }
        };
        let taken = reached.unwrap_or(starts) as u64;
        if passed + taken > UNIT {
            return Step::Lost;
        }
        self.place = if reached.is_some() {
            Place::Between
        } else {
            Place::Within(passed + taken)
        };
        Step::Take(taken)
    }
}

/// The line that `bytes` begin with; how to go on if there is none, lost if it is longer than
/// `longest`.
fn line(bytes: &[u8], longest: usize) -> Result<Line<'_>, Step> {
    let window = &bytes[..bytes.len().min(longest)];
    match window.iter().position(|&byte| byte == b'\n') {
        Some(end) => Ok(Line { text: window[..end].trim_ascii_end(), long: end + 1 }),
        None if window.len() == longest => Err(Step::Lost),
        None => Err(Step::Need(bytes.len() + 1)),
    }
}

fn content_length(line: &[u8]) -> Option<u64> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let is_it = name.trim().eq_ignore_ascii_case("content-length");
    is_it.then(|| value.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Scanner};

    fn told(bytes: &[u8]) -> (u64, Vec<u64>) {
        let mut scanner = Scanner::new(Some(Format::MultipartJpeg));
        scanner.scan(bytes);
        assert_eq!(scanner.format(), Some(Format::MultipartJpeg));
        (scanner.whole(), scanner.joins().map(|join| join.at).collect())
    }

    #[test]
    fn part_is_whole_when_its_length_has_come() {
        let part = b"--x\r\nContent-Length: 4\r\n\r\n\n--x\r\n";
        assert_eq!(told(&part[..part.len() - 1]).0, 0, "the break belongs to it");
        assert_eq!(told(part), (32, vec![0]));
        assert_eq!(told(&[&part[..], part].concat()), (64, vec![0, 32]));
    }

    #[test]
    fn part_without_a_length_ends_before_the_next() {
        let part = b"--x\nA: b\n\n1\n-2\n--3\n";
        assert_eq!(told(part), (0, vec![0]));
        assert_eq!(told(&[&part[..], b"--x\n"].concat()), (19, vec![0, 19]));
        assert_eq!(told(b"--x\n\n--x\n\n1\n--x--\n"), (18, vec![0, 5]), "an empty one");
    }

    #[test]
    fn wrong_length_is_mended_at_the_next_boundary() {
        let bytes = b"--x\nContent-Length: 1\n\n123\n--xy\n--x\nContent-Length: 1\n\n1\n";
        assert_eq!(told(bytes), (57, vec![0, 32]));
    }
}
