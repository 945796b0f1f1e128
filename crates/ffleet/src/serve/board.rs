//! What is declared: by the file, and over the API.
//!
//! The store keeps what the API declares, the configuration says what it means beside the file, and the
//! gateway makes it so. One change at a time: a reload meets no half of a declaration.

mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use ffleet_api::bench::Boxed;
use ffleet_api::declare::{Came, Declaration, Declarations, LeftOut, Reload};
use ffleet_api::{Code, Problem};
use ffleet_base::{Clock, chain};
use ffleet_config::config::Live;
use ffleet_config::config::live::{self, Merged, Written};
use ffleet_controller::Controller;
use ffleet_controller::http::Tls;
use ffleet_gateway::{Changed, Gateway, Wanted};
use ffleet_store::{Declared, Store};
use ffleet_types::job::Actor;
use ffleet_types::live::{Name, Sort};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use self::told::{needed, nothing, refused, stopping, unavailable};
use crate::failure::Failure;
use crate::serve::notify::{self, Message};
use crate::serve::setting::Setting;
use crate::serve::{Again, effective};

/// See the module.
#[derive(Debug)]
pub(super) struct Board(Mutex<Option<Desk>>);

/// What a board works with.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) again: Again,
    pub(super) store: Store,
    pub(super) gateway: Gateway,
    pub(super) controller: Controller,
    pub(super) clock: Arc<dyn Clock>,
    /// What other machines are shown, read again with the rest.
    pub(super) tls: Option<Arc<Tls>>,
    /// The configuration that the server was started with, as it is shown.
    pub(super) shown: Value,
}

/// A feed or a stream: which of the two, and its name.
type Key = (Sort, Name);

/// What is declared, and what of it is there.
struct Desk {
    parts: Parts,
    /// What the file says; nothing in voyandz's place.
    written: Option<Written>,
    of_file: BTreeSet<Key>,
    /// What the API says.
    stored: BTreeMap<Key, Map<String, Value>>,
    /// What of that is not there, with why.
    left_out: BTreeMap<Key, String>,
    /// Who is made of whom.
    parents: BTreeMap<Key, Name>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("stored", &self.stored.len())
            .finish_non_exhaustive()
    }
}

impl Board {
    /// Has the gateway be what `setting` and the `stored` declarations say.
    pub(super) fn open(parts: Parts, setting: Setting, stored: Vec<Declared>) -> Arc<Self> {
        let mut desk = Desk {
            parts,
            written: None,
            of_file: BTreeSet::new(),
            stored: BTreeMap::new(),
            left_out: BTreeMap::new(),
            parents: BTreeMap::new(),
        };
        for Declared { sort, name, declaration, .. } in stored {
            match serde_json::from_str(&declaration) {
                Ok(says) => {
                    desk.stored.insert((sort, name), says);
                }
                Err(error) => tracing::error!(%sort, %name, %error, "a declaration cannot be read"),
            }
        }
        desk.follow(setting);
        Arc::new(Self(Mutex::new(Some(desk))))
    }

    /// Lets go of everything: the controller holds this, and this holds the controller.
    pub(super) async fn close(&self) {
        *self.0.lock().await = None;
    }

    /// Reads the configuration again, and says in the log what came of it.
    pub(super) async fn read_again(&self) {
        // What is wrong has been said.
        let _said = self.reload().await;
    }
}

impl Declarations for Board {
    fn declare(
        &self,
        sort: Sort,
        name: Name,
        says: Declaration,
        by: Actor,
    ) -> Boxed<'_, Result<Came, Problem>> {
        Box::pin(async move {
            let mut desk = self.0.lock().await;
            desk.as_mut()
                .ok_or_else(stopping)?
                .declare((sort, name), says.0, by)
                .await
        })
    }

    fn undeclare(&self, sort: Sort, name: Name, by: Actor) -> Boxed<'_, Result<(), Problem>> {
        Box::pin(async move {
            let mut desk = self.0.lock().await;
            desk.as_mut().ok_or_else(stopping)?.undeclare((sort, name), by).await
        })
    }

    fn reload(&self) -> Boxed<'_, Result<Reload, Problem>> {
        Box::pin(async move {
            let mut desk = self.0.lock().await;
            desk.as_mut().ok_or_else(stopping)?.reload().await
        })
    }
}

