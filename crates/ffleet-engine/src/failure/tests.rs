use super::*;

const WORK: &str = "/spool/job/0.mp4";

fn scene(source: &Source) -> (Vec<String>, &Source) {
    (vec![WORK.to_owned()], source)
}

/// The class of a run of FFmpeg on a local file that ended with 1 and wrote this.
fn of(stderr: &str) -> (Reason, String) {
    let source = Source::File("/in/film.mp4".to_owned());
    let (outputs, source) = scene(&source);
    classify(
        Exit::Code(1),
        stderr,
        &Scene { source, outputs: &outputs, out_of_memory: false },
    )
}

fn of_exit(exit: Exit, out_of_memory: bool) -> (Reason, String) {
    let source = Source::File("/in/film.mp4".to_owned());
    let (outputs, source) = scene(&source);
    classify(exit, "", &Scene { source, outputs: &outputs, out_of_memory })
}

/// Written by FFmpeg 5.1 with `-loglevel level+info`, information left out.
const RECORDED: &[(&str, Reason, &str)] = &[
    (
        "[error] file:/in/film.mp4: No such file or directory",
        Reason::InputError,
        "/in/film.mp4: No such file or directory",
    ),
    (
        "[error] file:/in/film.mp4: Is a directory",
        Reason::InputError,
        "/in/film.mp4: Is a directory",
    ),
    (
        "[error] file:/in/film.mp4: Permission denied",
        Reason::InputError,
        "/in/film.mp4: Permission denied",
    ),
    (
        "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55b0d80aa8c0] [warning] Format mov,mp4,m4a,3gp,3g2,mj2 detected only with low score of 1, misdetection possible!\n\
         [mov,mp4,m4a,3gp,3g2,mj2 @ 0x55b0d80aa8c0] [error] moov atom not found\n\
         [error] file:/in/film.mp4: Invalid data found when processing input",
        Reason::InputError,
        "moov atom not found; /in/film.mp4: Invalid data found when processing input",
    ),
    (
        "[tcp @ 0x55a771f8df80] [error] Connection to tcp://127.0.0.1:1 failed: Connection refused\n\
         [error] http://127.0.0.1:1/x.mp4: Connection refused",
        Reason::NetworkError,
        "Connection to tcp://127.0.0.1:1 failed: Connection refused; http://127.0.0.1:1/x.mp4: Connection refused",
    ),
    (
        "[tcp @ 0x5586b785df80] [error] Failed to resolve hostname nonexist.invalid: Name or service not known\n\
         [error] http://nonexist.invalid/x.mp4: Input/output error",
        Reason::NetworkError,
        "Failed to resolve hostname nonexist.invalid: Name or service not known; \
         http://nonexist.invalid/x.mp4: Input/output error",
    ),
    (
        "[error] http://h/x.mp4: Server returned 401 Unauthorized (authorization failed)",
        Reason::InputError,
        "http://h/x.mp4: Server returned 401 Unauthorized (authorization failed)",
    ),
    (
        "[http @ 0x55c75c2a0100] [warning] HTTP error 403 Forbidden\n\
         [error] http://h/x.mp4: Server returned 403 Forbidden (access denied)",
        Reason::InputError,
        "http://h/x.mp4: Server returned 403 Forbidden (access denied)",
    ),
    (
        "[http @ 0x5581d5f19100] [warning] HTTP error 404 Not Found\n\
         [error] http://h/x.mp4: Server returned 404 Not Found",
        Reason::InputError,
        "http://h/x.mp4: Server returned 404 Not Found",
    ),
    (
        "[http @ 0x560a7903c100] [warning] HTTP error 429 Too Many Requests\n\
         [error] http://h/x.mp4: Server returned 4XX Client Error, but not one of 40{0,1,3,4}",
        Reason::NetworkError,
        "HTTP error 429 Too Many Requests; http://h/x.mp4: Server returned 4XX Client Error, but not one of 40{0,1,3,4}",
    ),
    (
        "[http @ 0x565545816100] [warning] HTTP error 503 Service Unavailable\n\
         [error] http://h/x.mp4: Server returned 5XX Server Error reply",
        Reason::NetworkError,
        "http://h/x.mp4: Server returned 5XX Server Error reply",
    ),
    (
        "[fatal] Unknown encoder 'nonesuch'",
        Reason::CapabilityMismatch,
        "Unknown encoder 'nonesuch'",
    ),
    (
        "x264 [error]: invalid preset 'bogus'\n\
         [libx264 @ 0x5620f26c25c0] [error] Error setting preset/tune bogus/(null).\n\
         [error] Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height\n\
         [aac @ 0x5620f26e1840] [warning] 2 frames left in the queue on closing\n\
         Conversion failed!",
        Reason::UserError,
        "invalid preset 'bogus'; Error setting preset/tune bogus/(null).; Error initializing output stream 0:0 -- \
         Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, \
         width or height",
    ),
    (
        "[AVFilterGraph @ 0x55c3d5942840] [error] No such filter: 'nosuch'\n\
         [error] Error reinitializing filters!\n\
         [error] Failed to inject frame into filter network: Invalid argument\n\
         [fatal] Error while processing the decoded data for stream #0:0",
        Reason::CapabilityMismatch,
        "No such filter: 'nosuch'; Error while processing the decoded data for stream #0:0",
    ),
    (
        "[error] Unrecognized option 'nooption'.\n[fatal] Error splitting the argument list: Option not found",
        Reason::UserError,
        "Unrecognized option 'nooption'.; Error splitting the argument list: Option not found",
    ),
    (
        "[webm @ 0x775dd775e0640] [error] Only VP8 or VP9 or AV1 video and Vorbis or Opus audio and WebVTT subtitles are supported for WebM.\n\
         [error] Could not write header for output file #0 (incorrect codec parameters ?): Invalid argument\n\
         [error] Error initializing output stream 0:1 -- \n[error] ",
        Reason::UserError,
        "Only VP8 or VP9 or AV1 video and Vorbis or Opus audio and WebVTT subtitles are supported for WebM.; Could \
         not write header for output file #0 (incorrect codec parameters ?): Invalid argument; Error initializing \
         output stream 0:1",
    ),
    (
        "[error] file:/spool/job/0.mp4: No such file or directory",
        Reason::UserError,
        "/spool/job/0.mp4: No such file or directory",
    ),
    (
        "[error] file:/spool/job/0.mp4: Permission denied",
        Reason::UserError,
        "/spool/job/0.mp4: Permission denied",
    ),
    (
        "[error] file:/spool/job/0.mp4: Is a directory",
        Reason::UserError,
        "/spool/job/0.mp4: Is a directory",
    ),
    (
        "[fatal] Stream map '0:5' matches no streams.",
        Reason::UserError,
        "Stream map '0:5' matches no streams.",
    ),
    (
        "[libx264 @ 0x5617c8bc4580] [error] width not divisible by 2 (3x3)\n\
         [error] Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height",
        Reason::UserError,
        "width not divisible by 2 (3x3); Error initializing output stream 0:0 -- Error while opening encoder for \
         output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height",
    ),
    (
        "[error] av_interleaved_write_frame(): No space left on device\n\
         [error] Error writing trailer of /spool/job/0.mp4: No space left on device",
        Reason::ResourceError,
        "av_interleaved_write_frame(): No space left on device; Error writing trailer of /spool/job/0.mp4: No space \
         left on device",
    ),
    (
        "x264 [error]: malloc of size 14276308 failed\n\
         [error] Error initializing output stream 0:0 -- Error while opening encoder for output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height",
        Reason::OutOfMemory,
        "malloc of size 14276308 failed; Error initializing output stream 0:0 -- Error while opening encoder for \
         output stream #0:0 - maybe incorrect parameters such as bit_rate, rate, width or height",
    ),
    (
        "[tcp @ 0x562f59539ac0] [error] Connection to tcp://127.0.0.1:1?tcp_nodelay=0 failed: Connection refused\n\
         [rtmp @ 0x562f59516300] [error] Cannot open connection tcp://127.0.0.1:1?tcp_nodelay=0\n\
         [error] rtmp://127.0.0.1:1/x: Connection refused",
        Reason::NetworkError,
        "Connection to tcp://127.0.0.1:1?tcp_nodelay=0 failed: Connection refused; Cannot open connection \
         tcp://127.0.0.1:1?tcp_nodelay=0; rtmp://127.0.0.1:1/x: Connection refused",
    ),
    (
        "[error] Something nobody has seen before",
        Reason::RuntimeError,
        "FFmpeg failed: Something nobody has seen before",
    ),
    ("", Reason::RuntimeError, "FFmpeg ended with code 1 and said nothing"),
];

