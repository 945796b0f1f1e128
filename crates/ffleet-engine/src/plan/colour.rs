//! Colour: bits, range, tags, and high dynamic range.
//!
//! Tags are written out where the input has them, because builds differ in what an encoder takes
//! over from its input. High dynamic range survives in 10 bits (H.265, AV1, VP9); 8-bit H.264
//! players would show it grey, so that there it is mapped to ordinary range.

use ffleet_media::codec::{Container, VideoCodec};
use ffleet_media::probe::VideoTrack;

use super::Refused;
use super::draft::Draft;
use super::job::Job;

/// The pixel format of 8 and of 10 bits.
const EIGHT_BITS: &str = "yuv420p";
pub(super) const TEN_BITS: &str = "yuv420p10le";

/// What a result's colours are.
#[derive(Debug)]
pub(super) struct Colours {
    /// FFmpeg's pixel format.
    pub(super) pixel_format: &'static str,
    range: Option<&'static str>,
    space: Option<String>,
    transfer: Option<String>,
    primaries: Option<String>,
    mastering: Option<String>,
    light_level: Option<(u32, u32)>,
    change: Change,
}

/// What must be done to the input's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Nothing.
    Keep,
    /// From red, green and blue.
    FromRgb,
    /// From high to ordinary dynamic range.
    ToneMap,
}

impl Colours {
    /// Decides on the colours of `track` in `codec`.
    pub(super) fn of(
        job: &Job<'_>,
        track: &VideoTrack,
        codec: VideoCodec,
        draft: &mut Draft,
    ) -> Result<Self, Refused> {
        note_losses(track, codec, draft);
        if track.colour.is_hdr() && codec == VideoCodec::H264 {
            return Self::tone_mapped(job, codec.name(), draft);
        }
        let deep = track.bits > 8 && codec != VideoCodec::H264;
        let pixel_format = if deep { TEN_BITS } else { EIGHT_BITS };
        let colour = &track.colour;
        if is_rgb(&track.pixel_format) {
            return Ok(Self { pixel_format, change: Change::FromRgb, ..Self::bt709() });
        }
        let known = |value: &str, list: &[&str]| list.contains(&value).then(|| value.to_owned());
        let colours = Self {
            pixel_format,
            range: match colour.range.as_str() {
                "pc" => Some("pc"),
                "tv" => Some("tv"),
                _ if track.pixel_format.starts_with("yuvj") => Some("pc"),
                _ => None,
            },
            space: known(&colour.space, SPACES),
            transfer: known(&colour.transfer, TRANSFERS),
            primaries: known(&colour.primaries, PRIMARIES),
            mastering: colour.mastering.clone(),
            light_level: colour.light_level,
            change: Change::Keep,
        };
        if colours.loses_mastering(codec, draft.container) {
            draft.note(format!(
                "the mastering display and light levels of HDR10 may be lost: FFmpeg's {codec} encoder does not \
                 write them; h265 keeps them"
            ));
        }
        Ok(colours)
    }

    /// The colours of ordinary video.
    fn bt709() -> Self {
        Self {
            pixel_format: EIGHT_BITS,
            range: Some("tv"),
            space: Some("bt709".to_owned()),
            transfer: Some("bt709".to_owned()),
            primaries: Some("bt709".to_owned()),
            mastering: None,
            light_level: None,
            change: Change::Keep,
        }
    }

    fn tone_mapped(job: &Job<'_>, what: &str, draft: &mut Draft) -> Result<Self, Refused> {
        if !job.filters(&["zscale", "tonemap"]) {
            return Err(Refused::engine(format!(
                "the input has high dynamic range, {what} has none, and this FFmpeg lacks the filters \
                 zscale and tonemap that would convert it; choose h265 or av1, which keep it"
            )));
        }
        draft.note(format!(
            "the high dynamic range is mapped to ordinary range (BT.709): players expect no other in {what}"
        ));
        Ok(Self { change: Change::ToneMap, ..Self::bt709() })
    }

    /// Colours of a still or a GIF, which end as red, green and blue in every viewer.
    pub(super) fn of_still(
        job: &Job<'_>,
        track: &VideoTrack,
        draft: &mut Draft,
    ) -> Result<Self, Refused> {
        if track.colour.is_hdr() {
            return Self::tone_mapped(job, draft.container.name(), draft);
        }
        Ok(Self { change: Change::Keep, ..Self::bt709() })
    }

    /// Appends the filters that scale to `size` and change the colours.
    pub(super) fn scale(&self, track: &VideoTrack, size: (u32, u32), filters: &mut Vec<String>) {
        let (width, height) = size;
        match self.change {
            Change::ToneMap => filters.push(tone_map(track, size)),
            Change::FromRgb => {
                filters.push(format!("scale={width}:{height}:out_color_matrix=bt709:out_range=tv"));
            }
            Change::Keep => {
                let range = match self.range {
                    Some("pc") => ":in_range=pc:out_range=pc",
                    _ => "",
                };
                if size != track.display_size()
                    || !range.is_empty()
                    || track.sample_aspect.0 != track.sample_aspect.1
                {
                    filters.push(format!("scale={width}:{height}:flags=bicubic{range}"));
                }
            }
        }
    }

    /// Appends the options that tag the result.
    pub(super) fn tag(&self, draft: &mut Draft) {
        let tags = [
            ("-color_range:v", self.range),
            ("-colorspace:v", self.space.as_deref()),
            ("-color_trc:v", self.transfer.as_deref()),
            ("-color_primaries:v", self.primaries.as_deref()),
        ];
        for (option, value) in tags {
            if let Some(value) = value {
                draft.say([option, value]);
            }
        }
    }

