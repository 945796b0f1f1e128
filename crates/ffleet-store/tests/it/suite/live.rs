//! Feeds and streams: declarations and totals.

use ffleet_store::{Declared, Store};
use ffleet_types::live::{Sort, Totals, totals};

use crate::kit::{at, user};

fn declared(sort: Sort, name: &str, declaration: &str) -> Declared {
    Declared {
        sort,
        name: name.parse().unwrap(),
        declaration: declaration.to_owned(),
        at: at(1),
        actor: user(),
    }
}

pub(super) async fn declarations(store: &Store) {
    let feed = declared(Sort::Feed, "cam", r#"{"push":"http"}"#);
    let stream = declared(Sort::Stream, "cam", r#"{"feed":"cam"}"#);
    assert!(store.declare(stream.clone()).await.unwrap());
    assert!(store.declare(feed.clone()).await.unwrap());
    assert_eq!(store.declared().await.unwrap(), [feed.clone(), stream.clone()]);
    let other = declared(Sort::Feed, "cam", r#"{"pull":"http://x/"}"#);
    assert!(!store.declare(other.clone()).await.unwrap(), "it is replaced");
    assert_eq!(store.declared().await.unwrap(), [other, stream.clone()]);
    assert!(store.undeclare(Sort::Feed, feed.name.clone()).await.unwrap());
    assert!(!store.undeclare(Sort::Feed, feed.name).await.unwrap());
    assert_eq!(store.declared().await.unwrap(), [stream]);
}

pub(super) async fn sums(store: &Store) {
    let name = |name: &str| name.parse().unwrap();
    assert_eq!(store.totals().await.unwrap(), Totals::default());
    let feed = totals::Feed { received: 7, runs: 2, ..totals::Feed::new(at(1)) };
    let stream = totals::Stream { delivered: u64::MAX, ..totals::Stream::new(at(2)) };
    let mut kept = Totals::default();
    kept.feeds.insert(name("cam"), feed);
    kept.streams.insert(name("cam"), stream);
    store.keep_totals(kept.clone(), at(10), at(0)).await.unwrap();
    let read = store.totals().await.unwrap();
    assert_eq!(read.feeds, kept.feeds);
    assert_eq!(read.streams[&name("cam")].delivered, i64::MAX.cast_unsigned(), "it is held");
    // Only what changed is written, and what nobody kept for long is forgotten.
    let mut next = Totals::default();
    next.feeds.insert(name("other"), feed);
    store.keep_totals(next, at(20), at(10)).await.unwrap();
    assert_eq!(store.totals().await.unwrap().feeds.len(), 2);
    store.keep_totals(Totals::default(), at(30), at(11)).await.unwrap();
    let read = store.totals().await.unwrap();
    assert_eq!(read.feeds.keys().map(ToString::to_string).collect::<Vec<_>>(), ["other"]);
    assert!(read.streams.is_empty());
}
