//! `gateway`: how live bytes are handed out.

use ffleet_types::live::stream::Access;
use ffleet_types::{Bytes, Span};

use super::feed::span_ms;
use crate::reader::Reader;

/// How live bytes are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// `gateway.flush`: for how long bytes are gathered before they are sent. 1 ms to 1 s.
    pub flush: Span,
    /// `gateway.viewers`: how many may watch at once, all streams together. 1 to 1,000,000.
    pub viewers: u32,
    /// `gateway.send-buffer`: what the kernel keeps for a viewer that does not take it (`SO_SNDBUF`, socket(7)).
    /// 16 KiB to 16 MiB.
    pub send_buffer: Bytes,
    /// `gateway.access`: who may watch streams, and push to feeds, that do not say.
    pub access: Access,
}

impl Default for Gateway {
    fn default() -> Self {
        let send_buffer = Bytes::kib(256);
        Self { flush: span_ms(33), viewers: 10_000, send_buffer, access: Access::Open }
    }
}

impl Gateway {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let Self { flush, viewers, send_buffer, access } = Self::default();
        Self {
            flush: reader.within("gateway.flush", flush, span_ms(1)..=Span::secs(1)),
            viewers: reader.within("gateway.viewers", viewers, 1..=1_000_000),
            send_buffer: reader.within(
                "gateway.send-buffer",
                send_buffer,
                Bytes::kib(16)..=Bytes::mib(16),
            ),
            access: reader.value("gateway.access", access),
        }
    }
}
