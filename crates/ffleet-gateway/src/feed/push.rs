//! A feed that somebody pushes to, in the body of a request: one at a time.

use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use super::body::Body;
use super::run::{Ended, read};
use crate::reader::Reading;

/// How long a pusher waits for its feed to be ready for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where pushers meet the feed.
#[derive(Debug)]
pub(crate) struct Dock {
    /// Who has this pushes.
    turn: Mutex<mpsc::Sender<Arrival>>,
    arrivals: Mutex<mpsc::Receiver<Arrival>>,
}

/// A body, and where it is to be said what came of it.
pub(crate) type Arrival = (Body, oneshot::Sender<Result<(), String>>);

/// A push was not taken, or broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Somebody else pushes to this feed.
    #[error("somebody else pushes to this feed")]
    Taken,
    /// The feed is closed, or did not get ready.
    #[error("the feed does not take anything now")]
    Closed,
    /// It has no such track.
    #[error("the feed has no such track that is pushed")]
    NoTrack,
    /// There is no memory for its ring.
    #[error("{0}")]
    NoRoom(String),
    /// It broke off.
    #[error("{0}")]
    Broken(String),
}

impl Default for Dock {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        Self { turn: Mutex::new(sender), arrivals: Mutex::new(receiver) }
    }
}

impl Dock {
    /// Has `body` read to its end.
    pub(crate) async fn push(&self, body: Body) -> Result<(), Refused> {
        let turn = self.turn.try_lock().map_err(|_held| Refused::Taken)?;
        let (done, heard) = oneshot::channel();
        let sent = tokio::time::timeout(PATIENCE, turn.send((body, done))).await;
        if !sent.is_ok_and(|sent| sent.is_ok()) {
            return Err(Refused::Closed);
        }
        match heard.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Refused::Broken(why)),
            Err(_dropped) => Err(Refused::Closed),
        }
    }

    /// Waits for a pusher; nothing if nobody can come any more.
    pub(crate) async fn arrival(&self) -> Option<Arrival> {
        self.arrivals.lock().await.recv().await
    }

    /// Waits for a pusher, and reads what it sends.
    pub(super) async fn run(&self, reading: Reading) -> Ended {
        let Some((body, done)) = self.arrival().await else {
            return Ended::failed("nobody can push to it any more");
        };
        let ended = read(body, reading).await;
        let answer = match ended.over {
            ffleet_live::feed::Over::Clean => Ok(()),
            ffleet_live::feed::Over::Failed => Err(ended.why.clone()),
        };
        // The pusher may be gone.
        let _unheard = done.send(answer);
        ended
    }
}
