//! One run of a feed: from its start to its end, whatever it is read from.

use std::sync::Arc;
use std::time::Duration;

use ffleet_live::feed::Over;
use ffleet_types::live::Source;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::command::Work;
use super::lasting::Left;
use super::{Feed, Shop, command, fifo, pull};
use crate::encode;
use crate::reader::{self, Reading};

/// A run under way.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) task: JoinHandle<Ended>,
    pub(super) stop: CancellationToken,
    /// How many bytes it has given.
    pub(super) progress: watch::Receiver<u64>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) over: Over,
    /// Why, for people.
    pub(crate) why: String,
}

impl Ended {
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self { over: Over::Failed, why: why.into() }
    }

    pub(crate) fn clean(why: impl Into<String>) -> Self {
        Self { over: Over::Clean, why: why.into() }
    }
}

/// Starts a run of `feed`, or goes on with one that an earlier life has left.
pub(super) fn start(feed: &Arc<Feed>, shop: &Arc<Shop>, left: Option<Left>) -> Run {
    let (sender, progress) = watch::channel(0);
    let stop = CancellationToken::new();
    let reading = Reading {
        ring: Arc::clone(&feed.ring),
        format: feed.format,
        flush: shop.options.flush,
        progress: sender,
        memo: None,
    };
    let (feed, shop) = (Arc::clone(feed), Arc::clone(shop));
    let (stopped, watched) = (stop.clone(), progress.clone());
    // Ends with its source, or when it is told to stop; the feed's task waits for it.
    let task = tokio::spawn(async move {
        match &feed.spec.source {
            Source::Command(words) => {
                let work = Work { words, reading, stop: stopped, left };
                command::run(&feed, &shop, work).await
            }
            Source::Pull(url) if pull::is_ours(url) => {
                let silence = feed.spec.silence.map(|span| span.0);
                until(stopped, watched, silence, pull::run(url, reading)).await
            }
            Source::Pull(url) => match pull::command(&shop.options.ffmpeg, url) {
                Ok(words) => {
                    let work = Work { words: &words, reading, stop: stopped, left };
                    command::run(&feed, &shop, work).await
                }
                Err(error) => Ended::failed(error.to_string()),
            },
            Source::Fifo(path) => {
                until(stopped, watched, None, fifo::run(&feed, path, reading)).await
            }
            Source::Inputs(_) => match &feed.hub {
                Some(hub) => {
                    let work = hub.run(shop.clock.as_ref(), &reading.progress);
                    until(stopped, watched, None, work).await
                }
                None => Ended::failed("it has no tracks"),
            },
            Source::Encode(encode) => encode::run(&feed, &shop, encode, reading, stopped).await,
            Source::Push => {
                let silence = feed.spec.silence.map(|span| span.0);
                until(stopped, watched, silence, feed.dock.run(reading)).await
            }
        }
    });
    Run { task, stop, progress }
}

/// Lets `work` go on until it is stopped or, once it has begun, gives nothing for `silence`.
async fn until(
    stop: CancellationToken,
    mut progress: watch::Receiver<u64>,
    silence: Option<Duration>,
    work: impl Future<Output = Ended>,
) -> Ended {
    let quiet = async {
        let began = progress.wait_for(|&count| count > 0).await.is_ok();
        let Some(silence) = silence.filter(|_| began) else {
            return std::future::pending().await;
        };
        while tokio::time::timeout(silence, progress.changed())
            .await
            .is_ok_and(|news| news.is_ok())
        {}
        silence
    };
    tokio::select! {
        ended = work => ended,
        () = stop.cancelled() => Ended::failed("it was stopped"),
        silence = quiet => Ended::failed(format!("it gave nothing for {} s", silence.as_secs_f64())),
    }
}

/// Reads `from` into the ring; how that ended.
pub(super) async fn read(from: impl reader::Bytes, reading: Reading) -> Ended {
    match reader::read(from, reading).await {
        Ok(0) => Ended::failed("it ended without a byte"),
        Ok(_) => Ended::clean("it ended"),
        Err(error) => Ended::failed(format!("it cannot be read: {error}")),
    }
}
