//! The threads that write to viewers' sockets.
//!
//! What a viewer costs is its sends, not its bytes: some microseconds each with TCP on one machine. So a
//! thread sends to each of its viewers once a push, straight from the ring, in a loop over all of them: no
//! task is woken, no body polled, nothing copied. Sockets are watched edge by edge (`epoll(7)`), registered
//! once; one that takes no more is left until it does.
//!
//! A viewer is in one thread for its life. Viewers go to threads in turn.

mod bell;
mod turn;
mod viewer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use ffleet_base::Clock;

pub(crate) use self::bell::Bell;
use self::turn::Turn;
pub(crate) use self::viewer::Newcomer;

/// All threads, until it is dropped: viewers are cut off then.
#[derive(Debug)]
pub(crate) struct Fan {
    bells: Vec<Arc<Bell>>,
    threads: Vec<JoinHandle<()>>,
    next: AtomicUsize,
}

impl Fan {
    /// Starts so many threads.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(crate) fn start(threads: usize, clock: &Arc<dyn Clock>) -> io::Result<Self> {
        let mut fan = Self { bells: Vec::new(), threads: Vec::new(), next: AtomicUsize::new(0) };
        for number in 0..threads.max(1) {
            let bell = Bell::new()?;
            let turn = Turn::new(Arc::clone(&bell), Arc::clone(clock))?;
            fan.bells.push(bell);
            let thread = std::thread::Builder::new().name(format!("ffleet-fan-{number}"));
            // Ends when its bell says so, which `drop` has it do, and is waited for there.
            fan.threads.push(thread.spawn(move || turn.run())?);
        }
        Ok(fan)
    }

    /// Takes over a viewer.
    pub(crate) fn seat(&self, newcomer: Newcomer) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.bells.len();
        self.bells[turn].admit(newcomer);
    }
}

impl Drop for Fan {
    fn drop(&mut self) {
        for bell in &self.bells {
            bell.stop();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that writes to viewers has panicked");
            }
        }
    }
}
