use proptest::prelude::*;

use super::*;

fn policy() -> Policy {
    Policy { cpus: vec![2, 64], budget: 2, ffmpeg: "9.0".to_owned(), longest: 86_400 }
}

fn of(text: &str) -> Report {
    script(text, &policy(), &BTreeMap::new())
}

fn one(text: &str) -> Command {
    let report = of(text);
    assert!(report.unread.is_empty() && report.commands.len() == 1, "{text}: {report:#?}");
    report.commands[0].clone()
}

#[test]
fn continued_lines_lists_and_loops_are_read() {
    let report = of(
        "#!/bin/sh\nset -e\nfor f in *.mkv; do\n  nice -n 5 ffmpeg -nostdin -y \\\n    -i \"$f\" -c copy \"out/$f.mp4\" && echo done\ndone\nFOO=1 gst-launch-1.0 -e fakesrc num-buffers=1 ! fakesink\n",
    );
    assert!(report.unread.is_empty(), "{report:#?}");
    assert_eq!(report.commands.iter().map(|command| command.line).collect::<Vec<_>>(), [4, 7]);
    assert!(report.bounded, "{:#?}", report.commands);
    let assumed = report.commands[0].assumes.join("\n");
    assert!(assumed.contains("\"out/$f.mp4\" is the name of an output"), "{assumed}");
}

#[test]
fn what_cannot_be_read_is_said_with_its_line() {
    for (text, line, why) in [
        ("ls\nffmpeg $OPTS -i a b.mp4", 2, "any number of options"),
        ("eval \"$x\"", 1, "may start anything"),
        ("x=$(ffmpeg -i a b)", 1, "inside a substitution"),
        ("\n\ndocker run img ffmpeg -i a b", 3, "what docker starts is not known"),
        ("ffmpeg -i 'a b", 1, "never closed"),
        ("ffmpeg -i a -c:v", 1, "lacks its value"),
        ("$RUN -i a b", 1, "what $RUN starts is not known"),
        ("ffmpeg -i a", 1, "no output"),
    ] {
        let report = of(text);
        let unread = report.unread.first().unwrap_or_else(|| panic!("{text}: {report:#?}"));
        assert_eq!(unread.line, line, "{text}");
        assert!(unread.why.contains(why), "{text}: {}", unread.why);
        assert!(!report.bounded);
    }
}

#[test]
fn shells_inside_shells_and_variables_of_the_program_are_followed() {
    assert!(!one("sh -c 'ffmpeg -i a.mp4 b.mkv'").unbounded.is_empty());
    let command = one("$FFMPEG -i a.mp4 b.mkv");
    assert!(command.assumes[0].contains("$FFMPEG is the program"), "{:?}", command.assumes);
}

#[test]
fn each_kind_of_what_has_no_end_is_found() {
    for (text, what) in [
        ("ffmpeg -nostdin -i a.mp4 b.mp4", Resource::Threads),
        ("ffmpeg -nostdin -stream_loop -1 -i a.mp4 -c copy b.mkv", Resource::Time),
        ("ffmpeg -nostdin -stream_loop -1 -i a.mp4 -c copy b.mkv", Resource::Space),
        ("ffmpeg -nostdin -f lavfi -i testsrc -f null -", Resource::Time),
        ("ffmpeg -nostdin -i rtsp://h/x -c copy b.mkv", Resource::Wait),
        ("ffmpeg -nostdin -i a.mkv -c copy -f flv rtmp://h/a/k", Resource::Wait),
        ("ffmpeg -i a.mkv -c copy b.mkv", Resource::Wait),
        ("ffmpeg -nostdin -i a.mkv -vf reverse b.mkv", Resource::Memory),
        ("xargs -n 1 ffmpeg -nostdin -i a -c copy", Resource::Processes),
        (
            "for f in a b; do ffmpeg -nostdin -i \"$f\" -c copy b.mkv & done",
            Resource::Processes,
        ),
        (
            "gst-launch-1.0 filesrc location=a ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! fakesink",
            Resource::Memory,
        ),
        (
            "gst-launch-1.0 videotestsrc num-buffers=9 ! x264enc ! fakesink",
            Resource::Threads,
        ),
        ("gst-launch-1.0 videotestsrc ! fakesink", Resource::Time),
    ] {
        let report = of(text);
        let found = report
            .commands
            .iter()
            .flat_map(|command| &command.unbounded)
            .any(|one| one.what == what);
        assert!(found && !report.bounded, "{what:?} in {text}: {report:#?}");
    }
}

