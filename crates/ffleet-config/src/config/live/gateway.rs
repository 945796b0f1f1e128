//! `gateway`: how live bytes are handed out.

use ffleet_types::Span;
use ffleet_types::live::stream::Access;

use super::feed::span_ms;
use crate::reader::Reader;

/// How live bytes are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// `gateway.flush`: for how long bytes are gathered before they are sent. 1 ms to 1 s.
    pub flush: Span,
    /// `gateway.viewers`: how many may watch at once, all streams together. 1 to 1,000,000.
    pub viewers: u32,
    /// `gateway.access`: who may watch streams, and push to feeds, that do not say.
    pub access: Access,
}

impl Default for Gateway {
    fn default() -> Self {
        Self { flush: span_ms(33), viewers: 10_000, access: Access::Open }
    }
}

impl Gateway {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let Self { flush, viewers, access } = Self::default();
        Self {
            flush: reader.within("gateway.flush", flush, span_ms(1)..=Span::secs(1)),
            viewers: reader.within("gateway.viewers", viewers, 1..=1_000_000),
            access: reader.value("gateway.access", access),
        }
    }
}
