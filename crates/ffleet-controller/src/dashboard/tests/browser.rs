//! The pages in a real browser: that the script does its part, and that nothing is wider than a
//! phone.

use std::path::Path;
use std::process::{Output, Stdio};

use axum::Router;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::middleware::map_response;
use axum::response::{Html, Response};
use axum::routing::get;
use ffleet_testkit::need;
use tokio::net::TcpListener;

use super::sample::{fleet, server};

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
    const pages = ['/', '/jobs/1003', '/jobs/1006', '/jobs/1007', '/nodes', '/?state=canceled'];
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
    assert_eq!(widths.len(), 6, "{page}");
    assert!(widths.iter().all(|width| width.ends_with("=0")), "{widths:?}");
}
