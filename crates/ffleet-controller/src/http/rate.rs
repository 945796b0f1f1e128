//! Rates: token buckets, by the monotonic clock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Peers that are remembered at once. What is forgotten first is who has been quiet longest.
const MOST_PEERS: usize = 1_024;

/// So many a second, and a second's worth at once.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Duration,
}

impl Bucket {
    fn take(&mut self, rate: u32, now: Duration) -> bool {
        let rate = f64::from(rate);
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(rate);
        self.filled = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// One rate that everybody who holds it shares.
#[derive(Debug)]
pub(crate) struct Shared {
    rate: u32,
    bucket: Mutex<Bucket>,
}

impl Shared {
    pub(crate) fn new(rate: u32) -> Self {
        let bucket = Bucket { tokens: f64::from(rate), filled: Duration::ZERO };
        Self { rate, bucket: Mutex::new(bucket) }
    }

    /// Whether one more is within the rate; it is counted.
    pub(crate) fn take(&self, now: Duration) -> bool {
        self.bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(self.rate, now)
    }
}

/// The same rate for each peer.
#[derive(Debug)]
pub(crate) struct PerPeer {
    rate: u32,
    peers: Mutex<BTreeMap<IpAddr, Bucket>>,
}

impl PerPeer {
    pub(crate) const fn new(rate: u32) -> Self {
        Self { rate, peers: Mutex::new(BTreeMap::new()) }
    }

    /// Whether one more of `peer` is within its rate; it is counted.
    pub(crate) fn take(&self, peer: IpAddr, now: Duration) -> bool {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= MOST_PEERS && !peers.contains_key(&peer) {
            let quietest = peers.iter().min_by_key(|(_, bucket)| bucket.filled).map(|(&ip, _)| ip);
            if let Some(quietest) = quietest {
                peers.remove(&quietest);
            }
        }
        let full = Bucket { tokens: f64::from(self.rate), filled: now };
        peers.entry(peer).or_insert(full).take(self.rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_gives_its_rate_and_fills_again() {
        let rate = Shared::new(10);
        let at = |millis| Duration::from_millis(millis);
        assert_eq!((0..20).filter(|_| rate.take(at(5_000))).count(), 10);
        assert!(!rate.take(at(5_050)));
        assert!(rate.take(at(5_100)), "a tenth of a second is one of ten");
        assert_eq!((0..100).filter(|_| rate.take(at(60_000))).count(), 10, "nothing is saved up");
    }

    #[test]
    fn peers_do_not_pay_for_each_other() {
        let rate = PerPeer::new(1);
        let peer = |n: u8| IpAddr::from([127, 0, 0, n]);
        assert!(rate.take(peer(1), Duration::ZERO) && !rate.take(peer(1), Duration::ZERO));
        assert!(rate.take(peer(2), Duration::ZERO));
    }

    #[test]
    fn many_peers_do_not_fill_the_memory() {
        let rate = PerPeer::new(1);
        for n in 0..5_000_u32 {
            rate.take(IpAddr::from(n.to_be_bytes()), Duration::from_secs(n.into()));
        }
        assert!(rate.peers.lock().unwrap().len() <= MOST_PEERS);
    }
}
