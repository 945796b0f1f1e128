//! The task of one feed.

use std::sync::Arc;
use std::time::Duration;

use ffleet_base::chance;
use ffleet_live::feed::{Action, Event, Feed as Machine, Over, Plan, State};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::run::{self, Ended, Run};
use super::{Feed, Shop, lasting};

/// Tells the machine what happens and does what it says, until the feed is closed.
pub(super) async fn act(feed: Arc<Feed>, shop: Arc<Shop>, mut heard: UnboundedReceiver<Event>) {
    let mut machine = Machine::new(feed.policy(&shop.options.retries));
    let mut run: Option<Run> = None;
    let mut is_closed = false;
    if let Some(left) = lasting::find(&feed, &shop).await {
        machine.take_over(left.number, shop.clock.monotonic());
        note(&feed, &machine, &shop);
        run = Some(run::start(&feed, &shop, Some(left)));
    }
    let mut plan = machine.apply(Event::Tick, shop.clock.monotonic(), 0.0);
    loop {
        // A run reads its number there.
        note(&feed, &machine, &shop);
        carry_out(&plan, &feed, &shop, &mut run);
        if is_closed && run.is_none() {
            return;
        }
        let now = shop.clock.monotonic();
        let pause = plan.wake.map_or(Duration::MAX, |at| at.saturating_sub(now));
        let is_starting = matches!(machine.state(), State::Starting { .. });
        let mut progress = run.as_ref().map(|run| run.progress.clone());
        let event = tokio::select! {
            biased;
            ended = end(&mut run) => {
                run = None;
                over(&feed, &shop, ended)
            }
            () = first_bytes(progress.as_mut()), if is_starting => Event::Bytes,
            Some(event) = heard.recv() => event,
            () = tokio::time::sleep(pause) => Event::Tick,
        };
        is_closed |= event == Event::Close;
        plan = machine.apply(event, shop.clock.monotonic(), chance::unit());
    }
}

fn carry_out(plan: &Plan, feed: &Arc<Feed>, shop: &Arc<Shop>, run: &mut Option<Run>) {
    for action in &plan.actions {
        match action {
            Action::Start => *run = Some(run::start(feed, shop, None)),
            Action::Stop => {
                if let Some(run) = run {
                    run.stop.cancel();
                }
            }
            Action::EndViewers => feed.ring.end_readers(),
        }
    }
}

/// How the run ended; never without one.
async fn end(run: &mut Option<Run>) -> Ended {
    match run {
        Some(run) => match (&mut run.task).await {
            Ok(ended) => ended,
            Err(error) => Ended::failed(format!("ffleet failed: {error}")),
        },
        None => std::future::pending().await,
    }
}

/// Waits for the first bytes of the run; for ever without one.
async fn first_bytes(progress: Option<&mut watch::Receiver<u64>>) {
    if let Some(progress) = progress
        && progress.wait_for(|&count| count > 0).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

fn over(feed: &Feed, shop: &Shop, ended: Ended) -> Event {
    let Ended { over, why } = ended;
    let name = feed.label.as_str();
    match over {
        Over::Clean => tracing::info!(feed = name, why, "a feed has ended"),
        Over::Failed => tracing::warn!(feed = name, why, "a feed has failed"),
    }
    let mut status = feed.lock();
    // One that was told to end has not failed by it.
    if over == Over::Failed && status.state != State::Stopping {
        status.failed += 1;
    }
    status.last_end = Some((shop.clock.now(), why));
    status.pid = None;
    Event::Ended(over)
}

/// Shows how the machine is to whoever asks.
fn note(feed: &Feed, machine: &Machine, shop: &Shop) {
    let mut status = feed.lock();
    if status.state.name() != machine.state().name() {
        status.since = shop.clock.now();
        if let State::Live { since } = status.state {
            status.was_live += shop.clock.monotonic().saturating_sub(since);
        }
    }
    status.state = machine.state();
    status.holders = machine.holders();
    (status.starts, status.starts_before) = (machine.starts(), machine.starts_before());
    status.failures = machine.failures();
}
