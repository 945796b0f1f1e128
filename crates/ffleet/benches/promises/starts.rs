//! What it costs to start a child through guard, cgroups, shim and sandbox, against a plain start.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ffleet_base::{Clock as _, SystemClock};
use ffleet_guard::{ChildSpec, Node, Options, Sandbox, Tie};
use ffleet_sched::roles::{Bounds, Rules};
use ffleet_testkit::measure::{Bound, Row, millis, quantile};
use ffleet_types::RoleGroup;

use crate::Extent;
use crate::room::Room;

/// Starts one after the other, with a rest between them, as jobs come.
const REST: Duration = Duration::from_millis(20);

pub(crate) fn rows(room: &Room, extent: Extent) -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measured(room, extent.pick(20, 200)))
}

async fn measured(room: &Room, starts: u32) -> Vec<Row> {
    let node = Node::open(options(room)).unwrap();
    println_level(&node);
    let (mut plain_p50, mut plain_p99) = (Vec::new(), Vec::new());
    let (mut more_p50, mut more_p99) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (mut plain, mut guarded) = (Vec::new(), Vec::new());
        for number in 0..starts {
            std::thread::sleep(REST);
            let begun = Instant::now();
            let child = Command::new("/bin/true").spawn();
            plain.push(begun.elapsed());
            child.unwrap().wait().unwrap();
            std::thread::sleep(REST);
            let mut spec = ChildSpec::new(format!("child-{number}"), "/bin/true");
            spec.tie = Tie::Shim;
            let write = vec![room.path().to_owned()];
            spec.sandbox = Some(Sandbox { write, ..Sandbox::default() });
            let asked = SystemClock.monotonic();
            let child = node.spawn(spec).await.unwrap();
            guarded.push(child.exec_at().monotonic.saturating_sub(asked));
            assert!(child.wait().await.exit.is_success());
        }
        plain.sort_unstable();
        guarded.sort_unstable();
        for (quantiles, at) in
            [((&mut plain_p50, &mut more_p50), 0.5), ((&mut plain_p99, &mut more_p99), 0.99)]
        {
            let (plain, guarded) = (quantile(&plain, at), quantile(&guarded, at));
            quantiles.0.push(millis(plain));
            quantiles.1.push(millis(guarded.saturating_sub(plain)));
        }
    }
    node.idle().await;
    let what = |which| format!("start of a program that ends at once, {which}");
    vec![
        Row::new(what("plain fork and exec, median"), "ms", Bound::Open, &plain_p50),
        Row::new(what("plain fork and exec, p99"), "ms", Bound::Open, &plain_p99),
        Row::new(
            what("by guard, cgroups, shim and sandbox, median beyond the plain one's"),
            "ms",
            Bound::AtMost(4.0),
            &more_p50,
        ),
        Row::new(
            what("by guard, cgroups, shim and sandbox, p99 beyond the plain one's"),
            "ms",
            Bound::AtMost(20.0),
            &more_p99,
        ),
    ]
}

fn options(room: &Room) -> Options {
    Options {
        root: room.file("guard"),
        env: std::env::vars_os().collect(),
        clock: Arc::new(SystemClock),
        cgroups: true,
        namespaces: true,
        whole: Bounds::default(),
        roles: [(RoleGroup::named(RoleGroup::ENCODE), Rules::default())].into(),
        shim: (env!("CARGO_BIN_EXE_ffleet").into(), vec!["shim".into()]),
        orphan_grace: Some(Duration::from_secs(10)),
    }
}

/// What the figure is worth, where something is missing.
fn println_level(node: &Node) {
    eprintln!("the guard's level: {:?}", node.level());
}
