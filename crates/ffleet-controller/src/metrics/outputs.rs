//! What the outputs of streams are at and have done, by their stream and their number in it.

use ffleet_api::live::{Output, Stream};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::whole;

/// The states of an output.
const STATES: [&str; 5] = ["connecting", "sending", "recording", "waiting", "failed"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Label {
    stream: String,
    output: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabel {
    stream: String,
    output: u32,
    state: &'static str,
}

/// Adds those of these streams, which count under the names that `named` gives them by their place.
pub(super) fn add(r: &mut Registry, streams: &[Stream], named: impl Fn(usize, &str) -> String) {
    let all: Vec<(Label, &Output)> = streams
        .iter()
        .enumerate()
        .flat_map(|(index, stream)| {
            let name = named(index, &stream.name);
            (1..)
                .zip(&stream.outputs)
                .map(move |(output, one)| (Label { stream: name.clone(), output }, one))
        })
        .collect();
    let states = Family::<StateLabel, Gauge>::default();
    for (Label { stream, output }, one) in &all {
        for state in STATES {
            let label = StateLabel { stream: stream.clone(), output: *output, state };
            states.get_or_create(&label).inc_by(i64::from(one.state == state));
        }
    }
    r.register("ffleet_output_state", "How many outputs are in the state", states);
    let count = |of: fn(&Output) -> u64| {
        let family = Family::<Label, Counter>::default();
        for (label, one) in &all {
            family.get_or_create(label).inc_by(of(one));
        }
        family
    };
    let gauge = |of: fn(&Output) -> u64| {
        let family = Family::<Label, Gauge>::default();
        for (label, one) in &all {
            family.get_or_create(label).inc_by(whole(of(one)));
        }
        family
    };
    let (name, help) = ("ffleet_output_sent", "What the kernel took for the output");
    r.register_with_unit(name, help, Unit::Bytes, count(|one| one.sent_bytes));
    let (name, help) = ("ffleet_output_dropped_packets", "Packets that there was no room for");
    r.register(name, help, count(|one| one.dropped_packets));
    let (name, help) = ("ffleet_output_doubled_packets", "Packets that were sent again");
    r.register(name, help, count(|one| one.doubled_packets));
    let (name, help) = ("ffleet_output_reconnects", "Connections after the first");
    r.register(name, help, count(|one| one.reconnects));
    let (name, help) = ("ffleet_output_held", "What is held for the output");
    r.register_with_unit(name, help, Unit::Bytes, gauge(|one| one.held_bytes));
    let (name, help) = ("ffleet_output_behind_milliseconds", "By how much the output is behind");
    r.register(name, help, gauge(|one| one.behind_ms));
}
