//! Live feeds and streams, as values: where a viewer can begin, whether a feed is well, who needs it,
//! what becomes of those who fall behind.
//!
//! Nothing here reads a clock, a socket or a pipe: the gateway tells what came and what time it is,
//! and does what it is told.

pub mod anchor;
pub mod away;
mod crc;
pub mod feed;
pub mod flv;
pub mod join;
pub mod mpegts;
pub mod nut;
pub mod output;
pub mod packet;
pub mod raw;
pub mod replay;
pub mod rtmp;
pub mod timeline;
pub mod window;

pub use feed::Feed;
pub use window::{Cursor, Step, Window};
