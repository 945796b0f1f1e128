//! The thread that does what the watch decides, one thing after the other, what is urgent first.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use ffleet_guard::events::Held;
use ffleet_supervise::watch::{Act, Id, Outcome, Reading, Rule};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::take::{Groups, Taken};

/// What came of something that was to be done.
#[derive(Debug)]
pub(super) enum Answer {
    Taken(Id, Outcome, Taken),
    Measured(Id, Option<Reading>),
    Changed(Id, Arc<Rule>, Result<Taken, String>),
    /// What could not be put back as it was is no failure.
    Released(Id, Result<Vec<String>, String>),
    /// Nobody was to be in it. What it was promised, if somebody is.
    Closed(Id, Option<Arc<Rule>>),
    /// Everything that was to be measured before this is.
    Round,
}

/// What is to be done.
#[derive(Debug)]
enum Order {
    Do(Act),
    Round,
}

/// What waits to be done: as much as there are processes and groups.
#[derive(Debug, Default)]
struct Queue {
    urgent: VecDeque<Order>,
    rest: VecDeque<Order>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Desk {
    queue: Mutex<Queue>,
    bell: Condvar,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next thing to do; nothing, when there will be none.
    fn next(&self) -> Option<Order> {
        let mut queue = self.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            let Queue { urgent, rest, .. } = &mut *queue;
            if let Some(order) = urgent.pop_front().or_else(|| rest.pop_front()) {
                return Some(order);
            }
            queue = self.bell.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Hands {
    desk: Arc<Desk>,
    thread: JoinHandle<Groups>,
    answers: UnboundedReceiver<Answer>,
    /// Groups without cgroups, for who judges processes meanwhile.
    held: Arc<Mutex<Held>>,
}

impl Hands {
    /// Starts it with these groups.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(super) fn start(groups: Groups) -> io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let held = Arc::new(Mutex::new(groups.held().clone()));
        let (sender, answers) = unbounded_channel();
        let theirs = (Arc::clone(&desk), Arc::clone(&held));
        let thread = std::thread::Builder::new()
            .name("ffleet-hands".to_owned())
            .spawn(move || work(groups, &theirs.0, &theirs.1, &sender))?;
        Ok(Self { desk, thread, answers, held })
    }

    /// Has something done; [`Act::Look`] is not theirs.
    pub(super) fn order(&self, act: Act) {
        let mut queue = self.desk.lock();
        match act {
            Act::Measure(_) => queue.rest.push_back(Order::Do(act)),
            _ => queue.urgent.push_back(Order::Do(act)),
        }
        self.desk.bell.notify_one();
    }

    /// Has all of these measured, and says when.
    pub(super) fn round(&self, firsts: impl Iterator<Item = Id>) {
        let mut queue = self.desk.lock();
        queue.rest.extend(firsts.map(|first| Order::Do(Act::Measure(first))));
        queue.rest.push_back(Order::Round);
        self.desk.bell.notify_one();
    }

    /// The next answer; nothing, if the thread is gone.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        self.answers.recv().await
    }

    /// Groups without cgroups.
    pub(super) fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it after what it is at; what it had not begun is not done. Blocks until then.
    pub(super) fn end(self) -> Option<Groups> {
        self.desk.lock().is_closed = true;
        self.desk.bell.notify_one();
        self.thread.join().ok()
    }
}

fn work(
    mut groups: Groups,
    desk: &Desk,
    held: &Mutex<Held>,
    answers: &UnboundedSender<Answer>,
) -> Groups {
    while let Some(order) = desk.next() {
        let answer = match order {
            Order::Do(act) => carry(&mut groups, act),
            Order::Round => Some(Answer::Round),
        };
        {
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            if *held != *groups.held() {
                held.clone_from(groups.held());
            }
        }
        if answer.is_some_and(|answer| answers.send(answer).is_err()) {
            break;
        }
    }
    groups
}

fn carry(groups: &mut Groups, act: Act) -> Option<Answer> {
    Some(match act {
        Act::Take(id, rule) => {
            let (outcome, taken) = groups.take(id, &rule);
            Answer::Taken(id, outcome, taken)
        }
        Act::Measure(first) => Answer::Measured(first, groups.measure(first)),
        Act::Change(first, rule) => {
            let changed = groups.change(first, &rule);
            Answer::Changed(first, rule, changed)
        }
        Act::Release(first) => Answer::Released(first, groups.release(first)),
        Act::Close(first) => Answer::Closed(first, groups.close(first)),
        Act::Look(_) => return None,
    })
}
