//! What encoders of streams have done, by stream and track.

use ffleet_api::live::{DecodedTrack, EncodedTrack, Stream};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::live::label;
use super::whole;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TrackLabel {
    stream: String,
    track: String,
}

/// A sum of a track that is encoded.
type TrackSum = (&'static str, &'static str, fn(&EncodedTrack) -> u64);

const TRACK_SUMS: [TrackSum; 9] = [
    (
        "ffleet_encoder_frames_in",
        "Raw frames or blocks of sound that were taken",
        |one| one.frames_in,
    ),
    ("ffleet_encoder_frames_out", "Frames that came out", |one| one.frames_out),
    ("ffleet_encoder_frames_dropped", "Frames left out for want of room", |one| {
        one.frames_dropped
    }),
    ("ffleet_encoder_frames_lost", "Frames that were given up", |one| one.frames_lost),
    (
        "ffleet_encoder_frames_replayed",
        "Frames that another encoder was fed again",
        |one| one.frames_replayed,
    ),
    (
        "ffleet_encoder_packets_doubled",
        "Packets left out because they had been there",
        |one| one.packets_doubled,
    ),
    (
        "ffleet_encoder_packets_equal",
        "Packets of an encoder and its twin that were the same",
        |one| one.packets_equal,
    ),
    (
        "ffleet_encoder_packets_different",
        "Packets of one of the two that were others than those that went out",
        |one| one.packets_different,
    ),
    ("ffleet_encoder_recoveries", "How often another encoder went on", |one| {
        one.recoveries
    }),
];

/// A sum of a track that is decoded before.
type DecoderSum = (&'static str, &'static str, fn(&DecodedTrack) -> u64);

const DECODER_SUMS: [DecoderSum; 5] = [
    ("ffleet_decoder_units_in", "Coded units that were taken", |one| one.units_in),
    ("ffleet_decoder_frames_out", "Units that frames became of", |one| one.frames_out),
    ("ffleet_decoder_units_lost", "Units that nothing became of", |one| {
        one.units_lost
    }),
    (
        "ffleet_decoder_units_replayed",
        "Units that another decoder was fed again",
        |one| one.units_replayed,
    ),
    ("ffleet_decoder_recoveries", "How often another decoder went on", |one| {
        one.recoveries
    }),
];

/// Adds what has come of the tracks that `streams` encode.
pub(super) fn add(r: &mut Registry, streams: &[Stream]) {
    let tracks: Vec<(TrackLabel, &EncodedTrack)> = streams
        .iter()
        .enumerate()
        .flat_map(|(index, stream)| {
            let stream_label = label(index, &stream.name);
            let tracks = stream.encode.iter().flat_map(|encode| &encode.tracks);
            tracks.map(move |track| {
                let label = TrackLabel { stream: stream_label.clone(), track: track.track.clone() };
                (label, track)
            })
        })
        .collect();
    for (name, help, of) in TRACK_SUMS {
        let family = Family::<TrackLabel, Counter>::default();
        for (label, track) in &tracks {
            family.get_or_create(label).inc_by(of(track));
        }
        r.register(name, help, family);
    }
    for (name, help, of) in DECODER_SUMS {
        let family = Family::<TrackLabel, Counter>::default();
        for (label, decoder) in decoders(&tracks) {
            family.get_or_create(label).inc_by(of(decoder));
        }
        r.register(name, help, family);
    }
    let units = Family::<TrackLabel, Gauge>::default();
    for (label, decoder) in decoders(&tracks) {
        units.get_or_create(label).inc_by(whole(decoder.held_bytes));
    }
    let help = "What is held of coded units, for the next decoder";
    r.register_with_unit("ffleet_decoder_held", help, Unit::Bytes, units);
    let (waiting, held) =
        (Family::<TrackLabel, Gauge>::default(), Family::<TrackLabel, Gauge>::default());
    let in_step = Family::<TrackLabel, Gauge>::default();
    for (label, track) in &tracks {
        if let Some(twin) = &track.twin {
            in_step.get_or_create(label).set(i64::from(twin == "in step"));
        }
        waiting.get_or_create(label).inc_by(whole(track.frames_waiting));
        held.get_or_create(label).inc_by(whole(track.held_bytes));
    }
    r.register(
        "ffleet_encoder_in_step",
        "Whether an encoder has a twin whose packets are those that go out",
        in_step,
    );
    r.register("ffleet_encoder_frames_waiting", "Frames that have not come out", waiting);
    r.register_with_unit(
        "ffleet_encoder_held",
        "What is held of input that has not come out",
        Unit::Bytes,
        held,
    );
}

fn decoders<'a>(
    tracks: &'a [(TrackLabel, &EncodedTrack)],
) -> impl Iterator<Item = (&'a TrackLabel, &'a DecodedTrack)> {
    tracks
        .iter()
        .filter_map(|(label, track)| Some((label, track.decoder.as_ref()?)))
}
