//! Streams and feeds, as their pages show them.

use axum::http::{StatusCode, header};
use ffleet_api::Moment;
use ffleet_api::live::{Feed, Look, Stream};
use ffleet_types::Timestamp;

use super::sample::{Fleet, fleet};
use super::watched::stream;
use super::{ask, page, send};

const MJPEG: &str = "multipart/x-mixed-replace;boundary=ffmpeg";

fn with(streams: Vec<Stream>, feeds: Vec<Feed>) -> Fleet {
    Fleet { streams, feeds, ..fleet() }
}

#[tokio::test]
async fn list_of_streams_shows_numbers_and_starts_nothing() {
    let body = page("/streams").await;
    for part in [
        ">cam<",
        ">live<",
        ">7.45 GiB<",
        ">1\u{202f}234<",
        "href=\"/streams/cam?watch#player\"",
        "aria-current=\"page\">Streams<",
        "href=\"/feeds\"",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    assert!(!body.contains("<img") && !body.contains("<video"), "{body}");
}

#[tokio::test]
async fn totals_of_all_lives_stand_beside_those_of_this_one() {
    for (path, parts) in [
        ("/streams", vec![" of 8.18 TiB<"]),
        (
            "/streams/cam",
            vec!["In all ", ">9 d ago<", ">8.18 TiB<", ">77<", ">2\u{202f}345<"],
        ),
        ("/feeds", vec![" of 7.00 GiB<", " of 41<"]),
        (
            "/feeds/studio",
            vec!["In all ", ">7.00 GiB<", ">41<", ">2 h 00 min<", ">in the configuration<"],
        ),
    ] {
        let body = page(path).await;
        for part in parts {
            assert!(body.contains(part), "{part} is missing in {body}");
        }
    }
}

#[tokio::test]
async fn stream_is_shown_by_what_it_is() {
    for (mimetype, kind, plain, watched) in [
        (MJPEG, "stream", "Watch here", "<img src=\"/stream/cam\""),
        ("image/jpeg", "shot", "Take a shot", "<img src=\"/stream/cam\""),
        (
            "audio/mpeg",
            "stream",
            "<audio controls preload=\"none\" src=\"/stream/cam\">",
            "<audio",
        ),
        ("Video/MP4; codecs=avc1", "stream", "<video controls preload=\"none\"", "<video"),
        ("video/webm", "stream", "<video controls", "<video"),
        (
            "video/mp2t",
            "stream",
            "Browsers do not play <code>video/mp2t",
            "Browsers do not",
        ),
        ("text/html", "stream", "Browsers do not play", "Browsers do not"),
    ] {
        let one = || Stream { kind: kind.into(), ..stream("cam", mimetype) };
        let (_, _, body) = ask(with(vec![one()], Vec::new()), "GET", "/streams/cam").await;
        assert!(body.contains(plain), "{mimetype}: {body}");
        assert!(!body.contains("<img"), "{mimetype} is fetched before anybody asks: {body}");
        let (_, _, body) = ask(with(vec![one()], Vec::new()), "GET", "/streams/cam?watch").await;
        assert!(body.contains(watched), "{mimetype}: {body}");
    }
}

#[tokio::test]
async fn stream_tells_its_address_its_viewers_and_its_log() {
    let body = page("/streams/cam").await;
    for part in [
        "ffplay 'http://localhost/stream/cam'",
        "192.0.2.7:40112",
        ">1.00 MiB<",
        "href=\"/feeds/studio\"",
        "gives, whose page has the log",
        "whoever reaches this server",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    let made = page("/streams/tv").await;
    assert!(
        made.contains("href=\"/v1/streams/tv/logs\"") && made.contains("&lt;b&gt;said"),
        "{made}"
    );
    let locked = Stream { access: "key".into(), ..stream("cam", MJPEG) };
    let (_, _, body) = ask(with(vec![locked], Vec::new()), "GET", "/streams/cam").await;
    assert!(body.contains("ffplay -headers 'Authorization: Bearer KEY' 'http"), "{body}");
    let signed = Stream { access: "token".into(), ..stream("cam", MJPEG) };
    let (_, _, body) = ask(with(vec![signed], Vec::new()), "GET", "/streams/cam").await;
    assert!(
        body.contains("/stream/cam?token=TOKEN'") && body.contains("your session"),
        "{body}"
    );
}

#[tokio::test]
async fn shot_counts_shots_requests_and_no_viewers() {
    let shot = || Stream { kind: "shot".into(), shots: 77, ..stream("cam", "image/png") };
    for address in ["/streams", "/streams/cam", "/streams/cam?watch"] {
        let (_, _, body) = ask(with(vec![shot()], Vec::new()), "GET", address).await;
        assert!(body.contains(">77<"), "{address}: {body}");
        assert!(!body.contains("Viewers now"), "{address}: {body}");
        assert_eq!(body.contains("7.45 GiB"), address != "/streams", "{address}: {body}");
    }
    let (_, _, body) = ask(with(vec![shot()], Vec::new()), "GET", "/streams/cam?watch").await;
    assert!(body.contains("Take another") && body.contains("curl -O 'http"), "{body}");
}

#[tokio::test]
async fn address_to_paste_stays_one_word_of_a_shell() {
    let odd = Stream { path: "/it's;rm".into(), ..stream("cam", "video/mp2t") };
    let (_, _, body) = ask(with(vec![odd], Vec::new()), "GET", "/streams/cam").await;
    assert!(body.contains("ffplay 'http://localhost/it'\\''s;rm'"), "{body}");
}

#[tokio::test]
async fn feed_tells_why_it_fails_what_it_is_for_and_how_it_ended() {
    let list = page("/feeds").await;
    for part in [">studio<", ">waiting<", "3 failed", "no such camera"] {
        assert!(list.contains(part), "{part} is missing in {list}");
    }
    let body = page("/feeds/studio").await;
    for part in [
        "action=\"/feeds/studio/restart\"",
        "3 in a row were not well",
        "no such camera",
        "href=\"/streams/cam\">cam<",
        ">4.00 MiB<",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    assert!(page("/feeds/pushed").await.contains("PUT /ingest/pushed"));
}

#[tokio::test]
async fn long_log_is_shown_by_its_end() {
    let body = page("/feeds/studio").await;
    assert!(body.contains("line 99\n") && !body.contains("line 40\n"), "{body}");
    assert!(body.contains("All of it"), "{body}");
}

#[tokio::test]
async fn restart_leads_back_to_the_feed() {
    let (status, headers, _) = ask(fleet(), "POST", "/feeds/studio/restart").await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/feeds/studio".parse().unwrap())
    );
    let (status, _, _) = ask(fleet(), "GET", "/feeds/studio/restart").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "a link must not restart a feed");
}

#[tokio::test]
async fn unknown_names_are_told_as_such() {
    for (method, address) in [
        ("GET", "/streams/none"),
        ("GET", "/feeds/none"),
        ("POST", "/feeds/none/restart"),
        ("GET", "/feeds/%3Cscript%3E"),
    ] {
        let (status, _, body) = ask(fleet(), method, address).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{address}");
        assert!(body.contains("there is no") && !body.contains("<script>"), "{body}");
    }
}

#[tokio::test]
async fn empty_lists_say_what_to_declare() {
    for address in ["/streams", "/feeds"] {
        let (_, _, body) = ask(with(Vec::new(), Vec::new()), "GET", address).await;
        for part in ["feeds:\n", "streams:\n", "ffleet.yaml", "-f mpjpeg"] {
            assert!(body.contains(part), "{part} is missing in {body}");
        }
    }
    let (_, _, home) = ask(with(Vec::new(), Vec::new()), "GET", "/").await;
    assert!(!home.contains(">Viewers<"), "nothing to watch, nothing to count: {home}");
    assert!(page("/").await.contains(">Viewers<"));
}

#[tokio::test]
async fn list_shows_shots_of_feeds_that_live_and_of_no_others() {
    let of = |name: &str, state: &str, kind: &str, mimetype: &str| Stream {
        kind: kind.into(),
        state: Some(state.into()),
        feed: Some(format!("of-{state}")),
        path: format!("/{kind}/{name}"),
        ..stream(name, mimetype)
    };
    let all = vec![
        of("cam", "live", "stream", "video/mp2t"),
        of("cam-png", "live", "shot", "image/png"),
        of("off", "idle", "stream", "video/mp2t"),
        of("off-png", "idle", "shot", "image/png"),
        of("words", "live", "shot", "text/plain"),
    ];
    let (_, _, body) = ask(with(all, Vec::new()), "GET", "/streams").await;
    assert_eq!(body.matches("<img src=\"/shot/cam-png\"").count(), 3, "{body}");
    assert_eq!(body.matches("<img").count(), 3, "{body}");
    assert_eq!(body.matches("loading=\"lazy\"").count(), 3, "{body}");
}

#[tokio::test]
async fn stream_that_is_encoded_shows_who_decodes_and_encodes_each_track() {
    let streams = fleet().streams;
    let encoded = streams.into_iter().find(|stream| stream.encode.is_some()).unwrap();
    let body = page(&format!("/streams/{}", encoded.name)).await;
    for part in [
        "data-track=\"video\"",
        ">encodes, twin in step<",
        ">no encoder<",
        "data-decoder=\"video\"",
        ">decodes, spare ready<",
        ">2\u{202f}234\u{202f}560<",
        ">3.00 MiB<",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    // On a phone each figure stands behind its name.
    let row = body
        .split("data-decoder=")
        .nth(1)
        .unwrap()
        .split("</tr>")
        .next()
        .unwrap();
    assert_eq!(row.matches("data-name=").count(), 8, "{row}");
}

#[tokio::test]
async fn stream_has_curves_of_its_last_minutes() {
    let look = |second: u64| Look {
        at: Moment(Timestamp::from_millis(second * 1_000)),
        viewers: second,
        received_bytes: second * 625_000,
        delivered_bytes: second * 6_250_000,
    };
    let looks: Vec<_> = (0..60).map(|number| look(number * 5)).collect();
    let watched = Stream { looks, ..stream("cam", MJPEG) };
    let (_, _, body) = ask(with(vec![watched], Vec::new()), "GET", "/streams/cam").await;
    for part in [
        "The last minutes",
        "Viewers, now 295",
        "In, now 5.0 Mbit/s",
        "Out, now 50.0 Mbit/s",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    let young = page("/streams/cam").await;
    assert!(
        young.contains("looked at every few seconds") && !young.contains("<svg"),
        "{young}"
    );
}

#[tokio::test]
async fn configuration_is_shown_escaped() {
    let body = page("/config").await;
    for part in [
        "<code>127.0.0.1:8420</code>",
        "not said",
        "10000",
        "cam&lt;b&gt;",
        "http://u:***@",
        "/v1/config",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
}

#[tokio::test]
async fn pushed_feed_that_nobody_pushes_to_is_not_shown_as_failed() {
    let idle = |feed: Feed| Feed { state: "waiting".into(), failures: 0, ..feed };
    let feeds: Vec<_> = fleet().feeds.into_iter().map(idle).collect();
    let of = |name: &str| Stream {
        feed: Some(name.into()),
        state: Some("waiting".into()),
        ..stream(name, "video/mp2t")
    };
    // Of the two feeds that are pushed to, one has raw tracks.
    for address in ["/streams", "/feeds"] {
        let fleet = with(vec![of("pushed"), of("raw"), of("studio")], feeds.clone());
        let (_, _, body) = ask(fleet, "GET", address).await;
        let waiting = |tone: &str| body.matches(&format!("{tone}\">waiting<")).count();
        assert_eq!((waiting("off"), waiting("bad")), (2, 1), "{address}: {body}");
    }
}

#[tokio::test]
async fn stream_that_wants_a_token_has_a_button_that_makes_a_link() {
    let locked = Stream { access: "token".into(), ..stream("cam", MJPEG) };
    let fleet = || with(vec![locked.clone(), stream("open", MJPEG)], Vec::new());
    let (_, _, body) = ask(fleet(), "GET", "/streams/cam").await;
    let form = "<form class=\"mint\" method=\"post\" action=\"/streams/cam/token#player\">";
    assert!(body.contains(form) && body.contains("<option value=\"1h\" selected>"), "{body}");
    assert!(!body.contains("id=\"link\""), "{body}");
    let (_, _, open) = ask(fleet(), "GET", "/streams/open").await;
    assert!(!open.contains("/token"), "{open}");
    let (status, headers, made) = send(fleet(), "POST", "/streams/cam/token", "expires=7d").await;
    assert_eq!(
        (status, &headers[header::CACHE_CONTROL]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    for part in [
        "<pre class=\"block\" id=\"link\">https://media.example:8443/stream/cam?token=SIGNED</pre>",
        "data-copy=\"link\"",
        "2026-02-07 12:00:00",
        form,
    ] {
        assert!(made.contains(part), "{part} is missing in {made}");
    }
    // Where the script looks for news of that page.
    let (status, headers, _) = ask(fleet(), "GET", "/streams/cam/token").await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/streams/cam".parse().unwrap())
    );
    for (address, form, status) in [
        ("/streams/nope/token", "expires=1h", StatusCode::NOT_FOUND),
        ("/streams/cam/token", "expires=%3Cb%3E", StatusCode::UNPROCESSABLE_ENTITY),
        ("/streams/cam/token", "expires=999999d", StatusCode::UNPROCESSABLE_ENTITY),
        ("/streams/cam/token", "", StatusCode::UNPROCESSABLE_ENTITY),
        ("/streams/cam/token", "expires=1h&x=1", StatusCode::BAD_REQUEST),
    ] {
        let (answered, _, body) = send(fleet(), "POST", address, form).await;
        assert_eq!(answered, status, "{address} {form}: {body}");
        assert!(!body.contains("SIGNED") && !body.contains("<b>"), "{body}");
    }
}
