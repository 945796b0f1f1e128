use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn decide(reason: Reason, past: Past<'_>, jitter: f64) -> Decision {
    Policy::default().decide(&Outcome::failed(reason, "it broke"), &past, jitter, NOW)
}

fn pause(decision: Decision) -> Duration {
    decision.not_before.since(NOW)
}

#[test]
fn what_did_not_fail_is_at_its_end() {
    let past = Past { retries: 3, ..Past::default() };
    for outcome in [Outcome::Completed, Outcome::Canceled] {
        let decision = Policy::default().decide(&outcome, &past, 0.5, NOW);
        assert_eq!(decision, Decision { next: Next::End, not_before: NOW });
    }
}

#[test]
fn codec_error_is_terminal_at_once() {
    let past = Past { retries: 3, ..Past::default() };
    for reason in [Reason::RuntimeError, Reason::UserError, Reason::InputError, Reason::Timeout] {
        assert_eq!(decide(reason, past, 0.5).next, Next::End, "{reason}");
    }
}

#[test]
fn every_reason_follows_the_one_table() {
    let past = Past { retries: 3, ..Past::default() };
    for &reason in Reason::ALL {
        let expected = match reason.retry() {
            Retry::Never => Next::End,
            Retry::Charged => Next::RetryCharged,
            Retry::Free => Next::RetryFree,
        };
        assert_eq!(decide(reason, past, 0.5).next, expected, "{reason}");
    }
}

#[test]
fn job_is_charged_as_often_as_it_allows() {
    let after = |charged| {
        decide(Reason::NetworkError, Past { charged, retries: 2, ..Past::default() }, 0.5).next
    };
    assert_eq!([after(0), after(1)], [Next::RetryCharged; 2]);
    assert_eq!([after(2), after(3)], [Next::End; 2]);
}

#[test]
fn pauses_double_from_one_second_to_a_minute() {
    let after = |charged| {
        let past = Past { charged, retries: u32::MAX, ..Past::default() };
        pause(decide(Reason::NetworkError, past, 1.0)).as_secs()
    };
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 1_000].map(after), [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn jitter_spreads_a_pause_and_never_lengthens_it() {
    let past = Past { charged: 3, retries: 9, ..Past::default() };
    let with = |jitter| pause(decide(Reason::Stalled, past, jitter));
    assert_eq!(with(0.0), Duration::from_secs(2));
    assert_eq!(with(0.5), Duration::from_secs(5));
    assert_eq!(with(1.0), Duration::from_secs(8));
    assert_eq!([with(-3.0), with(f64::NAN)], [with(0.0); 2]);
    assert_eq!(with(f64::INFINITY), with(1.0));
}

#[test]
fn interruption_costs_nothing_and_goes_on_at_once() {
    let past = Past { charged: 3, retries: 3, reasons: &[], sealed: false };
    let decision = decide(Reason::Interrupted, past, 0.9);
    assert_eq!(decision, Decision { next: Next::RetryFree, not_before: NOW });
}

#[test]
fn repeated_interruptions_pause_a_little() {
    let after = |times| {
        let reasons = vec![Reason::Interrupted; times];
        let past = Past { reasons: &reasons, ..Past::default() };
        let decision = decide(Reason::Interrupted, past, 1.0);
        assert_eq!(decision.next, Next::RetryFree, "never put aside: nobody crashed");
        pause(decision).as_secs()
    };
    assert_eq!([0, 1, 2, 3, 4, 200].map(after), [0, 1, 2, 4, 5, 5]);
}

#[test]
fn task_that_takes_down_three_nodes_in_a_row_is_put_aside() {
    let after = |reasons: &[Reason]| {
        decide(Reason::NodeLost, Past { reasons, ..Past::default() }, 0.5).next
    };
    let (lost, other) = (Reason::NodeLost, Reason::NetworkError);
    assert_eq!(after(&[]), Next::RetryFree);
    assert_eq!(after(&[lost]), Next::RetryFree);
    assert_eq!(after(&[lost, lost]), Next::Quarantine);
    assert_eq!(after(&[lost, lost, other, lost]), Next::RetryFree, "not in a row");
}

#[test]
fn what_failed_after_its_seal_is_not_tried_again() {
    for &reason in Reason::ALL {
        let past = Past { retries: 9, sealed: true, ..Past::default() };
        assert_eq!(decide(reason, past, 0.5).next, Next::End, "{reason}");
    }
}