#[test]
fn recorded_failures_have_their_reason_and_words() {
    for (stderr, reason, message) in RECORDED {
        assert_eq!(of(stderr), (*reason, (*message).to_owned()), "{stderr}");
    }
}

const URL: &str = "http://127.0.0.1:18998/film.mp4";

fn of_url(stderr: &str) -> (Reason, String) {
    let source = Source::Url(URL.to_owned());
    classify(
        Exit::Code(1),
        stderr,
        &Scene { source: &source, outputs: &[], out_of_memory: false },
    )
}

fn of_url_despite_success(stderr: &str) -> Option<(Reason, String)> {
    let source = Source::Url(URL.to_owned());
    despite_success(stderr, &Scene { source: &source, outputs: &[], out_of_memory: false })
}

/// A film with its index at the end, from `python3 -m http.server`.
const UNRANGED: &str = "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x56000931ad00] [error] stream 1, offset 0x30: partial file\n\
    [mov,mp4,m4a,3gp,3g2,mj2 @ 0x56000931ad00] [warning] Could not find codec parameters for stream 0 (Video: h264 (avc1 / 0x31637661), none, 320x240, 706 kb/s): unspecified pixel format\n\
    Consider increasing the value for the 'analyzeduration' (0) and 'probesize' (5000000) options\n\
    [http @ 0x56000931b9c0] [error] Stream ends prematurely at 48, should be 294512\n\
    [http @ 0x56000931b9c0] [error] Stream ends prematurely at 48, should be 294512\n\
    [error] http://127.0.0.1:18998/film.mp4: Input/output error\n";
