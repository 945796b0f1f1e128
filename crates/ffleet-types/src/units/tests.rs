//! What people write, and what it means.

use std::str::FromStr;
use std::time::Duration;

use super::*;

/// Asserts that each text means the value, and that the value's own text does too.
fn means<T: FromStr<Err = ParseError> + fmt::Display + PartialEq + fmt::Debug + Copy>(
    texts: &[&str],
    value: T,
) {
    for text in texts {
        assert_eq!(text.parse(), Ok(value), "{text}");
    }
    assert_eq!(value.to_string().parse(), Ok(value), "{value}");
}

fn refuses<T: FromStr<Err = ParseError> + fmt::Debug>(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<T>().is_err(), "{text:?} was taken as {:?}", text.parse::<T>());
    }
}

#[test]
fn bytes_are_read_in_both_systems() {
    means(&["2GiB", "2g", "2048M", "2147483648", "2 GiB"], Bytes::gib(2));
    means(&["500MB", "500000000"], Bytes(500_000_000));
    means(&["1.5GiB"], Bytes(3 << 29));
    refuses::<Bytes>(&["", "-1", "GiB", "1.2.3G", "1e9", "99999999999TiB", "2GB!", "NaN"]);
}

#[test]
fn bytes_for_people_have_three_figures() {
    for (bytes, text) in [(0, "0 B"), (999, "999 B"), (1_536, "1.50 KiB"), (15 << 20, "15.0 MiB")] {
        assert_eq!(Bytes(bytes).human(), text);
    }
    assert_eq!(Bytes(u64::MAX).human(), "16383 PiB");
}

#[test]
fn bit_rates_are_decimal() {
    means(&["5M", "5000k", "5Mbit/s", "5000000", "5mbps"], Bitrate::kbit(5_000));
    refuses::<Bitrate>(&["", "0", "-5M", "5MiB", "fast"]);
}

#[test]
fn cpu_is_percent_cores_or_millis() {
    means(&["200%", "2", "2000m", "2.0"], Cpu::whole(2));
    means(&["12.5%", "125m"], Cpu(125));
    refuses::<Cpu>(&["", "0", "-1", "0%", "200 %%", "99999999999", "two"]);
    assert_eq!((Cpu(1).threads(), Cpu(1_001).threads()), (1, 2));
}

#[test]
fn spans_go_from_large_to_small_units() {
    means(&["90", "90s", "1m30s", "1.5m"], Span::secs(90));
    means(&["1d2h3m4s5ms"], Span(Duration::from_millis(93_784_005)));
    means(&["0", "0s"], Span::default());
    refuses::<Span>(&["", "-1", "s", "1s1h", "1h1h", "11y", "4000d", "5 minutes", "1h30"]);
}

#[test]
fn frame_rates_are_exact() {
    means(&["29.97", "30000/1001"], FrameRate::new(30_000, 1_001).unwrap());
    means(&["60", "60.0"], FrameRate::new(60, 1).unwrap());
    refuses::<FrameRate>(&["", "0", "-30", "1/0", "0/1", "1001", "1/101", "30fps"]);
}

#[test]
fn picture_sizes_have_bounds() {
    means(&["1280x720", "1280X720", "1280×720"], FrameSize { width: 1_280, height: 720 });
    refuses::<FrameSize>(&["", "x", "1280", "0x0", "8x720", "99999x720", "-1280x720"]);
}