#[test]
fn what_is_bounded_is_found_bounded() {
    for text in [
        "ffmpeg -nostdin -y -i a.mkv -c copy b.mp4",
        "ffmpeg -nostdin -filter_threads 1 -threads 2 -i a.mkv -c:v libx264 -threads 2 b.mp4",
        "ffmpeg -nostdin -filter_threads 1 -threads 2 -i a.mkv -c:v libx265 -threads 1 -x265-params pools=2:frame-threads=1 b.mp4",
        "timeout 60 taskset -c 0-1 ffmpeg -f lavfi -i testsrc -f null -",
        "ffmpeg -version",
        "gst-launch-1.0 videotestsrc num-buffers=9 ! x264enc threads=2 ! fakesink",
    ] {
        assert!(of(text).bounded, "{text}: {:#?}", of(text));
    }
}

#[test]
fn rewritten_commands_are_bounded() {
    for text in [
        "ffmpeg -i a.mp4 b.mp4",
        "ffmpeg -i 'it'\\''s a.mp4' -c:v libx265 -x265-params crf=20 b.mp4",
        "ffmpeg -i a.mp4 -c:v libsvtav1 b.mkv",
        "ffmpeg -threads 0 -i a.mp4 -threads auto -filter_threads 0 b.mp4",
        "ffmpeg -stream_loop -1 -re -i a.mp4 -c copy -f flv rtmp://h/app/key",
        "ffmpeg -f lavfi -i testsrc -f lavfi -i sine out.mkv",
        "nice ffmpeg -i srt://h:1 -i \"$x\" -filter_complex '[0:v][1:v]overlay[v]' -map '[v]' -map 0:a out.ts",
        "ffmpeg -i a.mp4 -vf reverse -af areverse b.mp4 2> log.txt",
        "ffmpeg -i a.mp4 -c:v libkvazaar b.mp4",
        "ffmpeg -i a.mp4 -map 0:v -c:v libx264 -s 640x360 one.mp4 -map 0:v -c:v libvpx-vp9 two.webm",
        "ffmpeg -i a.mp4 -map 0 -c:v libx264 -f tee '[f=mp4]x.mp4|[f=mpegts]udp://h:1'",
        "ffmpeg -i a.mp4 -x264-params threads=0 -c:v libx264 b.mp4",
        "gst-launch-1.0 videotestsrc ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=0 ! x264enc threads=0 ! compositor ! fakesink",
        "gst-launch-1.0 filesrc location=a ! qtdemux ! avdec_h264 ! x265enc ! fakesink",
    ] {
        for ffmpeg in ["5.1", "9.0"] {
            let policy = Policy { ffmpeg: ffmpeg.to_owned(), ..policy() };
            let report = script(text, &policy, &BTreeMap::new());
            let rewrite = report.commands[0]
                .rewrite
                .clone()
                .unwrap_or_else(|| panic!("{text}: {report:#?}"));
            let again = script(&rewrite, &policy, &BTreeMap::new());
            assert!(again.bounded && again.commands.len() == 1, "{text}\n{rewrite}\n{again:#?}");
            assert_eq!(again.commands[0].text, rewrite, "it is read as it is written");
        }
    }
}

#[test]
fn filters_and_devices_that_a_command_names_are_opened() {
    let command = one(
        "ffmpeg -report -i in.mp4 -i https://u:p@h/x?token=1 -vf subtitles=a.srt -f hls /srv/live.m3u8",
    );
    let names: Vec<&str> = command.opens.iter().map(|opened| opened.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "in.mp4",
            "https://***@h/x?***",
            "/srv/live.m3u8",
            "segments beside the playlist",
            "a.srt",
            "ffmpeg-DATE.log"
        ]
    );
}

#[test]
fn inputs_that_can_be_probed_are_named_once() {
    let text = "ffmpeg -i a.mp4 -f lavfi -i sine -i - x.mkv; ffmpeg -i a.mp4 -i $y y.mkv";
    assert_eq!(inputs(text), ["a.mp4"]);
}

#[test]
fn probes_take_the_place_of_assumptions() {
    let text = "ffmpeg -i a.mp4 -f null -";
    let mut probes = BTreeMap::new();
    let mut probe = Probe::default();
    probe.video.push(media::picture(0, "rawvideo", (64, 64), "yuv420p"));
    probes.insert("a.mp4".to_owned(), probe);
    let seen = script(text, &policy(), &probes);
    assert_eq!(
        (seen.commands[0].assumes.len(), seen.commands[0].machines[0].assumed_threads),
        (0, 0)
    );
    assert!(one(text).machines[0].assumed_threads > 0);
}

