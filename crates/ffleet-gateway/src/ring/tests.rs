use std::sync::Arc;

use bytes::Bytes;
use ffleet_live::join::Join;
use proptest::prelude::*;

use super::*;

fn join(at: u64) -> Join {
    let text = |text: &str| Arc::from(text.as_bytes());
    Join { at, head: text("<"), bridge: text("~"), reopen: text("|"), is_key: true }
}

/// What there is for a reader, as a text; nothing where it is to end.
fn taken(ring: &Ring, place: &mut Place) -> Option<String> {
    match ring.take(place) {
        Take::Bytes { bytes, .. } => Some(String::from_utf8(bytes.concat()).unwrap()),
        Take::Wait => Some(String::new()),
        Take::End => None,
    }
}

#[test]
fn readers_get_the_same_bytes_each_from_its_own_place() {
    let ring = Ring::new(100);
    let mut first = ring.enter();
    assert_eq!(taken(&ring, &mut first).as_deref(), Some(""));
    ring.push(Bytes::from("abcd"), [join(2)], None);
    assert_eq!(taken(&ring, &mut first).as_deref(), Some("<cd"), "from within a push");
    ring.push(Bytes::from("efgh"), [join(6)], None);
    let mut second = ring.enter();
    assert_eq!(taken(&ring, &mut second).as_deref(), Some("<gh"));
    assert_eq!(taken(&ring, &mut first).as_deref(), Some("efgh"));
    ring.push(Bytes::from("ij"), [], None);
    for place in [&mut first, &mut second] {
        assert_eq!(taken(&ring, place).as_deref(), Some("ij"));
        assert_eq!(taken(&ring, place).as_deref(), Some(""));
    }
}

#[test]
fn ring_holds_no_more_than_it_may() {
    let ring = Ring::new(10);
    let mut slow = ring.enter();
    ring.push(Bytes::from("abcdef"), [join(0)], None);
    assert_eq!(taken(&ring, &mut slow).as_deref(), Some("<abcdef"));
    for _ in 0..3 {
        ring.push(Bytes::from("ghijkl"), [], None);
    }
    assert_eq!(ring.counts(), (24, 6));
    assert_eq!(taken(&ring, &mut slow).as_deref(), Some(""), "nowhere to go on yet");
    ring.push(Bytes::from("mnop"), [join(25)], None);
    assert_eq!(taken(&ring, &mut slow).as_deref(), Some("~nop"));
    assert_eq!((slow.skips(), ring.counts()), (1, (28, 10)));
    ring.push(Bytes::from("a push that is larger than the ring"), [], None);
    assert_eq!(ring.counts().1, 35, "the last push is always there");
}

#[test]
fn readers_who_are_ended_get_what_there_was() {
    let ring = Ring::new(100);
    let mut old = ring.enter();
    ring.push(Bytes::from("ab"), [join(0)], None);
    let mut waiting = ring.enter();
    ring.end_readers();
    ring.push(Bytes::from("cd"), [join(2)], None);
    let mut new = ring.enter();
    assert!(
        matches!(ring.take(&mut waiting), Take::End),
        "it had nothing, and is not to begin"
    );
    assert_eq!(taken(&ring, &mut old), None);
    assert_eq!(taken(&ring, &mut new).as_deref(), Some("<cd"));
    ring.push(Bytes::from("ef"), [], None);
    ring.close();
    assert_eq!(taken(&ring, &mut new).as_deref(), Some("ef"));
    assert_eq!(taken(&ring, &mut new), None);
}

#[test]
fn run_that_is_over_at_once_is_seen_by_who_waited_for_it() {
    let ring = Ring::new(100);
    let mut waited = ring.enter();
    ring.begin_run();
    ring.push(Bytes::from("ab"), [join(0)], None);
    ring.end_readers();
    assert_eq!(taken(&ring, &mut waited).as_deref(), Some("<ab"));
    assert_eq!(taken(&ring, &mut waited), None);
}

#[tokio::test]
async fn who_waits_is_woken() {
    let ring = Ring::new(100);
    let mut place = ring.enter();
    let pushing = {
        let ring = Arc::clone(&ring);
        tokio::spawn(async move { ring.push(Bytes::from("abc"), [join(0)], None) })
    };
    let Take::Bytes { bytes, .. } = ring.next(&mut place).await else {
        panic!("it was not woken");
    };
    assert_eq!(bytes.concat(), b"<abc");
    pushing.await.unwrap();
}

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn producer_waits_for_all_who_are_sent_to_and_not_for_ever() {
    let ring = Ring::new(100);
    let (one, other) = (Bell::new().unwrap(), Bell::new().unwrap());
    ring.push(Bytes::from("abcd"), [join(0)], Some(1));
    ring.drained(LONG).await;
    ring.hang(&one, 0);
    ring.hang(&other, 0);

    ring.push(Bytes::from("efgh"), [], Some(2));
    assert_eq!(ring.awaited(), Some(6), "all but two of eight");
    let waiting = {
        let ring = Arc::clone(&ring);
        tokio::spawn(async move { ring.drained(LONG).await })
    };
    ring.note_served(&one, 6);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "the other has not");
    ring.note_served(&other, 6);
    waiting.await.unwrap();
    assert_eq!(ring.awaited(), None);

    ring.push(Bytes::from("ijkl"), [], Some(2));
    ring.drained(Duration::from_millis(5)).await;
    assert_eq!(ring.awaited(), None, "it has waited long enough");
    ring.push(Bytes::from("mnop"), [], None);
    assert_eq!(ring.awaited(), None, "it did not ask to wait");
}

proptest! {
    /// However pushes are cut and readers come and go: one that keeps up gets every byte from where it
    /// began, in order.
    #[test]
    fn reader_that_keeps_up_loses_nothing(
        pushes in prop::collection::vec((1..50_usize, any::<bool>()), 1..100),
        begins in 0..100_usize,
    ) {
        let ring = Ring::new(1_000);
        let (mut all, mut got, mut at) = (Vec::new(), Vec::new(), 0_u64);
        let mut place = None;
        for (number, (length, joins)) in pushes.into_iter().enumerate() {
            let next = (0_u8..251).cycle().skip(all.len() % 251);
            let bytes: Vec<u8> = next.take(length).collect();
            all.extend_from_slice(&bytes);
            ring.push(Bytes::from(bytes), joins.then(|| join(at)), None);
            at += length as u64;
            if number >= begins {
                let place = place.get_or_insert_with(|| ring.enter());
                while let Take::Bytes { bytes, fell } = ring.take(place) {
                    prop_assert!(!fell);
                    got.extend_from_slice(&bytes.concat());
                }
            }
        }
        if !got.is_empty() {
            prop_assert_eq!(got[0], b'<');
            prop_assert!(all.ends_with(&got[1..]));
        }
    }
}