/// The same, in chunks and so without a length.
const UNRANGED_CHUNKS: &str = "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x556452c5f980] [error] stream 1, offset 0x30: partial file\n\
    [mov,mp4,m4a,3gp,3g2,mj2 @ 0x556452c5f980] [warning] Could not find codec parameters for stream 0 (Video: h264 (avc1 / 0x31637661), none, 320x240, 706 kb/s): unspecified pixel format\n";
/// How both end where something is encoded; where all is copied FFmpeg ends with code 0.
const NOTHING_READ: &str = "[error] Cannot determine format of input stream 0:0 after EOF\n\
    [fatal] Error marking filters as finished";
/// A film with its index at the front whose connection is reset half way; FFmpeg ends with 0.
const RESET: &str = "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x554] [error] stream 1, offset 0x24bce: partial file\n\
    [error] http://127.0.0.1:18998/film.mp4: Connection reset by peer";

#[test]
fn server_without_ranges_is_the_inputs_fault_and_said_to_be() {
    for stderr in [UNRANGED, UNRANGED_CHUNKS] {
        for (reason, message) in [
            of_url(&format!("{stderr}{NOTHING_READ}")),
            of_url_despite_success(stderr).unwrap(),
        ] {
            assert_eq!(reason, Reason::InputError, "{message}");
            assert!(message.starts_with("the server does not serve ranges"), "{message}");
            assert!(message.contains("+faststart"), "{message}");
        }
    }
    let (reason, message) = of(&format!("{UNRANGED}{NOTHING_READ}"));
    assert!(!message.contains("ranges"), "a file has no server: {reason:?} {message}");
}

#[test]
fn connection_that_breaks_in_a_body_is_the_networks_fault() {
    // The index was at the end, and the connection did not get there.
    let cut = "[http @ 0x5616566e7240] [error] Stream ends prematurely at 147256, should be 294512\n\
         [mov,mp4,m4a,3gp,3g2,mj2 @ 0x5616566e6a40] [error] moov atom not found\n\
         [error] http://127.0.0.1:18998/film.mp4: Invalid data found when processing input";
    assert_eq!(of_url(cut).0, Reason::NetworkError);
    let closed = RESET.replace("Connection reset by peer", "Input/output error");
    let within = "[http @ 0x556] [error] Stream ends prematurely at 147256, should be 294512\n";
    for stderr in [
        RESET,
        &closed,
        &format!("{within}{closed}"),
        // Matroska says nothing of its own.
        "[error] http://127.0.0.1:18998/film.mp4: Input/output error",
    ] {
        let (reason, message) = of_url_despite_success(stderr).unwrap();
        assert_eq!(reason, Reason::NetworkError, "{message}");
        assert!(message.starts_with("the connection broke"), "{message}");
    }
}

