//! How an input is opened: what FFmpeg may read for it, and nothing else.
//!
//! A media file can name other files: a playlist its segments, a concat script its parts. FFmpeg
//! follows such names unless it is told not to, and would so read whatever the worker can read
//! into somebody's result. Two lists keep it from that: protocols (a local file may not lead to
//! the network, nor a URL to the disk) and demuxers (those that open further files are left
//! out: `hls`, `dash`, `concat`, `imf`, `image2`, `sdp`, `rtsp`, `webm_dash_manifest`,
//! `ffmetadata`, `avisynth`, `vapoursynth`, `svg_pipe`; `tty` because it renders any text file;
//! devices because they are no files; `lavfi` except for test pictures).

use ffleet_media::Source;
use ffleet_media::place::TestPicture;
use ffleet_types::Span;

/// Demuxers that read the one file they are given, by their names in FFmpeg.
const DEMUXERS: &str = "aac,ac3,aiff,alac,amr,amrnb,amrwb,apng,ape,asf,ass,au,av1,avi,bmp_pipe,caf,\
    dnxhd,dsf,dts,dtshd,dv,eac3,exr_pipe,flac,flv,g722,gif,gxf,h261,h263,h264,hevc,ivf,j2k_pipe,\
    jpeg_pipe,jpegxl_pipe,loas,m4v,matroska,mjpeg,mlp,mov,mp3,mp4,mpc,mpc8,mpeg,mpegts,mpegvideo,\
    mxf,nsv,nut,obu,ogg,pam_pipe,pbm_pipe,pcx_pipe,pgm_pipe,png_pipe,ppm_pipe,psd_pipe,qcp,\
    qoi_pipe,r3d,rm,roq,sgi_pipe,smjpeg,sox,spx_pipe,srt,swf,tak,tga_pipe,tiff_pipe,truehd,tta,vc1,\
    voc,w64,wav,wc3movie,webm,webp_pipe,webvtt,wtv,wv,xwma,y4m,yuv4mpegpipe";

/// Protocols of a local file.
const FILE: &str = "file";
/// Protocols of a URL. No `file`: a redirect must not lead to the disk.
const WEB: &str = "http,https,httpproxy,tcp,tls";

/// Length of a test picture that nobody gave a length: 20 s.
pub const TEST_LENGTH: Span = Span::secs(20);
/// Silence on a connection after which FFmpeg gives it up, in microseconds.
const NETWORK_PATIENCE: &str = "30000000";

/// How FFmpeg is to name a path: nothing in it can be taken for an option, a protocol or a
/// pattern, whatever its first letter or its colons.
#[must_use]
pub fn file(path: &str) -> String {
    format!("file:{path}")
}

/// The options that open `source`, down to `-i` and its name.
#[must_use]
pub fn open(source: &Source) -> Vec<String> {
    let words: Vec<&str> = match source {
        Source::File(_) => {
            vec!["-protocol_whitelist", FILE, "-format_whitelist", DEMUXERS]
        }
        Source::Url(_) => vec![
            "-protocol_whitelist",
            WEB,
            "-format_whitelist",
            DEMUXERS,
            "-rw_timeout",
            NETWORK_PATIENCE,
            "-reconnect",
            "1",
            "-reconnect_delay_max",
            "8",
        ],
        Source::Test(_) => vec!["-protocol_whitelist", FILE, "-f", "lavfi"],
    };
    let mut args: Vec<String> = words.into_iter().map(str::to_owned).collect();
    args.push("-i".to_owned());
    args.push(match source {
        Source::File(path) => file(path),
        Source::Url(url) => url.clone(),
        Source::Test(picture) => test_graph(*picture),
    });
    args
}

/// A moving picture and a stereo tone, as one filter graph with two ends.
fn test_graph(picture: TestPicture) -> String {
    let TestPicture { size, fps } = picture;
    format!(
        "testsrc2=size={size}:rate={fps},format=yuv420p,setsar=1[out0];\
         sine=frequency=440:beep_factor=4:sample_rate=48000,aformat=channel_layouts=stereo[out1]"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_file_cannot_be_taken_for_anything_else() {
        for path in ["/a/-i", "/a/concat:b|c", "/a/%d.png", "/a/\n"] {
            let args = open(&Source::File(path.to_owned()));
            assert_eq!(args.last().unwrap(), &format!("file:{path}"));
        }
    }

    #[test]
    fn neither_list_lets_one_source_lead_to_another() {
        for demuxer in DEMUXERS.split(',') {
            let refused = [
                "hls",
                "dash",
                "concat",
                "concatf",
                "imf",
                "image2",
                "image2pipe",
                "sdp",
                "rtsp",
                "rtp",
                "webm_dash_manifest",
                "ffmetadata",
                "avisynth",
                "vapoursynth",
                "svg_pipe",
                "tty",
                "lavfi",
                "sap",
                "v4l2",
                "alsa",
                "x11grab",
                "fbdev",
                "data",
                "rawvideo",
            ];
            assert!(!refused.contains(&demuxer), "{demuxer}");
        }
        assert!(!DEMUXERS.contains(char::is_whitespace));
        assert!(!WEB.split(',').any(|protocol| protocol == FILE));
    }
}
