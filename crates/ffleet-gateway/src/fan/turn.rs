//! One thread: waits in the kernel, and sends to whoever can be sent to.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use ffleet_base::Clock;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{Timespec, epoll::Event};

use super::Bell;
use super::viewer::{Newcomer, Standing, Viewer};
use crate::ring::Ring;

/// What events of the bell are told by.
const BELL: u64 = u64::MAX;
/// Events that are taken at once.
const EVENTS: usize = 256;
/// How often viewers are looked at who may have to go.
const LOOK: Duration = Duration::from_secs(1);
/// How long those who are behind are sent more before it is the turn of the others again.
const HELPING: Duration = Duration::from_millis(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Turn {
    bell: Arc<Bell>,
    clock: Arc<dyn Clock>,
    poll: std::os::fd::OwnedFd,
    viewers: Vec<Option<Viewer>>,
    free: Vec<usize>,
    /// Rings that viewers of this thread watch, and who does, by the name under which the bell is rung.
    rings: Vec<Option<Watched>>,
    /// Who is to be sent more, in turn.
    hungry: VecDeque<usize>,
    looked: Duration,
}

#[derive(Debug)]
struct Watched {
    ring: Arc<Ring>,
    viewers: Vec<usize>,
    /// Up to where its producer waits for them, and how many of them have been found to have that.
    content: (u64, usize),
}

impl Turn {
    pub(super) fn new(bell: Arc<Bell>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, bell.as_fd(), EventData::new_u64(BELL), EventFlags::IN)?;
        let looked = clock.monotonic();
        Ok(Self {
            bell,
            clock,
            poll,
            viewers: Vec::new(),
            free: Vec::new(),
            rings: Vec::new(),
            hungry: VecDeque::new(),
            looked,
        })
    }

    pub(super) fn run(mut self) {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        loop {
            let wait = if self.hungry.is_empty() { LOOK } else { Duration::ZERO };
            let wait = Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(1),
                tv_nsec: i64::from(wait.subsec_nanos()),
            };
            events.clear();
            match epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut events), Some(&wait))
            {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot wait for viewers; they are cut off");
                    return;
                }
            }
            let now = self.clock.monotonic();
            let mut rung = false;
            for event in &events {
                match event.data.u64() {
                    BELL => rung = true,
                    name => {
                        self.heard(usize::try_from(name).unwrap_or(usize::MAX), event.flags, now);
                    }
                }
            }
            if rung && self.answer(now) {
                return;
            }
            self.feed(now);
            self.report(now);
            if now.saturating_sub(self.looked) >= LOOK {
                self.looked = now;
                self.look(now);
            }
        }
    }

    /// Sends more to those who are behind, for a while: who comes and what is pushed goes first, of which they get
    /// a share as well.
    fn feed(&mut self, now: Duration) {
        let began = self.clock.monotonic();
        while let Some(name) = self.hungry.pop_front() {
            // One that has gone may have left its place to another.
            let Some(Some(viewer)) = self.viewers.get_mut(name) else {
                continue;
            };
            if std::mem::take(&mut viewer.is_queued) && !viewer.is_blocked() {
                let standing = viewer.help(now);
                self.place(name, standing);
            }
            if self.clock.monotonic().saturating_sub(began) >= HELPING {
                break;
            }
        }
    }

    /// Tells producers who wait for it that viewers have what they were to have. Each viewer is asked until it
    /// has, and not again.
    fn report(&mut self, now: Duration) {
        for watched in self.rings.iter_mut().flatten() {
            let Some(until) = watched.ring.awaited() else {
                continue;
            };
            if watched.content.0 != until {
                watched.content = (until, 0);
            }
            let has_it = |name: &&usize| {
                self.viewers[**name]
                    .as_ref()
                    .is_none_or(|viewer| viewer.is_content(until, now))
            };
            let left = &watched.viewers[watched.content.1..];
            watched.content.1 += left.iter().take_while(has_it).count();
            if watched.content.1 == watched.viewers.len() {
                watched.ring.note_served(&self.bell, until);
            }
        }
    }

    /// Does what the bell was rung for. Whether that is to stop.
    fn answer(&mut self, now: Duration) -> bool {
        let news = self.bell.answer();
        if news.stop {
            return true;
        }
        for newcomer in news.newcomers {
            self.admit(newcomer, now);
        }
        for name in news.pushed {
            let Some(Some(watched)) = self.rings.get(name) else {
                continue;
            };
            for viewer in watched.viewers.clone() {
                if self.viewers[viewer].as_ref().is_some_and(|viewer| !viewer.is_blocked()) {
                    self.serve(viewer, now);
                }
            }
        }
        false
    }

    fn admit(&mut self, newcomer: Newcomer, now: Duration) {
        let mut viewer = Viewer::new(newcomer);
        let name = self.free.pop().unwrap_or_else(|| {
            self.viewers.push(None);
            self.viewers.len() - 1
        });
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        if let Err(error) =
            epoll::add(&self.poll, &viewer.socket, EventData::new_u64(name as u64), flags)
        {
            tracing::warn!(%error, "a viewer cannot be watched and is let go");
            self.free.push(name);
            return;
        }
        self.watch(&viewer.ring, name);
        let standing = viewer.greet(now);
        self.viewers[name] = Some(viewer);
        self.place(name, standing);
    }

    /// Notes that `viewer` watches `ring`.
    fn watch(&mut self, ring: &Arc<Ring>, viewer: usize) {
        let known = self
            .rings
            .iter_mut()
            .flatten()
            .find(|watched| Arc::ptr_eq(&watched.ring, ring));
        if let Some(watched) = known {
            watched.viewers.push(viewer);
            return;
        }
        let watched = Watched { ring: Arc::clone(ring), viewers: vec![viewer], content: (0, 0) };
        let name = self.rings.iter().position(Option::is_none).unwrap_or_else(|| {
            self.rings.push(None);
            self.rings.len() - 1
        });
        self.rings[name] = Some(watched);
        ring.hang(&self.bell, name);
    }

    /// Something happened at a viewer's socket.
    fn heard(&mut self, name: usize, flags: EventFlags, now: Duration) {
        let Some(Some(viewer)) = self.viewers.get_mut(name) else {
            return;
        };
        if flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR)
            || flags.contains(EventFlags::IN) && !viewer.hear()
        {
            self.dismiss(name);
        } else if flags.contains(EventFlags::OUT) && viewer.is_blocked() {
            viewer.unblock();
            self.serve(name, now);
        }
    }

    fn serve(&mut self, name: usize, now: Duration) {
        if let Some(Some(viewer)) = self.viewers.get_mut(name) {
            let standing = viewer.serve(now);
            self.place(name, standing);
        }
    }

    fn place(&mut self, name: usize, standing: Standing) {
        match standing {
            Standing::Waits => {}
            Standing::Hungry => {
                if let Some(Some(viewer)) = self.viewers.get_mut(name)
                    && !std::mem::replace(&mut viewer.is_queued, true)
                {
                    self.hungry.push_back(name);
                }
            }
            Standing::Gone => self.dismiss(name),
        }
    }

    /// Lets a viewer go. Its socket leaves the poll when it is closed.
    fn dismiss(&mut self, name: usize) {
        let Some(viewer) = self.viewers.get_mut(name).and_then(Option::take) else {
            return;
        };
        self.free.push(name);
        let of = |watched: &Option<Watched>| {
            watched
                .as_ref()
                .is_some_and(|watched| Arc::ptr_eq(&watched.ring, &viewer.ring))
        };
        if let Some(slot) = self.rings.iter_mut().find(|watched| of(watched))
            && let Some(watched) = slot
        {
            watched.viewers.retain(|&other| other != name);
            watched.content.1 = 0;
            if watched.viewers.is_empty() {
                watched.ring.take_down(&self.bell);
                *slot = None;
            }
        }
    }

    fn look(&mut self, now: Duration) {
        for name in 0..self.viewers.len() {
            if self.viewers[name].as_ref().is_some_and(|viewer| !viewer.look(now)) {
                self.dismiss(name);
            }
        }
    }
}
