//! Bytes that come in the body of a message of HTTP.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::reader;

/// A body.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) UnsyncBoxBody<Bytes, ffleet_api::front::Broken>);

impl reader::Bytes for Body {
    async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        loop {
            match self.0.frame().await {
                None => return Ok(0),
                Some(Err(error)) => return Err(io::Error::other(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data()
                        && !bytes.is_empty()
                    {
                        into.extend_from_slice(&bytes);
                        return Ok(bytes.len());
                    }
                }
            }
        }
    }

    fn try_read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        self.read(into)
            .now_or_never()
            .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }
}
