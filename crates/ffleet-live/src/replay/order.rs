//! Packets that an encoder has given: together as they go out, and when they are decoded.

use ffleet_types::FrameRate;

use crate::packet::Packet;
use crate::raw::dts::Stamper;

/// Packets that go out together, and when they are decoded.
#[derive(Debug)]
pub struct Order {
    /// Without one, packets come in the order in which they are shown.
    rate: Option<FrameRate>,
    /// By how many packets a decoder is behind, as the encoder says. Not all of them do.
    reorder: usize,
    /// What gives times of decoding, once there is a packet that comes before another that is shown earlier.
    stamper: Option<Stamper>,
    /// Those that wait for others, as they are decoded.
    held: Vec<Packet>,
}

impl Order {
    /// For packets of this rate, of which so many are reordered at least.
    #[must_use]
    pub const fn new(rate: Option<FrameRate>, reorder: usize) -> Self {
        Self { rate, reorder, stamper: None, held: Vec::new() }
    }

    /// The encoder says that a decoder is behind by so many packets.
    pub fn reorder(&mut self, packets: usize) {
        self.reorder = self.reorder.max(packets);
    }

    /// A packet that goes out with others.
    pub fn hold(&mut self, packet: Packet) {
        self.held.push(packet);
    }

    /// An encoder has died: what it has given that did not go out never does.
    pub fn forget(&mut self) {
        self.held.clear();
    }

    /// All that was held goes out, with times of decoding.
    pub fn release(&mut self) -> Vec<Packet> {
        let mut packets = std::mem::take(&mut self.held);
        let deepest = (1..packets.len())
            .map(|at| {
                packets[..at]
                    .iter()
                    .filter(|before| before.pts > packets[at].pts)
                    .count()
            })
            .max();
        self.reorder(deepest.unwrap_or(0));
        let Some(rate) = self.rate else {
            return packets;
        };
        for packet in &mut packets {
            let begin = || Stamper::beginning_at(packet.pts, rate, self.reorder);
            let stamp = self
                .stamper
                .get_or_insert_with(begin)
                .stamp_at(packet.pts, self.reorder);
            packet.dts = stamp.dts;
        }
        packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pts: i64) -> Packet {
        Packet { pts, dts: 0, is_key: false, bytes: Vec::new() }
    }

    fn times(packets: &[Packet]) -> Vec<(i64, i64)> {
        packets.iter().map(|packet| (packet.pts, packet.dts)).collect()
    }

    fn order() -> Order {
        Order::new(FrameRate::new(9_000, 10), 0)
    }

    #[test]
    fn without_reordering_both_times_are_one() {
        let mut order = order();
        for pts in [7_200, 7_300, 90_000] {
            order.hold(packet(pts));
            assert_eq!(times(&order.release()), [(pts, pts)]);
        }
    }

    #[test]
    fn decoding_is_ahead_by_the_delay_and_never_goes_back() {
        let mut order = order();
        order.reorder(2);
        order.hold(packet(1_000));
        assert_eq!(times(&order.release()), [(1_000, 800)]);
        for pts in [1_400, 1_200, 1_100, 1_300] {
            order.hold(packet(pts));
        }
        let released = order.release();
        assert_eq!(
            times(&released),
            [(1_400, 900), (1_200, 1_000), (1_100, 1_100), (1_300, 1_200)]
        );
        order.hold(packet(9_000));
        order.forget();
        order.hold(packet(5_000));
        assert_eq!(times(&order.release()), [(5_000, 1_300)], "after a gap as well");
    }

    #[test]
    fn encoder_that_does_not_say_that_it_reorders_has_times_that_grow_too() {
        let mut order = order();
        order.hold(packet(1_000));
        let mut all = order.release();
        for group in [[1_400, 1_200, 1_100, 1_300], [1_800, 1_600, 1_500, 1_700]] {
            group.into_iter().for_each(|pts| order.hold(packet(pts)));
            all.extend(order.release());
        }
        assert!(all.is_sorted_by(|one, next| one.dts < next.dts), "{:?}", times(&all));
        assert!(all.iter().all(|packet| packet.dts <= packet.pts), "{:?}", times(&all));
    }
}
