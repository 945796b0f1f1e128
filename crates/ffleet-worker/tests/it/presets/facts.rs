//! What a file is, as ffprobe and a decoder say.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::fixture::run;

/// What a file is.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) format: String,
    pub(super) pictures: Vec<Picture>,
    pub(super) sounds: Vec<Sound>,
    pub(super) subtitles: Vec<Subtitle>,
    /// Covers, attachments and data.
    pub(super) others: usize,
    /// Titles of the chapters.
    pub(super) chapters: Vec<String>,
    pub(super) title: Option<String>,
}

/// A video track.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) codec: String,
    /// As stored.
    pub(super) size: (u64, u64),
    /// Width over height as shown.
    pub(super) aspect: f64,
    /// Degrees that a player turns it by, clockwise.
    pub(super) turn: i64,
    pub(super) pixels: String,
    pub(super) bits: u64,
    pub(super) range: String,
    pub(super) space: String,
    pub(super) transfer: String,
    pub(super) primaries: String,
    /// Mastering display and light level, in ffprobe's words.
    pub(super) light: BTreeMap<String, String>,
    pub(super) interlaced: bool,
    /// When each frame is shown, in seconds after the first.
    pub(super) times: Vec<f64>,
    /// Average frames a second.
    pub(super) fps: f64,
    /// The mean colour in the middle of each quarter of the first frame as shown.
    pub(super) quarters: [[u8; 3]; 4],
}

/// An audio track.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    pub(super) codec: String,
    pub(super) channels: u64,
    pub(super) layout: String,
    pub(super) rate: u64,
    pub(super) bits: u64,
    pub(super) language: Option<String>,
    /// Decoded length in seconds.
    pub(super) length: f64,
}

/// A subtitle track.
#[derive(Clone, Debug)]
pub(super) struct Subtitle {
    pub(super) codec: String,
    pub(super) language: Option<String>,
    /// What it says, if it is text.
    pub(super) text: Option<String>,
}

impl Facts {
    /// Looks at the file at `path`.
    pub(super) fn of(path: &Path) -> Self {
        let name = format!("file:{}", path.display());
        let said = ask(&[&name]);
        let frames = array(&said["frames"]);
        let mut facts = Self {
            format: text(&said["format"]["format_name"]),
            pictures: Vec::new(),
            sounds: Vec::new(),
            subtitles: Vec::new(),
            others: 0,
            chapters: array(&said["chapters"])
                .iter()
                .map(|chapter| text(&chapter["tags"]["title"]))
                .collect(),
            // Ogg has no tags but those of its tracks.
            title: tag(&said["format"]["tags"], "title")
                .or_else(|| tag(&said["streams"][0]["tags"], "title")),
        };
        for stream in array(&said["streams"]) {
            let index = stream["index"].as_u64().unwrap();
            let of = frames
                .iter()
                .filter(|frame| frame["stream_index"].as_u64() == Some(index));
            match stream["codec_type"].as_str().unwrap_or_default() {
                "video" if stream["disposition"]["attached_pic"] == 1 => facts.others += 1,
                "video" => facts.pictures.push(Picture::of(stream, &of.collect::<Vec<_>>(), &name)),
                "audio" => facts.sounds.push(Sound::of(stream, &of.collect::<Vec<_>>())),
                "subtitle" => {
                    let number = facts.subtitles.len();
                    facts.subtitles.push(Subtitle::of(stream, number, &name));
                }
                // An MP4 file keeps its chapters in a track of text.
                "data" if stream["codec_tag_string"] == "text" => {}
                _ => facts.others += 1,
            }
        }
        facts
    }
}

impl Picture {
    fn of(stream: &Value, frames: &[&Value], name: &str) -> Self {
        let size = (stream["width"].as_u64().unwrap(), stream["height"].as_u64().unwrap());
        let (across, down) = text(&stream["sample_aspect_ratio"])
            .split_once(':')
            .and_then(|(across, down)| Some((across.parse().ok()?, down.parse().ok()?)))
            .filter(|&(across, down): &(f64, f64)| across > 0.0 && down > 0.0)
            .unwrap_or((1.0, 1.0));
        let turn = array(&stream["side_data_list"])
            .iter()
            .find_map(|side| side["rotation"].as_i64())
            .map_or(0, |degrees| (-degrees).rem_euclid(360));
        let [width, height] = [size.0, size.1].map(|side| usize::try_from(side).unwrap());
        let upright = if turn % 180 == 0 {
            (width, height)
        } else {
            (height, width)
        };
        let stored = float(size.0) * across / down / float(size.1);
        let times: Vec<f64> = frames
            .iter()
            .map(|frame| number(&frame["best_effort_timestamp_time"]))
            .collect();
        let pixels = text(&stream["pix_fmt"]);
        let first = frames.first().copied().unwrap_or(&Value::Null);
        let index = stream["index"].as_u64().unwrap();
        Self {
            codec: text(&stream["codec_name"]),
            size,
            aspect: if turn % 180 == 0 { stored } else { 1.0 / stored },
            turn,
            bits: bits(&pixels),
            pixels,
            range: text(&stream["color_range"]),
            space: text(&stream["color_space"]),
            transfer: text(&stream["color_transfer"]),
            primaries: text(&stream["color_primaries"]),
            light: light([stream, first]),
            interlaced: frames.iter().any(|frame| frame["interlaced_frame"] == 1),
            fps: rate(&text(&stream["avg_frame_rate"])),
            times: times.iter().map(|time| time - times[0]).collect(),
            quarters: quarters(name, index, upright),
        }
    }

