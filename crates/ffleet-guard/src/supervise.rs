//! Carries out what the machine of one child decides, and makes no choice of its own.

use std::time::Duration;

use ffleet_base::{Clock, chain};
use ffleet_supervise::{Action, Child as Machine, Event, Order, Plan, Policy, Verdict};
use tokio::sync::watch;

use crate::child::Child;
use crate::exit::Exit;

/// What became of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "whoever started a child says what became of it"]
pub struct Report {
    /// How its end is judged.
    pub verdict: Verdict,
    /// How it ended and what it used; the time it was paused is in its usage.
    pub exit: Exit,
}

/// Sees `child` to its end under `policy`: does what `orders` wants, watches that the number in
/// `progress` (in any unit that grows) does not stand still, terminates, and kills.
///
/// Whoever holds the other end of a channel may drop it: the last order then holds, and no
/// progress comes any more. If this future is dropped, the child goes on as it is.
pub async fn supervise(
    child: &Child,
    policy: Policy,
    clock: &dyn Clock,
    mut orders: watch::Receiver<Order>,
    mut progress: watch::Receiver<u64>,
) -> Report {
    // Of one that was taken over nobody knows how it was before.
    let began = clock.monotonic();
    let mut machine = Machine::new(policy, began);
    let mut plan = machine.apply(Event::Started, clock.monotonic());
    let mut event = Event::Ordered(*orders.borrow_and_update());
    loop {
        carry_out(child, &plan).await;
        plan = machine.apply(event, clock.monotonic());
        carry_out(child, &plan).await;
        let pause = plan
            .wake
            .map_or(Duration::MAX, |at| at.saturating_sub(clock.monotonic()));
        event = tokio::select! {
            biased;
            exit = child.wait() => return end(machine, exit, began, clock),
            Ok(()) = orders.changed() => Event::Ordered(*orders.borrow_and_update()),
            Ok(()) = progress.changed() => Event::Progress(*progress.borrow_and_update()),
            () = tokio::time::sleep(pause) => Event::Tick,
        };
        plan = Plan::default();
    }
}

async fn carry_out(child: &Child, plan: &Plan) {
    for action in &plan.actions {
        let done = match action {
            Action::Terminate => {
                child.terminate();
                Ok(())
            }
            Action::Kill => {
                child.kill_tree();
                Ok(())
            }
            Action::Freeze => child.freeze().await,
            Action::Thaw => child.thaw().await,
            // Comes from the exit, which is not carried out.
            Action::Report(_) => Ok(()),
        };
        if let Err(error) = done {
            let name = child.name();
            tracing::error!(child = name, ?action, error = %chain(&error), "cannot be done");
        }
    }
}

fn end(mut machine: Machine, mut exit: Exit, began: Duration, clock: &dyn Clock) -> Report {
    let now = clock.monotonic();
    let plan = machine.apply(Event::Exited(exit.exit), now);
    let verdict = plan.actions.iter().find_map(|action| match action {
        Action::Report(verdict) => Some(*verdict),
        _ => None,
    });
    let paused = now.saturating_sub(began).saturating_sub(machine.worked());
    exit.usage.paused_micros = u64::try_from(paused.as_micros()).unwrap_or(u64::MAX);
    Report { verdict: verdict.unwrap_or(Verdict::Exited { exit: exit.exit }), exit }
}
