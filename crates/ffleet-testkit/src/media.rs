//! Small clips of every kind that people hand in, made by FFmpeg when a test first asks for one.
//!
//! Each shows four coloured quarters with a moving pattern beneath: red and green above, blue and
//! white below. So a test can see whether a picture is upright and its colours are right, and no
//! two frames are equal. What FFmpeg cannot write itself is written here: the turn of a picture
//! (5.1 and 6.1 want different options for it) and subtitles that are pictures.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

mod subtitle;
mod turn;

/// A kind of clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clip {
    /// 320×180, 25 frames a second, 12 frames, BT.709, stereo, a title: nothing unusual.
    Ordinary,
    /// The same, but three frames long: for presets that take their time.
    Brief,
    /// To be shown a quarter turned: 90° clockwise.
    Quarter,
    /// To be shown upside down: 180°.
    Half,
    /// 240×180 with pixels of 4:3, shown as 320×180.
    Anamorphic,
    /// Frames of 40 to 120 ms.
    Variable,
    /// Interlaced, top field first, in a transport stream.
    Interlaced,
    /// 319×179.
    Odd,
    /// HDR10: 10 bits, ST 2084, BT.2020, mastering display and light level.
    Hdr10,
    /// Hybrid log-gamma: 10 bits, BT.2020.
    Hlg,
    /// 10 bits of ordinary range.
    Deep,
    /// Colours from 0 to 255, as phones write them.
    FullRange,
    /// Red, green and blue, lossless.
    Rgb,
    /// English stereo and German 5.1, English text subtitles, two chapters, an attachment.
    Tracks,
    /// Subtitles that are pictures (PGS).
    PictureSubtitle,
    /// A cover picture beside picture and sound.
    Cover,
    /// Mono sound of 22 050 samples a second.
    LowSound,
    /// Sound of 96 000 samples a second, 24 bits, 7.1, and no picture.
    HighSound,
    /// Sound alone, with a cover picture.
    SoundOnly,
    /// A picture alone.
    PictureOnly,
}

/// How a clip is made.
struct Making {
    args: Vec<String>,
    ending: &'static str,
    /// The turn that is written into it afterwards.
    turn: Option<turn::Turn>,
}

const QUARTERS: &str = "drawbox=x=0:y=0:w=iw/2:h=ih/2:color=red@0.9:t=fill,\
     drawbox=x=iw/2:y=0:w=iw/2:h=ih/2:color=green@0.9:t=fill,\
     drawbox=x=0:y=ih/2:w=iw/2:h=ih/2:color=blue@0.9:t=fill,\
     drawbox=x=iw/2:y=ih/2:w=iw/2:h=ih/2:color=white@0.9:t=fill";
const BT709: &str = "-color_range tv -colorspace bt709 -color_trc bt709 -color_primaries bt709";
const X264: &str = "-c:v libx264 -preset ultrafast -crf 10 -bf 0 -pix_fmt yuv420p -threads 1 -video_track_timescale 90000";
const BT2020: &str = "-color_range tv -colorspace bt2020nc -color_primaries bt2020";
const TO_709: &str = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p";
/// Dimmed to what is 200 cd/m² by ST 2084: code values to the full are the light of the sun.
const TO_2020: &str = "format=gbrp,colorlevels=romax=0.6:gomax=0.6:bomax=0.6,scale=out_color_matrix=bt2020nc:out_range=tv,format=yuv420p10le";
const HDR10: &str = "hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:\
     master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400";

/// The moving quarters, with `then` applied to them.
fn picture(size: &str, rate: u32, seconds: &str, then: &str) -> String {
    format!(
        "testsrc2=size={size}:rate={rate}:duration={seconds},format=yuv444p,{QUARTERS},{then}[out0]"
    )
}

/// A tone of this layout beside `picture`.
fn with_sound(picture: &str, rate: u32, layout: &str, seconds: &str) -> String {
    format!("{picture};{}", sound(rate, layout, seconds, "out1"))
}

fn sound(rate: u32, layout: &str, seconds: &str, end: &str) -> String {
    format!(
        "sine=frequency=440:sample_rate={rate}:duration={seconds},\
         aformat=channel_layouts={layout}[{end}]"
    )
}

