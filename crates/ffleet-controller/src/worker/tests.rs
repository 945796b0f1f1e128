use std::collections::BTreeMap;
use std::sync::Arc;

use ffleet_api::control::{Assignment, Controller as _};
use ffleet_base::SystemClock;
use ffleet_types::Bytes;
use ffleet_types::node::{Capacity, GuardLevel};

use super::*;
use crate::controller::Parts;
use crate::policy::Policy;

const NODE: NodeId = NodeId::from_parts(1, 1);
const SOON: Duration = Duration::from_secs(10);

async fn controller(dir: &std::path::Path) -> Controller {
    let store = store::Store::open(dir, store::Options::default()).unwrap();
    let policy = Policy::new(dir.to_owned(), Vec::new());
    let parts = Parts {
        store,
        clock: Arc::new(SystemClock),
        policy,
        presets: BTreeMap::default(),
    };
    let controller = Controller::start(parts).await.unwrap();
    let description = Description {
        name: "one".into(),
        version: "0".into(),
        capacity: Capacity {
            cpu: ffleet_types::Cpu::whole(4),
            memory: Bytes::gib(8),
            scratch: Bytes::gib(100),
            tasks: 1,
        },
        guard: GuardLevel::Full,
        thread_peaks: ffleet_types::attempt::Tally::Counted,
        labels: [].into(),
        engines: Vec::new(),
    };
    controller.register(NODE, description).await.unwrap();
    controller
}

/// The next assignment, begun.
async fn begin(controller: &Controller) -> Assignment {
    let assigned = async {
        loop {
            if let Command::Begin(work) = controller.next(NODE, SOON).await.unwrap() {
                return *work;
            }
        }
    };
    let work = tokio::time::timeout(SOON, assigned).await.expect("an assignment");
    let at = controller.clock.now();
    controller
        .report(NODE, work.attempt, Report::Started { at })
        .await
        .unwrap();
    work
}

/// The same report may be under way twice, and the answer to the second come first.
#[tokio::test]
async fn report_that_moved_nothing_settles_nothing() {
    let dir = tempfile::Builder::new().prefix("ctl-").tempdir().unwrap();
    let controller = controller(dir.path()).await;
    let text =
        r#"{"input":"test:720p30","outputs":[{"target":"/tmp/x.mp4","make":{"raw":{"args":[]}}}]}"#;
    let spec = serde_json::from_str(text).unwrap();
    controller
        .accept((spec, Bytes(0)), Actor::Controller, None, None)
        .await
        .unwrap();
    let first = begin(&controller).await.attempt;
    let outcome = Outcome::failed(Reason::Interrupted, "on purpose");
    let now = controller.steady();
    let then = Decision { next: Next::End, not_before: now };
    controller.settle(first, &outcome, then, Change::Already);
    assert!(
        controller.desk.holding(first).is_some(),
        "it is held until the report that moved it"
    );

    let finished = Finished {
        at: controller.clock.now(),
        outcome,
        usage: ffleet_types::attempt::Usage::default(),
        artifacts: Vec::new(),
        commands: Vec::new(),
        notes: Vec::new(),
    };
    controller
        .report(NODE, first, Report::Finished(Box::new(finished)))
        .await
        .unwrap();
    let second = begin(&controller).await.attempt;
    assert!(second.fence > first.fence, "and tried again after it");
    controller.shutdown().await.unwrap();
}