impl Desk {
    async fn declare(
        &mut self,
        key: Key,
        says: Map<String, Value>,
        by: Actor,
    ) -> Result<Came, Problem> {
        let Some(written) = self.written.as_ref().filter(|_| !self.of_file.contains(&key)) else {
            return Err(self.in_file(&key));
        };
        let mut there = self.there(&key);
        there.push(live::Declaration::new(key.0, key.1.clone(), &says));
        let merged = written.with(&there).map_err(|problems| refused(&key, &problems))?;
        let ours = format!("the API: {}s.{}.", key.0, key.1);
        for warning in merged.warnings.iter().filter(|text| text.starts_with(&ours)) {
            tracing::warn!("{warning}");
        }
        let declared = Declared {
            sort: key.0,
            name: key.1.clone(),
            declaration: Value::Object(says.clone()).to_string(),
            at: self.parts.clock.now(),
            actor: by.clone(),
        };
        let is_new = self
            .parts
            .store
            .declare(declared)
            .await
            .map_err(|error| unavailable(&error))?;
        let (sort, name) = &key;
        tracing::info!(%sort, %name, %by, is_new, "declared over the API");
        self.stored.insert(key, says);
        self.settle(there);
        Ok(if is_new { Came::Created } else { Came::Replaced })
    }

    async fn undeclare(&mut self, key: Key, by: Actor) -> Result<(), Problem> {
        if !self.stored.contains_key(&key) {
            return Err(match self.of_file.contains(&key) {
                true => self.in_file(&key),
                false => nothing(&key),
            });
        }
        let made: Vec<String> = self
            .parents
            .iter()
            .filter(|(_, parent)| key.0 == Sort::Feed && **parent == key.1)
            .map(|((sort, name), _)| format!("the {sort} {name}"))
            .collect();
        if !made.is_empty() && !self.of_file.contains(&key) {
            return Err(needed(&key.1, &made));
        }
        let (sort, name) = key.clone();
        let gone = self.parts.store.undeclare(sort, name.clone()).await;
        gone.map_err(|error| unavailable(&error))?;
        tracing::info!(%sort, %name, %by, "no longer declared over the API");
        let there = self.there(&key);
        self.stored.remove(&key);
        self.settle(there);
        Ok(())
    }

    async fn reload(&mut self) -> Result<Reload, Problem> {
        notify::tell(&self.parts.again.context.env, Message::Reloading);
        let (again, tls) = (self.parts.again.clone(), self.parts.tls.clone());
        let both = move || (again.load(), tls.map(|tls| tls.reload()));
        let (read, shown) = tokio::task::spawn_blocking(both)
            .await
            .unwrap_or_else(|error| (Err(Failure::local(&error)), None));
        let stale = shown.and_then(Result::err).map(|error| {
            let said = format!("the certificate stays as it was: {}", chain(&error));
            tracing::error!("{said}");
            said
        });
        let done = match read {
            Ok(setting) => {
                let mut done = self.follow(setting);
                done.warnings.extend(stale);
                Ok(done)
            }
            Err(failure) => {
                tracing::error!("everything stays as it is: {failure}");
                let said = failure.to_string();
                let said = said.strip_prefix("error: ").unwrap_or(&said);
                Err(Problem::new(Code::ConfigurationInvalid, said))
            }
        };
        notify::tell(&self.parts.again.context.env, Message::Ready);
        done
    }

    /// Has the gateway be what `setting` says, and with it what the API declares.
    fn follow(&mut self, setting: Setting) -> Reload {
        let Setting { config, written, warnings, voyandz, .. } = setting;
        let mut shown = self.parts.shown.clone();
        effective::renew(&mut shown, &config.live);
        self.parts.controller.show_config(shown);
        let changed = match written {
            Some(written) => {
                self.of_file = written.names();
                self.written = Some(written);
                self.settle(self.there_first())
            }
            None => self.settle_file(config.live),
        };
        if let Some(voyandz) = voyandz {
            self.parts.controller.show_voyandz(voyandz);
        }
        let (feeds, streams) = (changed.feeds, changed.streams);
        tracing::info!(
            added = feeds.added.len() + streams.added.len(),
            changed = feeds.changed.len() + streams.changed.len(),
            removed = feeds.removed.len() + streams.removed.len(),
            unchanged = feeds.unchanged + streams.unchanged,
            "feeds and streams are read; other keys take effect at the next start"
        );
        let left_out = self.left_out.iter().map(|((sort, name), why)| LeftOut {
            sort: sort.to_string(),
            name: name.to_string(),
            why: why.clone(),
        });
        Reload { feeds, streams, left_out: left_out.collect(), warnings }
    }