#[test]
fn report_keeps_its_shape() {
    let report = of("ffmpeg -i a.mp4 b.mp4\nls");
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    for key in [
        "\"bounded\":false",
        "\"assumed-threads\":",
        "\"by\":\"cpus\"",
        "\"others\":[\"ls\"]",
        "\"way\":\"writes\"",
    ] {
        assert!(text.contains(key), "{key} in {text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
        let _report = of(&text);
    }

    #[test]
    fn pieces_of_commands_are_read_without_a_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)
    ) {
        let report = of(&pieces.concat());
        for command in &report.commands {
            prop_assert!(command.line >= 1);
        }
    }

    #[test]
    fn quoted_words_are_read_as_they_were(words in prop::collection::vec("[ -~\\n\\t'\"\\\\é漢\u{1b}]{0,12}", 1..6)) {
        let text = quoted(&words);
        let script = shell::read(&text);
        prop_assert!(script.unread.is_empty());
        let read: Vec<String> = script.commands.iter().flat_map(|one| &one.words).map(|word| word.text.clone()).collect();
        // A word of a control structure is no word of a command.
        if !words.iter().any(|word| ["do", "done", "if", "then", "else", "elif", "fi", "while", "until", "esac"].contains(&word.as_str())) {
            prop_assert_eq!(read, words);
        }
    }

    #[test]
    fn whatever_is_rewritten_is_bounded(
        pieces in prop::collection::vec(prop::sample::select(OPTIONS), 0..12)
    ) {
        let text = format!("ffmpeg {} out.mkv", pieces.join(" "));
        let report = of(&text);
        for command in report.commands {
            if let Some(rewrite) = command.rewrite {
                let again = of(&rewrite);
                prop_assert!(again.bounded, "{}\n{}\n{:#?}", text, rewrite, again);
            }
        }
    }
}

const PIECES: &[&str] = &[
    "ffmpeg ",
    "gst-launch-1.0 ",
    "-i ",
    "a.mp4 ",
    "'",
    "\"",
    "\\",
    "\n",
    "$",
    "${",
    "}",
    "$(",
    ")",
    "(",
    "`",
    "|",
    "&",
    ";",
    "<<E ",
    "E\n",
    ">",
    "2>",
    "<",
    "-f lavfi ",
    "-filter_complex ",
    "[a]",
    "[",
    "]",
    "=",
    ",",
    ":",
    "-map ",
    "-c:v ",
    "libx265 ",
    "-x265-params ",
    "pools=",
    "0",
    "9",
    "-t ",
    "nice ",
    "timeout ",
    "taskset -c ",
    "0-",
    "sh -c ",
    "do ",
    "done ",
    "*",
    "{",
    "$'",
    "\\u",
    "!",
    " ",
    "x264enc ",
    "queue ",
    "max-size-bytes=",
    "é",
    "concat=n=2:v=9:a=9",
    "scale=-1:0",
    "tee",
    "|[f=",
];

const OPTIONS: &[&str] = &[
    "-i a.mp4",
    "-i rtmp://h/a/k",
    "-i -",
    "-f lavfi -i testsrc",
    "-stream_loop -1",
    "-re",
    "-threads 0",
    "-threads 64",
    "-threads:v auto",
    "-c:v libx264",
    "-c:v:0 libx265",
    "-c copy",
    "-c:v libsvtav1",
    "-c:v libaom-av1",
    "-c:v png",
    "-c:v libkvazaar",
    "-x265-params pools=+",
    "-x265-params crf=3",
    "-svtav1-params lp=0",
    "-x264-params threads=auto",
    "-an",
    "-vn",
    "-map 0",
    "-map 0:v",
    "-filter_complex '[0:v]scale=64:64[v]'",
    "-map '[v]'",
    "-vf reverse",
    "-vf libvmaf=n_threads=99",
    "-filter_threads 0",
    "-filter_complex_threads 99",
    "-t 5",
    "-f null",
    "x.mp4",
    "-f hls y.m3u8",
    "-f tee '[f=mp4]a|b'",
    "-nostdin",
    "-stdin",
    "-shortest",
    "-loop 1",
    "udp://h:1",
    "-rw_timeout 0",
    "-y",
];
