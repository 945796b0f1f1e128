//! What a watch waits for: events of the kernel, the end of a look at all processes, a pulse.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use ffleet_base::chain;
use ffleet_guard::events::{Event, Events, Seen, Wanted};
use serde_json::json;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;

use super::super::Setting;
use super::super::tell::Teller;
use crate::failure::Failure;

/// The kernel's events, and what says that there are some.
#[derive(Debug)]
pub(super) struct Ears {
    events: Events,
    bell: AsyncFd<OwnedFd>,
}

/// A look at all processes.
#[derive(Debug)]
pub(super) enum Scan {
    /// None is under way.
    Rests,
    /// Groups are measured before it.
    Measures,
    /// It is under way since then.
    Looks(Duration, JoinHandle<io::Result<Vec<Seen>>>),
}

/// Listens, if the kernel lets us; else says so.
pub(super) fn listen(setting: &Setting, teller: &Teller<'_>) -> Result<Option<Ears>, Failure> {
    // Who is found by its parent may be found without becoming another program.
    let by_parent = setting.wanted.rules.iter().any(|rule| rule.parent.is_some());
    let wanted = if by_parent { Wanted::Forks } else { Wanted::Programs };
    let every = setting.wanted.scan_interval;
    let ears = Events::open(wanted).map_err(|error| chain(&error)).and_then(|events| {
        let bell = events.as_fd().try_clone_to_owned().and_then(ffleet_guard::readable);
        Ok(Ears { events, bell: bell.map_err(|error| error.to_string())? })
    });
    match ears {
        Ok(ears) => {
            let text = format!("events of the kernel, and a look at all processes every {every}");
            teller.tell("watching", json!({ "events": true, "scan-interval": every }), &text)?;
            Ok(Some(ears))
        }
        Err(why) => {
            let text = format!("by a look at all processes every {every} alone: {why}");
            let fields = json!({ "events": false, "scan-interval": every, "why": why });
            teller.tell("watching", fields, &text)?;
            Ok(None)
        }
    }
}

/// Waits until there are events, and reads them.
pub(super) async fn hear(ears: &mut Option<Ears>) -> io::Result<Vec<Event>> {
    let Some(Ears { events, bell }) = ears else {
        return std::future::pending().await;
    };
    let mut ready = bell.readable().await?;
    let mut heard = Vec::new();
    // Where there may be more it stays ready.
    if !events.drain(|event| heard.push(event))? {
        ready.clear_ready();
    }
    Ok(heard)
}

/// Waits for the end of a look.
pub(super) async fn looked(scan: &mut Scan) -> (Duration, io::Result<Vec<Seen>>) {
    match scan {
        Scan::Looks(begun, task) => {
            let seen = task.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            (*begun, seen)
        }
        Scan::Rests | Scan::Measures => std::future::pending().await,
    }
}

/// Waits for the next beat, if there is a pulse.
pub(super) async fn tick(alive: &mut Option<tokio::time::Interval>) {
    match alive {
        Some(alive) => {
            alive.tick().await;
        }
        None => std::future::pending().await,
    }
}
