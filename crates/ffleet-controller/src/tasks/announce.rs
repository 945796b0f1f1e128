//! Tells watchers what has become of jobs: once for all changes of a moment, and only while
//! somebody watches.

use std::time::Duration;

use ffleet_api::event::{Event, Lagged};
use ffleet_base::chain;
use ffleet_types::{JobId, JobRef};

use crate::controller::Controller;
use crate::feed::Changed;
use crate::view;

/// For how long changes are gathered: a person does not see the difference.
const MOMENT: Duration = Duration::from_millis(50);

/// Runs until the controller stops.
pub(crate) async fn run(controller: Controller) {
    loop {
        let changed = tokio::select! {
            changed = controller.feed.next() => changed,
            () = controller.stop.cancelled() => return,
        };
        match changed {
            Changed::Burst(missed) => controller.feed.say(None, Event::Lagged(Lagged { missed })),
            Changed::Jobs(jobs) => {
                for job in jobs {
                    announce(&controller, job).await;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(MOMENT) => {}
            () = controller.stop.cancelled() => return,
        }
    }
}

async fn announce(controller: &Controller, job: JobId) {
    match controller.store.job(JobRef::Id(job)).await {
        Ok(Some(row)) => {
            let summary = view::summary(&row.summary, &controller.desk);
            let tenant = row.summary.spec.terms.tenant;
            controller.feed.say(Some(tenant), Event::Job(Box::new(summary)));
        }
        // It was pruned in between: there is nothing to show.
        Ok(None) => {}
        Err(error) => tracing::warn!(%job, error = chain(&error), "cannot announce a change"),
    }
}
