//! A graph of filters with labels, as `-filter_complex` and the input device `lavfi` have it: which pictures go
//! in, which come out, and how many scalers are in it.
//!
//! Pictures are followed like those of a chain ([`super::graph`]), each along its labels. What a filter does with several
//! inputs is known of those that put pictures together; others pass their first on.

use std::collections::BTreeMap;

use super::command::Kind;
use super::graph::Picture;

/// What flows between filters.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) kind: Kind,
    pub(crate) picture: Picture,
}

/// A filter as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter<'a> {
    pub(crate) from: Vec<&'a str>,
    pub(crate) name: &'a str,
    pub(crate) options: &'a str,
    pub(crate) to: Vec<&'a str>,
    /// Whether it begins a chain.
    pub(crate) is_first: bool,
}

/// What comes out of a graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// Outputs that nothing in the graph takes, with their labels, if they have one.
    pub(crate) outputs: Vec<(Option<String>, Stream)>,
    /// Scalers with a pool of their own.
    pub(crate) scalers: u32,
}

/// Filters that make something out of nothing.
const SOURCES: &str = "color color_source testsrc testsrc2 smptebars smptehdbars rgbtestsrc yuvtestsrc pal75bars pal100bars \
    nullsrc mandelbrot life cellauto allrgb allyuv gradients haldclutsrc sierpinski colorchart colorspectrum \
    mptestsrc frei0r_src zoneplate perlin buffer movie sine anullsrc anoisesrc aevalsrc amovie hilbert sinc \
    afirsrc flite abuffer ddagrab gfxcapture qrencodesrc";
/// Sources of sound.
const SOUND_SOURCES: &str =
    "sine anullsrc anoisesrc aevalsrc amovie hilbert sinc afirsrc flite abuffer";
/// Filters that begin like those of sound and are of pictures, or make pictures of sound.
const PICTURES: &str = "avgblur avgblur_opencl avgblur_vulkan alphaextract alphamerge amplify ass atadenoise avectorscope \
    abitscope ahistogram aphasemeter adrawgraph agraphmonitor showwaves showwavespic showspectrum showspectrumpic \
    showvolume showcqt showfreqs showspatial a3dscope";
/// Filters of sound that do not begin with an `a`.
const SOUNDS: &str = "volume volumedetect loudnorm dynaudnorm speechnorm pan join channelmap channelsplit highpass \
    lowpass bandpass bandreject bass treble equalizer biquad compand mcompand chorus flanger tremolo vibrato \
    crossfeed crystalizer dcshift deesser dialoguenhance earwax ebur128 extrastereo firequalizer haas headphone \
    highshelf lowshelf rubberband sidechaincompress sidechaingate silencedetect silenceremove sofalizer \
    stereotools stereowiden superequalizer surround replaygain drmeter hdcd tiltshelf virtualbass";
/// What sources give where nothing is said of their size.
const SIZE: (u32, u32) = (320, 240);

fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

/// A picture of which nothing is known.
pub(crate) fn nothing() -> Picture {
    Picture::new(SIZE, "")
}

/// Whether a filter makes something out of nothing.
pub(crate) fn is_source(name: &str) -> bool {
    is_in(SOURCES, name)
}

/// What comes out of a filter of this name.
fn kind(name: &str) -> Kind {
    let is_sound = is_in(SOUND_SOURCES, name)
        || is_in(SOUNDS, name)
        || name.starts_with('a') && !is_in(PICTURES, name) && !is_source(name);
    if is_sound { Kind::Audio } else { Kind::Video }
}

/// The filters of a graph, in the order they are written in.
pub(crate) fn filters(graph: &str) -> Vec<Filter<'_>> {
    let mut all = Vec::new();
    let mut is_first = true;
    for (text, ends_chain) in pieces(graph) {
        let mut rest = text.trim();
        let mut from = Vec::new();
        while let Some((label, after)) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            from.push(label.trim());
            rest = after.trim_start();
        }
        let mut to = Vec::new();
        while let Some(before) = rest.strip_suffix(']') {
            let Some(at) = before.rfind('[') else { break };
            to.insert(0, before[at + 1..].trim());
            rest = before[..at].trim_end();
        }
        let (name, options) = rest.split_once('=').unwrap_or((rest, ""));
        let name = name.trim().split('@').next().unwrap_or_default();
        if !name.is_empty() && name != "sws_flags" {
            all.push(Filter { from, name, options, to, is_first });
        }
        is_first = ends_chain;
    }
    all
}

/// The parts of a graph between commas and semicolons that are neither quoted nor escaped, and whether a chain
/// ends behind each.
fn pieces(graph: &str) -> Vec<(&str, bool)> {
    let mut pieces = Vec::new();
    let (mut from, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in graph.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !quoted => escaped = true,
            '\'' => quoted = !quoted,
            ',' | ';' if !quoted => {
                pieces.push((&graph[from..at], c == ';'));
                from = at + 1;
            }
            _ => {}
        }
    }
    pieces.push((&graph[from..], true));
    pieces
}

