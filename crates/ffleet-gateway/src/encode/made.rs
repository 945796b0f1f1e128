//! What an encoder has given, in the order and with the times in which it goes out.

use std::collections::VecDeque;

use ffleet_live::packet::{Packet, Track};

/// What tracks hand on.
#[derive(Debug)]
pub(super) enum Made {
    /// What is to be known of a track before its next packet.
    Track(usize, Track),
    /// Packets of a track, in the order in which they are decoded.
    Packets(usize, Vec<Packet>),
}

/// Packets that go out together, and when they are decoded.
#[derive(Debug)]
pub(super) struct Order {
    /// By how many packets a decoder is behind, and how long one of them is.
    delay: usize,
    length: i64,
    /// Those that wait for others, as they are decoded.
    held: Vec<Packet>,
    /// Times of those that went out last, for the delay.
    last: VecDeque<i64>,
}

impl Order {
    /// For packets of `length` ticks each.
    pub(super) const fn new(length: i64) -> Self {
        Self { delay: 0, length, held: Vec::new(), last: VecDeque::new() }
    }

    /// A decoder is behind by so many packets.
    pub(super) fn delay(&mut self, packets: usize) {
        self.delay = self.delay.max(packets);
    }

    /// A packet that goes out with others.
    pub(super) fn hold(&mut self, packet: Packet) {
        self.held.push(packet);
    }

    /// An encoder has died: what it has given that did not go out never does.
    pub(super) fn forget(&mut self) {
        self.held.clear();
    }

    /// All that was held goes out: the times of decoding are those of display in their order, earlier by the delay.
    pub(super) fn release(&mut self) -> Vec<Packet> {
        let mut packets = std::mem::take(&mut self.held);
        if self.delay == 0 {
            packets.iter_mut().for_each(|packet| packet.dts = packet.pts);
            return packets;
        }
        let mut times: Vec<i64> = packets.iter().map(|packet| packet.pts).collect();
        times.sort_unstable();
        for (packet, time) in packets.iter_mut().zip(&times) {
            if self.last.is_empty() {
                let delay = i64::try_from(self.delay).unwrap_or(0);
                let before = (1..=delay)
                    .rev()
                    .map(|back| time.saturating_sub(back.saturating_mul(self.length)));
                self.last.extend(before);
            }
            self.last.push_back(*time);
            packet.dts = self.last.pop_front().unwrap_or(*time);
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

    #[test]
    fn without_reordering_both_times_are_one() {
        let mut order = Order::new(3_600);
        order.hold(packet(7_200));
        assert_eq!(times(&order.release()), [(7_200, 7_200)]);
    }

    #[test]
    fn decoding_is_ahead_by_the_delay_and_never_goes_back() {
        let mut order = Order::new(10);
        order.delay(2);
        order.hold(packet(100));
        assert_eq!(times(&order.release()), [(100, 80)]);
        for pts in [140, 120, 110, 130] {
            order.hold(packet(pts));
        }
        assert_eq!(times(&order.release()), [(140, 90), (120, 100), (110, 110), (130, 120)]);
        order.hold(packet(900));
        order.forget();
        order.hold(packet(500));
        assert_eq!(times(&order.release()), [(500, 130)], "after a gap as well");
    }
}