    /// In voyandz's place: what the file says, and nothing beside it.
    fn settle_file(&mut self, live: Live) -> Changed {
        let Live { feeds, streams, .. } = live;
        let feed_keys = feeds.keys().map(|name| (Sort::Feed, name.clone()));
        let stream_keys = streams.keys().map(|name| (Sort::Stream, name.clone()));
        self.of_file = feed_keys.chain(stream_keys).collect();
        let why = "the server is in the place of voyandz, whose file says all there is";
        let all = self.stored.keys().map(|key| (key.clone(), why.to_owned()));
        let left_out = all.collect();
        self.apply(Merged { feeds, streams, left_out, warnings: Vec::new() })
    }

    /// What the API declares, that which is there now before what was left out.
    fn there_first(&self) -> Vec<live::Declaration> {
        let is_there = |key: &Key| !self.left_out.contains_key(key);
        let keys = self.stored.keys();
        keys.filter(|key| is_there(key))
            .filter_map(|key| self.declaration(key))
            .collect()
    }

    /// What the API declares and is there now, but for `key`.
    fn there(&self, key: &Key) -> Vec<live::Declaration> {
        let mut all = self.there_first();
        all.retain(|one| (one.sort(), one.name()) != (key.0, &key.1));
        all
    }

    fn declaration(&self, key: &Key) -> Option<live::Declaration> {
        let says = self.stored.get(key)?;
        Some(live::Declaration::new(key.0, key.1.clone(), says))
    }

    /// Has the gateway be what the file and the API say: first of all what is `there`, then whatever was left
    /// out and now can be.
    fn settle(&mut self, mut there: Vec<live::Declaration>) -> Changed {
        let known: BTreeSet<Key> =
            there.iter().map(|one| (one.sort(), one.name().clone())).collect();
        let others = self.stored.keys().filter(|key| !known.contains(key));
        there.extend(others.filter_map(|key| self.declaration(key)));
        let merged = match &self.written {
            Some(written) => written.merge(there),
            None => Merged::default(),
        };
        self.apply(merged)
    }

    fn apply(&mut self, merged: Merged) -> Changed {
        let Merged { feeds, streams, left_out, warnings: _said_of_the_file } = merged;
        for ((sort, name), why) in &left_out {
            if self.left_out.get(&(*sort, name.clone())) != Some(why) {
                tracing::warn!("the {sort} {name}, declared over the API, is left out: {why}");
            }
        }
        let of_feeds = feeds.values().map(|feed| (Sort::Feed, &feed.name, &feed.feed));
        let of_streams = streams.values().map(|one| (Sort::Stream, &one.name, &one.feed));
        self.parents = of_feeds
            .chain(of_streams)
            .filter_map(|(sort, name, parent)| Some(((sort, name.clone()), parent.clone()?)))
            .collect();
        let of_api = self.stored.keys().filter(|key| !left_out.contains_key(*key));
        let of_api = of_api.cloned().collect();
        self.left_out = left_out;
        self.parts.gateway.change(Wanted { feeds, streams, of_api })
    }

    /// The file declares it, or all there is.
    fn in_file(&self, (sort, name): &Key) -> Problem {
        match self.written {
            Some(_) => {
                let detail = format!("the {sort} {name} is declared in the configuration's file");
                Problem::new(Code::DeclaredInFile, detail)
                    .hint("change it there, then `ffleet config reload`")
            }
            None => {
                let detail = "this server is in the place of voyandz: its feeds and streams are those of its file";
                Problem::new(Code::DeclaredInFile, detail)
                    .hint("change the file, then `ffleet config reload`")
            }
        }
    }
}
