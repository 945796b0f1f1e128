//! What a viewer sees of the server itself being killed, who comes back as soon as that is possible: raw 720p that is
//! encoded (its encoders go with the server), and a command whose bytes are passed on (it goes on, and is joined at its next
//! keyframe, of which there is one a second).
//!
//! The gap is from the kill to when the first byte of a picture is with the viewer again.

use std::fs;
use std::time::{Duration, Instant};

use ffleet_testkit::measure::{Bound, Row, millis, quantile};
use ffleet_testkit::studio::Studio;

use crate::Extent;
use crate::failover::Viewer;
use crate::room::Room;
use crate::server::Server;

const STUDIO: Studio = Studio { width: 1_280, height: 720, fps: 25, rate: 44_100 };
/// For how long a life is watched before it is killed.
const LIFE: Duration = Duration::from_secs(3);

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let kills = extent.pick(3, 15);
    let video = room.text("restart.video");
    let config = format!(
        "feeds:\n  studio:\n    inputs:\n      \
         video: {{ fifo: {video}, format: rawvideo, size: 1280x720, fps: 25 }}\n  \
         cam: {{ command: ffmpeg -v error -re -f lavfi -i testsrc2=size=1280x720:rate=25 -c:v libx264 -preset ultrafast \
         -g 25 -f mpegts -, mode: autostart }}\n\
         streams:\n  studio: {{ feed: studio, encode: {{ preset: live-720p }} }}\n  \
         cam: {{ feed: cam, mimetype: video/mp2t }}\n"
    );
    fs::write(room.file("restart.yaml"), config).unwrap();
    let streams = [("studio", "is encoded"), ("cam", "a command gives")];
    let mut gaps: [Vec<Duration>; 2] = [vec![], vec![]];
    let env = || [("FFLEET_CONFIG", room.text("restart.yaml"))];
    let mut server = Server::start(room, &env());
    let pushes = STUDIO.push_pictures(&room.file("restart.video"), Instant::now(), 0, u64::MAX / 2);
    for _ in 0..kills {
        std::thread::sleep(LIFE);
        server.kill();
        let killed = Instant::now();
        server = Server::start(room, &env());
        let viewers = streams.map(|(name, _)| Viewer::open_at(server.address, name));
        std::thread::sleep(LIFE);
        for (viewer, gaps) in viewers.into_iter().zip(&mut gaps) {
            let arrivals = viewer.leave();
            let (_, first) = arrivals.first().expect("pictures come again");
            gaps.push(first.duration_since(killed));
        }
    }
    assert!(!pushes.is_done(), "its writer has noticed nothing");
    drop((pushes, server));
    let mut rows = Vec::new();
    for ((_, what), gaps) in streams.iter().zip(&mut gaps) {
        gaps.sort_unstable();
        for (name, part) in [("median", 0.5), ("p99", 0.99)] {
            rows.push(Row::new(
                format!(
                    "the server is killed with SIGKILL and started again: gap until the next picture is with a viewer who \
                     reconnects, of what {what}, {kills} times, {name}"
                ),
                "ms",
                Bound::Open,
                &[millis(quantile(gaps, part))],
            ));
        }
    }
    rows
}
