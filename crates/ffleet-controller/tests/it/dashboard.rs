//! The dashboard of a real controller, behind its gate.

use crate::fixture::Fixture;

const BROWSER: &str = "accept: text/html,application/xhtml+xml";

#[tokio::test]
async fn stranger_learns_how_to_get_in() {
    let fixture = Fixture::start().await;
    for path in ["/", "/jobs/1", "/nodes", "/streams", "/streams/x", "/feeds", "/feeds/x"] {
        let answer = fixture.request(&format!("GET {path}"), &[BROWSER], "").await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(answer.body.contains("ffleet dashboard"), "{answer:?}");
    }
    let style = fixture.request("GET /assets/dashboard.css", &[], "").await;
    assert_eq!(
        (style.status, style.header("content-type")),
        (200, Some("text/css; charset=utf-8"))
    );
    fixture.stop().await;
}

#[tokio::test]
async fn mistake_of_a_person_is_a_page_and_of_a_program_json() {
    let fixture = Fixture::start().await;
    let bearer = fixture.bearer();
    for (path, status) in [
        ("/jobs/99", 404),
        ("/streams/none", 404),
        ("/feeds/none", 404),
        ("/nowhere", 404),
        ("/login?once=x", 403),
    ] {
        let line = format!("GET {path}");
        let page = fixture.request(&line, &[BROWSER, &bearer], "").await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (status, Some("text/html; charset=utf-8"))
        );
        assert!(page.body.starts_with("<!DOCTYPE html>"), "{page:?}");
    }
    let json = fixture.request("GET /v1/jobs/99", &[BROWSER, &bearer], "").await;
    assert_eq!(json.code(), "job-not-found");
    fixture.stop().await;
}

#[tokio::test]
async fn job_can_be_looked_at_and_canceled_from_its_page() {
    let fixture = Fixture::start().await;
    let number = fixture.submit("\"><script>.mp4").await;
    let bearer = fixture.bearer();
    let list = fixture.get("/").await;
    assert_eq!(list.status, 200);
    assert!(list.body.contains("&quot;&gt;&lt;script&gt;.mp4"), "{list:?}");
    assert!(list.body.contains("All <span class=\"count\">1<"), "{list:?}");

    let line = format!("POST /jobs/{number}/cancel");
    let answer = fixture
        .request(&line, &[&bearer, "origin: http://evil.example"], "")
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let answer = fixture.request(&line, &[&bearer], "").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some(&*format!("/jobs/{number}")))
    );
    // Nobody held it, so that it is canceled by the time that is answered.
    let page = fixture.get(&format!("/jobs/{number}")).await;
    assert!(
        page.body.contains(">canceled<") && page.body.contains("by user:local"),
        "{page:?}"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn page_of_another_site_restarts_no_feed() {
    let fixture = Fixture::start().await;
    let bearer = fixture.bearer();
    let evil = [&*bearer, "origin: http://evil.example"];
    let answer = fixture.request("POST /feeds/cam/restart", &evil, "").await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let answer = fixture.request("POST /feeds/cam/restart", &[&bearer], "").await;
    assert_eq!(answer.status, 404, "there is none: {answer:?}");
    fixture.stop().await;
}

/// Under `no-referrer` a browser would send `Origin: null` with the page's own forms, and the
/// gate would take them for another site's.
#[tokio::test]
async fn forms_of_the_page_carry_its_origin() {
    let fixture = Fixture::start().await;
    let page = fixture.get("/").await;
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    let ours = format!("origin: http://{}", fixture.address);
    let number = fixture.submit("a.mp4").await;
    let line = format!("POST /jobs/{number}/cancel");
    assert_eq!(fixture.request(&line, &[&fixture.bearer(), &ours], "").await.status, 303);
    let null = fixture.request(&line, &[&fixture.bearer(), "origin: null"], "").await;
    assert_eq!(null.status, 403, "{null:?}");
    fixture.stop().await;
}
