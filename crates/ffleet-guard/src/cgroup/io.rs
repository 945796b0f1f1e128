//! The controller `io`, `blkio` in version 1: a group's share of a busy disk.
//!
//! Which file there is, if there is one, depends on the kernel's scheduler of disks; each has its own
//! scale. The one of `io.weight` is ours: 1 to 10000, and 100 for who says nothing.

use std::path::Path;

use super::Version;
use super::file::{self, Error};

/// What a group has that says nothing.
const DEFAULT: u16 = 100;
const MOST: u16 = 10_000;

/// A scheduler's file, and our weight on its scale.
type Scale = (&'static str, fn(u16) -> u16);

const V1: [Scale; 2] = [("blkio.bfq.weight", bfq), ("blkio.weight", cfq)];
const V2: [Scale; 2] = [("io.weight", std::convert::identity), ("io.bfq.weight", bfq)];

/// From 1 to 1000, 100 in the middle.
fn bfq(weight: u16) -> u16 {
    match weight.checked_sub(DEFAULT) {
        None => weight,
        Some(above) => {
            DEFAULT + u16::try_from(u32::from(above) * 900 / 9_900).unwrap_or(1_000 - DEFAULT)
        }
    }
}

/// From 10 to 1000, 500 in the middle.
fn cfq(weight: u16) -> u16 {
    weight.saturating_mul(5).clamp(10, 1_000)
}

/// Gives the group this share.
pub(crate) fn limit(dir: &Path, version: Version, weight: u16) -> Result<(), Error> {
    let scales = match version {
        Version::V1 => V1,
        Version::V2 => V2,
    };
    let there = scales.into_iter().find(|(name, _)| file::exists(dir, name));
    // Where there is none, writing the first says so.
    let (name, scale) = there.unwrap_or(scales[0]);
    let value = scale(weight.clamp(1, MOST));
    // A line for each disk that has another may follow.
    let took = |reads: &str| {
        let first = reads.lines().next().unwrap_or_default();
        first.trim_start_matches("default ").parse() == Ok(value)
    };
    file::set(dir, name, &value.to_string(), took)
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    #[test]
    fn weight_is_written_on_the_scale_of_whoever_is_there() {
        for (file, version, weight, written) in [
            ("io.weight", Version::V2, 200, "200"),
            ("io.bfq.weight", Version::V2, 10_000, "1000"),
            ("blkio.bfq.weight", Version::V1, 50, "50"),
            ("blkio.bfq.weight", Version::V1, 100, "100"),
            ("blkio.weight", Version::V1, 100, "500"),
            ("blkio.weight", Version::V1, 1, "10"),
            ("io.weight", Version::V2, 0, "1"),
        ] {
            let dir = fake(&[(file, "")]);
            limit(dir.path(), version, weight).unwrap();
            assert_eq!(file::read(dir.path(), file).unwrap(), written, "{file}");
        }
    }

    #[test]
    fn kernel_without_weights_says_so() {
        let error = limit(fake(&[]).path(), Version::V2, 100).unwrap_err();
        assert!(error.to_string().contains("io.weight"), "{error}");
    }
}
