//! A slate: one picture, raw, and silence.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use ffleet_guard::{ChildSpec, Stdout};
use ffleet_live::packet::CLOCK;
use ffleet_types::RoleGroup;
use ffleet_types::live::Inputs;
use ffleet_types::live::inputs::{PictureFormat, SampleFormat};
use tokio::io::AsyncReadExt as _;

use crate::feed::Shop;
use crate::inputs::{Frame, Kind};

/// How long reading the picture may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Frames a second where there is sound alone.
const PIECES: (u32, u32) = (50, 1);

/// See the module.
#[derive(Debug)]
pub(super) struct Slate {
    picture: Option<Bytes>,
    /// So many frames in so many seconds.
    rate: (u32, u32),
    sound: Option<Silence>,
}

#[derive(Debug)]
struct Silence {
    /// Samples a second.
    rate: u32,
    /// Bytes of a sample of all channels, and what each of them is.
    step: usize,
    byte: u8,
}

impl Slate {
    /// The picture at `path`, as large as those of `inputs`, fitted in and with black beside it.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, for people.
    pub(super) async fn open(
        shop: &Shop,
        (label, program): (&str, &str),
        path: &Path,
        inputs: &Inputs,
    ) -> Result<Self, String> {
        let picture = match &inputs.video {
            Some(video) => {
                let PictureFormat::Raw { pixels, size } = video.format else {
                    return Err(format!("{} is passed on as it is", video.format));
                };
                let (width, height) = (size.width, size.height);
                let shape = format!(
                    "scale={width}:{height}:force_original_aspect_ratio=decrease,\
                     pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,format={pixels}"
                );
                let bytes = read(shop, (label, program), path, &shape).await?;
                if bytes.len() as u64 != pixels.frame_bytes(size) {
                    return Err(format!("{}: it holds no picture", path.display()));
                }
                Some(bytes.into())
            }
            None => None,
        };
        let rate = inputs.video.as_ref().map_or(PIECES, |video| video.fps.parts());
        let sound = inputs.audio.as_ref().map(|sound| Silence {
            rate: sound.rate,
            step: usize::try_from(sound.bytes(1)).unwrap_or(1),
            byte: if sound.format == SampleFormat::U8 { 0x80 } else { 0 },
        });
        Ok(Self { picture, rate, sound })
    }

    /// When frame `number` is due, from the first one on.
    pub(super) fn due(&self, number: u32) -> Duration {
        Duration::from_secs(u64::from(number) * u64::from(self.rate.1)) / self.rate.0.max(1)
    }

    /// What a track has in frame `number` of a slate that begins at `begin`.
    pub(super) fn frame(&self, kind: Kind, number: u32, begin: i64) -> Option<Frame> {
        let (frames, seconds) = (u64::from(self.rate.0.max(1)), u64::from(self.rate.1));
        match kind {
            Kind::Video => {
                let passed = u64::from(number) * seconds * CLOCK.unsigned_abs() / frames;
                let at = begin + i64::try_from(passed).unwrap_or(i64::MAX);
                Some(Frame { at, bytes: self.picture.clone()?, coded: None })
            }
            Kind::Audio => {
                let Silence { rate, step, byte } = self.sound.as_ref()?;
                let until = |number: u64| number * seconds * u64::from(*rate) / frames;
                let (first, next) = (until(number.into()), until(u64::from(number) + 1));
                let passed = first * CLOCK.unsigned_abs() / u64::from(*rate);
                let at = begin + i64::try_from(passed).unwrap_or(i64::MAX);
                let samples = usize::try_from(next - first).unwrap_or(0);
                Some(Frame { at, bytes: vec![*byte; samples * step].into(), coded: None })
            }
        }
    }
}

/// The picture at `path`, raw.
async fn read(
    shop: &Shop,
    (label, program): (&str, &str),
    path: &Path,
    shape: &str,
) -> Result<Vec<u8>, String> {
    let mut spec = ChildSpec::new(format!("{label}.slate"), program);
    let input = format!("file:{}", path.display());
    let args = ["-nostdin", "-v", "error", "-i", &input, "-vf", shape, "-frames:v", "1"];
    spec.args = args
        .into_iter()
        .chain(["-f", "rawvideo", "pipe:1"])
        .map(Into::into)
        .collect();
    spec.cwd.clone_from(&shop.options.cwd);
    spec.role = RoleGroup::named(RoleGroup::LIVE);
    spec.stdout = Stdout::Pipe;
    let mut child = shop
        .node
        .spawn(spec)
        .await
        .map_err(|error| ffleet_base::chain(&error))?;
    let mut output = child.take_stdout().ok_or("its output is not a pipe")?;
    let mut bytes = Vec::new();
    match tokio::time::timeout(PATIENCE, output.read_to_end(&mut bytes)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(format!("{}: {error}", path.display())),
        Err(_late) => {
            return Err(format!("{}: it is not read within {PATIENCE:?}", path.display()));
        }
    }
    let exit = child.wait().await;
    let said = exit.stderr_tail.lines().last().unwrap_or_default().trim().to_owned();
    match bytes.is_empty() {
        true => Err(format!("{}: {said}", path.display())),
        false => Ok(bytes),
    }
}
