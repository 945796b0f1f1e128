//! The dashboard's buttons, pressed in a real browser, reach whoever does the work.

use std::time::Duration;

use ffleet_api::control::{Command, Report};
use ffleet_testkit::need;
use ffleet_types::Outcome;

use crate::browser::Page;
use crate::fixture::Fixture;
use crate::hand::{Hand, now};

/// Presses a button until the node is told something: the page may be exchanged under the mouse.
async fn told(page: &mut Page, hand: &Hand, button: &str) -> Command {
    for _ in 0..5 {
        page.press(button).await;
        let command = tokio::time::timeout(Duration::from_secs(5), hand.command()).await;
        if let Ok(command) = command {
            return command;
        }
    }
    panic!("the node was told nothing by {button}");
}

#[tokio::test(flavor = "multi_thread")]
async fn buttons_pause_resume_cancel_and_retry_a_job() {
    let Some(chromium) = need::program("chromium") else {
        return;
    };
    // Nobody renews the lease while the browser takes its time.
    let fixture = Fixture::with(|policy| policy.lease_term = Duration::from_secs(600)).await;
    let hand = Hand::join(&fixture.controller, "one", 1).await;
    let link = fixture.client().login_link().await.unwrap();
    let mut page = Page::open(&chromium, &link.url).await;
    page.until("document.body && document.title.includes('Jobs')").await;
    let number = fixture.submit("a.mp4").await;
    let attempt = hand.begin().await.attempt;
    page.go(&format!("http://{}/jobs/{number}", fixture.address)).await;
    let is = |state: &str| {
        format!("document.querySelector('#head .chip')?.textContent.trim() === {state:?}")
    };
    page.until(&is("running")).await;

    assert!(matches!(told(&mut page, &hand, "Pause").await, Command::Pause { .. }));
    hand.report(attempt, Report::Paused { at: now() }).await.unwrap();
    page.until(&is("paused")).await;
    assert!(matches!(told(&mut page, &hand, "Resume").await, Command::Resume { .. }));
    hand.report(attempt, Report::Resumed { at: now() }).await.unwrap();
    page.until(&is("running")).await;

    // What cannot be undone asks once more.
    page.press("Cancel").await;
    assert!(hand.is_idle().await, "nothing is canceled yet");
    let sure = format!("Stop job {number} for good");
    assert!(matches!(told(&mut page, &hand, &sure).await, Command::Cancel { .. }));
    hand.end(attempt, Outcome::Canceled).await.unwrap();
    page.until(&is("canceled")).await;

    page.press("Retry as a new job").await;
    let again = hand.assignment().await;
    page.until(&format!("location.pathname === '/jobs/{}'", again.number))
        .await;
    let job = fixture
        .client()
        .job(ffleet_types::JobRef::Number(again.number))
        .await
        .unwrap();
    assert_eq!(Some(job.summary.retry_of.unwrap().to_string()), Some(number.to_string()));
    drop(page);
    fixture.stop().await;
}
