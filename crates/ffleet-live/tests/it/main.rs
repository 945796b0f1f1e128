//! What FFmpeg writes: a decoder that begins at any join point of it has nothing to say, and readers
//! read of it what FFmpeg does.
//! Join points on what FFmpeg writes: a decoder that begins at each of them has nothing to say. Packets as FLV and by
//! RTMP, held against FFmpeg's own and a server of the system.
#![expect(
    clippy::disallowed_types,
    reason = "the decoders that are asked are programs, and read files"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare fails, and says where")]

mod annexb;
mod clip;
mod flv;
mod framed;
mod frames;
mod matroska;
mod mp4;
mod mpegts;
mod mpjpeg;
mod mutated;
mod nut;
mod ogg;
mod package;
mod raw;
mod rtmp;
mod serial;
mod source;
mod ts;
