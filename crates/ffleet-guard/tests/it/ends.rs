//! However a child ends, all of it does.

use std::time::Duration;

use ffleet_guard::{Stdout, StillError};
use ffleet_supervise::Exit;
use ffleet_testkit::{need, processes_with, until_async};
use ffleet_types::attempt::Tally;
use tokio::time::Instant;

use crate::fixture::{Fixture, SOON, heard, many, nasty};

#[tokio::test]
async fn end_is_told_as_it_was() {
    for fixture in Fixture::each() {
        for (script, exit) in [
            ("exit 0", Exit::Code(0)),
            ("exit 3", Exit::Code(3)),
            ("signal 11", Exit::Signal(11)),
            ("signal 9", Exit::Signal(9)),
        ] {
            let (ended, _) = fixture.run(script).await;
            assert_eq!(ended.exit, exit, "{script}");
            assert_eq!((ended.strays, ended.memory_kills, ended.tasks_refused), (0, 0, 0));
        }
    }
}

#[tokio::test]
async fn last_words_are_kept() {
    for fixture in Fixture::each() {
        let (ended, _) = fixture.run("complain Conversion_failed! exit 1").await;
        assert_eq!(ended.stderr_tail, "Conversion_failed!\n");
    }
}

#[tokio::test]
async fn child_that_ignores_sigterm_is_killed() {
    for fixture in Fixture::each() {
        let mut spec = nasty("child", "ignore-term say deaf hang 60");
        spec.stdout = Stdout::Pipe;
        let mut child = fixture.spawn(spec).await;
        let _stdout = heard(&mut child, "deaf").await;
        child.terminate();
        child.terminate();
        let patience = Duration::from_millis(100);
        tokio::time::timeout(patience, child.wait())
            .await
            .expect_err("it heard SIGTERM");
        child.kill_tree();
        child.kill_tree();
        assert_eq!(child.wait().await.exit, Exit::Signal(9));
        child.kill_tree();
        child.terminate();
    }
}

#[tokio::test]
async fn child_that_hears_sigterm_is_not_killed() {
    for fixture in Fixture::each() {
        let child = fixture.spawn(nasty("child", "hang 60")).await;
        child.terminate();
        assert_eq!(child.wait().await.exit, Exit::Signal(15));
    }
}

