//! The machine of `ffleet-supervise`, carried out on real children.

use std::time::Duration;

use ffleet_base::SystemClock;
use ffleet_guard::{Child, Report, Stdout, supervise};
use ffleet_supervise::{Exit, Order, Policy, Stop, Verdict};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fixture::{Fixture, SOON, heard, nasty};

const POLICY: Policy = Policy { timeout: None, stall: None, grace: Duration::from_millis(200) };

async fn see_to_it(child: &Child, policy: Policy, orders: watch::Receiver<Order>) -> Report {
    let (_sender, progress) = watch::channel(0);
    let ended = supervise(child, policy, &SystemClock, orders, progress);
    tokio::time::timeout(SOON, ended)
        .await
        .expect("supervised children end")
}

#[tokio::test]
async fn child_that_ends_by_itself_is_left_alone() {
    let fixture = Fixture::new(true);
    let child = fixture.spawn(nasty("child", "exit 4")).await;
    let (_sender, orders) = watch::channel(Order::Run);
    let report = see_to_it(&child, POLICY, orders).await;
    assert_eq!(report.verdict, Verdict::Exited { exit: Exit::Code(4) });
}

#[tokio::test]
async fn silent_child_that_ignores_sigterm_is_stalled_and_gone_in_time() {
    for fixture in Fixture::each() {
        let mut spec = nasty("child", "ignore-term fork-away 'hang 60' say deaf hang 60");
        spec.stdout = Stdout::Pipe;
        let mut child = fixture.spawn(spec).await;
        let _stdout = heard(&mut child, "deaf").await;
        let (_sender, orders) = watch::channel(Order::Run);
        let term = Duration::from_millis(300);
        let start = Instant::now();
        let report = see_to_it(&child, Policy { stall: Some(term), ..POLICY }, orders).await;
        assert!(matches!(report.verdict, Verdict::Stalled { silent } if silent >= term));
        assert_eq!(report.exit.exit, Exit::Signal(9));
        let promised = term + POLICY.grace;
        assert!(start.elapsed() < promised * 3, "took {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn progress_keeps_a_child_alive_until_its_time_is_up() {
    let fixture = Fixture::new(true);
    let child = fixture.spawn(nasty("child", "hang 60")).await;
    let (_sender, orders) = watch::channel(Order::Run);
    let (position, progress) = watch::channel(0);
    let moves = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            position.send_modify(|position| *position += 1);
        }
    };
    let limit = Duration::from_secs(1);
    let stall = Some(Duration::from_millis(400));
    let policy = Policy { timeout: Some(limit), stall, ..POLICY };
    let report = tokio::select! {
        report = supervise(&child, policy, &SystemClock, orders, progress) => report,
        () = moves => unreachable!("it never ends"),
        () = tokio::time::sleep(SOON) => panic!("it was not stopped"),
    };
    assert_eq!(report.verdict, Verdict::TimedOut { limit });
    assert_eq!(report.exit.exit, Exit::Signal(15));
}

#[tokio::test]
async fn canceled_child_is_asked_first() {
    let fixture = Fixture::new(true);
    let mut spec = nasty("child", "say ready hang 60");
    spec.stdout = Stdout::Pipe;
    let mut child = fixture.spawn(spec).await;
    let _stdout = heard(&mut child, "ready").await;
    let (orders, wanted) = watch::channel(Order::Run);
    let cancel = async {
        tokio::task::yield_now().await;
        orders.send(Order::Stop(Stop::Canceled)).unwrap();
    };
    let (report, ()) = tokio::join!(see_to_it(&child, POLICY, wanted), cancel);
    assert_eq!(report.verdict, Verdict::Canceled);
    assert_eq!(report.exit.exit, Exit::Signal(15));
}

#[tokio::test]
async fn time_paused_counts_to_no_limit_and_is_told() {
    for fixture in Fixture::each() {
        let child = fixture.spawn(nasty("child", "burn 0.3 exit 0")).await;
        let (orders, wanted) = watch::channel(Order::Pause);
        let pause = Duration::from_secs(2);
        let resume = async {
            tokio::time::sleep(pause).await;
            orders.send(Order::Run).unwrap();
        };
        let limit = Some(Duration::from_millis(1_500));
        let policy = Policy { timeout: limit, stall: limit, ..POLICY };
        let (report, ()) = tokio::join!(see_to_it(&child, policy, wanted), resume);
        assert_eq!(report.verdict, Verdict::Exited { exit: Exit::Code(0) });
        let paused = Duration::from_micros(report.exit.usage.paused_micros);
        assert!(paused > pause / 2 && paused < pause * 3, "{paused:?}");
    }
}

#[tokio::test]
async fn child_is_interrupted_while_it_is_paused() {
    for fixture in Fixture::each() {
        let child = fixture.spawn(nasty("child", "spin 60")).await;
        let (orders, wanted) = watch::channel(Order::Pause);
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            orders.send(Order::Stop(Stop::Interrupted)).unwrap();
        };
        let (report, ()) = tokio::join!(see_to_it(&child, POLICY, wanted), stop);
        assert_eq!(report.verdict, Verdict::Interrupted);
        assert_eq!(report.exit.exit, Exit::Signal(15), "it was thawed to hear it");
    }
}