    /// Parameters of x265 for HDR10: it repeats them in each keyframe, so that a player that joins
    /// late has them too.
    pub(super) fn x265(&self) -> String {
        let mut params = Vec::new();
        if self.transfer.as_deref() == Some("smpte2084") {
            params.push(":hdr10=1:repeat-headers=1".to_owned());
        }
        if let Some(mastering) = &self.mastering {
            params.push(format!(":master-display={mastering}"));
        }
        if let Some((most, average)) = self.light_level {
            params.push(format!(":max-cll={most},{average}"));
        }
        params.concat()
    }

    /// Parameters of SVT-AV1 for HDR10; it counts in units where x265 counts in fractions.
    pub(super) fn svt_av1(&self) -> String {
        let mut params = Vec::new();
        if let Some(mastering) = self.mastering.as_deref().and_then(in_units) {
            params.push(format!(":mastering-display={mastering}"));
        }
        if let Some((most, average)) = self.light_level {
            params.push(format!(":content-light={most},{average}"));
        }
        params.concat()
    }

    /// VP9 has no place for them in its stream.
    fn loses_mastering(&self, codec: VideoCodec, container: Container) -> bool {
        let has = self.mastering.is_some() || self.light_level.is_some();
        has && codec == VideoCodec::Vp9 && container != Container::Ts
    }
}

const SPACES: &[&str] =
    &["bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc", "bt2020c"];
const TRANSFERS: &[&str] = &[
    "bt709",
    "gamma22",
    "gamma28",
    "smpte170m",
    "smpte240m",
    "linear",
    "iec61966-2-1",
    "bt2020-10",
    "bt2020-12",
    "smpte2084",
    "arib-std-b67",
];
const PRIMARIES: &[&str] = &[
    "bt709",
    "bt470m",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "film",
    "bt2020",
    "smpte431",
    "smpte432",
];

/// Hable's curve over light that is made linear, as FFmpeg's manual proposes for the filter
/// `tonemap`; scaled first, because the linear form is four bytes a component.
fn tone_map(track: &VideoTrack, (width, height): (u32, u32)) -> String {
    let or = |value: &str, list: &[&str], other: &str| {
        if list.contains(&value) {
            value.to_owned()
        } else {
            other.to_owned()
        }
    };
    let primaries = or(&track.colour.primaries, &["bt709", "bt2020"], "bt2020");
    let matrix = or(&track.colour.space, &["bt709", "bt2020nc"], "bt2020nc");
    let range = if track.colour.range == "pc" { "pc" } else { "tv" };
    let transfer = &track.colour.transfer;
    format!(
        "zscale=w={width}:h={height}:tin={transfer}:pin={primaries}:min={matrix}:rin={range}:t=linear:npl=100,\
         format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,\
         format=yuv420p"
    )
}

fn note_losses(track: &VideoTrack, codec: VideoCodec, draft: &mut Draft) {
    let keeps = if codec == VideoCodec::H264 { 8 } else { 10 };
    if track.bits > keeps && !(track.colour.is_hdr() && keeps == 8) {
        draft.note(format!("{} bits a component become {keeps}", track.bits));
    }
    let format = track.pixel_format.as_str();
    if is_rgb(format) {
        draft.note(format!("{format} colours become YUV 4:2:0 (BT.709)"));
    } else if format.contains("444") || format.contains("422") || format.contains("440") {
        draft.note(format!("{format} colours become 4:2:0: half the colour resolution"));
    }
    let has_alpha = ["yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8"]
        .iter()
        .any(|prefix| format.starts_with(prefix));
    if has_alpha {
        draft.note("transparency, if there is any, is left out");
    }
}

fn is_rgb(format: &str) -> bool {
    const PREFIXES: [&str; 9] =
        ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "x2rgb"];
    PREFIXES.iter().any(|prefix| format.starts_with(prefix))
}

/// x265's notation, in units of 1/50000 and 1/10000, as the decimal fractions of SVT-AV1's.
fn in_units(mastering: &str) -> Option<String> {
    let mut result = Vec::new();
    let mut rest = mastering;
    while let Some((name, after)) = rest.split_once('(') {
        let (pair, after) = after.split_once(')')?;
        let (one, other) = pair.split_once(',')?;
        let scale = if name == "L" { 10_000.0 } else { 50_000.0 };
        let (one, other): (f64, f64) = (one.parse().ok()?, other.parse().ok()?);
        result.push(format!("{name}({:.4},{:.4})", one / scale, other / scale));
        rest = after;
    }
    (!result.is_empty()).then(|| result.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mastering_display_is_written_in_both_notations() {
        let x265 = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)";
        let svt =
            "G(0.2650,0.6900)B(0.1500,0.0600)R(0.6800,0.3200)WP(0.3127,0.3290)L(1000.0000,0.0001)";
        assert_eq!(in_units(x265).as_deref(), Some(svt));
        assert_eq!(in_units("nonsense"), None);
    }

    #[test]
    fn formats_of_red_green_and_blue_are_known() {
        for (format, rgb) in [
            ("rgb24", true),
            ("gbrp10le", true),
            ("pal8", true),
            ("yuv420p", false),
            ("nv12", false),
        ] {
            assert_eq!(is_rgb(format), rgb, "{format}");
        }
    }
}
