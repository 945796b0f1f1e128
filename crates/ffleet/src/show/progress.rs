//! Progress in a line.

use ffleet_api::attempt::Progress;
use ffleet_api::control::Phase;

use super::text::{length, size};

/// What an attempt is at.
pub(crate) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Probe => "probe",
        Phase::Encode => "encode",
        Phase::Verify => "verify",
        Phase::Publish => "publish",
    }
}

/// `45.2%`, or nothing for work without an end.
pub(crate) fn percent(progress: &Progress) -> Option<String> {
    progress.percent.map(|percent| format!("{percent:.1}%"))
}

/// Everything but the percentage: `encode  120 fps  4.10x  ETA 12.0 s`.
pub(crate) fn rest(progress: &Progress) -> String {
    let mut parts = vec![phase(progress.phase).to_owned()];
    if progress.fps > 0.0 {
        parts.push(format!("{:.0} fps", progress.fps));
    }
    if progress.speed > 0.0 {
        parts.push(format!("{:.2}x", progress.speed));
    }
    match (progress.eta_seconds, progress.percent) {
        (Some(eta), _) => parts.push(format!("ETA {}", rough(eta))),
        (None, None) => parts.push(format!(
            "{} of media, {}",
            length(progress.position_seconds),
            size(progress.size_bytes)
        )),
        (None, Some(_)) => {}
    }
    parts.join("  ")
}

/// Time to go, in whole units: it is a guess.
fn rough(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// The whole line.
pub(crate) fn line(progress: &Progress) -> String {
    match percent(progress) {
        Some(percent) => format!("{percent:>6}  {}", rest(progress)),
        None => rest(progress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_says_how_far_how_fast_and_how_long() {
        let progress = Progress {
            phase: Phase::Encode,
            percent: Some(45.25),
            fps: 119.6,
            speed: 4.1,
            eta_seconds: Some(75),
            ..Progress::default()
        };
        assert_eq!(line(&progress), " 45.2%  encode  120 fps  4.10x  ETA 1 min 15 s");
    }

    #[test]
    fn work_without_an_end_says_how_much_there_is() {
        let progress = Progress {
            phase: Phase::Encode,
            position_seconds: 61.0,
            size_bytes: 2_048,
            ..Progress::default()
        };
        assert_eq!(line(&progress), "encode  1 min 01 s of media, 2.00 KiB");
    }
}
