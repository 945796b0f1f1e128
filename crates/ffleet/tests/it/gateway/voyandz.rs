//! Files of voyandz, served in its place. Those here have the shape of its three samples.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{binary, need, until};
use rustix::process::Signal;
use serde_json::Value;

use super::{SOON, Viewer, await_feed, feed};
use crate::fixture::{Room, Server, clip};
use crate::http::{self, Answer};

/// Two feeds that run from their first use on, two streams at addresses of their own.
const OWN_ADDRESSES: &str = "
listenaddr: '127.0.0.1'
listenport: PORT
#logdir: /var/log/voyandz
colour: blue
feeds:
  one:
    command: >
      NASTY count
      200 60
    mode: continuous
  two:
    command: >
      NASTY count
      200 60
    mode: continuous
streams:
  one:
    command: cat
    type: stream
    mimetype: application/x-numbers
    feed: one
    url: /dark/wood
  two:
    command: cat
    type: stream
    mimetype: application/x-numbers
    feed: two
    url: bright/wood
  shot:
    command: sh -c 'echo picture of ftp://me:secret@cam/'
    type: shot
    mimetype: image/x-none
    url: /picture
pages:
  config: false
  stat: true
";

/// A source that lingers for a second, a feed made of it on demand and one that stays.
const CHAIN: &str = "
listenport: PORT
feeds:
  source:
    command: ffmpeg -v error -re -stream_loop -1 -i CLIP -codec copy -f mpegts -
    mode: 1
  asked_for:
    command: ffmpeg -v error -i - -f rawvideo -vcodec rawvideo -s 176x144 -r 15 -pix_fmt yuv420p -
    mode: on-demand
    feed: source
  kept:
    command: ffmpeg -v error -i - -f rawvideo -vcodec rawvideo -s 176x144 -r 15 -pix_fmt yuv420p -
    mode: continuous
    feed: source
streams:
  asked_for:
    command: >
      ffmpeg -v error -analyzeduration 0 -f rawvideo -vcodec rawvideo -s 176x144 -r 15 -pix_fmt yuv420p -i -
      -f mpjpeg -qmin 1 -qmax 6 -r 15 -boundary_tag edge -
    type: stream
    mimetype: multipart/x-mixed-replace;boundary=edge
    feed: asked_for
  kept:
    command: >
      ffmpeg -v error -analyzeduration 0 -f rawvideo -vcodec rawvideo -s 176x144 -r 15 -pix_fmt yuv420p -i -
      -f mpjpeg -qmin 1 -qmax 6 -r 15 -boundary_tag edge -
    type: stream
    mimetype: multipart/x-mixed-replace;boundary=edge
    feed: kept
pages:
  config: true
  stat: false
  home: false
";

/// A port that nobody has, of those that the kernel gives to nobody who does not ask for it. Tests run in
/// processes of their own, so each begins to look elsewhere.
fn port() -> u16 {
    let start = std::process::id().wrapping_mul(7) % 20_000;
    let ports = (0..1_000).map(|step: u32| 10_000 + (start + step * 997) % 20_000);
    ports
        .filter_map(|port| u16::try_from(port).ok())
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("a port is free")
}

/// Writes the file, with what is this machine's in it.
fn write(room: &Room, text: &str, port: u16) {
    let nasty = binary("nasty");
    let text = text
        .replace("NASTY", nasty.to_str().unwrap())
        .replace("CLIP", &room.text("clip.ts"))
        .replace("PORT", &port.to_string());
    std::fs::write(room.path("voyandz.conf"), text).unwrap();
}

/// A server with this file, if there is FFmpeg.
fn serve(text: &str) -> Option<Server> {
    need::ffmpeg()?;
    need::ffprobe()?;
    let room = Arc::new(Room::new());
    clip(&room.path("clip.ts"), 2);
    let port = port();
    write(&room, text, port);
    let server = Server::launch(room, &["voyandz", "-f", "voyandz.conf", "--data", "data"], &[]);
    assert_eq!(server.port, port);
    Some(server)
}

/// What somebody without a key gets.
fn fetch(server: &Server, path: &str) -> Answer {
    http::request(server.port, "GET", path, &[], b"")
}

fn page(server: &Server, path: &str) -> Answer {
    http::request(server.port, "GET", path, &[("Accept", "text/html,*/*")], b"")
}

#[test]
fn streams_answer_at_their_url_and_under_their_name() {
    let Some(server) = serve(OWN_ADDRESSES) else { return };
    for path in ["/dark/wood", "/stream/one", "/bright/wood", "/stream/two"] {
        let mut viewer = Viewer::open(&server, path);
        assert!(viewer.head.contains("application/x-numbers"), "{}", viewer.head);
        assert_eq!(viewer.numbers(100).jumps, 0);
    }
    until(SOON, "nobody watches", || {
        feed(&server, "one")["holders"] == 0 && feed(&server, "two")["holders"] == 0
    });
    for name in ["one", "two"] {
        let feed = feed(&server, name);
        assert_eq!((&feed["state"], &feed["starts"]), (&"live".into(), &1.into()), "{feed:#}");
    }
    for path in ["/picture", "/stream/shot"] {
        let shot = fetch(&server, path);
        assert_eq!(shot.status, 200, "{shot:?}");
        assert!(
            shot.head.contains("image/x-none") && shot.body.starts_with("picture"),
            "{shot:?}"
        );
    }
    fetch(&server, "/stream/three").is_problem(404, "stream-not-found");
    let said = server.said();
    assert!(said.contains("colour") && said.contains("voyandz knows no such key"), "{said}");
    assert!(server.printed().contains("/login?once="), "{}", server.printed());
}

