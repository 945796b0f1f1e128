//! Raw media as FFmpeg writes it.

use std::process::Command;

use ffleet_testkit::need;
use ffleet_types::FrameSize;
use ffleet_types::live::inputs::{PixelFormat, SampleFormat};

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
    for &format in PixelFormat::ALL {
        for (width, height) in [(16, 16), (17, 16), (16, 17), (19, 13), (1, 1), (2, 3), (640, 360)]
        {
            let args = format!(
                "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 3 \
                 -vf scale={width}:{height} -pix_fmt {format} -f rawvideo"
            );
            let Some(bytes) = written(&args) else { return };
            let frame = format.frame_bytes(FrameSize { width, height });
            assert_eq!(bytes.len() as u64, 3 * frame, "{args}");
        }
    }
}

#[test]
fn samples_are_as_long_as_ffmpeg_writes_them() {
    for &format in SampleFormat::ALL {
        for channels in [1, 2, 6] {
            let args = format!(
                "-f lavfi -i sine=frequency=440:sample_rate=44100 -t 0.1 -ac {channels} -f {format}"
            );
            let Some(bytes) = written(&args) else { return };
            assert_eq!(bytes.len() as u64, 4_410 * channels * format.bytes(), "{args}");
        }
    }
}
