//! What a preset's name promises, read from the name alone.

/// What a result must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Promise {
    /// The codec of the picture, if it is encoded.
    pub(super) video: Option<&'static str>,
    /// Pixels of the shorter side.
    pub(super) lines: Option<u64>,
    /// Frames a second.
    pub(super) fps: Option<f64>,
    /// The codec of the sound, if it is encoded.
    pub(super) audio: Option<&'static str>,
    /// What it is about.
    pub(super) kind: Kind,
    /// The container if the result's name says none, in ffprobe's words.
    pub(super) format: &'static str,
}

/// What a preset is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Picture and sound.
    #[default]
    Film,
    /// The same, and subtitles are left out.
    Live,
    /// Sound alone.
    Sound,
    /// Everything as it is.
    Copy,
    /// One picture.
    Still,
    /// Pictures without sound.
    Gif,
}

impl Promise {
    /// Reads `name`.
    pub(super) fn of(name: &str) -> Self {
        let of =
            |kind, format, video, audio| Self { kind, format, video, audio, ..Self::default() };
        match name {
            "copy" => return of(Kind::Copy, "matroska,webm", None, None),
            "thumbnail" => return of(Kind::Still, "jpeg_pipe", Some("mjpeg"), None),
            "gif" => {
                let gif = of(Kind::Gif, "gif", Some("gif"), None);
                return Self { fps: Some(12.0), ..gif };
            }
            "flac" => return of(Kind::Sound, "flac", None, Some("flac")),
            _ => {}
        }
        let (first, last) = name.split_once('-').unwrap();
        match first {
            "aac" => return of(Kind::Sound, "mov,mp4,m4a,3gp,3g2,mj2", None, Some("aac")),
            "opus" => return of(Kind::Sound, "ogg", None, Some("opus")),
            "mp3" => return of(Kind::Sound, "mp3", None, Some("mp3")),
            "live" => {
                let lines = last.strip_suffix('p').unwrap().parse().ok();
                let live = of(Kind::Live, "mpegts", Some("h264"), Some("aac"));
                return Self { lines, ..live };
            }
            _ => {}
        }
        let mp4 = "mov,mp4,m4a,3gp,3g2,mj2";
        let film = match last {
            "h264" => of(Kind::Film, mp4, Some("h264"), Some("aac")),
            "h265" => of(Kind::Film, mp4, Some("hevc"), Some("aac")),
            "av1" => of(Kind::Film, mp4, Some("av1"), Some("aac")),
            "vp9" => of(Kind::Film, "matroska,webm", Some("vp9"), Some("opus")),
            _ => panic!("{name} names no codec"),
        };
        if first == "source" {
            return film;
        }
        let (lines, fps) = match first.split_once('p') {
            Some((lines, fps)) => (lines.parse().unwrap(), fps),
            None => (2_160, first.strip_prefix("4k").unwrap()),
        };
        Self { lines: Some(lines), fps: fps.parse().ok(), ..film }
    }
}

#[test]
fn names_are_read_as_people_read_them() {
    let promise = Promise::of("1080p60-h265");
    assert_eq!((promise.lines, promise.fps), (Some(1_080), Some(60.0)));
    assert_eq!((promise.video, promise.audio), (Some("hevc"), Some("aac")));
    let promise = Promise::of("4k-vp9");
    assert_eq!((promise.lines, promise.fps), (Some(2_160), None));
    assert_eq!((promise.video, promise.audio), (Some("vp9"), Some("opus")));
    assert_eq!(Promise::of("4k25-av1").fps, Some(25.0));
    assert_eq!(Promise::of("live-720p").lines, Some(720));
}