    /// Width and height as shown.
    pub(super) fn shown(&self) -> (f64, f64) {
        let (width, height) = self.size;
        let height = float(if self.turn % 180 == 0 { height } else { width });
        (height * self.aspect, height)
    }

    /// What colour each quarter is: the test's own four, if nothing went wrong.
    pub(super) fn colours(&self) -> [&'static str; 4] {
        self.quarters.map(|[red, green, blue]| {
            let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
            if u32::from(least) * 10 > u32::from(most) * 7 {
                "white"
            } else if red == most {
                "red"
            } else if green == most {
                "green"
            } else {
                "blue"
            }
        })
    }
}

impl Sound {
    fn of(stream: &Value, frames: &[&Value]) -> Self {
        let rate = text(&stream["sample_rate"]).parse().unwrap();
        let samples: u64 = frames.iter().filter_map(|frame| frame["nb_samples"].as_u64()).sum();
        let raw = text(&stream["bits_per_raw_sample"]).parse().unwrap_or(0);
        Self {
            codec: text(&stream["codec_name"]),
            channels: stream["channels"].as_u64().unwrap(),
            layout: text(&stream["channel_layout"]),
            rate,
            bits: stream["bits_per_sample"].as_u64().unwrap_or(0).max(raw),
            language: tag(&stream["tags"], "language"),
            length: float(samples) / float(rate),
        }
    }
}

impl Subtitle {
    fn of(stream: &Value, number: usize, name: &str) -> Self {
        let codec = text(&stream["codec_name"]);
        let is_text = !codec.contains("pgs");
        let map = format!("0:s:{number}");
        let lines = |said: String| {
            // Numbers, times and marks of style are the format's.
            let spoken = said.lines().filter(|line| line.contains("line"));
            spoken.map(|line| format!("{line}\n")).collect::<String>()
        };
        Self {
            language: tag(&stream["tags"], "language"),
            text: is_text.then(|| {
                lines(run("ffmpeg", &["-v", "error", "-i", name, "-map", &map, "-f", "srt", "-"]))
            }),
            codec,
        }
    }
}

fn ask(name: &[&str]) -> Value {
    let args = [
        "-v",
        "error",
        "-print_format",
        "json",
        "-show_format",
        "-show_streams",
        "-show_chapters",
        "-show_frames",
    ];
    serde_json::from_str(&run("ffprobe", &[&args[..], name].concat())).unwrap()
}

/// Mastering display and light level.
fn light(places: [&Value; 2]) -> BTreeMap<String, String> {
    places
        .iter()
        .flat_map(|place| array(&place["side_data_list"]))
        .filter(|side| {
            let kind = text(&side["side_data_type"]);
            kind.starts_with("Mastering display") || kind.starts_with("Content light")
        })
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(key, _)| *key != "side_data_type")
        .map(|(key, value)| {
            // Containers and codecs count in different units.
            let said = text(value);
            (key.clone(), format!("{:.4}", rate(&said)))
        })
        .collect()
}

/// The mean colour of the middle of each quarter of a track's first frame, upright; `size` is the
/// size of that.
fn quarters(name: &str, index: u64, (width, height): (usize, usize)) -> [[u8; 3]; 4] {
    #[expect(clippy::disallowed_methods, reason = "a test looks at what was made")]
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i", name, "-map", &format!("0:{index}")])
        .args(["-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    let pixels = output.stdout;
    assert_eq!(
        pixels.len(),
        width * height * 3,
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, down)| {
        let (left, top) = (width / 8 + right * width / 2, height / 8 + down * height / 2);
        let points = (0..32_usize).flat_map(|row| (0..32_usize).map(move |column| (row, column)));
        let mut sums = [0_usize; 3];
        for (row, column) in points {
            let (x, y) = (left + column * width / 128, top + row * height / 128);
            let at = (y * width + x) * 3;
            for (sum, value) in sums.iter_mut().zip(&pixels[at..at + 3]) {
                *sum += usize::from(*value);
            }
        }
        sums.map(|sum| u8::try_from(sum / 1_024).unwrap())
    })
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text or a number as a text; empty where it is not known.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) if matches!(text.as_str(), "unknown" | "N/A" | "0:1") => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn number(value: &Value) -> f64 {
    text(value).parse().unwrap_or(0.0)
}

fn tag(tags: &Value, name: &str) -> Option<String> {
    let tag = tags.get(name).or_else(|| tags.get(name.to_ascii_uppercase()))?;
    Some(text(tag)).filter(|tag| tag != "und")
}

/// A number, or a fraction as one.
fn rate(fraction: &str) -> f64 {
    let (top, bottom) = fraction.split_once('/').unwrap_or((fraction, "1"));
    let (top, bottom): (f64, f64) = (top.parse().unwrap_or(0.0), bottom.parse().unwrap_or(1.0));
    if bottom == 0.0 { 0.0 } else { top / bottom }
}

fn bits(pixels: &str) -> u64 {
    ["10", "12", "16"]
        .iter()
        .find(|bits| pixels.trim_end_matches(['l', 'b', 'e']).ends_with(*bits))
        .map_or(8, |bits| bits.parse().unwrap())
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts of samples are small")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
