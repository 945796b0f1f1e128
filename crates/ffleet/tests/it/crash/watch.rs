//! What the kernel says about names: how often each result got its own.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// What happened to one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    /// Something was renamed to it.
    pub(super) named: u32,
    /// It was made or written under this very name.
    pub(super) written: u32,
}

/// Watches directories from its making on. Names in different directories must differ.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
    seen: BTreeMap<String, Events>,
}

impl Watch {
    pub(super) fn new(dirs: &[&Path]) -> Self {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let what = WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::MODIFY;
        for dir in dirs {
            inotify::add_watch(&inotify, *dir, what).unwrap();
        }
        Self { inotify, seen: BTreeMap::new() }
    }

    /// Takes in what has happened, and says whether anything has.
    pub(super) fn take(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1_024];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut any = false;
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return any,
                Err(errno) => panic!("cannot read what happened: {errno}"),
            };
            assert!(!event.events().contains(ReadFlags::QUEUE_OVERFLOW), "events were lost");
            any = true;
            let Some(name) = event.file_name() else { continue };
            let seen = self.seen.entry(name.to_string_lossy().into_owned()).or_default();
            if event.events().contains(ReadFlags::MOVED_TO) {
                seen.named += 1;
            } else {
                seen.written += 1;
            }
        }
    }

    /// What happened to names that are not hidden.
    pub(super) fn visible(&mut self) -> BTreeMap<String, Events> {
        self.take();
        let visible = self.seen.iter().filter(|(name, _)| !name.starts_with('.'));
        visible.map(|(name, events)| (name.clone(), *events)).collect()
    }
}