/// An option of a filter by its name, without quotes.
pub(crate) fn option<'a>(options: &'a str, names: &[&str]) -> Option<&'a str> {
    options
        .split(':')
        .filter_map(|pair| pair.split_once('='))
        .rfind(|(name, _)| names.contains(&name.trim()))
        .map(|(_, value)| value.trim_matches('\''))
}

/// A size in FFmpeg's words: `1280x720`, `hd720`.
pub(crate) fn size(text: &str) -> Option<(u32, u32)> {
    const NAMES: &[(&str, (u32, u32))] = &[
        ("sqcif", (128, 96)),
        ("qcif", (176, 144)),
        ("cif", (352, 288)),
        ("4cif", (704, 576)),
        ("qvga", (320, 240)),
        ("vga", (640, 480)),
        ("svga", (800, 600)),
        ("xga", (1_024, 768)),
        ("ntsc", (720, 480)),
        ("pal", (720, 576)),
        ("hd480", (852, 480)),
        ("hd720", (1_280, 720)),
        ("hd1080", (1_920, 1_080)),
        ("2k", (2_048, 1_080)),
        ("4k", (4_096, 2_160)),
        ("uhd2160", (3_840, 2_160)),
    ];
    if let Some((_, size)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*size);
    }
    let (width, height) = text.split_once('x')?;
    let (width, height) = (width.parse().ok()?, height.parse().ok()?);
    let is_legal = (1..=32_768).contains(&width) && (1..=32_768).contains(&height);
    is_legal.then_some((width, height))
}

/// Follows what goes through `graph`. `given` says what a label of an input stands for; nothing stands for an input
/// without a label.
pub(crate) fn follow(graph: &str, given: &mut dyn FnMut(Option<&str>, Kind) -> Stream) -> Flow {
    let mut labels: BTreeMap<String, Stream> = BTreeMap::new();
    let mut flow = Flow::default();
    let mut before: Option<Stream> = None;
    for filter in filters(graph) {
        if filter.is_first {
            flow.outputs.extend(before.take().map(|stream| (None, stream)));
        }
        let wanted = if is_in(
            "showwaves showspectrum showvolume avectorscope showcqt showfreqs",
            filter.name,
        ) {
            Kind::Audio
        } else {
            kind(filter.name)
        };
        let mut inputs: Vec<Stream> = before.take().into_iter().collect();
        for label in &filter.from {
            let found = labels.remove(*label);
            inputs.push(found.unwrap_or_else(|| given(Some(label), wanted)));
        }
        if inputs.is_empty() && !is_source(filter.name) {
            inputs.push(given(None, wanted));
        }
        let outputs = through(&filter, inputs, &mut flow.scalers);
        let mut outputs = outputs.into_iter();
        for label in &filter.to {
            if let Some(stream) = outputs.next() {
                labels.insert((*label).to_owned(), stream);
            }
        }
        if filter.to.is_empty() {
            before = outputs.next();
        }
    }
    flow.outputs.extend(before.map(|stream| (None, stream)));
    flow.outputs
        .extend(labels.into_iter().map(|(label, stream)| (Some(label), stream)));
    flow
}

/// What comes out of one filter.
fn through(filter: &Filter<'_>, mut inputs: Vec<Stream>, scalers: &mut u32) -> Vec<Stream> {
    let count = filter.to.len().max(1);
    let name = filter.name;
    if is_source(name) {
        return vec![source(filter); count];
    }
    match name {
        "overlay" => {
            let main = ["yuv420p", "yuvj420p", "nv12", "nv21"];
            becomes(&mut inputs, 0, &main, scalers);
            becomes(&mut inputs, 1, &["yuva420p"], scalers);
        }
        "hstack" | "vstack" | "xstack" | "concat" | "xfade" | "blend" => {
            let format = inputs.first().and_then(|first| first.picture.format.clone());
            if let Some(format) = format {
                for at in 1..inputs.len() {
                    let is_picture = inputs[at].kind == Kind::Video;
                    if is_picture {
                        becomes(&mut inputs, at, &[&format], scalers);
                    }
                }
            }
        }
        _ => {}
    }
    let all: Vec<(u32, u32)> = inputs.iter().map(|stream| stream.picture.size).collect();
    if name == "concat" {
        return concatenated(filter, &inputs);
    }
    let mut stream = inputs
        .into_iter()
        .next()
        .unwrap_or_else(|| Stream { kind: Kind::Video, picture: Picture::new(SIZE, "yuv420p") });
    let becomes_picture =
        kind(name) == Kind::Video && stream.kind == Kind::Audio && is_in(PICTURES, name);
    if becomes_picture {
        let said = option(filter.options, &["s", "size"]).and_then(size);
        let format = if name == "showwaves" || name == "avectorscope" {
            "rgba"
        } else {
            "yuva444p"
        };
        stream = Stream {
            kind: Kind::Video,
            picture: Picture::new(said.unwrap_or((600, 240)), format),
        };
    }
    if stream.kind == Kind::Video {
        stream.picture.through(&format!("{name}={}", filter.options));
        *scalers += std::mem::take(&mut stream.picture.scalers);
        match name {
            "hstack" => {
                stream.picture.size.0 = all.iter().map(|size| size.0).fold(0, u32::saturating_add);
            }
            "vstack" => {
                stream.picture.size.1 = all.iter().map(|size| size.1).fold(0, u32::saturating_add);
            }
            _ => {}
        }
    }
    vec![stream; count]
}

