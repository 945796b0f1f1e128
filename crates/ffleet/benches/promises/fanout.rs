//! What viewers cost: one live stream of 5 Mbit/s to many of them over HTTP.
//!
//! The feed is real media, copied by FFmpeg in its own time; the crowd is on the server's CPUs. `bound` is what one
//! thread can send that does nothing else, in the same run.

use std::fs;
use std::time::Duration;

use ffleet_testkit::binary;
use ffleet_testkit::crowd::{self, Crowd, Seen};
use ffleet_testkit::measure::{Bound, Row, cpu_time, millis, quantile, resident};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use crate::Extent;
use crate::peers;
use crate::room::{Room, run};
use crate::secure;
use crate::server::Server;

/// What 33 ms of 5 Mbit/s are, in bytes: what one send carries.
const FLUSH: usize = 20_625;
/// How long the crowd settles before it counts.
pub(crate) const SETTLE: Duration = Duration::from_secs(3);
/// The longest time between two arrivals, in ms.
const LONGEST_GAP: f64 = 150.0;
/// The default flush and 5 ms, in ms.
const LATEST: f64 = 38.0;

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    // Each viewer is a descriptor of ours as well.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let file = media(room, 20);
    let nasty = binary("nasty");
    let nasty = nasty.display();
    let config = format!(
        "
feeds:
  live: {{ command: ffmpeg -v error -re -stream_loop -1 -i {file} -c copy -f mpegts -muxrate 5M -, mode: autostart }}
  clock: {{ command: [{nasty}, clock, '610', '3600'] }}
streams:
  live: {{ feed: live, mimetype: video/mp2t }}
  clock: {{ feed: clock, mimetype: application/octet-stream }}
{}
",
        secure::config(room)
    );
    fs::write(room.file("ffleet.yaml"), config).unwrap();
    let config = room.text("ffleet.yaml");
    let mut server = Server::start(room, &[("FFLEET_CONFIG", config)]);
    std::thread::sleep(SETTLE);
    let mut rows = paced(&mut server, extent);
    rows.extend(arrivals(&server, extent));
    rows.push(secure::row(room, &server, extent));
    rows.extend(peers::rows(room, &file, extent));
    rows.push(lateness(&server, extent));
    rows.extend(stalled(&mut server, extent));
    rows
}

/// A file of so many seconds at 5 Mbit/s.
pub(crate) fn media(room: &Room, seconds: u32) -> String {
    let file = room.text("live.ts");
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25"];
    let coded = format!(
        "-t {seconds} -c:v libx264 -preset ultrafast -g 25 -x264-params nal-hrd=cbr:force-cfr=1 -b:v 4.6M \
                 -minrate 4.6M -maxrate 4.6M -bufsize 1M -f mpegts -muxrate 5M -y"
    );
    let mut command = std::process::Command::new("ffmpeg");
    run(command
        .args(["-v", "error", "-nostdin"])
        .args(picture)
        .args(coded.split(' '))
        .arg(&file));
    file
}

/// CPU time for each GB, as the crowd grows.
fn paced(server: &mut Server, extent: Extent) -> Vec<Row> {
    let window = Duration::from_secs(extent.pick(2, 8));
    let rounds = extent.pick(1, 3);
    let mut rows = Vec::new();
    let bound = || 1e9 / crowd::bound(100, FLUSH, window / 2).unwrap();
    let bounds: Vec<f64> = (0..rounds).map(|_| bound()).collect();
    let what = "one thread that only sends, 20 KB at a time: seconds for each GB";
    rows.push(Row::new(what, "s/GB", Bound::Open, &bounds));
    for (count, most) in [(100, 0.60), (500, 0.45), (1_000, 0.45), (4_000, 0.45), (5_000, 0.45)] {
        let before = resident(server.pid()).unwrap();
        let mut crowd = Crowd::gather(server.address, "/stream/live", count, 0).unwrap();
        crowd.watch(SETTLE).unwrap();
        let (mut cost, mut gaps, mut cores) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let spent = cpu_time(server.pid()).unwrap();
            let seen = crowd.watch(window).unwrap();
            let spent = (cpu_time(server.pid()).unwrap() - spent).as_secs_f64();
            let closed = seen.iter().filter(|seen| seen.is_closed).count();
            assert_eq!(closed, 0, "of {count} viewers were cut off");
            cost.push(spent * 1e9 / bytes(&seen));
            cores.push(spent / window.as_secs_f64());
            gaps.push(millis(seen.iter().map(|seen| seen.gap).max().unwrap()));
        }
        let name = format!("5 Mbit/s to {count} viewers");
        rows.push(Row::new(format!("{name}: CPU for each GB"), "s/GB", Bound::AtMost(most), &cost));
        if count == 5_000 {
            let each = resident(server.pid()).unwrap().saturating_sub(before) / 5_000;
            let kib = [f64::from(u32::try_from(each).unwrap()) / 1_024.0];
            rows.push(Row::new(format!("{name}: cores"), "", Bound::Open, &cores));
            rows.push(Row::new(
                format!("{name}: memory of the server for each"),
                "KiB",
                Bound::AtMost(64.0),
                &kib,
            ));
        }
        rows.push(Row::new(format!("{name}: longest gap of any"), "ms", gap_bound(count), &gaps));
        let skips = [count_of(&stream(server), "skips")];
        rows.push(Row::new(
            format!("{name}: times that one fell behind"),
            "",
            Bound::AtMost(0.0),
            &skips,
        ));
    }
    rows
}

