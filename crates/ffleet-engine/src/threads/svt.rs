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

/// The values of `lp` that the columns of [`CROWDED`] begin with. Plans never tell it more than 16; where nobody tells
/// it, it is the number of CPUs.
const CROWDED_LPS: [u32; 6] = [2, 3, 6, 12, 24, 48];
/// Threads before 2, from this area on. They grow by steps: with rows and columns of superblocks,
/// and at once where the picture is [`WIDE`].
const CROWDED: &[(u32, [u32; 6])] = &[
    (0, [67, 96, 208, 225, 242, 533]),
    (9_216, [68, 101, 225, 242, 259, 534]),
    (57_600, [69, 102, 242, 259, 276, 535]),
    (89_600, [70, 103, 245, 276, 293, 536]),
    (176_960, [71, 104, 246, 293, 310, 537]),
    (230_400, [82, 135, 327, 390, 407, 818]),
    (331_776, [85, 142, 344, 423, 440, 819]),
    (409_920, [86, 143, 345, 440, 457, 876]),
    (518_400, [87, 144, 346, 457, 474, 877]),
    (746_496, [88, 145, 347, 474, 491, 879]),
    (921_600, [91, 152, 364, 507, 524, 935]),
    (1_049_088, [98, 171, 413, 572, 589, 1_105]),
    (1_440_000, [100, 173, 415, 582, 599, 1_106]),
    (1_742_400, [102, 175, 417, 584, 601, 1_109]),
    (2_073_600, [107, 188, 450, 617, 634, 1_221]),
    (2_822_400, [110, 191, 453, 620, 637, 1_450]),
    (3_686_400, [127, 236, 568, 735, 752, 1_619]),
    (4_665_600, [135, 256, 618, 785, 802, 1_789]),
    (5_760_000, [150, 295, 717, 884, 901, 1_839]),
    (8_294_400, [156, 301, 723, 890, 907, 1_845]),
];
/// Ten superblocks, from which motion is searched in ten columns at once, and the least area that is
/// known of such a picture.
const WIDE: (u32, u32) = (608, 230_400);
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

/// The level that releases since 2 choose where so many CPUs are seen and nobody tells them. Counted with 3.1.
pub(super) const fn level(cpus: u32) -> u32 {
    match cpus {
        0..=2 => cpus,
        3..=4 => 3,
        5..=8 => 4,
        9..=16 => 5,
        _ => 6,
    }
}

/// Threads of its own.
pub(super) fn threads(kind: Kind, told: Told) -> u32 {
    if told.lp <= 1 {
        return match kind {
            Kind::Crowded => 16,
            Kind::Lean => 0,
        };
    }
    let table = match (kind, told.is_live) {
        (Kind::Crowded, false) => return crowded(told),
        (Kind::Crowded, true) => CROWDED_LIVE,
        (Kind::Lean, false) => LEAN,
        (Kind::Lean, true) => LEAN_LIVE,
    };
    let row = table.iter().rev().find(|(from, _)| *from <= told.lp);
    let (_, counts) = row.expect("invariant: each table begins with 2");
    between(counts, told.size)
}

/// Threads before 2 where it looks ahead.
fn crowded(told: Told) -> u32 {
    let (width, height) = told.size;
    let area = width.saturating_mul(height);
    let area = if width < WIDE.0 {
        area.min(WIDE.1 - 1)
    } else {
        area.max(WIDE.1)
    };
    let row = CROWDED.iter().rfind(|(from, _)| *from <= area);
    let (_, counts) = row.expect("invariant: the first row begins with no area at all");
    let column = CROWDED_LPS.iter().rposition(|&from| from <= told.lp).unwrap_or(0);
    counts[column] + if told.preset <= 5 { 4 } else { 0 }
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
        assert_eq!(at(Kind::Crowded, 24, (640, 360)), 407);
        assert_eq!(at(Kind::Crowded, 64, (1_920, 1_080)), 1_221);
        assert_eq!([1, 2, 4, 8, 16, 64].map(level), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn sizes_between_lie_between() {
        let between = at(Kind::Crowded, 2, (1_500, 900));
        assert!((92..107).contains(&between), "{between}");
        assert_eq!(at(Kind::Crowded, 2, (16, 16)), 67);
        assert_eq!(at(Kind::Crowded, 2, (7_680, 4_320)), 156);
        assert_eq!(
            (at(Kind::Crowded, 16, (540, 270)), at(Kind::Crowded, 16, (640, 270))),
            (276, 390)
        );
    }
}
