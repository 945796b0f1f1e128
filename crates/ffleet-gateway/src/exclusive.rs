//! Streams whose viewers have a command each: what it prints is its viewer's alone, from the first byte
//! on, and a viewer that reads slowly has a command that writes slowly.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ffleet_api::front::{Body, Broken};
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::net::unix::pipe::Receiver;

use crate::account::Open;
use crate::feed::{self, Given, Hold, Killed, Shop};
use crate::reader::Bytes as _;
use crate::stream::Stream;

/// What is read at once.
const MOUTHFUL: usize = 64 << 10;

/// A viewer's command, until its viewer leaves.
#[derive(Debug)]
struct Show {
    output: Receiver,
    buffer: BytesMut,
    delivered: u64,
    account: Open,
    _started: Killed,
    _hold: Option<Hold>,
}

/// Starts a command for one viewer, and waits for its first bytes.
///
/// # Errors
///
/// Why there are none, for people.
pub(crate) async fn open(stream: &Stream, shop: &Shop, account: Open) -> Result<Body, String> {
    let words = stream.spec.command.as_ref().ok_or("it has no command")?;
    let given = Given {
        words,
        label: &stream.label(),
        number: account.number() + 1,
        input: stream.feed.as_ref().map(|feed| Arc::clone(&feed.ring)),
        note: None,
    };
    let hold = stream.feed.as_ref().map(feed::Feed::hold);
    let mut started = feed::start(shop, given).await?;
    let mut output = started.output.take().ok_or("its output is somebody else's")?;
    let mut buffer = BytesMut::with_capacity(MOUTHFUL);
    let limit: Duration = stream.spec.timeout.0;
    match tokio::time::timeout(limit, output.read(&mut buffer)).await {
        Ok(Ok(0)) => {
            let exit = started.child.wait().await;
            let said = exit.stderr_tail.lines().last().unwrap_or_default().trim().to_owned();
            return Err(format!("its command ended with {} and without a byte: {said}", exit.exit));
        }
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(format!("it cannot be read: {error}")),
        Err(_late) => return Err(format!("it gave nothing for {} s", limit.as_secs_f64())),
    }
    let show = Show { output, buffer, delivered: 0, account, _started: started, _hold: hold };
    let frames = stream::unfold(show, |mut show| async {
        if show.buffer.is_empty() {
            show.buffer.reserve(MOUTHFUL);
            match show.output.read(&mut show.buffer).await {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some((Err(Broken::from(error)), show)),
            }
        }
        let bytes: Bytes = show.buffer.split().freeze();
        show.delivered += bytes.len() as u64;
        show.account.note(show.delivered, 0, 0);
        Some((Ok(Frame::data(bytes)), show))
    });
    Ok(StreamBody::new(frames).boxed_unsync())
}
