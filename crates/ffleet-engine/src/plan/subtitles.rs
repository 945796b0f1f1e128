//! Subtitles: kept as text where the container has a form of text, as pictures where it takes
//! them, and otherwise left out and said.

use ffleet_media::codec::Container;
use ffleet_media::probe::SubtitleTrack;
use ffleet_media::recipe::{Recipe, Subtitles};

use super::Tracks;
use super::draft::Draft;
use super::job::Job;

/// What becomes of a track.
enum Fate {
    /// It goes over as it is.
    Copy,
    /// It becomes this codec, by the encoder of the same name.
    Text(&'static str),
    /// It cannot be kept.
    Lost,
}

/// Plans the subtitle tracks of an output.
pub(super) fn plan(job: &Job<'_>, recipe: &Recipe, draft: &mut Draft) {
    let holds_any = matches!(
        draft.container,
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Webm | Container::Ts
    );
    let silent = !holds_any && !draft.container.is_picture() && draft.container != Container::Flv;
    if recipe.subtitles == Subtitles::Drop || draft.seek_micros.is_some() || silent {
        return;
    }
    let mut expected = Vec::new();
    for track in &job.probe.subtitles {
        let number = expected.len();
        let option = format!("-c:s:{number}");
        match fate(draft.container, track) {
            Fate::Copy => {
                draft.option(&option, "copy".to_owned());
                expected.push(track.codec.clone());
            }
            Fate::Text(codec) if job.encodes(codec) => {
                draft.option(&option, codec.to_owned());
                expected.push(codec.to_owned());
                if matches!(track.codec.as_str(), "ass" | "ssa") {
                    draft.note(format!("styled subtitles ({}) become plain {codec}", named(track)));
                }
            }
            Fate::Text(codec) => {
                draft.note(format!(
                    "subtitles ({}) are left out: this FFmpeg has no working encoder {codec}",
                    named(track)
                ));
                continue;
            }
            Fate::Lost => {
                draft.note(format!(
                    "subtitles ({}) are left out: {} cannot hold them",
                    named(track),
                    draft.container
                ));
                continue;
            }
        }
        draft.tracks.push(track.index);
    }
    draft.expected.subtitles = Tracks::These(expected);
}

fn named(track: &SubtitleTrack) -> String {
    match &track.language {
        Some(language) => format!("{}, {language}", track.codec),
        None => track.codec.clone(),
    }
}

fn fate(container: Container, track: &SubtitleTrack) -> Fate {
    let codec = track.codec.as_str();
    match container {
        Container::Mp4 | Container::Mov if codec == "mov_text" => Fate::Copy,
        Container::Mp4 | Container::Mov if track.is_text => Fate::Text("mov_text"),
        Container::Webm if codec == "webvtt" => Fate::Copy,
        Container::Webm if track.is_text => Fate::Text("webvtt"),
        Container::Mkv if matches!(codec, "subrip" | "ass" | "ssa" | "webvtt") => Fate::Copy,
        Container::Mkv if track.is_text => Fate::Text("subrip"),
        Container::Mkv
            if matches!(codec, "dvd_subtitle" | "hdmv_pgs_subtitle" | "dvb_subtitle" | "xsub") =>
        {
            Fate::Copy
        }
        Container::Ts if matches!(codec, "dvb_subtitle" | "dvb_teletext") => Fate::Copy,
        _ => Fate::Lost,
    }
}
