//! Lists, counts, what is active, and nodes.

use std::collections::BTreeMap;

use ffleet_store::{Filter, NewJob, Page, Store};
use ffleet_types::job::{Priority, Queue};
use ffleet_types::node::{Capacity, Description, GuardLevel, Order};
use ffleet_types::task::{Next, State};
use ffleet_types::{Cpu, JobNumber, NodeId, Reason};

use crate::kit::{at, claim, completed, failed, id, job, moved, only, run, submit};

async fn listed(store: &Store, filter: Filter) -> Vec<u64> {
    let listed = store.jobs(filter, Page { before: None, limit: 100 }).await.unwrap();
    assert_eq!(listed.next, None);
    listed.jobs.iter().map(|job| job.number.0).collect()
}

pub(super) async fn newest(store: &Store) {
    store.submit((1..=25).map(job).collect()).await.unwrap();
    let (mut seen, mut before) = (Vec::new(), None);
    for _page in 0..4 {
        let listed = store.jobs(Filter::default(), Page { before, limit: 10 }).await.unwrap();
        seen.extend(listed.jobs.iter().map(|job| job.number.0));
        before = listed.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
    assert_eq!(before, None);
}

fn labeled(number: u64, labels: &[(&str, &str)]) -> NewJob {
    let mut job = job(number);
    let text = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    job.spec.terms.labels = labels.iter().map(text).collect();
    job
}

pub(super) async fn filters(store: &Store) {
    let mut batch = labeled(1, &[("show", "news"), ("lang", "de")]);
    batch.spec.terms.queue = Queue::Batch;
    let mut tenant = labeled(3, &[("show", "sport")]);
    tenant.spec.terms.tenant = "acme".parse().unwrap();
    tenant.spec.terms.priority = Priority::High;
    store
        .submit(vec![batch, labeled(2, &[("show", "news")]), tenant, job(4)])
        .await
        .unwrap();
    run(store, id(2), 1).await;
    run(store, id(3), 1).await;
    moved(only(store.finish(vec![completed(id(3), 1)]).await.unwrap()).unwrap());

    let none = Filter::default;
    let labels = |labels: &[(&str, &str)]| -> BTreeMap<String, String> {
        labeled(0, labels).spec.terms.labels
    };
    assert_eq!(listed(store, none()).await, [4, 3, 2, 1]);
    let states = vec![State::Completed, State::Queued, State::Queued];
    assert_eq!(listed(store, Filter { states, ..none() }).await, [4, 3, 1]);
    let queue = Some(Queue::Batch);
    assert_eq!(listed(store, Filter { queue, ..none() }).await, [1]);
    let tenant = Some("acme".parse().unwrap());
    assert_eq!(listed(store, Filter { tenant, ..none() }).await, [3]);
    let news = labels(&[("show", "news")]);
    assert_eq!(listed(store, Filter { labels: news.clone(), ..none() }).await, [2, 1]);
    let both = labels(&[("show", "news"), ("lang", "de")]);
    assert_eq!(listed(store, Filter { labels: both, ..none() }).await, [1]);
    let running = Filter { labels: news, states: vec![State::Running], ..none() };
    assert_eq!(listed(store, running).await, [2]);
    for (text, numbers) in [("OUT/3.MP4", &[3][..]), ("clip", &[4, 3, 2, 1]), ("%", &[])] {
        let filter = Filter { text: Some(text.into()), ..none() };
        assert_eq!(listed(store, filter).await, numbers, "{text}");
    }
}

pub(super) async fn counts(store: &Store) {
    store.submit((1..=4).map(job).collect()).await.unwrap();
    run(store, id(1), 1).await;
    moved(only(store.claim(vec![claim(id(2), 1)]).await.unwrap()).unwrap());
    moved(only(store.finish(vec![completed(id(1), 1)]).await.unwrap()).unwrap());
    let counts = store.counts();
    let expected = [(State::Queued, 2), (State::Assigned, 1), (State::Completed, 1)];
    for (state, count) in counts.iter() {
        let known = expected
            .iter()
            .find(|(of, _)| *of == state)
            .map_or(0, |(_, count)| *count);
        assert_eq!(count, known, "{state}");
    }
    assert_eq!(counts.ended(), 1);
}

pub(super) async fn active(store: &Store) {
    store.submit((1..=5).map(job).collect()).await.unwrap();
    run(store, id(2), 1).await;
    run(store, id(3), 1).await;
    moved(only(store.finish(vec![completed(id(3), 1)]).await.unwrap()).unwrap());
    run(store, id(4), 1).await;
    let retry = failed(id(4), 1, Reason::Stalled, Next::RetryCharged);
    moved(only(store.finish(vec![retry]).await.unwrap()).unwrap());

    let first = store.active(None, 2).await.unwrap();
    let rest = store.active(Some(JobNumber(2)), 10).await.unwrap();
    let tasks: Vec<_> = first.iter().chain(&rest).collect();
    let seen: Vec<_> = tasks.iter().map(|task| (task.number.0, task.state)).collect();
    let expected = [
        (1, State::Queued),
        (2, State::Running),
        (4, State::Retrying),
        (5, State::Queued),
    ];
    assert_eq!(seen, expected);
    assert_eq!(tasks[1].started, Some(at(101)));
    assert_eq!((tasks[2].charged, &tasks[2].failures[..]), (1, &[Reason::Stalled][..]));
    assert_eq!(tasks[0].spec, job(1).spec);
}

pub(super) async fn nodes(store: &Store) {
    let description = |version: &str| Description {
        name: "n1".into(),
        version: version.into(),
        capacity: Capacity { cpu: Cpu::whole(2), tasks: 2, ..Capacity::default() },
        guard: GuardLevel::Full,
        thread_peaks: ffleet_types::attempt::Tally::Counted,
        labels: BTreeMap::new(),
        engines: Vec::new(),
    };
    let node = NodeId::from_parts(5, 5);
    assert!(!store.order_node(node, Order::Drain).await.unwrap(), "nobody knows it");
    store.upsert_node(node, description("1"), at(1)).await.unwrap();
    assert!(store.order_node(node, Order::Drain).await.unwrap());
    store.upsert_node(node, description("2"), at(9)).await.unwrap();
    submit(store, job(1)).await;
    let [row] = &store.nodes().await.unwrap()[..] else {
        panic!("one node has registered");
    };
    assert_eq!((row.id, row.order), (node, Order::Drain));
    assert_eq!((row.registered, row.seen), (at(1), at(9)));
    assert_eq!(row.description, description("2"));
}
