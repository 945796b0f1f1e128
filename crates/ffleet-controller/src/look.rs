//! Looks at files that stop nobody but whoever asked for them.
//!
//! A look at a local file costs microseconds and is done where the request is handled: a hand-off
//! to another thread would cost more than the look. A network or user-space file system may not
//! answer for ever, and two such looks would be both threads of the server. So what lies on one
//! ([`mounts`]) is looked at from a thread of its own, a few at a time for each mount, and waited
//! for within a limit. Where all that are allowed are stuck, the next is refused at once: jobs
//! that have nothing to do with that mount never notice.
//!
//! The threads are plain ones, not the runtime's: those that are stuck would be missing there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ffleet_api::{Code, Problem};
use ffleet_media::{Source, Spec, Target};
use ffleet_types::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::admission::Rules;
use crate::controller::Controller;
use crate::tenants::Realm;

mod mounts;

use mounts::{Far, Mounts};

/// Looks at one mount at once.
const AT_ONCE: usize = 4;
/// How long the planner waits for an input's size, which it can do without.
const GLANCE: Duration = Duration::from_millis(500);

/// What is known of file systems that may not answer.
#[derive(Debug)]
pub(crate) struct Looks {
    mounts: Mutex<Mounts>,
    rooms: Mutex<BTreeMap<Far, Arc<Room>>>,
}

/// The looks at one mount.
#[derive(Debug)]
struct Room {
    free: Arc<Semaphore>,
    stuck: AtomicUsize,
}

impl Looks {
    pub(crate) fn new() -> Self {
        Self { mounts: Mutex::new(Mounts::open()), rooms: Mutex::default() }
    }

    /// Which of these paths may not answer.
    fn far<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, Far)> {
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        mounts.refresh();
        paths
            .into_iter()
            .filter_map(|path| Some((path, mounts.far(path)?)))
            .collect()
    }

    fn room(&self, far: &Far) -> Arc<Room> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(far) {
            return Arc::clone(room);
        }
        // Mounts come and go; those at which nobody looks are forgotten.
        rooms.retain(|_, room| room.free.available_permits() < AT_ONCE);
        let room =
            Arc::new(Room { free: Arc::new(Semaphore::new(AT_ONCE)), stuck: AtomicUsize::new(0) });
        rooms.insert(far.clone(), Arc::clone(&room));
        room
    }

    /// Does `work` on a thread of its own, in the room for `far`; nothing if it did not answer
    /// within `limit`.
    async fn apart<T: Send + 'static>(
        &self,
        far: &Far,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let room = self.room(far);
        if room.stuck.load(Ordering::Acquire) >= AT_ONCE {
            return None;
        }
        let deadline = tokio::time::Instant::now() + limit;
        let permit = tokio::time::timeout_at(deadline, Arc::clone(&room.free).acquire_owned());
        let permit = permit.await.ok()?.expect("invariant: the room is never closed");
        let (answer, answered) = oneshot::channel();
        let over = Arc::new(AtomicBool::new(false));
        let end = End { room: Arc::clone(&room), over: Arc::clone(&over), permit };
        // It ends when the file system answers; a process that ends does not wait for it.
        let spawned = std::thread::Builder::new()
            .name("ffleet-look".to_owned())
            .spawn(move || {
                let result = work();
                drop(end);
                // Who gave up waiting is told nothing.
                drop(answer.send(result));
            });
        if let Err(error) = spawned {
            tracing::error!(%error, "cannot start a thread that looks at a file");
            return None;
        }
        let wait = Wait { room, over };
        let Ok(answer) = tokio::time::timeout_at(deadline, answered).await else {
            tracing::warn!(%far, "a file system does not answer");
            return None;
        };
        drop(wait);
        answer.ok()
    }
}

/// The end of a look: who waits for it may have given up.
struct End {
    room: Arc<Room>,
    over: Arc<AtomicBool>,
    #[expect(dead_code, reason = "held until the look ends")]
    permit: OwnedSemaphorePermit,
}

impl Drop for End {
    fn drop(&mut self) {
        if self.over.swap(true, Ordering::AcqRel) {
            self.room.stuck.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// The wait for a look. One that is given up, be it that the client has left, counts as stuck
/// until it ends.
struct Wait {
    room: Arc<Room>,
    over: Arc<AtomicBool>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.over.load(Ordering::Acquire) {
            return;
        }
        self.room.stuck.fetch_add(1, Ordering::AcqRel);
        if self.over.swap(true, Ordering::AcqRel) {
            self.room.stuck.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Controller {
    /// Does `work`, which looks at files at `paths` and nowhere else, by the rules for `realm`.
    ///
    /// # Errors
    ///
    /// [`Code::PlaceUnavailable`] if a file system does not answer.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        realm: Realm,
        paths: impl IntoIterator<Item = &str>,
        work: impl FnOnce(Rules<'_>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let far = self.looks.far(paths);
        let Some((first, mount)) = far.first() else {
            return Ok(work(self.rules(&realm)));
        };
        let limit = self.policy.look_limit;
        // Each by itself, so that the one that does not answer is known.
        for (path, mount) in &far {
            self.reach(path, mount, limit)
                .await
                .ok_or_else(|| silent(path, mount, limit))?;
        }
        let this = self.clone();
        self.looks
            .apart(mount, limit, move || work(this.rules(&realm)))
            .await
            .ok_or_else(|| silent(first, mount, limit))
    }

    /// The size of an input where it can be seen now; for the planner, which can do without.
    pub(crate) async fn glance(&self, spec: &Spec) -> Bytes {
        let Source::File(path) = &spec.input else {
            return Bytes(0);
        };
        match self.looks.far([path.as_str()]).pop() {
            None => size(path),
            Some((_, mount)) => self.reach(path, &mount, GLANCE).await.unwrap_or_default(),
        }
    }

    /// The size of what is at a far path, 0 if there is nothing; nothing if there is no answer.
    async fn reach(&self, path: &str, mount: &Far, limit: Duration) -> Option<Bytes> {
        let path = path.to_owned();
        self.looks.apart(mount, limit, move || size(&path)).await
    }
}

/// The paths that a job reads and writes.
pub(crate) fn paths(spec: &Spec) -> impl Iterator<Item = &str> {
    let input = match &spec.input {
        Source::File(path) => Some(path.as_str()),
        Source::Url(_) | Source::Test(_) => None,
    };
    input
        .into_iter()
        .chain(spec.outputs.iter().filter_map(|output| match &output.target {
            Target::File(path) => Some(path.as_str()),
            Target::Live(_) => None,
        }))
}

fn size(path: &str) -> Bytes {
    Bytes(std::fs::metadata(Path::new(path)).map_or(0, |found| found.len()))
}

fn silent(path: &str, mount: &Far, limit: Duration) -> Problem {
    let detail =
        format!("{path} cannot be looked at: {mount} does not answer (waited up to {limit:?})");
    Problem::new(Code::PlaceUnavailable, detail)
        .hint("nothing was accepted; look after that file system on the server's machine")
}
