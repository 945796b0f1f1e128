//! Commands by chance: codecs, sizes, filters, sound, numbers of threads and of outputs.

use ffleet_testkit::media::Clip;

use super::corpus::{Case, Output};

/// A part of [`all`].
pub(super) fn sample() -> Vec<Case> {
    all().into_iter().step_by(4).collect()
}

/// Chance that comes out the same twice (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

const CLIPS: &[Clip] = &[
    Clip::Ordinary,
    Clip::Ordinary,
    Clip::Ordinary,
    Clip::Interlaced,
    Clip::Hdr10,
    Clip::Deep,
    Clip::Tracks,
    Clip::Odd,
    Clip::PictureOnly,
    Clip::Anamorphic,
    Clip::FullRange,
];
/// Encoders, each with options that keep it quick, and the ending it goes into.
const ENCODERS: &[(&str, &str)] = &[
    ("-c:v libx264 -preset ultrafast", "mkv"),
    ("-c:v libx264 -preset veryfast", "mp4"),
    ("-c:v libx264 -preset slow", "mkv"),
    ("-c:v libx264 -preset veryfast -tune zerolatency", "ts"),
    ("-c:v libx264 -preset faster -x264-params bframes=0:rc-lookahead=10", "mkv"),
    ("-c:v libx264 -x264-params threads=auto:lookahead-threads=2", "mkv"),
    ("-vcodec libx264 -preset fast -bf 5 -b_strategy 2", "mp4"),
    ("-c:v libx265 -preset ultrafast", "mkv"),
    ("-c:v libx265 -preset veryfast -x265-params pools=64:crf=30", "mkv"),
    (
        "-c:v libx265 -preset ultrafast -x265-params frame-threads=9:log-level=error",
        "mp4",
    ),
    ("-c:v libsvtav1 -preset 10", "mkv"),
    ("-c:v libsvtav1 -preset 12 -svtav1-params lp=0", "mkv"),
    ("-c:v libsvtav1 -preset 8 -svtav1-params lp=1", "webm"),
    ("-c:v libvpx-vp9 -deadline realtime -cpu-used 8", "webm"),
    ("-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -row-mt 1", "webm"),
    ("-c:v libvpx-vp9 -deadline good -cpu-used 5 -tile-columns 1", "mkv"),
    ("-c:v libvpx-vp9 -deadline good -cpu-used 4 -row-mt 1", "webm"),
    ("-c:v libvpx -deadline realtime -cpu-used 8", "webm"),
    ("-c:v libaom-av1 -usage realtime -cpu-used 8", "mkv"),
    ("-c:v mpeg4 -q:v 5", "avi"),
    ("-c:v mpeg2video -q:v 5", "ts"),
    ("-c:v mpeg1video -q:v 5 -r 25", "mkv"),
    ("-c:v mjpeg -q:v 5 -pix_fmt yuvj420p", "mkv"),
    ("-c:v png", "mov"),
    ("-c:v prores_ks -profile:v 1", "mov"),
    ("-c:v ffv1 -level 3", "mkv"),
    ("-c:v huffyuv -pix_fmt yuv422p", "avi"),
    ("-c:v libxvid -q:v 5", "mkv"),
    ("-c:v librav1e -speed 10", "mkv"),
    ("-c:v libvvenc -preset faster", "mp4"),
    ("-c:v copy", "mkv"),
    ("", "mp4"),
    ("", "webm"),
];
const SIZES: &[&str] = &[
    "",
    "",
    "64:64",
    "426:240",
    "640:360",
    "854:480",
    "-2:270",
    "1280:720",
    "1920:1080",
];
const FILTERS: &[&str] = &[
    "",
    "",
    "",
    "hflip",
    "fps=20",
    "eq=brightness=0.06:saturation=2",
    "hqdn3d",
    "unsharp=5:5:1.0",
    "crop=200:100",
    "yadif",
    "bwdif",
    "format=yuv420p",
    "format=rgb24",
    "pad=400:300:10:10",
    "scale=200:100,vflip",
    "nlmeans=s=1:p=3:r=5",
    "drawbox=x=10:y=10:w=20:h=20",
    "transpose=1",
    "boxblur=2:1",
];
const SOUNDS: &[&str] = &[
    "",
    "-an",
    "-an",
    "-c:a aac",
    "-c:a libopus",
    "-c:a flac",
    "-c:a copy",
    "-c:a aac -af volume=0.5",
    "-c:a libopus -af loudnorm",
];
const THREADS: &[&str] = &[
    "",
    "",
    "",
    "-threads 0",
    "-threads 1",
    "-threads 2",
    "-threads 64",
    "-threads:v 3",
    "-threads:v:0 128",
];

/// Two hundred and more commands: of one output and of several, of presets and of options.
pub(super) fn all() -> Vec<Case> {
    let dice = &mut Dice(20);
    let mut cases = Vec::new();
    for round in 0..224 {
        let clip = dice.pick(CLIPS);
        let count = if round % 4 == 3 { 2 + dice.roll(4) } else { 1 };
        let mut outputs = Vec::new();
        for _ in 0..count {
            outputs.push(if dice.roll(4) == 0 {
                preset_of(dice)
            } else {
                options(dice, clip)
            });
        }
        cases.push(Case::new(clip, outputs));
    }
    for (name, preset) in [("480p25", "480p-h264"), ("720p30", "live-720p"), ("480p24", "gif")] {
        let outputs = vec![Output::Preset(preset.to_owned())];
        cases.push(Case::test(name, outputs));
    }
    cases
}

/// A preset that is quick enough for every command.
fn preset_of(dice: &mut Dice) -> Output {
    const QUICK: &[&str] = &[
        "480p-h264",
        "720p-h264",
        "480p-h265",
        "480p-vp9",
        "480p-av1",
        "source-h264",
        "source-vp9",
        "live-480p",
        "aac-128k",
        "thumbnail",
        "gif",
        "copy",
    ];
    Output::Preset(dice.pick(QUICK).to_owned())
}

fn options(dice: &mut Dice, clip: Clip) -> Output {
    let (encoder, ending) = dice.pick(ENCODERS);
    let copies = encoder == "-c:v copy";
    let (size, filter) = (dice.pick(SIZES), dice.pick(FILTERS));
    let mut graph: Vec<String> = Vec::new();
    // The slow ones stay small.
    let slow = ["vp9 -deadline good", "librav1e", "libvvenc", "preset slow"];
    let is_slow = slow.iter().any(|word| encoder.contains(word)) || encoder.is_empty();
    let size = if is_slow && size.len() > 7 { "640:360" } else { size };
    if !filter.is_empty() {
        graph.push(filter.to_owned());
    }
    if !size.is_empty() {
        graph.push(format!("scale={size}"));
    }
    // 10 bits do not go into all of them.
    if matches!(clip, Clip::Hdr10 | Clip::Deep) || clip == Clip::Odd && size.is_empty() {
        graph.push("scale=320:180,format=yuv420p".to_owned());
    }
    let sound = dice.pick(SOUNDS);
    let sound = match ending {
        "webm" if !sound.contains("opus") => "-an",
        "ts" | "mp4" | "avi" | "mov" if sound.contains("flac") || sound.contains("opus") => {
            "-c:a aac"
        }
        _ => sound,
    };
    let sound = if clip == Clip::PictureOnly { "" } else { sound };
    let mut words = vec![dice.pick(THREADS).to_owned(), encoder.to_owned(), sound.to_owned()];
    if !copies && !graph.is_empty() {
        words.push(format!("-vf {}", graph.join(",")));
    }
    words.retain(|word| !word.is_empty());
    Output::Raw(words.join(" "), ending)
}
