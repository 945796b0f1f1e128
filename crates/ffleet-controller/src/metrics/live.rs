//! What feeds and streams are at and have done, by name. The numbers are the gateway's, so that they are
//! made anew for each look: what is gone from the configuration has no line.

use std::collections::BTreeMap;

use ffleet_api::live::{Feed, Stream};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{encoders, outputs, whole};

/// Feeds, and streams, that have lines of their own.
const NAMED: usize = 200;
/// The name of all others together. No feed or stream can be called so.
const OTHERS: &str = "…others";
/// The states of a feed.
const STATES: [&str; 6] = ["idle", "starting", "live", "stopping", "waiting", "failed"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FeedLabel {
    feed: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabel {
    feed: String,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StreamLabel {
    stream: String,
}

/// The metrics of these feeds and streams, both by name.
pub(super) fn registry(feeds: &[Feed], streams: &[Stream]) -> Registry {
    let mut registry = Registry::default();
    of_feeds(&mut registry, feeds);
    of_streams(&mut registry, streams);
    outputs::add(&mut registry, streams, label);
    registry
}

/// The name under which the one at `index` counts.
pub(super) fn label(index: usize, name: &str) -> String {
    if index < NAMED { name } else { OTHERS }.to_owned()
}

fn of_feeds(r: &mut Registry, feeds: &[Feed]) {
    let states = Family::<StateLabel, Gauge>::default();
    let [holders, held] = [(); 2].map(|()| Family::<FeedLabel, Gauge>::default());
    let [starts, received] = [(); 2].map(|()| Family::<FeedLabel, Counter>::default());
    for (index, one) in feeds.iter().enumerate() {
        let feed = label(index, &one.name);
        for state in STATES {
            let label = StateLabel { feed: feed.clone(), state };
            states.get_or_create(&label).inc_by(i64::from(one.state == state));
        }
        let label = FeedLabel { feed };
        holders.get_or_create(&label).inc_by(i64::from(one.holders));
        held.get_or_create(&label).inc_by(whole(one.held_bytes));
        starts.get_or_create(&label).inc_by(one.starts);
        received.get_or_create(&label).inc_by(one.received_bytes);
    }
    r.register("ffleet_feed_state", "Whether the feed is in the state", states);
    r.register("ffleet_feed_holders", "How many need the feed", holders);
    r.register_with_unit("ffleet_feed_held", "What the feed's ring holds", Unit::Bytes, held);
    r.register("ffleet_feed_starts", "How often the feed was started", starts);
    r.register_with_unit("ffleet_feed_received", "What came from the feed", Unit::Bytes, received);
}

/// A sum of a stream: its name, what it is, where it stands.
type Sum = (&'static str, &'static str, fn(&Stream) -> u64);

fn of_streams(r: &mut Registry, streams: &[Stream]) {
    let all: BTreeMap<String, Vec<&Stream>> = streams.iter().enumerate().fold(
        BTreeMap::new(),
        |mut all: BTreeMap<_, Vec<_>>, (index, stream)| {
            all.entry(label(index, &stream.name)).or_default().push(stream);
            all
        },
    );
    let sum = |of: fn(&Stream) -> u64| {
        let family = Family::<StreamLabel, Counter>::default();
        for (name, streams) in &all {
            let label = StreamLabel { stream: name.clone() };
            let sum = streams.iter().map(|stream| of(stream)).sum();
            family.get_or_create(&label).inc_by(sum);
        }
        family
    };
    let watch = Family::<StreamLabel, Gauge>::default();
    for (name, streams) in &all {
        let viewers = streams.iter().map(|stream| stream.viewers).sum();
        let label = StreamLabel { stream: name.clone() };
        watch.get_or_create(&label).set(whole(viewers));
    }
    let sums: [Sum; 4] = [
        ("ffleet_stream_skips", "How often viewers fell behind", |one| one.skips),
        ("ffleet_stream_cut", "Viewers cut off for their slowness", |one| one.cut),
        ("ffleet_stream_shots", "Shots that were made", |one| one.shots),
        // A counter may not be called as a gauge is, for its name without `_total` is the family's.
        ("ffleet_stream_arrivals", "Viewers that came", |one| one.viewers_total),
    ];
    for (name, help, of) in sums {
        r.register(name, help, sum(of));
    }
    encoders::add(r, streams);
    let delivered = sum(|one| one.delivered_bytes);
    let (name, help) = ("ffleet_stream_delivered", "What was sent to viewers");
    r.register_with_unit(name, help, Unit::Bytes, delivered);
    r.register("ffleet_stream_viewers", "How many watch", watch);
}

#[cfg(test)]
mod tests {
    use ffleet_api::Moment;
    use ffleet_api::live::{FeedTotal, Output, StreamTotal};
    use ffleet_types::Timestamp;
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn feed(name: &str, state: &str) -> Feed {
        Feed {
            name: name.to_owned(),
            origin: "file".to_owned(),
            source: "push".to_owned(),
            from: None,
            feed: None,
            mode: "on-demand".to_owned(),
            state: state.to_owned(),
            since: Moment(Timestamp::from_millis(0)),
            holders: 2,
            starts: 3,
            failures: 0,
            last_end: None,
            last_end_at: None,
            pid: None,
            inputs: Vec::new(),
            received_bytes: 5,
            held_bytes: 4,
            ring_bytes: 9,
            total: FeedTotal {
                since: Moment(Timestamp::from_millis(0)),
                received_bytes: 50,
                starts: 30,
                failures: 1,
                live_seconds: 9,
            },
            access: None,
        }
    }

    fn stream(name: &str) -> Stream {
        Stream {
            name: name.to_owned(),
            origin: "file".to_owned(),
            path: format!("/stream/{name}"),
            kind: "stream".to_owned(),
            client: "shared".to_owned(),
            mimetype: "video/mp2t".to_owned(),
            feed: None,
            command: None,
            encode: None,
            outputs: vec![Output {
                to: "rtmp://a.example/live/***".to_owned(),
                kind: "rtmp".to_owned(),
                state: "sending".to_owned(),
                since: Moment(Timestamp::from_millis(0)),
                sent_bytes: 9,
                dropped_packets: 8,
                doubled_packets: 7,
                reconnects: 6,
                behind_ms: 5,
                held_bytes: 4,
                ring_bytes: 32,
                last_error: None,
                last_error_at: None,
                file: None,
                pid: None,
            }],
            access: "key".to_owned(),
            state: None,
            viewers: 1,
            viewers_total: 6,
            delivered_bytes: 7,
            skips: 2,
            cut: 3,
            shots: 4,
            total: StreamTotal {
                since: Moment(Timestamp::from_millis(0)),
                viewers: 60,
                delivered_bytes: 70,
                skips: 20,
                cut: 30,
                shots: 40,
            },
            watching: Vec::new(),
            looks: Vec::new(),
        }
    }

    fn text(feeds: &[Feed], streams: &[Stream]) -> String {
        let mut text = String::new();
        encode(&mut text, &registry(feeds, streams)).unwrap();
        text
    }

    #[test]
    fn each_has_lines_by_its_name() {
        let text = text(&[feed("cam", "live")], &[stream("tv")]);
        for line in [
            "ffleet_feed_state{feed=\"cam\",state=\"live\"} 1",
            "ffleet_feed_state{feed=\"cam\",state=\"idle\"} 0",
            "ffleet_feed_holders{feed=\"cam\"} 2",
            "ffleet_feed_held_bytes{feed=\"cam\"} 4",
            "ffleet_feed_starts_total{feed=\"cam\"} 3",
            "ffleet_feed_received_bytes_total{feed=\"cam\"} 5",
            "ffleet_stream_viewers{stream=\"tv\"} 1",
            "ffleet_stream_arrivals_total{stream=\"tv\"} 6",
            "ffleet_stream_delivered_bytes_total{stream=\"tv\"} 7",
            "ffleet_stream_skips_total{stream=\"tv\"} 2",
            "ffleet_stream_cut_total{stream=\"tv\"} 3",
            "ffleet_stream_shots_total{stream=\"tv\"} 4",
            "ffleet_output_state{stream=\"tv\",output=\"1\",state=\"sending\"} 1",
            "ffleet_output_state{stream=\"tv\",output=\"1\",state=\"waiting\"} 0",
            "ffleet_output_sent_bytes_total{stream=\"tv\",output=\"1\"} 9",
            "ffleet_output_dropped_packets_total{stream=\"tv\",output=\"1\"} 8",
            "ffleet_output_doubled_packets_total{stream=\"tv\",output=\"1\"} 7",
            "ffleet_output_reconnects_total{stream=\"tv\",output=\"1\"} 6",
            "ffleet_output_behind_milliseconds{stream=\"tv\",output=\"1\"} 5",
            "ffleet_output_held_bytes{stream=\"tv\",output=\"1\"} 4",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
    }

    #[test]
    fn names_are_bounded_and_the_rest_is_summed() {
        let names: Vec<_> = (0..NAMED + 3).map(|number| format!("n{number:04}")).collect();
        let feeds: Vec<_> = names.iter().map(|name| feed(name, "live")).collect();
        let streams: Vec<_> = names.iter().map(|name| stream(name)).collect();
        let text = text(&feeds, &streams);
        for line in [
            "ffleet_feed_state{feed=\"…others\",state=\"live\"} 3",
            "ffleet_feed_received_bytes_total{feed=\"…others\"} 15",
            "ffleet_stream_viewers{stream=\"…others\"} 3",
            "ffleet_stream_delivered_bytes_total{stream=\"…others\"} 21",
            "ffleet_output_sent_bytes_total{stream=\"…others\",output=\"1\"} 27",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        assert!(text.contains("\"n0199\"") && !text.contains("\"n0200\""));
    }

    #[test]
    fn every_metric_is_in_the_documents_and_no_other() {
        let docs = include_str!("../../../../docs/api.md");
        let section = docs.split("## Metrics of feeds and streams").nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let told: Vec<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let text = text(&[feed("cam", "live")], &[stream("tv")]);
        let mut counted: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split('{').next())
            .collect();
        counted.dedup();
        for name in &counted {
            assert!(told.contains(name), "{name} is not told of");
        }
        assert_eq!(told.len(), counted.len(), "{told:?}");
    }
}
