//! States as small coloured words, and progress as bars.

use std::time::Duration;

use ffleet_api::attempt::Progress;
use ffleet_api::control::Phase;
use ffleet_types::Bytes;
use ffleet_types::task::State;
use maud::{Markup, html};

use super::format;

/// The colour of a state. The word beside it says the same to those who do not see it.
pub(super) const fn tone(state: State) -> &'static str {
    match state {
        State::Queued | State::Assigned => "wait",
        State::Running => "go",
        State::Paused | State::Retrying => "warn",
        State::Completed => "ok",
        State::Failed | State::TimedOut | State::Quarantined | State::Rejected => "bad",
        State::Canceled => "off",
    }
}

/// A job's state.
pub(super) fn state(state: State) -> Markup {
    word(tone(state), &format::word(state.name()))
}

/// A coloured word: `tone` is one of `wait`, `go`, `warn`, `ok`, `bad`, `off`.
pub(super) fn word(tone: &str, text: &str) -> Markup {
    html! { span class={ "chip " (tone) } { (text) } }
}

/// How far a job is: a bar, and the numbers beside it. The script moves it in place, by the names
/// of its parts.
pub(super) fn progress(progress: Option<&Progress>, label: &str) -> Markup {
    let known = progress.cloned().unwrap_or_default();
    html! {
        div .progress {
            @if let Some(percent) = known.percent {
                progress max="100" value=(percent.clamp(0.0, 100.0)) aria-label=(label) {}
                span .percent { (whole(percent)) " %" }
            } @else {
                progress max="100" aria-label=(label) {}
                span .percent { (position(&known)) }
            }
            span .rates { (rates(progress)) }
            span .trouble { (known.trouble.unwrap_or_default()) }
        }
    }
}

/// A share without its decimals: 99.9 is not yet 100.
fn whole(percent: f64) -> String {
    format!("{:.0}", percent.clamp(0.0, 100.0).floor())
}

/// How much of the media is done, for work without an end.
fn position(progress: &Progress) -> String {
    let whole = Duration::try_from_secs_f64(progress.position_seconds).unwrap_or_default();
    format::countdown(whole.as_secs())
}

const fn phase(phase: Option<Phase>) -> &'static str {
    match phase {
        None => "starting",
        Some(Phase::Probe) => "probing",
        Some(Phase::Encode) => "encoding",
        Some(Phase::Verify) => "verifying",
        Some(Phase::Publish) => "publishing",
    }
}

/// The numbers beside a bar.
fn rates(progress: Option<&Progress>) -> String {
    let Some(progress) = progress else {
        return phase(None).to_owned();
    };
    let mut parts = vec![phase(Some(progress.phase)).to_owned()];
    if progress.fps > 0.0 {
        parts.push(format!("{:.0} fps", progress.fps));
    }
    if progress.speed > 0.0 {
        parts.push(format!("{:.1}×", progress.speed));
    }
    if progress.size_bytes > 0 {
        parts.push(Bytes(progress.size_bytes).human());
    }
    if let Some(eta) = progress.eta_seconds {
        parts.push(format!("{} left", format::countdown(eta)));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_without_an_end_has_no_value() {
        let live =
            Progress { fps: 29.97, speed: 1.0, position_seconds: 3_723.9, ..Progress::default() };
        let html = progress(Some(&live), "Job 1").into_string();
        assert!(!html.contains("value=") && html.contains("30 fps · 1.0×"), "{html}");
        assert!(html.contains("1:02:03"), "{html}");
    }

    #[test]
    fn work_that_is_not_done_is_not_at_a_hundred() {
        let nearly =
            Progress { percent: Some(99.97), eta_seconds: Some(61), ..Progress::default() };
        let html = progress(Some(&nearly), "Job 1").into_string();
        assert!(html.contains("99 %") && html.contains("1:01 left"), "{html}");
    }

    #[test]
    fn every_state_has_a_word() {
        for one in State::ALL {
            assert!(state(one).into_string().contains(&format::word(one.name())));
        }
    }
}
