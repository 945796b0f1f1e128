//! When packets of pictures are decoded and shown, from the order in which they are shown and a constant rate.
//!
//! A picture is decoded as many frames before it is shown as pictures are reordered, neither more nor less: the times
//! of decoding are those of display, sorted and moved by so many frames. Each is computed from an index, so that
//! nothing adds up over days; and because they follow what is shown, gaps in it do not pull them apart.

use ffleet_types::FrameRate;

use super::ticks;

/// The most pictures that are reordered (H.264, A.3.1; H.265, A.4.2).
const HELD: usize = 16;

/// When a packet is shown and decoded, in ticks of [`crate::packet::CLOCK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When it is shown. The picture with index 0 is at 0.
    pub pts: i64,
    /// When it is decoded: later than the one before, and not later than it is shown. Of the first pictures of a
    /// stream that reorders some it is below 0.
    pub dts: i64,
}

/// What gives packets their times.
///
/// ```
/// use ffleet_live::raw::dts::Stamper;
///
/// let mut stamper = Stamper::new("30".parse()?, 1);
/// let stamps = [0, 2, 1, 4, 3].map(|display| stamper.stamp(display, 1));
/// assert_eq!(stamps.map(|stamp| stamp.pts), [0, 6_000, 3_000, 12_000, 9_000]);
/// assert_eq!(stamps.map(|stamp| stamp.dts), [-3_000, 0, 3_000, 6_000, 9_000]);
/// # Ok::<(), ffleet_types::ParseError>(())
/// ```
#[derive(Debug)]
pub struct Stamper {
    rate: FrameRate,
    reorder: usize,
    /// Times of decoding that are to come, ascending: as many as are reordered.
    held: Vec<i64>,
    last: i64,
    late: u64,
}

impl Stamper {
    /// For a stream whose indices begin at 0, at this rate, of which so many pictures are reordered (16 at most; more
    /// are taken for 16).
    #[must_use]
    pub fn new(rate: FrameRate, reorder: usize) -> Self {
        Self::beginning_at(0, rate, reorder)
    }

    /// The same for a stream whose packets say when they are shown, the first of them at this time.
    #[must_use]
    pub fn beginning_at(pts: i64, rate: FrameRate, reorder: usize) -> Self {
        let reorder = reorder.min(HELD);
        let before = (1..=reorder).rev().filter_map(|before| i64::try_from(before).ok());
        let held = before.map(|before| pts.saturating_add(ticks(rate, -before)));
        Self { rate, reorder, held: held.collect(), last: i64::MIN, late: 0 }
    }

    /// The times of the next packet in the order of decoding, which is shown with this index.
    ///
    /// If more pictures are reordered from here on than before, as many packets come right behind each other, a tick
    /// apart; less are taken for as many as before. A picture that comes too late to be shown where it should is shown
    /// when it is decoded.
    pub fn stamp(&mut self, display: i64, reorder: usize) -> Stamp {
        self.stamp_at(ticks(self.rate, display), reorder)
    }

    /// The same of one that is shown at this time, in ticks.
    pub fn stamp_at(&mut self, pts: i64, reorder: usize) -> Stamp {
        self.reorder = self.reorder.max(reorder.min(HELD));
        let place = self.held.partition_point(|&held| held <= pts);
        self.held.insert(place, pts);
        let soonest = self.last.saturating_add(1);
        let is_due = self.held.len() > self.reorder;
        let dts = if is_due {
            self.held.remove(0).max(soonest)
        } else {
            soonest
        };
        self.late += u64::from(pts < dts);
        self.last = dts;
        Stamp { pts: pts.max(dts), dts }
    }

