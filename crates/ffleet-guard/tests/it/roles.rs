//! Role groups with real children: the sums hold while they come and go, and whoever finds no room is
//! told why.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ffleet_guard::{Limits, Node, SpawnError, Tie};
use ffleet_sched::roles::{Bounds, Refusal, Rules, Standing};
use ffleet_supervise::Exit;
use ffleet_testkit::{processes_with, until_async};
use ffleet_types::{Bytes, Rate, RoleGroup, Span};
use tokio::time::Instant;

use crate::fixture::{Fixture, SOON, nasty};

fn role(name: &str) -> RoleGroup {
    RoleGroup::named(name)
}

fn at_most(processes: u32) -> Rules {
    let most = Bounds { processes: Some(processes), ..Bounds::default() };
    Rules { most, ..Rules::default() }
}

fn standing(node: &Node, name: &str) -> Standing {
    let found = node.roles().into_iter().find(|(group, _)| group.as_str() == name);
    found.unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn sum_never_passes_its_limit_while_children_come_and_go() {
    for tie in [Tie::Node, Tie::Shim] {
        let fixture = Fixture::with_roles(tie, &[("encode", at_most(3)), ("probe", at_most(1))]);
        let mark = format!("FFLEET_INSTANCE={}", fixture.node().instance());
        let (most, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, ended) = (Arc::clone(&most), Arc::clone(&over));
        let watcher = tokio::task::spawn_blocking(move || {
            while !ended.load(Ordering::SeqCst) {
                let living = processes_with(&mark).into_iter().filter(|pid| is_nasty(*pid));
                let living = u32::try_from(living.count()).unwrap();
                seen.fetch_max(living, Ordering::SeqCst);
            }
        });
        let node = fixture.node();
        let children = (0..24_u32).map(|number| async move {
            let mut spec = nasty(&format!("child-{number}"), "hang 0.05");
            spec.role = role(if number % 4 == 0 { "probe" } else { "encode" });
            spec.tie = tie;
            let child = node.spawn(spec).await.unwrap();
            assert!(standing(node, "encode").used.processes <= 3);
            assert!(standing(node, "probe").used.processes <= 1);
            assert!(child.wait().await.exit.is_success());
        });
        futures(children).await;
        over.store(true, Ordering::SeqCst);
        watcher.await.unwrap();
        let most = most.load(Ordering::SeqCst);
        assert!((1..=4).contains(&most), "{most} children at once");
        until_async(SOON, "all is credited", || {
            node.roles()
                .iter()
                .all(|(_, standing)| standing.used == Default::default())
        })
        .await;
    }
}

/// Waits for all of them at once.
async fn futures<F: Future<Output = ()>>(all: impl Iterator<Item = F>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

fn is_nasty(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "nasty")
}

#[tokio::test]
async fn whoever_finds_no_room_waits_and_is_told_why_when_it_does_not_come() {
    let rules = Rules { queue: 1, patience: Span::secs(1), ..at_most(1) };
    let fixture = Fixture::with_roles(Tie::Node, &[("encode", rules)]);
    let node = fixture.node();
    let first = node.spawn(nasty("first", "hang 60")).await.unwrap();
    let began = Instant::now();
    let (second, third) =
        tokio::join!(node.spawn(nasty("second", "hang 60")), node.spawn(nasty("third", "hang 60")));
    let refusal = |spawned: Result<_, SpawnError>| match spawned {
        Err(SpawnError::NoSeat(_, refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(refusal(second), Refusal::Late(role("encode"), Span::secs(1)));
    assert_eq!(refusal(third), Refusal::Full(role("encode"), 1));
    // One that is waited for no longer gives its place up.
    let waits =
        tokio::time::timeout(Duration::from_millis(50), node.spawn(nasty("fourth", "exit 0")));
    waits.await.unwrap_err();
    assert_eq!(standing(node, "encode").waiting, 0);
    let (fifth, ()) = tokio::join!(node.spawn(nasty("fifth", "exit 3")), async {
        until_async(SOON, "it waits", || standing(node, "encode").waiting == 1).await;
        first.kill_tree();
    });
    assert_eq!(
        fifth.unwrap().wait().await.exit,
        Exit::Code(3),
        "it came in when there was room"
    );
    let mut spec = nasty("sixth", "exit 0");
    spec.role = role("nobody");
    assert_eq!(refusal(node.spawn(spec).await), Refusal::Unknown(role("nobody")));
}

#[tokio::test]
async fn whoever_does_not_want_to_wait_leaves_no_place_behind() {
    let rules = Rules { patience: Span::secs(0), ..at_most(1) };
    let fixture = Fixture::with_roles(Tie::Node, &[("encode", rules)]);
    let node = fixture.node();
    let first = node.spawn(nasty("first", "hang 60")).await.unwrap();
    let error = node.spawn(nasty("second", "exit 0")).await.unwrap_err();
    assert!(matches!(&error, SpawnError::NoSeat(_, Refusal::Late(..))), "{error}");
    assert_eq!(standing(node, "encode").waiting, 0);
    first.kill_tree();
    let _killed = first.wait().await;
    let third = async {
        loop {
            if let Ok(child) = node.spawn(nasty("third", "exit 0")).await {
                break child;
            }
        }
    };
    let third = tokio::time::timeout(SOON, third).await.unwrap();
    assert!(third.wait().await.exit.is_success());
}

#[tokio::test]
async fn child_that_limits_nothing_is_held_to_its_share() {
    let most = Bounds { processes: Some(2), memory: Some(Bytes::mib(64)), ..Bounds::default() };
    let fixture = Fixture::with_roles(Tie::Node, &[("encode", Rules { most, ..Rules::default() })]);
    let node = fixture.node();
    let child = node.spawn(nasty("child", "glutton 200")).await.unwrap();
    assert_eq!(standing(node, "encode").used.memory, Bytes::mib(32));
    let exit = child.wait().await;
    assert!(exit.is_out_of_memory(), "{exit:?}");
    let mut spec = nasty("greedy", "exit 0");
    spec.limits = Limits { memory: Some(Bytes::mib(65)), ..Limits::default() };
    let error = node.spawn(spec).await.unwrap_err().to_string();
    assert!(
        error.contains("encode never has room") && error.contains("65.0 MiB of 64.0 MiB"),
        "{error}"
    );
}

#[tokio::test]
async fn storm_of_starts_is_stilled() {
    let rules = Rules {
        spawn_rate: Rate::per_second(5),
        fuse: Rate::per_minute(7),
        cool_down: Span::secs(1),
        ..Rules::default()
    };
    let fixture = Fixture::with_roles(Tie::Node, &[("encode", rules)]);
    let node = fixture.node();
    let began = Instant::now();
    for number in 0..8 {
        let child = node.spawn(nasty(&format!("child-{number}"), "exit 1")).await.unwrap();
        let _failed = child.wait().await;
        node.role_failed(&role("encode"));
    }
    assert!(
        began.elapsed() >= Duration::from_millis(600),
        "three of eight had to wait 200 ms"
    );
    let error = node.spawn(nasty("late", "exit 0")).await.unwrap_err();
    assert!(matches!(&error, SpawnError::NoSeat(_, Refusal::Broken(..))), "{error}");
    assert!(standing(node, "encode").broken);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let child = node.spawn(nasty("trial", "exit 0")).await.unwrap();
    assert!(child.wait().await.exit.is_success());
    node.role_worked(&role("encode"));
    assert!(!standing(node, "encode").broken);
}
