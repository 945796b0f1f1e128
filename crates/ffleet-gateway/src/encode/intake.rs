//! What is before the tracks of a stream that comes coded: who takes its container apart, and who decodes it.

use std::sync::Arc;

use ffleet_live::feed::State;
use ffleet_types::live::Encode;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::found::{Found, Wish};
use super::health::{Event, Health};
use super::{Equipment, FRAMES, decode};
use crate::feed::{Feed, Shop};
use crate::inputs::{Hub, Kind};

/// Reads the bytes of the feed that it is made of, where those have to be taken apart, and notes what is said of them,
/// until this is dropped.
pub(super) fn follow(
    feed: &Feed,
    shop: &Arc<Shop>,
    hub: &Arc<Hub>,
    health: &Arc<Health>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let Some(whole) = hub.whole() else {
        return tasks;
    };
    let mut remarks = whole.remarks();
    let (clock, health) = (Arc::clone(&shop.clock), Arc::clone(health));
    tasks.spawn(async move {
        loop {
            match remarks.recv().await {
                Ok(what) => health.note(Event { at: clock.now(), kind: Kind::Video, what }),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    });
    if let (Some(parent), true) = (feed.parent(), feed.has_own_hub()) {
        let (parent, hub) = (Arc::clone(parent), Arc::clone(hub));
        let clock = Arc::clone(&shop.clock);
        tasks.spawn(async move {
            let is_live = || matches!(parent.status().state, State::Live { .. });
            hub.follow(&parent.ring, clock.as_ref(), is_live).await;
        });
    }
    tasks
}

/// Puts decoders before those of the tracks that come coded and are encoded: what is found is raw then. They end with what
/// takes their frames, or when this is dropped. One that cannot be decoded is left out, which is remarked.
pub(super) fn decode(
    (feed, shop, hub, health): (&Feed, &Arc<Shop>, &Arc<Hub>, &Arc<Health>),
    (encode, equipment): (&Encode, &Equipment),
    found: &mut Found,
) -> JoinSet<()> {
    let mut decoders = JoinSet::new();
    for coded in found.coded.iter().filter(|coded| coded.wish == Wish::Encode) {
        let at = found.inlets.iter().position(|&(kind, _)| kind == coded.kind);
        let Some((kind, inlet)) = at.map(|at| found.inlets.swap_remove(at)) else {
            continue;
        };
        match decode::wanted(coded, encode, equipment, &mut found.spec) {
            Ok(wanted) => {
                let (out, frames) = mpsc::channel(FRAMES);
                let parts = decode::Parts {
                    shop: Arc::clone(shop),
                    label: feed.label().to_owned(),
                    health: Arc::clone(health),
                    hub: Arc::clone(hub),
                    inlet,
                    out,
                };
                // Ends with the set, or with what takes its frames.
                decoders.spawn(decode::run(wanted, parts));
                found.inlets.push((kind, frames.into()));
            }
            Err(refused) => {
                found
                    .remarks
                    .push(format!("its {} is left out: {refused}", kind.name()));
            }
        }
    }
    decoders
}
