//! The one thread that starts processes.
//!
//! The kernel kills a child when the *thread* that made it ends (`PR_SET_PDEATHSIG`), not when
//! the process does, so no thread of a pool may do it. This one lives until nobody can ask it any
//! more, and every living child holds a handle to it.

use std::io;
use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::launch::{Stack, block_signals};

type Work = Box<dyn FnOnce(&mut Stack) + Send>;

/// A handle to the thread.
#[derive(Clone, Debug)]
pub(crate) struct Spawner(mpsc::Sender<Work>);

/// The thread is gone: it panicked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the thread that starts processes is gone: this is a bug; restart ffleet")]
pub struct Gone;

impl Spawner {
    /// Starts the thread. It ends when the last handle is dropped.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, queue) = mpsc::channel::<Work>();
        let (ready, is_ready) = mpsc::channel();
        std::thread::Builder::new()
            .name("ffleet-spawner".to_owned())
            .spawn(move || {
                let blocked = block_signals();
                let go_on = blocked.is_ok();
                // Whoever started us may have gone away, and then there is nothing to do either.
                if ready.send(blocked).is_err() || !go_on {
                    return;
                }
                let mut stack = Stack::new();
                while let Ok(work) = queue.recv() {
                    work(&mut stack);
                }
            })?;
        is_ready.recv().map_err(io::Error::other)??;
        Ok(Self(sender))
    }

    /// Has the thread do `work`, after what it was given before.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Stack) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |stack| {
            // If nobody waits any more, the answer is dropped, and a child in it is killed.
            let _unheard = answer.send(work(stack));
        });
        self.0.send(work).map_err(|_gone| Gone)?;
        answered.await.map_err(|_gone| Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_work_is_done_by_one_thread() {
        let spawner = Spawner::start().unwrap();
        let id = || spawner.run(|_| std::thread::current().id());
        let first = id().await.unwrap();
        assert_eq!(first, id().await.unwrap());
        assert_ne!(first, std::thread::current().id());
    }

    #[tokio::test]
    async fn lost_thread_is_an_error() {
        let spawner = Spawner::start().unwrap();
        let panics = |_: &mut Stack| -> () { panic!("on purpose") };
        spawner.run(panics).await.unwrap_err();
        spawner.run(|_| ()).await.unwrap_err();
    }
}
