//! The pages in a real browser: that the script does its part, and that nothing is wider than a
//! phone.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use ffleet_testkit::need;
use tokio::net::TcpListener;

use super::sample::{Fleet, fleet};
use crate::dashboard::routes;

/// What the browser makes of `address`, once a second of its own time has passed, in a window of
/// this width.
async fn browse(chromium: &Path, address: String, width: u32) -> String {
    let profile = tempfile::tempdir().expect("a directory");
    let mut child = tokio::process::Command::new(chromium);
    child
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args(["--disable-dev-shm-usage", "--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},900"))
        .arg(address)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let limit = std::time::Duration::from_secs(60);
    let Output { stdout, .. } = tokio::time::timeout(limit, child.output())
        .await
        .expect("in a minute")
        .expect("runs");
    String::from_utf8(stdout).expect("a page")
}

/// The dashboard of `fleet`, and as much of the API as its script asks for: `events` is what
/// every reader of the events hears.
fn server(fleet: Fleet, events: &'static str) -> Router {
    let events = get(move || async move { ([(CONTENT_TYPE, "text/event-stream")], events) });
    let log = get(async || "frame=  100 fps= 25\n<b>not bold</b>\n");
    routes::<Fleet>()
        .with_state(fleet)
        .route("/v1/events", events)
        .route("/v1/jobs/{job}/logs", log)
}

/// A server for the sample fleet, and its address.
async fn serve(events: &'static str) -> String {
    start(server(fleet(), events)).await
}

async fn start(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

const PROGRESS: &str = concat!(
    "event: progress\n",
    r#"data: {"id":"01","number":1006,"progress":{"phase":"encode","percent":77.2,"frames":1,"#,
    r#""fps":50.0,"speed":2.0,"position-seconds":1.0,"size-bytes":2048,"eta-seconds":61,"trouble":"it died <once>"}}"#,
    "\n\n"
);

#[tokio::test(flavor = "multi_thread")]
async fn script_moves_the_bar_by_an_event() {
    let Some(chromium) = need::program("chromium") else {
        return;
    };
    let server = serve(PROGRESS).await;
    let page = browse(&chromium, server, 1280).await;
    assert!(page.contains("encoding · 50 fps · 2.0× · 2.00 KiB · 1:01 left"), "{page}");
    assert!(page.contains(">77 %<"), "{page}");
    assert!(page.contains("\"trouble\">it died &lt;once&gt;<"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn script_has_the_curves_of_a_running_job_anew() {
    let Some(chromium) = need::program("chromium") else {
        return;
    };
    // Each answer says which one it is.
    let count = Arc::new(AtomicU32::new(0));
    let counted = move |request: Request, next: Next| {
        let count = Arc::clone(&count);
        async move {
            let is_again = request.uri().path() == "/jobs/1006/curves";
            let answer = next.run(request).await;
            if !is_again {
                return answer;
            }
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            Html(format!("<section id=\"work\">look {number}</section>")).into_response()
        }
    };
    let server = start(server(fleet(), "").layer(from_fn(counted))).await;
    let page = browse(&chromium, format!("{server}/jobs/1006"), 1280).await;
    assert!(page.contains("<section id=\"work\">look 1</section>"), "{page}");
    assert!(!page.contains("<svg"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn script_shows_the_log_as_text() {
    let Some(chromium) = need::program("chromium") else {
        return;
    };
    let server = serve("").await;
    let page = browse(&chromium, format!("{server}/jobs/1002"), 1280).await;
    assert!(page.contains("frame=  100 fps= 25\n&lt;b&gt;not bold&lt;/b&gt;"), "{page}");
}

/// Looks at pages in frames as wide as the narrowest phones, and says by how much each is wider.
const RULER: &str = "<title>…</title><body><script>
    const pages = ['/', '/jobs/1003', '/jobs/1006', '/jobs/1007', '/nodes', '/logs', '/?state=canceled',
        '/streams', '/streams/cam', '/streams/tv', '/streams/studio', '/feeds', '/feeds/studio', '/feeds/pushed',
        '/feeds/raw', '/config'];
    Promise.all(pages.map((page) => new Promise((done) => {
        const frame = document.createElement('iframe');
        frame.style = 'width: 320px; height: 700px; border: 0';
        frame.onload = () => {
            const root = frame.contentDocument.documentElement;
            done(`${page}=${root.scrollWidth - root.clientWidth}`);
        };
        frame.src = page;
        document.body.append(frame);
    }))).then((all) => { document.title = all.join(' '); });
</script>";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wider_than_a_phone() {
    let Some(chromium) = need::program("chromium") else {
        return;
    };
    // Our own policy forbids frames; the ruler needs some.
    let framed = |mut answer: Response| async {
        answer.headers_mut().remove(CONTENT_SECURITY_POLICY);
        answer
    };
    let router = server(fleet(), "").layer(map_response(framed));
    let server = start(router.route("/ruler", get(async || Html(RULER)))).await;
    let page = browse(&chromium, format!("{server}/ruler"), 1280).await;
    let widths = page.split("<title>").nth(1).and_then(|rest| rest.split('<').next());
    let widths: Vec<_> = widths.expect("a title").split_whitespace().collect();
    assert_eq!(widths.len(), 16, "{page}");
    assert!(widths.iter().all(|width| width.ends_with("=0")), "{widths:?}");
}
