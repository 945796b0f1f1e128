//! How a child comes to be: taken over from an earlier life, or started when its role group has room.

use std::ffi::OsString;

use ffleet_api::control::Progress;
use ffleet_base::chain;
use ffleet_guard as guard;
use ffleet_supervise::{Order, Policy};
use ffleet_types::Reason;

use super::{Hands, LOG_SEGMENT, MEASURE, Task};
use crate::attempt::Halt;

impl Hands<'_> {
    /// The child of a task; what it has lived through already is taken off its time.
    pub(super) async fn child(
        &mut self,
        mut task: Task,
        order: Order,
        policy: &mut Policy,
    ) -> Result<guard::Child, Halt> {
        let adopted = task.adopted.take();
        match adopted {
            Some(child) => {
                let ran = child.ran_before(self.clock.monotonic());
                policy.timeout = policy
                    .timeout
                    // One that has ended is judged by that.
                    .filter(|_| child.exit().is_none())
                    .map(|timeout| timeout.saturating_sub(ran));
                if order != Order::Pause {
                    match child.thaw().await {
                        Ok(()) | Err(guard::StillError::Ended) => {}
                        Err(error) => {
                            let (child, error) = (child.name(), chain(&error));
                            tracing::warn!(child, %error, "not thawed");
                        }
                    }
                }
                tracing::info!(child = child.name(), "a child of an earlier life is taken over");
                Ok(child)
            }
            None => {
                let mut spec = spec(task, self.nice);
                spec.seat = Some(self.seat(&spec).await?);
                // It may be that of one that was left, and is taken as long as that lives.
                if self.leaves() {
                    return Err(Halt::Interrupted);
                }
                self.node.spawn(spec).await.map_err(|error| unspawned(&error))
            }
        }
    }

    /// Waits for room in a child's role group, unless an end is wanted meanwhile.
    async fn seat(&mut self, spec: &guard::ChildSpec) -> Result<guard::Seat, Halt> {
        let seat = self.node.seat(&spec.role, spec.limits.clone());
        let mut seat = std::pin::pin!(seat);
        let mut patience = std::pin::pin!(tokio::time::sleep(MEASURE));
        let mut shown = false;
        loop {
            tokio::select! {
                biased;
                taken = &mut seat => {
                    if shown {
                        self.show(None);
                    }
                    return taken.map_err(|refusal| {
                        Halt::failed(Reason::ResourceError, refusal.to_string())
                    });
                }
                Ok(()) = self.orders.changed() => {
                    if let Order::Stop(stop) | Order::Kill(stop) = *self.orders.borrow_and_update() {
                        return Err(stop.into());
                    }
                }
                () = &mut patience, if !shown => {
                    shown = true;
                    self.show(Some(format!("waits for room in the role group {}", spec.role)));
                }
            }
        }
    }

    fn show(&self, trouble: Option<String>) {
        if let Some(display) = &self.display {
            let progress = display.shown();
            display.show(Progress { trouble, ..progress });
        }
    }
}

/// The child in the guard's words. It finds its own work directory as its home and its place
/// for temporary files.
fn spec(task: Task, nice: i32) -> guard::ChildSpec {
    let mut spec = guard::ChildSpec::new(task.name, task.program);
    spec.args = task.args.into_iter().map(OsString::from).collect();
    spec.env = task.env;
    spec.env.insert("TMPDIR".into(), task.cwd.clone().into());
    spec.cwd = task.cwd;
    spec.stdout = guard::Stdout::Pipe;
    if let Some(path) = task.log {
        spec.stderr = guard::Stderr::Log { path, cap: LOG_SEGMENT };
    }
    spec.limits = task.limits;
    spec.role = task.role;
    spec.tie = task.tie;
    spec.sandbox = task.sandbox;
    spec.nice = nice;
    spec
}

fn unspawned(error: &guard::SpawnError) -> Halt {
    Halt::failed(Reason::ResourceError, chain(error))
}
