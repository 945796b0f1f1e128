//! Join points on what FFmpeg writes: a decoder that begins at each of them has nothing to say.
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
mod mpjpeg;
mod mutated;
mod ogg;
mod raw;
mod serial;
mod ts;
