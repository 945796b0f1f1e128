//! How many threads SVT-AV1 starts. It has a pool for each stage of its pipeline, sized from `lp`,
//! from how many superblocks the picture has, and from whether it looks ahead. The sums were
//! counted with 1.4.1 (Debian 12) and 3.1 (a build of FFmpeg 9.0); sizes between are interpolated.

/// The two ways in which releases size themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Before 2: a thread a stage at least, and `lp` counts CPUs.
    Crowded,
    /// Since: `lp` is a level from 1, which starts no thread at all, to 6.
    Lean,
}

impl Kind {
    /// The kind that has so many threads of its own at `lp=1`.
    pub(super) const fn of(at_one: u32) -> Self {
        if at_one >= 8 { Self::Crowded } else { Self::Lean }
    }
}

/// What SVT-AV1 is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Its `lp`, at least 1.
    pub(super) lp: u32,
    pub(super) size: (u32, u32),
    /// `pred-struct=1`: low delay, nothing looks ahead.
    pub(super) is_live: bool,
    /// Its preset; the slower ones have four threads more before 2.
    pub(super) preset: u32,
}

/// Areas of the pictures that were counted, in pixels.
const AREAS: [f64; 8] = [
    4_096.0,
    102_240.0,
    230_400.0,
    409_920.0,
    921_600.0,
    2_073_600.0,
    3_686_400.0,
    8_294_400.0,
];

/// Threads by area, for each range of `lp` that begins with the first number.
type Table = &'static [(u32, [u32; 8])];

const CROWDED: Table = &[
    (2, [67, 70, 82, 86, 91, 107, 127, 156]),
    (3, [96, 103, 135, 143, 152, 188, 236, 301]),
    (6, [208, 245, 327, 345, 364, 450, 568, 723]),
    (12, [225, 276, 390, 440, 507, 617, 735, 890]),
    (24, [242, 293, 407, 457, 524, 634, 752, 907]),
    (33, [533, 536, 818, 876, 935, 1_221, 1_619, 1_845]),
];
const CROWDED_LIVE: Table =
    &[(2, [25, 28, 48, 52, 57, 73, 93, 122]), (3, [37, 46, 78, 84, 91, 117, 151, 198])];
const LEAN: Table = &[
    (2, [37, 41, 47, 47, 47, 47, 47, 47]),
    (3, [56, 59, 61, 61, 61, 61, 61, 61]),
    (4, [69, 72, 74, 74, 74, 74, 74, 74]),
    (5, [73, 76, 78, 78, 78, 78, 78, 78]),
    (6, [77, 80, 82, 82, 82, 82, 82, 124]),
];
const LEAN_LIVE: Table = &[
    (2, [16, 17, 41, 41, 41, 41, 41, 41]),
    (4, [16, 19, 50, 53, 54, 55, 55, 55]),
    (6, [16, 19, 50, 53, 58, 64, 70, 87]),
];

/// Threads of its own.
pub(super) fn threads(kind: Kind, told: Told) -> u32 {
    if told.lp <= 1 {
        return match kind {
            Kind::Crowded => 16,
            Kind::Lean => 0,
        };
    }
    let table = match (kind, told.is_live) {
        (Kind::Crowded, false) => CROWDED,
        (Kind::Crowded, true) => CROWDED_LIVE,
        (Kind::Lean, false) => LEAN,
        (Kind::Lean, true) => LEAN_LIVE,
    };
    let row = table.iter().rev().find(|(from, _)| *from <= told.lp);
    let (_, counts) = row.expect("invariant: each table begins with 2");
    let slow = if kind == Kind::Crowded && told.preset <= 5 && !told.is_live {
        4
    } else {
        0
    };
    between(counts, told.size) + slow
}

/// Interpolates over the logarithm of the area.
fn between(counts: &[u32; 8], (width, height): (u32, u32)) -> u32 {
    let area = f64::from(width) * f64::from(height);
    let above = AREAS.iter().position(|&known| known >= area);
    let Some(above) = above else { return counts[7] };
    let Some(below) = above.checked_sub(1) else {
        return counts[0];
    };
    let share = (area / AREAS[below]).ln() / (AREAS[above] / AREAS[below]).ln();
    let (from, to) = (f64::from(counts[below]), f64::from(counts[above]));
    whole((to - from).mul_add(share, from))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are small and positive"
)]
fn whole(number: f64) -> u32 {
    number.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(kind: Kind, lp: u32, size: (u32, u32)) -> u32 {
        threads(kind, Told { lp, size, is_live: false, preset: 8 })
    }

    #[test]
    fn counts_are_those_that_were_counted() {
        assert_eq!(at(Kind::Crowded, 1, (1_920, 1_080)), 16);
        assert_eq!(at(Kind::Crowded, 2, (1_920, 1_080)), 107);
        assert_eq!(at(Kind::Crowded, 8, (640, 360)), 327);
        assert_eq!(at(Kind::Lean, 1, (3_840, 2_160)), 0);
        assert_eq!(at(Kind::Lean, 64, (3_840, 2_160)), 124);
    }

    #[test]
    fn sizes_between_lie_between() {
        let between = at(Kind::Crowded, 2, (1_600, 900));
        assert!((92..107).contains(&between), "{between}");
        assert_eq!(at(Kind::Crowded, 2, (16, 16)), 67);
        assert_eq!(at(Kind::Crowded, 2, (7_680, 4_320)), 156);
    }
}
