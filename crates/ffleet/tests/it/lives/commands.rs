//! Commands of feeds.

use ffleet_testkit::assert_none_left;

use super::*;

const CODED: &str = "ffmpeg -v error -re -f lavfi -i testsrc2=size=320x240:rate=25 \
                     -c:v libx264 -preset ultrafast -g 10";
/// Says a number on standard error and prints a line, again and again: one is enough to tell that it is no container.
const TALKS: &str =
    "n=0; while :; do n=$((n+1)); echo \"said $n\" >&2; printf '%01023d\\n' $n; sleep 0.1; done";

fn text(mode: &str) -> String {
    format!(
        "lease-term: 60s\nfeeds:\n  \
         cam: {{ command: {CODED} -f mpegts -, mode: {mode} }}\n  \
         talk: {{ command: [sh, -c, {TALKS:?}], mode: autostart }}\n\
         streams:\n  cam: {{ feed: cam, mimetype: video/mp2t }}\n"
    )
}

/// The numbers that a feed's command said, as far as its log has them.
fn said(server: &Server, name: &str) -> Vec<u64> {
    let log = server.call("GET", &format!("/v1/feeds/{name}/logs"), b"");
    let numbers = log
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("said ")?.parse().ok());
    numbers.collect()
}

#[test]
fn command_goes_on_over_the_death_of_the_server_and_is_read_on() {
    let Some(mut server) = serve(&text("autostart")) else {
        return;
    };
    for name in ["cam", "talk"] {
        await_feed(&server, name, "live");
    }
    assert_decodes(&server, "cam");
    let before = ["cam", "talk"].map(|name| pid(&server, name));
    // Twice is no more than once.
    for _ in 0..2 {
        let reached = said(&server, "talk").len();
        server = again(server);
        for name in ["cam", "talk"] {
            await_feed(&server, name, "live");
        }
        assert_eq!(["cam", "talk"].map(|name| pid(&server, name)), before, "they are the same");
        let shown = feed(&server, "cam");
        assert_eq!((&shown["starts"], &shown["failures"]), (&1.into(), &0.into()), "{shown:#}");
        assert_decodes(&server, "cam");
        until(SOON, "it says more", || said(&server, "talk").len() > reached + 5);
        let all = said(&server, "talk");
        assert!(all.iter().copied().eq(1..=all.len() as u64), "nothing is missing: {all:?}");
    }
    let restarted = server.call("POST", "/v1/feeds/cam/restart", b"{}");
    assert_eq!(restarted.status, 200, "{restarted:?}");
    await_death(before[0]);
    until(SOON, "another one", || feed(&server, "cam")["starts"] == 2);
    server.stop();
    assert!(!is_alive(before[1]));
}

#[test]
fn command_on_demand_is_kept_for_its_viewers_and_ended_when_none_comes_back() {
    let Some(server) = serve(&text("on-demand")) else {
        return;
    };
    assert_decodes(&server, "cam");
    let viewer = Viewer::open(&server, "/stream/cam");
    await_feed(&server, "cam", "live");
    let process = pid(&server, "cam");
    let server = again(server);
    drop(viewer);
    assert_decodes(&server, "cam");
    // That viewer has left, and the next one is another.
    await_death(process);
    await_feed(&server, "cam", "idle");
    let viewer = Viewer::open(&server, "/stream/cam");
    await_feed(&server, "cam", "live");
    let process = pid(&server, "cam");
    let server = again(server);
    assert!(is_alive(process), "it waits for a while");
    await_feed(&server, "cam", "idle");
    assert!(!is_alive(process));
    drop(viewer);
}

#[test]
fn command_that_is_not_wanted_any_more_is_ended() {
    let Some(server) = serve(&text("autostart")) else {
        return;
    };
    for name in ["cam", "talk"] {
        await_feed(&server, name, "live");
    }
    let [cam, talk] = ["cam", "talk"].map(|name| pid(&server, name));
    let room = server.kill();
    assert!(is_alive(cam) && is_alive(talk));
    configure(
        &room,
        &format!(
            "feeds:\n  cam: {{ command: {CODED} -f mpegts -muxrate 2M -, mode: autostart }}\n\
             streams:\n  cam: {{ feed: cam, mimetype: video/mp2t }}\n"
        ),
    );
    let server = Server::open(room, &MORE);
    await_feed(&server, "cam", "live");
    assert!(!is_alive(cam) && pid(&server, "cam") != cam, "another one is wanted");
    await_death(talk);
    assert_decodes(&server, "cam");
}

#[test]
fn what_has_to_be_read_from_its_beginning_on_is_begun_anew() {
    let text = format!(
        "lease-term: 60s\nfeeds:\n  \
         mp4: {{ command: {CODED} -movflags frag_keyframe+empty_moov -f mp4 -, mode: autostart }}\n  \
         source: {{ command: NASTY count 100 600, mode: autostart }}\n  \
         copy: {{ command: cat, feed: source, mode: autostart }}\n\
         streams:\n  mp4: {{ feed: mp4, mimetype: video/mp4 }}\n"
    );
    let Some(server) = serve(&text) else { return };
    let names = ["mp4", "source", "copy"];
    for name in names {
        await_feed(&server, name, "live");
    }
    assert_decodes(&server, "mp4");
    let before = names.map(|name| pid(&server, name));
    let server = again(server);
    for name in names {
        await_feed(&server, name, "live");
    }
    let after = names.map(|name| pid(&server, name));
    assert!(before[0] != after[0] && before[1] == after[1] && before[2] != after[2]);
    assert!(!is_alive(before[0]) && !is_alive(before[2]));
    assert_decodes(&server, "mp4");
}

#[test]
fn stop_leaves_commands_to_the_next_server_and_nothing_to_nobody() {
    let room = Arc::new(Room::leaving());
    let config = text("autostart").replace("60s", "5s");
    let Some(server) = serve_in(&room, &config) else { return };
    for name in ["cam", "talk"] {
        await_feed(&server, name, "live");
    }
    let before = ["cam", "talk"].map(|name| pid(&server, name));
    let room = server.leave();
    let told = std::fs::read_to_string(room.path("serve.out")).unwrap();
    assert!(told.contains("left running: commands of feed-cam, feed-talk"), "{told}");
    let server = Server::open(room, &MORE);
    for name in ["cam", "talk"] {
        await_feed(&server, name, "live");
    }
    assert_eq!(["cam", "talk"].map(|name| pid(&server, name)), before);
    assert_decodes(&server, "cam");
    let room = server.leave();
    assert!(before.map(is_alive) == [true; 2]);
    let instance = std::fs::read_to_string(room.path("data/instance")).unwrap();
    assert_none_left(&format!("FFLEET_INSTANCE={}", instance.trim()), SOON);
    assert!(before.map(is_alive) == [false; 2]);
    // It begins as if nothing had been.
    let server = Server::open(room, &MORE);
    await_feed(&server, "cam", "live");
    assert_eq!(feed(&server, "cam")["starts"], 1);
    let room = server.leave();
    assert_none_left(&format!("FFLEET_INSTANCE={}", instance.trim()), SOON);
    drop(room);
}
