//! What a child in the hands of a shim is led by, and how it is let go of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::{Child, Hand};
use crate::error::StillError;
use crate::exit::Exit;
use crate::shim::Line;
use crate::shim::held::Held;
use crate::shim::wire::Request;

/// How long a shim may take to freeze or thaw its child, or to let go of something, and to say so.
const ANSWER: Duration = Duration::from_secs(5);

/// What a child in the hands of a shim is led by.
#[derive(Debug)]
pub(super) struct Reins {
    line: Arc<Line>,
    /// How many times it was asked for what it answers.
    asked: AtomicU64,
    /// Which of them was answered last, and what was wrong with it.
    answers: watch::Receiver<(u64, Option<String>)>,
}

impl Reins {
    pub(super) fn new(shim: &Held) -> Self {
        Self {
            line: Arc::clone(&shim.line),
            asked: AtomicU64::new(0),
            answers: shim.answered.subscribe(),
        }
    }

    /// Says what needs no answer.
    pub(super) fn say(&self, request: &Request) {
        self.line.say(request);
    }

    /// Has the shim do what it answers, and waits until it says what came of that.
    pub(super) async fn ask(&self, request: impl FnOnce(u64) -> Request) -> Result<(), StillError> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        self.line.say(&request(number));
        let mut answers = self.answers.clone();
        let answered = answers.wait_for(|(answered, _)| *answered >= number);
        match tokio::time::timeout(ANSWER, answered).await {
            Ok(Ok(answer)) => match &answer.1 {
                None => Ok(()),
                Some(trouble) => Err(StillError::Shim(trouble.clone())),
            },
            // Nobody hears the shim any more: the child's end is told next.
            Ok(Err(_closed)) => Err(StillError::Ended),
            Err(_elapsed) => Err(StillError::Silent(ANSWER)),
        }
    }
}

impl Child {
    /// Has its shim let go of what it holds under this name. Where that and whatever else there is of it is
    /// closed, the child meets the end of its pipe.
    ///
    /// # Errors
    ///
    /// If the child has ended, if it has no shim or one that holds nothing of this name, or if the shim does
    /// not answer.
    pub async fn release(&self, name: &str) -> Result<(), StillError> {
        match &self.hand {
            Hand::Shim(reins) if self.exit.borrow().is_none() => {
                let request = |number| Request::Release(number, name.to_owned());
                // It may end because of that, and before the answer is looked at.
                tokio::select! {
                    biased;
                    answer = reins.ask(request) => answer,
                    _ = self.wait() => Err(StillError::Ended),
                }
            }
            Hand::Tree(_) => Err(StillError::Shim("it has none".to_owned())),
            Hand::Shim(_) | Hand::None => Err(StillError::Ended),
        }
    }

    /// Leaves it to its shim, as the death of this process would: it goes on, frozen if it is, until its orphan
    /// grace is over or another life of the node takes it over. When this returns its seat is free and its node
    /// does not wait for it any more, so that no other child may be started from here on; nothing is to be asked
    /// of it but to be dropped.
    ///
    /// How it ended, where there is nothing to leave: it has ended meanwhile, or it has no shim and was killed.
    pub async fn leave(&mut self) -> Option<Exit> {
        let Some(listener) = self.listener.take() else {
            self.kill_tree();
            return Some(self.wait().await);
        };
        listener.abort();
        let _aborted = listener.await;
        if let Some(exit) = self.exit() {
            return Some(exit);
        }
        // The last end of the line that there is here. What it is found by stays.
        self.hand = Hand::None;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_shim_could_not_do_is_told_to_whoever_asked_for_it() {
        let (ours, theirs) = Line::pair().unwrap();
        let line = Arc::new(Line::new(ours).unwrap());
        let (sender, answers) = watch::channel((0, None));
        let reins = Reins { line, asked: AtomicU64::new(0), answers };
        let shim = async {
            sender.send_replace((1, Some("no such group".to_owned())));
            reins.ask(Request::Freeze).await
        };
        let error = shim.await.unwrap_err();
        assert!(matches!(&error, StillError::Shim(why) if why == "no such group"), "{error:?}");
        let (answer, ()) = tokio::join!(reins.ask(Request::Thaw), async {
            tokio::task::yield_now().await;
            sender.send_replace((2, None));
        });
        answer.unwrap();
        drop(sender);
        let error = reins.ask(Request::Freeze).await.unwrap_err();
        assert!(matches!(error, StillError::Ended), "{error:?}");
        drop(theirs);
    }
}
