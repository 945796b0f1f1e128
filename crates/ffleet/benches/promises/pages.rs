//! A server with a long history and a long queue: what it costs, and how fast it lists them.

use std::time::Duration;

use ffleet_testkit::measure::{Bound, Row, millis, quantile};
use tokio::runtime::Builder;

use crate::Extent;
use crate::backlog::Backlog;
use crate::idle::watch;
use crate::room::Room;
use crate::server::Server;

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let backlog = extent.pick(
        Backlog { finished: 5_000, queued: 500 },
        Backlog { finished: 100_000, queued: 10_000 },
    );
    let home = room.file("data");
    // The server makes it, and notes there which one it is.
    drop(Server::start(room, &[]));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let blocker = runtime.block_on(backlog.fill(&home, room.path()));
    drop(runtime);
    let mut server = Server::start(room, &[]);
    server.pause(blocker);
    let (memory, cpu) = watch(&server, Duration::from_secs(extent.pick(1, 5)));
    let Backlog { finished, queued } = backlog;
    let with = format!("with {finished} finished and {queued} queued jobs");
    let mut rows = vec![
        Row::new(format!("`serve` {with}: memory"), "MB", Bound::AtMost(150.0), &memory),
        Row::new(format!("`serve` {with}: CPU, of one core"), "%", Bound::AtMost(0.2), &cpu),
    ];
    let deep = format!("/v1/jobs?after={}", finished / 2);
    for (name, path) in [
        ("first page", "/v1/jobs"),
        ("first page of the completed ones", "/v1/jobs?state=completed"),
        ("first page of the one that is paused", "/v1/jobs?state=paused"),
        ("first page of a label", "/v1/jobs?label=show%3Dmorning"),
        ("a page in the middle", deep.as_str()),
        ("a page of 500", "/v1/jobs?limit=500"),
    ] {
        let request = server.request("GET", path, "");
        let mut round = || {
            let count = extent.pick(20, 300);
            let mut times: Vec<_> = (0..count).map(|_| server.time(&request)).collect();
            times.sort_unstable();
            millis(quantile(&times, 0.99))
        };
        let rounds = [round(), round(), round()];
        let promised = path == "/v1/jobs";
        let bound = if promised { Bound::AtMost(10.0) } else { Bound::Open };
        rows.push(Row::new(format!("`GET /v1/jobs`, {name}: p99"), "ms", bound, &rounds));
    }
    assert_eq!(server.call("GET", "/v1/jobs?state=paused", "")["jobs"][0]["number"], blocker);
    rows
}