#[test]
fn pages_are_open_and_say_nothing_secret() {
    let Some(server) = serve(OWN_ADDRESSES) else { return };
    let mut viewer = Viewer::open(&server, "/dark/wood");
    assert_eq!(viewer.numbers(100).jumps, 0);
    let home = page(&server, "/");
    assert_eq!(home.status, 200, "{home:?}");
    for text in ["href=\"/stream/one\"", "href=\"/dark/wood\"", "src=\"/stream/shot\"", "/stat"] {
        assert!(home.body.contains(text), "no {text} in {}", home.body);
    }
    assert!(!home.body.contains("href=\"/config\""), "it is off: {}", home.body);
    let listed = fetch(&server, "/?format=json").json();
    assert_eq!(listed["streams"][0]["name"], "one", "{listed:#}");
    assert_eq!(listed["streams"][0]["url"], "/dark/wood", "{listed:#}");

    let stat = page(&server, "/stat");
    assert!(stat.status == 200 && stat.body.contains("127.0.0.1:"), "{}", stat.body);
    let json = [("Accept", "application/json")];
    let answer = http::request(server.port, "GET", "/stat", &json, b"");
    let numbers = answer.json();
    assert_eq!(numbers["totals"]["viewers"], 1, "{numbers:#}");
    assert_eq!(numbers["streams"][0]["watching"].as_array().unwrap().len(), 1, "{numbers:#}");
    assert!(numbers["totals"]["received-bytes"].as_u64().unwrap() >= 1_600, "{numbers:#}");
    for answer in [home, stat, answer] {
        assert!(!answer.body.contains("ftp://") && !answer.body.contains("count"), "{answer:?}");
    }

    fetch(&server, "/config").is_problem(403, "page-off");
    let off = page(&server, "/config");
    assert!(off.status == 403 && off.body.contains("is off"), "{off:?}");
    let style = page(&server, "/assets/dashboard.css");
    assert_eq!(style.status, 200, "{style:?}");
    fetch(&server, "/jobs/1").is_problem(401, "unauthorized");
    server.call("GET", "/jobs/1", b"").is_problem(404, "not-found");
    fetch(&server, "/v1/feeds").is_problem(401, "unauthorized");
    http::request(server.port, "POST", "/", &[], b"").is_problem(401, "unauthorized");
}

#[test]
fn dashboard_is_below_voyandz_pages_and_all_its_links_lead_somewhere() {
    let Some(server) = serve(OWN_ADDRESSES) else { return };
    let locked = page(&server, "/_ffleet/streams");
    assert!(
        locked.status == 401 && locked.body.contains("href=\"/_ffleet/streams\""),
        "{locked:?}"
    );
    let link = server.cli(&["dashboard"]).ok();
    let once = link.lines().next().unwrap().split_once("/login").unwrap().1;
    let begun = fetch(&server, &format!("/login{once}"));
    assert!(
        begun.status == 303 && begun.head.contains("location: /_ffleet/\r\n"),
        "{begun:?}"
    );
    let cookie = begun.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.unwrap().split(';').next().unwrap();
    let get = |path: &str| {
        let headers = [("Cookie", cookie), ("Accept", "text/html")];
        http::request(server.port, "GET", path, &headers, b"")
    };
    let (mut seen, mut left) = (BTreeSet::new(), vec!["/_ffleet/".to_owned()]);
    while let Some(path) = left.pop() {
        // What is watched has no end.
        if !seen.insert(path.clone()) || !path.starts_with("/_ffleet") {
            continue;
        }
        let shown = get(&path);
        assert_eq!(shown.status, 200, "{path}: {shown:?}");
        let links = shown.body.split("href=\"/").skip(1);
        left.extend(links.map(|rest| format!("/{}", rest.split(['"', '#']).next().unwrap())));
    }
    for path in ["/_ffleet/streams/one", "/_ffleet/feeds", "/_ffleet/nodes", "/_ffleet/config"] {
        assert!(seen.contains(path), "{path}: {seen:?}");
    }
    let ours =
        |path: &&String| !["/_ffleet", "/assets/", "/v1/"].iter().any(|at| path.starts_with(at));
    assert_eq!(seen.iter().filter(ours).count(), 0, "{seen:?}");
}

