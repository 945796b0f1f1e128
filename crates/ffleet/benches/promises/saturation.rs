//! A feed that gives as much as is read of it, to a hundred viewers and to one.
//!
//! `bound` is what one thread can send that does nothing else, in the same run: to as many, and with nobody who writes
//! the feed, reads it and looks for join points in it, on the same two CPUs.

use std::fs;
use std::time::Duration;

use ffleet_testkit::binary;
use ffleet_testkit::crowd::{self, Crowd};
use ffleet_testkit::measure::{Bound, Row};

use crate::Extent;
use crate::fanout;
use crate::room::Room;
use crate::server::Server;

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let file = fanout::media(room, 2);
    let nasty = binary("nasty");
    let config = format!(
        "
feeds: {{ fast: {{ command: [{}, repeat, {file}], ring-bytes: 16MiB }} }}
streams: {{ fast: {{ feed: fast, mimetype: video/mp2t }} }}
",
        nasty.display()
    );
    fs::write(room.file("ffleet.yaml"), config).unwrap();
    let server = Server::start(room, &[("FFLEET_CONFIG", room.text("ffleet.yaml"))]);
    let window = Duration::from_secs(extent.pick(2, 5));
    let mut rows = Vec::new();
    for (count, least) in [(100, 0.85), (1, 0.4)] {
        let mut ratios = Vec::new();
        for _ in 0..extent.pick(1, 3) {
            let bound = crowd::bound(count, 128 << 10, window).unwrap();
            let mut crowd = Crowd::gather(server.address, "/stream/fast", count, 0).unwrap();
            crowd.watch(fanout::SETTLE).unwrap();
            let seen = crowd.watch(window).unwrap();
            ratios.push(fanout::bytes(&seen) / window.as_secs_f64() / bound);
        }
        let what = format!(
            "as much as there is, to {count}: of what one thread can send that does nothing else"
        );
        rows.push(Row::new(what, "×", Bound::AtLeast(least), &ratios));
    }
    rows
}