impl Clip {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Ordinary,
        Self::Brief,
        Self::Quarter,
        Self::Half,
        Self::Anamorphic,
        Self::Variable,
        Self::Interlaced,
        Self::Odd,
        Self::Hdr10,
        Self::Hlg,
        Self::Deep,
        Self::FullRange,
        Self::Rgb,
        Self::Tracks,
        Self::PictureSubtitle,
        Self::Cover,
        Self::LowSound,
        Self::HighSound,
        Self::SoundOnly,
        Self::PictureOnly,
    ];

    /// The clip's file below `dir`, made now if it is not there. Safe for several tests at once.
    ///
    /// # Panics
    ///
    /// If FFmpeg is not there or cannot make it.
    #[must_use]
    pub fn file(self, dir: &Path) -> PathBuf {
        let making = self.making();
        let mut hash = DefaultHasher::new();
        (&making.args, subtitle::TEXT, subtitle::pictures()).hash(&mut hash);
        let name = format!("{self:?}-{:016x}.{}", hash.finish(), making.ending);
        let path = dir.join(name);
        if path.exists() {
            return path;
        }
        let work = dir.join(format!("making-{}", ffleet_base::chance::name(12)));
        fs::create_dir_all(&work).expect("a directory for a clip can be made");
        let made = making.make(&work);
        // Whoever is last replaces what is the same.
        fs::rename(&made, &path).expect("a clip can be moved into its place");
        fs::remove_dir_all(&work).expect("what a clip was made of can be removed");
        path
    }

    fn making(self) -> Making {
        let plain = |size: &str, seconds: &str| {
            with_sound(&picture(size, 25, seconds, TO_709), 48_000, "stereo", seconds)
        };
        let coded = format!("{X264} {BT709} -metadata title=Clip -c:a aac");
        let ordinary = || lavfi(&plain("320x180", "0.48"), &coded, "mp4");
        match self {
            Self::Ordinary => ordinary(),
            Self::Brief => lavfi(&plain("320x180", "0.12"), &coded, "mp4"),
            Self::Quarter => Making { turn: Some(turn::Turn::Quarter), ..ordinary() },
            Self::Half => Making { turn: Some(turn::Turn::Half), ..ordinary() },
            Self::Anamorphic => {
                let then = format!("{TO_709},setsar=4/3");
                lavfi(&picture("240x180", 25, "0.48", &then), &format!("{X264} {BT709}"), "mp4")
            }
            Self::Variable => {
                let then = format!("{TO_709},select='not(mod(n,3))+not(mod(n,5))'");
                let graph = picture("320x180", 25, "1.6", &then);
                lavfi(&graph, &format!("-vsync vfr {X264} {BT709}"), "mp4")
            }
            Self::Interlaced => {
                let then = format!("{TO_709},tinterlace=interleave_top,setfield=tff");
                let graph =
                    with_sound(&picture("320x180", 50, "0.8", &then), 48_000, "stereo", "0.8");
                let coded =
                    format!("{X264} {BT709} -flags +ildct+ilme -x264-params tff=1 -c:a mp2");
                lavfi(&graph, &coded, "ts")
            }
            Self::Odd => {
                let coded =
                    "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -crf 10 -b:v 0 -threads 1";
                lavfi(&picture("319x179", 25, "0.48", TO_709), &format!("{coded} {BT709}"), "webm")
            }
            Self::PictureOnly => {
                let graph = picture("320x180", 30, "0.4", TO_709);
                lavfi(&graph, &format!("{X264} {BT709}"), "mkv")
            }
            Self::Hdr10 | Self::Hlg | Self::Deep | Self::FullRange | Self::Rgb => self.coloured(),
            Self::Tracks | Self::PictureSubtitle | Self::Cover => self.with_more(),
            Self::LowSound | Self::HighSound | Self::SoundOnly => self.sounding(),
        }
    }

    fn coloured(self) -> Making {
        let of = |then: &str| picture("320x180", 25, "0.48", then);
        let x265 = |params: &str| {
            format!(
                "-c:v libx265 -preset ultrafast -crf 10 -x265-params log-level=error:pools=1:{params}"
            )
        };
        match self {
            Self::Hdr10 => {
                let coded = format!("{} {BT2020} -color_trc smpte2084", x265(HDR10));
                lavfi(&of(TO_2020), &coded, "mp4")
            }
            Self::Hlg => {
                let params = "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc";
                let coded = format!("{} {BT2020} -color_trc arib-std-b67", x265(params));
                lavfi(&of(TO_2020), &coded, "mkv")
            }
            Self::Deep => {
                let then = "scale=out_color_matrix=bt709:out_range=tv,format=yuv422p10le";
                lavfi(&of(then), &format!("{} {BT709}", x265("bframes=0")), "mov")
            }
            Self::FullRange => {
                let then = "scale=out_color_matrix=bt470bg:out_range=pc,format=yuvj420p";
                let tags = "-color_range pc -colorspace bt470bg -color_trc smpte170m -color_primaries bt470bg";
                lavfi(&of(then), &format!("{X264} -pix_fmt yuvj420p {tags}"), "mp4")
            }
            _ => lavfi(&of("format=gbrp"), "-c:v ffv1 -pix_fmt gbrp", "mkv"),
        }
    }

    fn with_more(self) -> Making {
        let plain = with_sound(&picture("320x180", 25, "0.48", TO_709), 48_000, "stereo", "0.48");
        match self {
            Self::Tracks => {
                let graph = format!("{plain};{}", sound(48_000, "5.1", "0.48", "out2"));
                let more =
                    "-i subtitle.srt -f ffmetadata -i chapters.txt -map 0 -map 1 -map_metadata 2";
                let coded = format!(
                    "{X264} {BT709} -c:a:0 aac -c:a:1 ac3 -c:s srt -metadata:s:a:0 language=eng \
                     -metadata:s:a:1 language=deu -metadata:s:s:0 language=eng \
                     -attach note.txt -metadata:s:t:0 mimetype=text/plain"
                );
                lavfi(&graph, &format!("{more} {coded}"), "mkv")
            }
            Self::PictureSubtitle => {
                let more = "-i subtitle.sup -map 0 -map 1 -c:s copy -metadata:s:s:0 language=eng";
                lavfi(&plain, &format!("{more} {X264} {BT709} -c:a aac"), "mkv")
            }
            _ => {
                let cover = "-f lavfi -i color=red:size=64x64:duration=0.04:rate=25 -map 0 -map 1";
                let coded = format!("{X264} {BT709} -c:v:1 png -pix_fmt:v:1 rgb24 -c:a aac");
                lavfi(&plain, &format!("{cover} {coded} -disposition:v:1 attached_pic"), "mp4")
            }
        }
    }

    fn sounding(self) -> Making {
        match self {
            Self::LowSound => {
                let graph =
                    with_sound(&picture("320x180", 25, "0.48", TO_709), 22_050, "mono", "0.48");
                lavfi(&graph, &format!("{X264} {BT709} -c:a aac"), "mp4")
            }
            Self::HighSound => lavfi(&sound(96_000, "7.1", "0.5", "out0"), "-c:a pcm_s24le", "wav"),
            _ => {
                let cover = "-f lavfi -i color=red:size=64x64:duration=0.04:rate=25 -map 0 -map 1";
                let coded = "-c:a libmp3lame -c:v png -disposition:v attached_pic -id3v2_version 3";
                let said = "-metadata title=Clip";
                lavfi(
                    &sound(44_100, "stereo", "0.5", "out0"),
                    &format!("{cover} {coded} {said}"),
                    "mp3",
                )
            }
        }
    }
}

