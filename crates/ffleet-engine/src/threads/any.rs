//! The threads of a command that somebody else wrote: pool by pool, with what FFmpeg and its libraries choose by
//! themselves where nobody told them.
//!
//! [`super::count()`] is for planned commands, in which every pool is told. Here most are not, and then each counts the CPUs it
//! sees in its own way: decoders one more and 16 at most, filters the same (up to FFmpeg 6 without an end), x264 half as
//! many again, and so on. A command may have several inputs and graphs over all of them.

use std::collections::BTreeSet;

use ffleet_media::Probe;

use super::build::Build;
use super::command::{Kind, Part};
use super::count::takes;
use super::flow::{self, Flow};
use super::graph::Picture;
use super::pools::Ask;
use super::{own, vmaf};

mod streams;

/// A command, as far as threads go.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) inputs: Vec<(Part<'a>, &'a Probe)>,
    pub(crate) outputs: Vec<Sink<'a>>,
    /// Graphs over all inputs.
    pub(crate) graphs: Vec<&'a str>,
    /// What `-filter_threads` and `-filter_complex_threads` say, where that is a number above 0.
    pub(crate) filter_threads: Option<u32>,
    pub(crate) complex_threads: Option<u32>,
}

/// An output.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    pub(crate) part: Part<'a>,
    /// The encoder of pictures that its muxer takes; nothing where it holds none.
    pub(crate) picture: Option<&'static str>,
    /// Whether it holds sound, and subtitles where none are asked for.
    pub(crate) sound: bool,
    pub(crate) subtitles: bool,
    /// Threads of its protocol and muxer.
    pub(crate) own: u32,
}

/// Threads of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crew {
    pub(crate) of: String,
    pub(crate) threads: u32,
    /// Whether an option says how many.
    pub(crate) is_told: bool,
    /// The input whose contents decide on it.
    pub(crate) input: Option<usize>,
}

/// A picture that is decoded or encoded, for its memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    /// An encoder's name; nothing where it is decoded.
    pub(crate) encoder: Option<String>,
    pub(crate) size: (u32, u32),
    pub(crate) is_deep: bool,
    pub(crate) threads: u32,
}

/// All that is started.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Crews {
    pub(crate) crews: Vec<Crew>,
    pub(crate) works: Vec<Work>,
    /// Encoders that take their number from the machine, or from what is not known, whatever they are told.
    pub(crate) untold: Vec<String>,
}

impl Crews {
    /// All threads, the main one among them.
    pub(crate) fn sum(&self) -> u32 {
        self.crews.iter().map(|crew| crew.threads).fold(1, u32::saturating_add)
    }
}

/// A stream that is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Made {
    kind: Kind,
    from: From,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    /// An input's track.
    Track(usize, u32),
    /// An output of a graph over all inputs, by its place.
    Graph(usize),
}

struct Scene<'a> {
    subject: &'a Subject<'a>,
    build: &'a Build,
    seen: u32,
    crews: Crews,
    decoded: BTreeSet<(Kind, usize, u32)>,
    flows: Vec<(Option<String>, flow::Stream)>,
}

/// Everything that `subject` starts on `build`, where it sees `seen` CPUs.
pub(crate) fn crews(subject: &Subject<'_>, build: &Build, seen: u32) -> Crews {
    let mut scene = Scene {
        subject,
        build,
        seen: seen.max(1),
        crews: Crews::default(),
        decoded: BTreeSet::new(),
        flows: Vec::new(),
    };
    scene.files();
    for graph in &subject.graphs {
        scene.graph(graph);
    }
    for (number, sink) in subject.outputs.iter().enumerate() {
        scene.output(number, sink);
    }
    for (kind, input, track) in std::mem::take(&mut scene.decoded) {
        scene.decoder(kind, input, track);
    }
    scene.crews
}

