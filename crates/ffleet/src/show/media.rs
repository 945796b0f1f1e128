//! What a file holds, and what a job would do with it, in words.

use ffleet_api::bench::Rehearsal;
use ffleet_media::Probe;
use ffleet_media::probe::{AudioTrack, SubtitleTrack, VideoTrack};

use super::job::{Page, limits};
use super::text::{clock, count, length, quoted};

/// What a probe found.
pub(crate) fn probe(probe: &Probe) -> String {
    let mut page = Page::default();
    contents(&mut page, probe);
    page.finish()
}

/// What a job would run, and what it would be allowed.
pub(crate) fn rehearsal(rehearsal: &Rehearsal) -> String {
    let mut page = Page::default();
    page.heading("nothing was started; this is what would be");
    if let Some(probe) = &rehearsal.probe {
        page.heading("input");
        contents(&mut page, probe);
    }
    page.heading("limits (* as given, the others derived)");
    for limit in limits(&rehearsal.limits) {
        let (name, value) = limit.split_once(' ').unwrap_or((&limit, ""));
        let star = if rehearsal.given.iter().any(|given| given == name) {
            " *"
        } else {
            ""
        };
        page.line(name, &format!("{value}{star}"));
    }
    if let Some(seconds) = rehearsal.predicted_cpu_seconds {
        page.line("predicted", &format!("{} of CPU", length(seconds)));
    }
    if !rehearsal.notes.is_empty() {
        page.heading("notes");
        for note in &rehearsal.notes {
            page.line("note", note);
        }
    }
    page.heading("commands");
    for command in &rehearsal.commands {
        page.line("runs", &quoted(command));
    }
    page.finish()
}

fn contents(page: &mut Page, probe: &Probe) {
    page.line("format", &probe.format);
    if let Some(micros) = probe.duration_micros {
        page.line("length", &clock(micros));
    }
    if let Some(size) = probe.size {
        page.line("size", &size.human());
    }
    if let Some(bitrate) = probe.bitrate {
        page.line("bit rate", &format!("{} kbit/s", bitrate.0 / 1_000));
    }
    for track in &probe.video {
        page.line("video", &video(track));
    }
    for track in &probe.audio {
        page.line("audio", &audio(track));
    }
    for track in &probe.subtitles {
        page.line("subtitles", &subtitles(track));
    }
    if probe.other > 0 {
        page.line("other", &count(probe.other.into(), "track"));
    }
}

fn video(track: &VideoTrack) -> String {
    let mut parts = vec![
        format!("#{} {}", track.index, track.codec),
        format!("{}x{}", track.width, track.height),
    ];
    if track.sample_aspect != (1, 1) {
        parts.push(format!("pixels {}:{}", track.sample_aspect.0, track.sample_aspect.1));
    }
    if track.rotation != 0 {
        parts.push(format!("turned {}°", track.rotation));
    }
    if let Some(fps) = track.fps {
        let varies = if track.variable_rate { " on average" } else { "" };
        parts.push(format!("{:.2} fps{varies}", fps.as_f64()));
    }
    if track.interlaced {
        parts.push("interlaced".to_owned());
    }
    parts.push(format!("{} ({} bit)", track.pixel_format, track.bits));
    if track.colour.is_hdr() {
        parts.push(format!("HDR ({})", track.colour.transfer));
    }
    parts.extend(track.language.clone());
    parts.join(", ")
}

fn audio(track: &AudioTrack) -> String {
    let mut parts = vec![
        format!("#{} {}", track.index, track.codec),
        count(track.channels.into(), "channel"),
        format!("{} Hz", track.rate),
    ];
    parts.extend(track.language.clone());
    parts.join(", ")
}

fn subtitles(track: &SubtitleTrack) -> String {
    let kind = if track.is_text { "text" } else { "pictures" };
    let mut parts = vec![format!("#{} {}", track.index, track.codec), kind.to_owned()];
    parts.extend(track.language.clone());
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffleet_types::job::Limits;
    use ffleet_types::{Bytes, FrameRate, Span};

    #[test]
    fn tracks_say_what_sets_them_apart() {
        let track = VideoTrack {
            index: 0,
            codec: "h264".into(),
            width: 720,
            height: 576,
            sample_aspect: (16, 15),
            rotation: 90,
            fps: FrameRate::new(25, 1),
            variable_rate: true,
            interlaced: true,
            pixel_format: "yuv420p".into(),
            bits: 8,
            colour: ffleet_media::probe::Colour::default(),
            frames: None,
            duration_micros: None,
            language: Some("deu".into()),
        };
        assert_eq!(
            video(&track),
            "#0 h264, 720x576, pixels 16:15, turned 90°, 25.00 fps on average, interlaced, yuv420p \
             (8 bit), deu"
        );
    }

    #[test]
    fn rehearsal_marks_what_was_given() {
        let limits = Limits {
            memory: Some(Bytes::gib(2)),
            timeout: Some(Span::secs(60)),
            ..Limits::default()
        };
        let text = rehearsal(&Rehearsal {
            probe: None,
            commands: vec![vec!["ffmpeg".into(), "-i".into(), "a b".into()]],
            limits,
            given: vec!["memory".into()],
            notes: Vec::new(),
            predicted_cpu_seconds: Some(1.5),
        });
        for line in [
            "  memory    2.00 GiB *",
            "  timeout   1m",
            "  predicted 1.50 s of CPU",
            "  runs      ffmpeg -i 'a b'",
        ] {
            assert!(text.lines().any(|shown| shown == line), "no {line:?} in:\n{text}");
        }
    }
}