fn gap_bound(count: usize) -> Bound {
    if count == 5_000 {
        Bound::AtMost(LONGEST_GAP)
    } else {
        Bound::Open
    }
}

/// How long those wait who come all at once.
fn arrivals(server: &Server, extent: Extent) -> Vec<Row> {
    let mut rows = Vec::new();
    for (count, most) in [(100, 10.0), (1_000, 60.0)] {
        let mut waits = Vec::new();
        for _ in 0..extent.pick(1, 3) {
            let mut crowd = Crowd::gather(server.address, "/stream/live", count, 0).unwrap();
            crowd.watch(Duration::from_secs(2)).unwrap();
            let mut first: Vec<Duration> =
                crowd.first_bytes().map(|first| first.unwrap()).collect();
            first.sort_unstable();
            waits.push(millis(quantile(&first, 0.5)));
        }
        let what = format!("{count} viewers at once, all served: the first byte, median");
        rows.push(Row::new(what, "ms", Bound::AtMost(most), &waits));
    }
    rows
}

/// How much later a viewer has what was written than it was written.
fn lateness(server: &Server, extent: Extent) -> Row {
    let span = Duration::from_secs(extent.pick(2, 10));
    let mut rounds = Vec::new();
    for _ in 0..extent.pick(1, 3) {
        let mut crowd = Crowd::gather(server.address, "/stream/clock", 99, 0).unwrap();
        crowd.watch(Duration::from_secs(1)).unwrap();
        let address = server.address;
        // Ends after its span.
        let listener = std::thread::spawn(move || crowd::delays(address, "/stream/clock", span));
        crowd.watch(span + Duration::from_secs(1)).unwrap();
        let mut delays = listener.join().unwrap().unwrap();
        delays.sort_unstable();
        rounds.push(millis(quantile(&delays, 0.99)));
    }
    let what = "100 viewers of 5 Mbit/s: from the write of a feed to a viewer, p99";
    Row::new(what, "ms", Bound::AtMost(LATEST), &rounds)
}

/// Whether those who never read cost the others anything.
fn stalled(server: &mut Server, extent: Extent) -> Vec<Row> {
    let window = Duration::from_secs(extent.pick(5, 30));
    let before = resident(server.pid()).unwrap();
    let skips = count_of(&stream(server), "skips");
    let mut crowd = Crowd::gather(server.address, "/stream/live", 400, 100).unwrap();
    // What is kept for newcomers is more for some than for others.
    crowd.watch(SETTLE).unwrap();
    let seen = crowd.watch(window).unwrap();
    let grown = resident(server.pid()).unwrap().saturating_sub(before);
    let fewest = seen.iter().map(|seen| seen.bytes).min().unwrap();
    let most = seen.iter().map(|seen| seen.bytes).max().unwrap();
    let apart = [to_f64(most - fewest) / to_f64(most) * 100.0];
    // The silent ones may have fallen out by now; of the others none has.
    let skipped = count_of(&stream(server), "skips") - skips;
    vec![
        Row::new(
            "500 viewers, 100 never read: how far the others are apart",
            "%",
            Bound::AtMost(1.0),
            &apart,
        ),
        Row::new(
            "500 viewers, 100 never read: times that one fell behind",
            "",
            Bound::AtMost(100.0),
            &[skipped],
        ),
        Row::new(
            "500 viewers, 100 never read: memory beyond before",
            "MB",
            Bound::AtMost(64.0),
            &[to_f64(grown) / 1e6],
        ),
    ]
}

pub(crate) fn bytes(seen: &[Seen]) -> f64 {
    to_f64(seen.iter().map(|seen| seen.bytes).sum())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn to_f64(number: u64) -> f64 {
    number as f64
}

fn stream(server: &mut Server) -> Value {
    server.call("GET", "/v1/streams/live", "")
}

fn count_of(stream: &Value, key: &str) -> f64 {
    stream[key].as_f64().unwrap()
}