#[test]
fn file_cut_short_on_its_server_is_the_inputs_fault() {
    let stderr =
        "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55785a39f8c0] [error] stream 1, offset 0x24bce: partial file";
    let (reason, message) = of_url_despite_success(stderr).unwrap();
    assert_eq!(reason, Reason::InputError, "{message}");
    assert!(message.starts_with("the input breaks off"), "{message}");
}

#[test]
fn end_of_a_body_of_unknown_length_is_no_failure() {
    let stderr = "[http @ 0x55b5f178b0c0] [error] Stream ends prematurely at 293583, should be 18446744073709551615\n\
                  [error] http://127.0.0.1:18998/film.mp4: Input/output error";
    assert_eq!(of_url_despite_success(stderr), None);
}

#[test]
fn playlist_is_refused_in_words_instead_of_a_list() {
    let stderr = "[hls @ 0x557a8677dd00] [error] Format not on whitelist 'aac,ac3,aiff,alac,amr'\n\
                  [error] http://127.0.0.1:18998/film.mp4: Invalid argument";
    for (reason, message) in [of_url(stderr), of(stderr)] {
        assert_eq!(reason, Reason::InputError, "{message}");
        assert!(message.contains("playlists are not taken"), "{message}");
        assert!(!message.contains("alac"), "{message}");
    }
    let (_, message) = of(&stderr.replace("[hls", "[tty"));
    assert!(message.contains("format (tty) is not taken"), "{message}");
}

#[test]
fn warning_alone_is_told_but_decides_nothing() {
    let (reason, message) = of("[http @ 0x1] [warning] HTTP error 404 Not Found");
    assert_eq!(reason, Reason::RuntimeError);
    assert!(message.ends_with("HTTP error 404 Not Found"), "{message}");
}

#[test]
fn words_are_told_once_without_addresses_and_not_for_ever() {
    let line = "[h264 @ 0x55d5c1] [error] error while decoding MB 1 2, bytestream -5\n";
    let (_, message) = of(&line.repeat(500));
    assert_eq!(message, "FFmpeg failed: error while decoding MB 1 2, bytestream -5");
    let (_, message) = of(&format!("[error] {}", "x".repeat(100_000)));
    assert!(message.chars().count() < 600, "{}", message.len());
}

#[test]
fn name_that_looks_like_a_message_does_not_decide() {
    let (reason, _) = of("[info] Input #0, mov, from 'file:/in/No space left on device.mp4':");
    assert_eq!(reason, Reason::RuntimeError);
}

#[test]
fn death_by_signal_is_told_apart() {
    assert_eq!(of_exit(Exit::Signal(9), true).0, Reason::OutOfMemory);
    assert_eq!(of_exit(Exit::Signal(9), false).0, Reason::OutOfMemory);
    assert_eq!(of_exit(Exit::Code(137), false).0, Reason::OutOfMemory);
    assert_eq!(of_exit(Exit::Signal(25), false).0, Reason::ResourceError);
    let (reason, message) = of_exit(Exit::Signal(11), false);
    assert_eq!((reason, message.contains("SIGSEGV")), (Reason::RuntimeError, true));
    assert!(of_exit(Exit::Signal(77), false).1.contains("signal 77"));
}

#[test]
fn orderly_stop_is_an_interruption() {
    let source = Source::File("/in".to_owned());
    let scene = Scene { source: &source, outputs: &[], out_of_memory: false };
    let stderr = "[info] Exiting normally, received signal 15.";
    assert_eq!(classify(Exit::Code(255), stderr, &scene).0, Reason::Interrupted);
}

#[test]
fn success_that_was_none_is_seen() {
    let source = Source::File("/in/film.mkv".to_owned());
    let outputs = [WORK.to_owned()];
    let scene = Scene { source: &source, outputs: &outputs, out_of_memory: false };
    let full = "[error] Error writing trailer of /dev/full: No space left on device\n\
                [error] Error closing file /dev/full: No space left on device";
    let (reason, message) = despite_success(full, &scene).unwrap();
    assert_eq!(reason, Reason::ResourceError);
    assert!(message.starts_with("the result could not be written"), "{message}");
    let torn = "[matroska,webm @ 0x555ea7a608c0] [error] File ended prematurely";
    assert_eq!(despite_success(torn, &scene).unwrap().0, Reason::InputError);
    assert_eq!(despite_success("[info] all is well\n[warning] nearly", &scene), None);
}
