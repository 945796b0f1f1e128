//! How far FFmpeg is, from what it writes to `-progress`.
//!
//! Blocks of `key=value` lines, each ended by `progress=continue` or `progress=end`. Builds differ
//! in keys and in what they print before the first frame (`N/A`, negative times), so that every
//! key may be missing and every value may be nonsense.

/// One block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Update {
    /// Video frames encoded, of the first video output.
    pub frames: u64,
    /// Frames per second, lately.
    pub fps: f64,
    /// Bytes written so far, where known.
    pub bytes: Option<u64>,
    /// Media time encoded, in microseconds; nothing before the first packet.
    pub position_micros: Option<u64>,
    /// Media time per time.
    pub speed: Option<f64>,
    /// Frames repeated to keep a constant rate.
    pub repeated: u64,
    /// Frames left out.
    pub dropped: u64,
    /// Whether FFmpeg said that this is the last.
    pub end: bool,
}

/// Reads blocks from bytes as they come.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    block: Update,
}

/// Longer lines than this are not progress; what is beyond is dropped.
const LINE: usize = 256;

impl Parser {
    /// Takes bytes as they came out of the pipe, and returns the blocks that are complete now.
    #[must_use]
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Update> {
        let mut updates = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                if self.line.len() < LINE {
                    self.line.push(byte);
                }
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            if let Some((key, value)) = line.trim().split_once('=')
                && self.take(key.trim(), value.trim())
            {
                updates.push(self.block);
            }
        }
        updates
    }

    /// Takes one line; whether it ends a block. Values stay until they are replaced: a block
    /// that lacks a key says nothing new about it.
    fn take(&mut self, key: &str, value: &str) -> bool {
        let block = &mut self.block;
        match key {
            "frame" => block.frames = value.parse().unwrap_or(block.frames),
            "fps" => block.fps = number(value).unwrap_or(block.fps),
            "total_size" => block.bytes = value.parse().ok().or(block.bytes),
            "out_time_us" | "out_time_ms" => {
                // Both are microseconds: `out_time_ms` is misnamed since 2012.
                block.position_micros = value.parse().ok().or(block.position_micros);
            }
            "speed" => block.speed = number(value.trim_end_matches('x')).or(block.speed),
            "dup_frames" => block.repeated = value.parse().unwrap_or(block.repeated),
            "drop_frames" => block.dropped = value.parse().unwrap_or(block.dropped),
            "progress" => {
                block.end = value == "end";
                return true;
            }
            _ => {}
        }
        false
    }
}

impl Update {
    /// Share of `expected_micros` that is done, 0 to 100; 100 only at the end.
    #[must_use]
    pub fn percent(&self, expected_micros: u64) -> Option<f64> {
        if self.end {
            return Some(100.0);
        }
        let position = self.position_micros?;
        if expected_micros == 0 {
            return None;
        }
        Some((ratio(position, expected_micros) * 100.0).clamp(0.0, 99.9))
    }

    /// Seconds to go at the present speed, where it can be said.
    #[must_use]
    pub fn eta_seconds(&self, expected_micros: u64) -> Option<u64> {
        if self.end {
            return Some(0);
        }
        let rest = expected_micros.checked_sub(self.position_micros?)?;
        let speed = self.speed.filter(|speed| *speed > 0.001)?;
        // Thousandths keep the division in whole numbers; a day's rest at 0.001 fits by far.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0.001 and 10⁶, checked here"
        )]
        let thousandths = (speed.min(1e6) * 1_000.0) as u64;
        Some(rest.saturating_mul(1_000) / thousandths.max(1) / 1_000_000)
    }
}

/// One number as a share of another. Exact up to 2⁵³, which is 285 years of microseconds.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// A number that is one: finite and not negative.
fn number(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// Seconds with a fraction, such as `3.021000`, as microseconds.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    whole.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)
}

/// `HH:MM:SS.fraction` as microseconds.
pub(crate) fn clock(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let rest = seconds(parts.next()?)?;
    hours
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60_000_000)?
        .checked_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by FFmpeg 5.1.
    const RECORDED: &[u8] = b"frame=0\nfps=0.00\nstream_0_0_q=0.0\nbitrate=N/A\ntotal_size=N/A\n\
        out_time_us=-9223372036854775807\nout_time_ms=-9223372036854775807\n\
        out_time=-577014:32:22.775807\ndup_frames=0\ndrop_frames=0\nspeed=N/A\nprogress=continue\n\
        frame=90\nfps=57.21\nstream_0_0_q=28.0\nbitrate= 120.1kbits/s\ntotal_size=45056\n\
        out_time_us=3000000\nout_time_ms=3000000\nout_time=00:00:03.000000\ndup_frames=1\n\
        drop_frames=2\nspeed=1.91x\nprogress=continue\nframe=300\ntotal_size=150000\n\
        out_time_us=10000000\nspeed=   2x\nprogress=end\n";

    #[test]
    fn recorded_blocks_are_read() {
        let updates = Parser::default().feed(RECORDED);
        assert_eq!(updates.len(), 3);
        assert_eq!(updates[0], Update::default());
        let middle = Update {
            frames: 90,
            fps: 57.21,
            bytes: Some(45_056),
            position_micros: Some(3_000_000),
            speed: Some(1.91),
            repeated: 1,
            dropped: 2,
            end: false,
        };
        assert_eq!(updates[1], middle);
        assert!(updates[2].end && updates[2].frames == 300);
    }

    #[test]
    fn blocks_do_not_depend_on_how_the_pipe_cut_them() {
        let whole = Parser::default().feed(RECORDED);
        for size in [1, 2, 7, 100] {
            let mut parser = Parser::default();
            let cut: Vec<Update> =
                RECORDED.chunks(size).flat_map(|bytes| parser.feed(bytes)).collect();
            assert_eq!(cut, whole, "in pieces of {size}");
        }
    }

    #[test]
    fn garbage_changes_nothing() {
        let mut parser = Parser::default();
        let noise = [b"frame=x\nfps=NaN\nspeed=-1x\n\xff\xfe=3\n====\n".as_slice(), &[b'a'; 9_000]];
        assert_eq!(parser.feed(&noise.concat()), []);
        assert_eq!(parser.feed(b"\nprogress=continue\n"), [Update::default()]);
    }

    #[test]
    fn percent_reaches_a_hundred_only_at_the_end() {
        let mut update = Update { position_micros: Some(5_000_000), ..Update::default() };
        assert_eq!(update.percent(10_000_000), Some(50.0));
        assert_eq!(update.percent(1_000_000), Some(99.9));
        assert_eq!(update.percent(0), None);
        update.end = true;
        assert_eq!(update.percent(10_000_000), Some(100.0));
    }

    #[test]
    fn eta_follows_the_speed() {
        let update =
            Update { position_micros: Some(4_000_000), speed: Some(2.0), ..Update::default() };
        assert_eq!(update.eta_seconds(10_000_000), Some(3));
        assert_eq!(Update { speed: None, ..update }.eta_seconds(10_000_000), None);
        assert_eq!(Update { speed: Some(0.0), ..update }.eta_seconds(10_000_000), None);
    }

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(seconds("3.021"), Some(3_021_000));
        assert_eq!(clock("01:00:03.021000000"), Some(3_603_021_000));
        assert_eq!((seconds("-1.0"), clock("1:2"), seconds("")), (None, None, None));
    }
}