    /// How many packets came too late.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamps(rate: FrameRate, reorder: usize, shown: &[i64]) -> (Vec<Stamp>, u64) {
        let mut stamper = Stamper::new(rate, reorder);
        let stamps = shown.iter().map(|&display| stamper.stamp(display, reorder)).collect();
        (stamps, stamper.late())
    }

    #[test]
    fn nothing_adds_up_over_hours() {
        let rate = FrameRate::new(24_000, 1_001).unwrap();
        let frames = 24_000 * 7;
        let mut stamper = Stamper::new(rate, 2);
        for frame in 0..frames {
            // Four in a group: 0 4 2 1 3, 8 6 5 7.
            let display = match (frame % 4, frame) {
                (_, 0) => 0,
                (1, _) => frame + 3,
                (2, _) => frame,
                (3, _) => frame - 2,
                _ => frame - 1,
            };
            let stamp = stamper.stamp(display, 2);
            assert_eq!(stamp.dts, ticks(rate, frame - 2));
            assert_eq!(stamp.pts, ticks(rate, display));
        }
        assert_eq!(stamper.late(), 0);
    }

    #[test]
    fn gap_moves_decoding_as_well() {
        let rate = FrameRate::new(90_000, 100).unwrap();
        let (stamps, late) = stamps(rate, 1, &[0, 2, 1, 103, 102, 105, 104]);
        let dts: Vec<_> = stamps.iter().map(|stamp| stamp.dts / 100).collect();
        assert_eq!((dts, late), (vec![-1, 0, 1, 2, 102, 103, 104], 0));
    }

    #[test]
    fn more_that_are_reordered_are_made_room_for() {
        let mut stamper = Stamper::new(FrameRate::new(900, 1).unwrap(), 0);
        let mut stamp = |display, reorder| {
            let Stamp { pts, dts } = stamper.stamp(display, reorder);
            (pts, dts)
        };
        assert_eq!([stamp(0, 0), stamp(1, 0)], [(0, 0), (100, 100)]);
        assert_eq!([stamp(2, 2), stamp(6, 2), stamp(4, 2)], [(200, 101), (600, 102), (400, 200)]);
        assert_eq!([stamp(3, 2), stamp(5, 0)], [(300, 300), (500, 400)]);
        assert_eq!(stamp(4, 2), (401, 401), "it was shown already");
        assert_eq!(stamper.late(), 1);
    }

    #[test]
    fn times_that_packets_say_are_kept() {
        let mut stamper = Stamper::beginning_at(1_000, FrameRate::new(900, 1).unwrap(), 1);
        let stamps = [1_000, 1_203, 1_101, 1_399, 1_300].map(|pts| stamper.stamp_at(pts, 1));
        assert_eq!(stamps.map(|stamp| stamp.pts), [1_000, 1_203, 1_101, 1_399, 1_300]);
        assert_eq!(stamps.map(|stamp| stamp.dts), [900, 1_000, 1_101, 1_203, 1_300]);
    }

    fn rates() -> impl Strategy<Value = FrameRate> {
        prop::sample::select(vec!["25", "30000/1001", "24000/1001", "1000", "1/100", "999/998"])
            .prop_map(|text| text.parse().unwrap())
    }

    proptest! {
        #[test]
        fn any_indices_are_decoded_one_after_another_and_before_they_are_shown(
            rate in rates(),
            packets in prop::collection::vec((prop_oneof![4 => -50..50_i64, 1 => any::<i64>()], 0..20_usize), 0..100),
        ) {
            let mut stamper = Stamper::new(rate, 0);
            let mut last = None;
            for (display, reorder) in packets {
                // Times that do not fit are no times.
                let display = display % (1 << 30);
                let stamp = stamper.stamp(display, reorder);
                prop_assert!(last.is_none_or(|last| last < stamp.dts) && stamp.dts <= stamp.pts);
                last = Some(stamp.dts);
            }
        }

        #[test]
        fn delay_is_what_is_reordered(
            rate in rates(), reorder in 0..=16_usize, overtaken in prop::collection::vec(0..=16_usize, 1..200),
        ) {
            // By how many each picture is overtaken, the last first.
            let mut order = Vec::new();
            for (display, by) in (0_i64..).zip(&overtaken).collect::<Vec<_>>().into_iter().rev() {
                order.insert((*by).min(reorder).min(order.len()), display);
            }
            let (stamps, late) = stamps(rate, reorder, &order);
            let delay = i64::try_from(reorder).unwrap();
            let expected = (0..).map(|at| ticks(rate, at - delay));
            prop_assert!(stamps.iter().map(|stamp| stamp.dts).eq(expected.take(stamps.len())));
            prop_assert!(stamps.iter().map(|stamp| stamp.pts).eq(order.iter().map(|&at| ticks(rate, at))));
            prop_assert_eq!(late, 0);
        }
    }
}
