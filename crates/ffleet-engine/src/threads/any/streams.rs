//! Which streams an output is made of.

use super::{From, Kind, Made, Scene, Sink, own};

impl Scene<'_> {
    /// The streams of an output: those that are mapped, or else those that FFmpeg chooses.
    pub(super) fn streams(&self, number: usize, sink: &Sink<'_>) -> Vec<Made> {
        let mut made: Vec<Made> = Vec::new();
        let maps: Vec<&str> = sink.part.all("map").collect();
        if number == 0 {
            let unlabelled =
                self.flows.iter().enumerate().filter(|(_, (label, _))| label.is_none());
            made.extend(
                unlabelled
                    .map(|(at, (_, stream))| Made { kind: stream.kind, from: From::Graph(at) }),
            );
        }
        if maps.is_empty() {
            self.choose(sink, &mut made);
        }
        for map in maps {
            self.map(map, &mut made);
        }
        made.retain(|stream| {
            let switch = match stream.kind {
                Kind::Video => "vn",
                Kind::Audio => "an",
                Kind::Subtitle => "sn",
            };
            let holds = match stream.kind {
                Kind::Video => {
                    sink.picture.is_some() || sink.part.of("c", Kind::Video, 0).is_some()
                }
                Kind::Audio => sink.sound,
                Kind::Subtitle => sink.subtitles || sink.part.all("map").next().is_some(),
            };
            holds && (!sink.part.has(switch) || matches!(stream.from, From::Graph(_)))
        });
        made
    }

    /// The largest picture, the sound with most channels, the first subtitles.
    fn choose(&self, sink: &Sink<'_>, made: &mut Vec<Made>) {
        let inputs = || self.subject.inputs.iter().enumerate();
        let has = |made: &[Made], kind| made.iter().any(|stream| stream.kind == kind);
        let area = |track: &ffleet_media::probe::VideoTrack| {
            u64::from(track.width) * u64::from(track.height)
        };
        let pictures = inputs().flat_map(|(input, (_, probe))| {
            probe.video.iter().map(move |track| (area(track), input, track.index))
        });
        // The first of those that are equal.
        let best = pictures.rev().max_by_key(|(area, ..)| *area);
        if let Some((_, input, track)) = best.filter(|_| !has(made, Kind::Video)) {
            made.push(Made { kind: Kind::Video, from: From::Track(input, track) });
        }
        let sounds = inputs().flat_map(|(input, (_, probe))| {
            probe
                .audio
                .iter()
                .map(move |track| (track.channels, input, track.index))
        });
        let best = sounds.rev().max_by_key(|(channels, ..)| *channels);
        if let Some((_, input, track)) = best.filter(|_| !has(made, Kind::Audio)) {
            made.push(Made { kind: Kind::Audio, from: From::Track(input, track) });
        }
        let mut subtitles = inputs().filter_map(|(input, (_, probe))| {
            probe.subtitles.first().map(|track| (input, track.index))
        });
        if let Some((input, track)) = subtitles.next().filter(|_| sink.subtitles) {
            made.push(Made { kind: Kind::Subtitle, from: From::Track(input, track) });
        }
    }

    fn map(&self, map: &str, made: &mut Vec<Made>) {
        if let Some(label) = map.strip_prefix('[').and_then(|map| map.strip_suffix(']')) {
            let found = self.flows.iter().position(|(of, _)| of.as_deref() == Some(label));
            made.extend(
                found.map(|at| Made { kind: self.flows[at].1.kind, from: From::Graph(at) }),
            );
            return;
        }
        let (removes, map) = map.strip_prefix('-').map_or((false, map), |map| (true, map));
        let (input, specifier) = map.split_once(':').unwrap_or((map, ""));
        let input = input.trim_end_matches('?').parse().unwrap_or(0);
        let Some((_, probe)) = self.subject.inputs.get(input) else {
            return;
        };
        let all = own::tracks(probe);
        let named = own::select(&all, specifier.trim_end_matches('?'));
        if removes {
            made.retain(|stream| {
                !named.iter().any(|&(kind, track)| {
                    stream.kind == kind && stream.from == From::Track(input, track)
                })
            });
        } else {
            let of = |(kind, track)| Made { kind, from: From::Track(input, track) };
            made.extend(named.into_iter().map(of));
        }
    }
}
