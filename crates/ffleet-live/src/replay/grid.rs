//! Sound whose samples are counted: of which unit each is.

/// Which samples that a decoder gives are of which unit.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// The number of the unit that it began with.
    pub first: u64,
    /// Samples of a unit.
    pub samples: u32,
    /// How many of those there are in a second.
    pub of: u32,
    /// How many there are in a second as they are given.
    pub rate: u32,
}

impl Grid {
    /// The unit that sample `at` is of.
    #[must_use]
    pub fn unit(self, at: u64) -> u64 {
        let units = u128::from(at) * u128::from(self.of) / self.each();
        self.first.saturating_add(u64::try_from(units).unwrap_or(u64::MAX))
    }

    /// The first sample of a unit.
    #[must_use]
    pub fn begin(self, unit: u64) -> u64 {
        let units = u128::from(unit.saturating_sub(self.first));
        let samples = (units * self.each()).div_ceil(u128::from(self.of.max(1)));
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    /// Samples of a unit as they are given, times `of`.
    fn each(self) -> u128 {
        (u128::from(self.samples) * u128::from(self.rate)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_belong_to_the_unit_that_they_were_coded_in() {
        let plain = Grid { first: 7, samples: 1_024, of: 44_100, rate: 44_100 };
        assert_eq!((plain.unit(0), plain.unit(1_023), plain.unit(1_024)), (7, 7, 8));
        assert_eq!((plain.begin(7), plain.begin(9)), (0, 2_048));
        let doubled = Grid { rate: 48_000, of: 24_000, ..plain };
        assert_eq!((doubled.unit(2_047), doubled.begin(8)), (7, 2_048));
        // 940.8 samples a unit.
        let odd = Grid { of: 48_000, ..plain };
        for unit in 7..2_000 {
            assert_eq!(
                (odd.unit(odd.begin(unit)), odd.unit(odd.begin(unit + 1) - 1)),
                (unit, unit)
            );
        }
    }
}