fn becomes(inputs: &mut [Stream], at: usize, formats: &[&str], scalers: &mut u32) {
    if let Some(stream) = inputs.get_mut(at) {
        stream.picture.becomes(formats);
        *scalers += std::mem::take(&mut stream.picture.scalers);
    }
}

/// `concat` has as many outputs of each kind as it says, pictures first.
fn concatenated(filter: &Filter<'_>, inputs: &[Stream]) -> Vec<Stream> {
    let number = |name: &str, otherwise: usize| {
        let said = option(filter.options, &[name]).and_then(|text| text.parse().ok());
        said.unwrap_or(otherwise).min(64)
    };
    let of = |wanted: Kind| inputs.iter().find(|stream| stream.kind == wanted).cloned();
    let (pictures, sounds) = (number("v", 1), number("a", 0));
    let nothing = Picture::new(SIZE, "");
    let picture =
        of(Kind::Video).unwrap_or_else(|| Stream { kind: Kind::Video, picture: nothing.clone() });
    let sound = of(Kind::Audio).unwrap_or(Stream { kind: Kind::Audio, picture: nothing });
    let mut outputs = vec![picture; pictures];
    outputs.extend(vec![sound; sounds]);
    outputs
}

/// What a source gives.
fn source(filter: &Filter<'_>) -> Stream {
    if is_in(SOUND_SOURCES, filter.name) {
        return Stream { kind: Kind::Audio, picture: Picture::new((0, 0), "") };
    }
    let named = option(filter.options, &["s", "size"]).and_then(size);
    let placed = || filter.options.split(':').find_map(size);
    let otherwise = if matches!(filter.name, "mandelbrot" | "sierpinski") {
        (640, 480)
    } else {
        SIZE
    };
    let format = match filter.name {
        "testsrc" | "allrgb" | "haldclutsrc" => "rgb24",
        "mandelbrot" | "sierpinski" => "bgr0",
        "yuvtestsrc" | "allyuv" => "yuv444p",
        "rgbtestsrc" | "gradients" | "colorspectrum" => "rgba",
        "life" | "cellauto" => "monoblack",
        "mptestsrc" | "movie" => "yuv420p",
        _ => "",
    };
    let size = named.or_else(placed).unwrap_or(otherwise);
    Stream { kind: Kind::Video, picture: Picture::new(size, format) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow_720(graph: &str) -> Flow {
        follow(graph, &mut |_, kind| Stream {
            kind,
            picture: Picture::new((1_280, 720), "yuv420p"),
        })
    }

    #[test]
    fn labels_are_followed_and_scalers_counted_once() {
        let flow = follow_720("[0:v]split=2[a][b];[a]scale=640:360[x];[b]scale=320:180,hflip[y]");
        let sizes: Vec<_> = flow
            .outputs
            .iter()
            .map(|(label, stream)| (label.clone().unwrap(), stream.picture.size))
            .collect();
        assert_eq!(sizes, [("x".to_owned(), (640, 360)), ("y".to_owned(), (320, 180))]);
        assert_eq!(flow.scalers, 2);
        assert_eq!(follow_720("[0:v][1:v]overlay=10:10").scalers, 1, "transparency is put in");
        assert_eq!(follow_720("[0:v][1:v]hstack[v]").outputs[0].1.picture.size, (2_560, 720));
    }

    #[test]
    fn kinds_are_told_apart() {
        let flow = follow_720("[0:v][0:a][1:v][1:a]concat=n=2:v=1:a=1[v][a]");
        let kinds: Vec<_> = flow.outputs.iter().map(|(_, stream)| stream.kind).collect();
        assert_eq!(kinds, [Kind::Audio, Kind::Video], "by label");
        assert_eq!(follow_720("sine=f=440,volume=0.5").outputs[0].1.kind, Kind::Audio);
        assert_eq!(follow_720("testsrc=s=hd720").outputs[0].1.picture.size, (1_280, 720));
    }

    #[test]
    fn quotes_protect_commas() {
        let names: Vec<_> = filters("select='gt(n,3)',scale=64:64;null")
            .iter()
            .map(|f| f.name)
            .collect();
        assert_eq!(names, ["select", "scale", "null"]);
    }
}