#[test]
fn file_is_read_again_with_its_pages() {
    let Some(server) = serve(OWN_ADDRESSES) else { return };
    let mut kept = Viewer::open(&server, "/dark/wood");
    kept.numbers(10);
    let changed = OWN_ADDRESSES
        .replace("config: false", "config: true")
        .replace("url: bright/wood", "url: green/wood");
    write(&server.room, &changed, server.port);
    server.signal(Signal::HUP);
    until(SOON, "the page is there", || fetch(&server, "/config").status == 200);
    let mut moved = Viewer::open(&server, "/green/wood");
    assert_eq!(moved.numbers(10).jumps, 0);
    assert_eq!(kept.numbers(1_000).jumps, 0);
    let config = fetch(&server, "/config").json();
    let command = config["streams"]["shot"]["command"].as_str().unwrap();
    assert!(command.contains("ftp://") && !command.contains("secret"), "{command}");
    assert_eq!(config["streams"]["two"]["url"], "/green/wood", "{config:#}");
    assert_eq!(config["listenport"], server.port, "{config:#}");
    // What it says is a file of voyandz again.
    std::fs::write(server.room.path("again"), config.to_string()).unwrap();
    let checked = server.cli(&["config", "check", "again"]).ok();
    assert!(checked.contains("a configuration of voyandz; 2 feeds, 3 streams"), "{checked}");
}

#[test]
fn chain_of_feeds_lingers_and_stays_as_its_modes_say() {
    let Some(server) = serve(CHAIN) else { return };
    for (path, expected) in [("/", 403), ("/stat", 403), ("/config", 200)] {
        assert_eq!(fetch(&server, path).status, expected, "{path}");
    }
    assert_eq!(fetch(&server, "/config").json()["feeds"]["source"]["mode"], 1.0);
    let picture = |path| {
        let mut viewer = Viewer::open(&server, path);
        assert!(
            viewer.head.contains("multipart/x-mixed-replace;boundary=edge"),
            "{}",
            viewer.head
        );
        viewer.until_it_says("image/jpeg");
        viewer
    };
    let viewer = picture("/stream/asked_for");
    assert_eq!(feed(&server, "source")["state"], "live");
    drop(viewer);
    await_feed(&server, "asked_for", "idle");
    // It stays a second longer than the one that reads it.
    let since = |feed: &Value| feed["since"].as_str().unwrap().to_owned();
    await_feed(&server, "source", "idle");
    let (source, reader) = (feed(&server, "source"), feed(&server, "asked_for"));
    assert!(since(&source) > since(&reader), "{source:#} {reader:#}");
    let viewer = picture("/stream/kept");
    drop(viewer);
    until(SOON, "nobody watches", || feed(&server, "kept")["holders"] == 0);
    // Longer than the source would linger, if nobody read it.
    let begun = std::time::Instant::now();
    until(SOON, "a second and a half is over", || {
        begun.elapsed() > Duration::from_millis(1_500)
    });
    assert_eq!(feed(&server, "kept")["state"], "live");
    assert_eq!(feed(&server, "source")["state"], "live");
}

#[test]
fn empty_file_but_for_a_port_is_all_defaults() {
    let Some(server) = serve("# Almost empty.\nlistenport: PORT\n") else {
        return;
    };
    let home = page(&server, "/");
    assert!(home.status == 200 && home.body.contains("There is none."), "{home:?}");
    assert_eq!(page(&server, "/stat").status, 200);
    assert_eq!(fetch(&server, "/config").status, 403);
}

#[test]
fn logs_go_where_logdir_says() {
    let Some(ffmpeg) = need::ffmpeg() else { return };
    drop(ffmpeg);
    let room = Arc::new(Room::new());
    let text = "listenport: PORT\nlogdir: logs\nfeeds: {f: {command: NASTY complain 'no camera' exit 1, mode: autostart}}\n";
    write(&room, text, port());
    let args = ["voyandz", "-f", "voyandz.conf", "--data", "data"];
    room.run(&args).failed(2, &["logdir", "logs is no directory"]);
    std::fs::create_dir(room.path("logs")).unwrap();
    let server = Server::launch(room, &args, &[]);
    until(SOON, "it has said so", || {
        server.cli(&["feeds", "logs", "f"]).ok().contains("no camera")
    });
    assert!(server.room.path("logs/feed-f").is_dir());
}

#[test]
fn file_that_cannot_be_served_says_what_to_do() {
    let room = Room::new();
    let run = |text: &str, args: &[&str]| {
        std::fs::write(room.path("v"), text).unwrap();
        room.run(args)
    };
    let ours = ["voyandz", "-f", "v", "--data", "data"];
    run("listenaddr: 0.0.0.0\n", &ours)
        .failed(2, &["0.0.0.0:8090", "proxy", "listenaddr: 127.0.0.1"]);
    let missing = "streams: {s: {command: cat, type: stream, mimetype: a/b, feed: nope}}\n";
    run(missing, &ours).failed(2, &["nope"]);
    let theirs = ["serve", "--config", "v", "--data", "data"];
    let said = run("listenport: 8090\npages: {home: true}\n", &theirs);
    let said = said.failed(2, &["is a configuration of voyandz", "`ffleet voyandz -f "]);
    assert!(!said.contains("unknown"), "{said}");
    room.run(&["voyandz", "-f", "nowhere"]).failed(2, &["nowhere"]);
}