impl Scene<'_> {
    fn add(&mut self, of: impl Into<String>, threads: u32) {
        self.crews
            .crews
            .push(Crew { of: of.into(), threads, is_told: false, input: None });
    }

    fn files(&mut self) {
        let count = |list: usize| u32::try_from(list).unwrap_or(u32::MAX);
        let (inputs, outputs) =
            (count(self.subject.inputs.len()), count(self.subject.outputs.len()));
        let queued =
            |part: &Part<'_>| part.whole("thread_queue_size").is_some_and(|size| size != "0");
        let reading = match inputs {
            // A queue that is asked for has a thread even if there is one input.
            1 if self.subject.inputs.iter().any(|(part, _)| queued(part)) => self.build.input,
            2.. => self.build.input * inputs,
            _ => 0,
        };
        self.add("reading inputs", (self.build.file * inputs).saturating_add(reading));
        self.add("writing outputs", self.build.file * outputs);
        for (number, (part, _)) in self.subject.inputs.iter().enumerate() {
            let own = own::of_input(part.file, part.whole("f"));
            self.add(format!("protocol of input {number}"), own);
            if part.whole("f") == Some("lavfi") {
                let pool = own::filters(None, self.seen, self.build);
                let flow = flow::follow(part.file, &mut |_, kind| flow::Stream {
                    kind,
                    picture: Picture::new((320, 240), ""),
                });
                let all = pool.saturating_mul(1 + flow.scalers);
                self.add(format!("filters of the source, input {number}"), all);
            }
        }
        for (number, sink) in self.subject.outputs.iter().enumerate() {
            self.add(format!("protocol of output {number}"), sink.own);
        }
    }

    /// A graph over all inputs: what it takes is decoded, what it gives can be mapped.
    fn graph(&mut self, graph: &str) {
        let subject = self.subject;
        let mut decoded = Vec::new();
        let Flow { outputs, scalers } = flow::follow(graph, &mut |label, kind| {
            let (input, specifier) = match label {
                Some(label) => label.split_once(':').unwrap_or((label, "")),
                None => ("0", ""),
            };
            let input = input.parse::<usize>().unwrap_or(0);
            let Some((_, probe)) = subject.inputs.get(input) else {
                return flow::Stream { kind, picture: Picture::new((1_920, 1_080), "") };
            };
            let all = own::tracks(probe);
            let named = own::select(&all, specifier);
            let mut fitting = named.iter().filter(|(of, _)| !specifier.is_empty() || *of == kind);
            let Some(&(kind, track)) = fitting.next() else {
                return flow::Stream { kind, picture: Picture::new((1_920, 1_080), "") };
            };
            decoded.push((kind, input, track));
            flow::Stream { kind, picture: own::picture(probe, track) }
        });
        self.decoded.extend(decoded);
        let pool = own::filters(self.subject.complex_threads, self.seen, self.build);
        let threads = pool.saturating_mul(1 + scalers).saturating_add(self.build.step);
        self.crews.crews.push(Crew {
            of: "filters of -filter_complex".to_owned(),
            threads: threads.saturating_add(vmaf::count(graph)),
            is_told: self.subject.complex_threads.is_some(),
            input: None,
        });
        self.flows.extend(outputs);
    }

    fn output(&mut self, number: usize, sink: &Sink<'_>) {
        let mut numbers = [0; 3];
        for made in self.streams(number, sink) {
            let at = numbers[made.kind as usize];
            numbers[made.kind as usize] += 1;
            let is_copy = sink.part.of("c", made.kind, at) == Some("copy");
            if let From::Track(input, track) = made.from {
                if is_copy {
                    continue;
                }
                self.decoded.insert((made.kind, input, track));
            }
            match made.kind {
                Kind::Subtitle => {
                    self.add(format!("subtitles of output {number}"), self.build.step);
                }
                Kind::Audio => self.sound(number, sink, &made, at),
                Kind::Video => self.video(number, sink, &made, at),
            }
        }
    }

    /// The pool of filters of a stream of an output.
    fn chain(&mut self, (number, at): (usize, usize), sink: &Sink<'_>, kind: Kind, scalers: u32) {
        let told = own::told(&sink.part, kind, at);
        let threads = self.subject.filter_threads.or(told);
        let pool = own::filters(threads, self.seen, self.build);
        self.crews.crews.push(Crew {
            of: format!("filters of output {number}"),
            threads: pool.saturating_mul(1 + scalers).saturating_add(self.build.step),
            is_told: threads.is_some(),
            input: None,
        });
    }

    fn sound(&mut self, number: usize, sink: &Sink<'_>, made: &Made, at: usize) {
        if matches!(made.from, From::Track(..)) {
            self.chain((number, at), sink, Kind::Audio, 0);
        }
        self.add(format!("encoder of sound, output {number}"), self.build.step);
    }

    fn video(&mut self, number: usize, sink: &Sink<'_>, made: &Made, at: usize) {
        let named = sink.part.of("c", Kind::Video, at);
        let name =
            super::clamp::encoder_of_codec(named.or(sink.picture).unwrap_or("libx264")).to_owned();
        let graph = sink.part.of("filter", Kind::Video, at).unwrap_or_default();
        let mut picture = match made.from {
            From::Track(input, track) => {
                let probe = self.subject.inputs.get(input).map(|(_, probe)| *probe);
                probe.map_or_else(
                    || Picture::new((1_920, 1_080), ""),
                    |probe| own::picture(probe, track),
                )
            }
            From::Graph(at) => self.flows[at].1.picture.clone(),
        };
        if matches!(made.from, From::Track(..)) && !graph.is_empty() {
            picture.through(graph);
        }
        if let Some(size) = sink.part.of("s", Kind::Video, at).and_then(flow::size)
            && size != picture.size
        {
            picture.size = size;
            picture.scalers += 1;
            picture.format = None;
        }
        match sink.part.of("pix_fmt", Kind::Video, at) {
            Some(format) => picture.becomes(&[format]),
            None => picture.becomes(takes(&name)),
        }
        match made.from {
            From::Track(..) => self.chain((number, at), sink, Kind::Video, picture.scalers),
            From::Graph(_) => {
                let pool = own::filters(self.subject.complex_threads, self.seen, self.build);
                let threads = pool.saturating_mul(picture.scalers);
                self.add(format!("scalers before output {number}"), threads);
            }
        }
        if !graph.is_empty() {
            self.add(format!("libvmaf of output {number}"), vmaf::count(graph));
        }
        self.encoder((number, at), sink, &name, &picture);
    }

    fn encoder(
        &mut self,
        (number, at): (usize, usize),
        sink: &Sink<'_>,
        name: &str,
        picture: &Picture,
    ) {
        let told = own::told(&sink.part, Kind::Video, at);
        let option = |option: &str| sink.part.of(option.trim_start_matches('-'), Kind::Video, at);
        let ask = Ask {
            threads: told.unwrap_or_else(|| {
                own::encoder(name, picture.size, (self.seen, self.build), &option)
            }),
            size: picture.size,
            seen: self.seen,
            option: &option,
        };
        let threads = own::known(name, &ask, told, self.build);
        if !own::is_bounded(name, told, &option) {
            self.crews.untold.push(name.to_owned());
        }
        self.crews.crews.push(Crew {
            of: format!("encoder {name} of output {number}"),
            threads: threads.saturating_add(self.build.step),
            is_told: own::is_bounded(name, told, &option),
            input: None,
        });
        self.crews.works.push(Work {
            encoder: Some(name.to_owned()),
            size: picture.size,
            is_deep: picture.format.as_deref().is_some_and(own::is_deep),
            threads: ask.threads,
        });
    }

    fn decoder(&mut self, kind: Kind, input: usize, track: u32) {
        let Some((part, probe)) = self.subject.inputs.get(input) else {
            return;
        };
        let told = own::told(part, kind, 0);
        let (codec, size) = own::codec(probe, track);
        let threads = own::decoder(kind, &codec, size, told, (self.seen, self.build));
        if kind == Kind::Video {
            let is_deep = probe.video.iter().any(|of| of.index == track && of.bits > 8);
            let threads = threads.max(1);
            self.crews.works.push(Work { encoder: None, size, is_deep, threads });
        }
        self.crews.crews.push(Crew {
            of: format!("decoder {codec} of input {input}"),
            threads: threads.saturating_add(self.build.step),
            is_told: told.is_some(),
            input: Some(input),
        });
    }
}
