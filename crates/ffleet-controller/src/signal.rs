//! What the planner is told. Each is sent after it is on disk.

use ffleet_sched::Event;
use tokio::sync::mpsc;

/// The way to the planner. It is unbounded because everything that is sent is on disk already and
/// has to be planned sooner or later; an event is some 200 bytes.
#[derive(Clone, Debug)]
pub(crate) struct Signals(mpsc::UnboundedSender<Event>);

impl Signals {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Tells the planner. One that has stopped plans no more: what is on disk is read again at
    /// the next start.
    pub(crate) fn send(&self, event: Event) {
        if self.0.send(event).is_err() {
            tracing::debug!("the planner has stopped: an event stays unplanned");
        }
    }
}