#[tokio::test]
async fn orphan_that_left_the_session_does_not_outlive_its_child() {
    for fixture in Fixture::each() {
        let start = Instant::now();
        let (ended, _) = fixture.run("fork-away 'ignore-term hang 60' exit 0").await;
        assert_eq!((ended.exit, ended.strays), (Exit::Code(0), 1));
        let left = processes_with(&format!("FFLEET_INSTANCE={}", fixture.node().instance()));
        assert!(left.is_empty(), "wait came back while {left:?} lived");
        assert!(start.elapsed() < SOON, "the orphan held the pipe for {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn orphan_is_found_while_it_begins_another_program() {
    for fixture in Fixture::each() {
        let mut children = Vec::new();
        for number in 0..many(40) {
            let name = format!("child-{number}");
            children.push(fixture.spawn(nasty(&name, "fork-away 'hang 60' exit 0")).await);
        }
        for child in children {
            let ended = child.wait().await;
            assert_eq!(ended.strays, 1, "{} {:?}: {ended:?}", child.name(), fixture.tie);
        }
    }
}

#[tokio::test]
async fn whole_tree_is_killed_with_its_child() {
    for fixture in Fixture::each() {
        let mut spec = nasty("child", "ignore-term fork-away 'ignore-term hang 60' forks 3 60");
        spec.stdout = Stdout::Pipe;
        let mut child = fixture.spawn(spec).await;
        let _stdout = heard(&mut child, "3").await;
        child.kill_tree();
        assert_eq!(child.wait().await.exit, Exit::Signal(9));
    }
}

#[tokio::test]
async fn dropped_child_is_killed() {
    for fixture in Fixture::each() {
        let child = fixture
            .spawn(nasty("child", "ignore-term fork-away 'hang 60' hang 60"))
            .await;
        drop(child);
        tokio::time::timeout(SOON, fixture.node().idle())
            .await
            .expect("it ends");
    }
}

#[test]
fn children_do_not_outlive_their_runtime() {
    for fixture in Fixture::each() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let child = runtime.block_on(async {
            let mut spec = nasty("child", "ignore-term fork-away 'hang 60' say ready hang 60");
            spec.stdout = Stdout::Pipe;
            let mut child = fixture.spawn(spec).await;
            let _stdout = heard(&mut child, "ready").await;
            child
        });
        drop(runtime);
        drop(child);
    }
}

#[tokio::test]
async fn frozen_child_stands_still_until_it_is_thawed() {
    for fixture in Fixture::each() {
        let child = fixture.spawn(nasty("child", "spin 60")).await;
        let ticks = || ticks(child.pid());
        let moves = || async {
            let before = ticks();
            until_async(SOON, "it runs", || ticks() > before).await;
        };
        moves().await;
        child.freeze().await.unwrap();
        child.freeze().await.unwrap();
        let mut seen = (ticks(), Instant::now());
        until_async(SOON, "it stands still for 200 ms", || {
            if ticks() != seen.0 {
                seen = (ticks(), Instant::now());
            }
            seen.1.elapsed() > Duration::from_millis(200)
        })
        .await;
        child.thaw().await.unwrap();
        moves().await;
        child.freeze().await.unwrap();
        child.kill_tree();
        assert_eq!(child.wait().await.exit, Exit::Signal(9), "frozen processes die as well");
        assert!(matches!(child.freeze().await, Err(StillError::Ended)));
    }
}

/// CPU time of a process, in the kernel's ticks.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ');
    fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum()
}

#[tokio::test]
async fn many_children_at_once_all_end() {
    for fixture in Fixture::each() {
        let mut children = Vec::new();
        for number in 0..many(50) {
            let spec = nasty(&format!("child-{number}"), &format!("exit {number}"));
            children.push(fixture.spawn(spec).await);
        }
        for (number, child) in (0..).zip(&children) {
            assert_eq!(child.wait().await.exit, Exit::Code(number));
            assert_eq!(child.exit().unwrap().exit, Exit::Code(number));
        }
        tokio::time::timeout(SOON, fixture.node().idle())
            .await
            .expect("all are gone");
    }
}

#[tokio::test]
async fn what_a_child_and_its_orphans_used_is_told() {
    for fixture in Fixture::each() {
        let usage = fixture.run("burn 0.2 exit 0").await.0.usage;
        let micros = usage.user_micros + usage.system_micros;
        // A kernel may count by its ticks.
        assert!((190_000..600_000).contains(&micros), "{usage:?}");
        assert!(usage.wall_micros >= 190_000, "{usage:?}");
        let usage = fixture.run("glutton 40 exit 0").await.0.usage;
        let mib = usage.peak_memory.0 >> 20;
        assert!((40..100).contains(&mib), "{usage:?}");
    }
    if need::cgroups() && need::root() {
        let fixture = Fixture::new(true);
        // Nobody waits for the orphan, so only its group knows what it used.
        let (ended, _) = fixture.run("fork-away 'burn 60' hang 1 exit 0").await;
        let micros = ended.usage.user_micros + ended.usage.system_micros;
        assert!(micros > 100_000, "{:?}", ended.usage);
    }
}

#[tokio::test]
async fn threads_are_counted() {
    for fixture in Fixture::each() {
        // Where the kernel keeps no peak, it is looked at once a second.
        let (ended, said) = fixture.run("threads 20 1.5").await;
        assert_eq!(said, "20\n");
        assert_eq!(ended.usage.peak_threads, 21);
        let known = fixture.node().thread_peaks();
        assert_eq!(
            ended.usage.peak_threads_by, known,
            "the kernel keeps it for all children or none"
        );
        assert!(known == Tally::Sampled || need::cgroups(), "without cgroups nothing is counted");
    }
}
