//! Raw media as FFmpeg writes it.

use std::process::Command;

use ffleet_live::raw::Rate;
use ffleet_live::raw::picture::{Cutter, PixelFormat};
use ffleet_live::raw::sound::{self, Layout, SampleFormat};
use ffleet_testkit::need;

/// What FFmpeg writes with these arguments.
pub(crate) fn written(args: &str) -> Option<Vec<u8>> {
    let output = Command::new(need::ffmpeg()?)
        .args("-v error -nostdin".split_whitespace())
        .args(args.split_whitespace())
        .arg("pipe:1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args}: {said}");
    Some(output.stdout)
}

#[test]
fn pictures_are_as_long_as_ffmpeg_writes_them() {
    let rate = Rate::new(25, 1).unwrap();
    for format in PixelFormat::ALL {
        for (width, height) in [(16, 16), (17, 16), (16, 17), (19, 13), (1, 1), (2, 3), (640, 360)]
        {
            let args = format!(
                "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 3 \
                 -vf scale={width}:{height} -pix_fmt {format} -f rawvideo"
            );
            let Some(bytes) = written(&args) else { return };
            let mut cutter = Cutter::new(format, (width, height), rate).unwrap();
            let frames = cutter.push(&bytes);
            assert_eq!((frames.len(), cutter.end()), (3, 0), "{args}: {} bytes", bytes.len());
        }
    }
}

#[test]
fn samples_are_as_long_as_ffmpeg_writes_them() {
    for format in SampleFormat::ALL {
        for channels in [1, 2, 6] {
            let args = format!(
                "-f lavfi -i sine=frequency=440:sample_rate=44100 -t 0.1 -ac {channels} -f {format}"
            );
            let Some(bytes) = written(&args) else { return };
            let layout = Layout::new(format, 44_100, channels).unwrap();
            let mut cutter = sound::Cutter::new(layout, 1_000).unwrap();
            let blocks = cutter.push(&bytes);
            assert_eq!(
                blocks.iter().map(|block| block.pts).collect::<Vec<_>>(),
                [0, 2_041, 4_082, 6_122]
            );
            let (last, lost) = cutter.end();
            assert_eq!((last.unwrap().samples, lost), (410, 0), "{args}");
        }
    }
}
