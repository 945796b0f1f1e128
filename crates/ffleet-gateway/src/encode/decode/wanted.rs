//! How a track is decoded: by what, to what, and what is ready for a death.

use std::path::PathBuf;

use ffleet_engine::plan::Budget;
use ffleet_engine::{Refused, decode as commands, track::Command};
use ffleet_live::packet::Codec;
use ffleet_live::replay::Policy;
use ffleet_types::live::inputs::{Picture, PictureFormat, PixelFormat, SampleFormat, Sound, Via};
use ffleet_types::live::stream::Recovery;
use ffleet_types::live::{Encode, Inputs};
use ffleet_types::{FrameRate, FrameSize};

use crate::encode::Equipment;
use crate::encode::found::Coded;
use crate::encode::job;
use crate::inputs::Kind;

/// Below so many samples a second of AAC its decoder may give twice as many (ISO 14496-3, spectral band replication).
const DOUBLED: u32 = 32_000;

/// See the module.
#[derive(Clone, Debug)]
pub(in crate::encode) struct Wanted {
    pub(in crate::encode) kind: Kind,
    pub(super) program: PathBuf,
    pub(super) command: Command,
    pub(super) raw: Raw,
    /// Bytes that are held of what has not come out, at most.
    pub(super) limit: u64,
    pub(super) policy: Policy,
}

/// What a track is decoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    Picture {
        size: FrameSize,
        /// Of each picture.
        bytes: u64,
    },
    Sound {
        rate: u32,
        channels: u32,
        /// Bytes of a sample of all channels.
        sample: usize,
    },
}

/// How a track is decoded that was found so; what comes of it is noted in `spec`, as if a program pushed it raw.
///
/// # Errors
///
/// If it cannot be.
pub(in crate::encode) fn wanted(
    coded: &Coded,
    encode: &Encode,
    equipment: &Equipment,
    spec: &mut Inputs,
) -> Result<Wanted, Refused> {
    let Equipment { engine, cpu, .. } = equipment;
    let budget = Budget::fitted(*cpu);
    let refused = |message: String| Refused { reason: ffleet_types::Reason::UserError, message };
    let track = coded
        .track
        .as_ref()
        .ok_or_else(|| refused(format!("nothing is known of its {}", coded.kind.name())))?;
    let fps = coded.fps.or(FrameRate::new(25, 1));
    let (command, raw) = match (coded.kind, track.size().zip(fps), track.sound()) {
        (Kind::Video, Some((size, fps)), _) => {
            let pixels = match track.is_deep() {
                true => PixelFormat::Yuv420p10le,
                false => PixelFormat::Yuv420p,
            };
            let name = if track.codec == Codec::H265 {
                "hevc"
            } else {
                track.codec.name()
            };
            let shape = commands::Shape { size, pixels, fps };
            let format = PictureFormat::Raw { pixels, size };
            spec.video = Some(Picture { via: Via::Push, format, fps });
            let raw = Raw::Picture { size, bytes: pixels.frame_bytes(size) };
            (commands::picture(name, shape, engine, budget), raw)
        }
        (Kind::Audio, _, Some(sound)) => {
            let rate = if sound.rate < DOUBLED {
                2 * sound.rate
            } else {
                sound.rate
            };
            let format = SampleFormat::F32le;
            let sound = Sound { via: Via::Push, format, rate, channels: sound.channels };
            let sample = usize::try_from(sound.bytes(1)).unwrap_or(1).max(1);
            let raw = Raw::Sound { rate, channels: sound.channels, sample };
            let command = commands::sound(track.codec.name(), &sound, engine, budget);
            spec.audio = Some(sound);
            (command, raw)
        }
        (Kind::Video, ..) => {
            return Err(refused("its pictures do not say how large they are".to_owned()));
        }
        (Kind::Audio, ..) => {
            let codec = track.codec;
            return Err(refused(format!(
                "sound that comes as {codec} is passed on as it is, and not decoded: choose a preset that copies sound, or \
                 send AAC"
            )));
        }
    };
    let policy = job::policy(encode);
    let reorder = u64::try_from(track.reorder()).unwrap_or(0);
    Ok(Wanted {
        kind: coded.kind,
        program: PathBuf::from(&engine.path),
        command,
        raw,
        limit: encode.backlog.0,
        policy: Policy {
            // It gives the first picture when it knows that none comes before it.
            ahead: policy.ahead + reorder,
            // Two of the same would give the same; a spare is enough.
            recovery: match policy.recovery {
                Recovery::Hot => Recovery::Spare,
                recovery => recovery,
            },
            ..policy
        },
    })
}