/// A clip of the filter graph `graph`; no word of `coded` holds a space.
fn lavfi(graph: &str, coded: &str, ending: &'static str) -> Making {
    let mut args: Vec<String> = ["-v", "error", "-nostdin", "-f", "lavfi", "-i", graph]
        .map(str::to_owned)
        .into();
    args.extend(coded.split_whitespace().map(str::to_owned));
    Making { args, ending, turn: None }
}

impl Making {
    /// Makes it in the directory `work`.
    fn make(&self, work: &Path) -> PathBuf {
        let put = |name: &str, bytes: &[u8]| {
            fs::write(work.join(name), bytes).expect("what a clip is made of can be written");
        };
        put("subtitle.srt", subtitle::TEXT.as_bytes());
        put("subtitle.sup", &subtitle::pictures());
        put("chapters.txt", subtitle::CHAPTERS.as_bytes());
        put("note.txt", b"an attachment\n");
        let name = format!("clip.{}", self.ending);
        let output = Command::new("ffmpeg")
            .args(&self.args)
            .arg(&name)
            .current_dir(work)
            .output()
            .expect("FFmpeg can be started");
        assert!(
            output.status.success(),
            "FFmpeg could not make a clip with {:?}: {}",
            self.args,
            String::from_utf8_lossy(&output.stderr)
        );
        let made = work.join(name);
        if let Some(turn) = self.turn {
            let mut bytes = fs::read(&made).expect("a clip that was made can be read");
            turn.write(&mut bytes);
            put("turned", &bytes);
            return work.join("turned");
        }
        made
    }
}
