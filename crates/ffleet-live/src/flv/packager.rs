//! Tags out of packets.

use super::metadata::{self, Said};
use super::sets::{Role, Sets};
use super::{Error, Kind, Tag, annexb, avc, hevc, sound};
use crate::packet::{CLOCK, Codec, Packet, Track};

/// Ticks of a millisecond.
const MILLI: i64 = CLOCK / 1000;
/// The most that a picture is shown after it is decoded, in milliseconds, and before: 24 bits and a sign.
const LATE: i64 = 0x7f_ffff;
const EARLY: i64 = -0x80_0000;

/// What makes tags of the packets of up to two tracks, one of pictures (H.264, or H.265 by Enhanced RTMP v1) and
/// one of sound (AAC, MP3).
///
/// Pictures come out with the length of each unit before it, without access unit delimiters and parameter sets:
/// those are the sequence header's. Where a packet brings parameter sets that are new, a new sequence header goes before
/// it, and new metadata before that if they say something else.
#[derive(Clone, Debug)]
pub struct Packager {
    tracks: Vec<Laid>,
    origin: i64,
    /// The newest metadata.
    metadata: Vec<u8>,
}

/// A track as it is laid out in tags.
#[derive(Clone, Debug)]
struct Laid {
    form: Form,
    /// The time of its newest tag in milliseconds, without wrap.
    last: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Picture(Sets),
    Aac { config: Vec<u8>, format: sound::Format },
    Mp3,
}

impl Packager {
    /// For these tracks, whose time 0 is that of the tags.
    ///
    /// # Errors
    ///
    /// [`Error::Codec`] for what FLV does not carry (Opus), [`Error::Second`] for a second track of pictures or of
    /// sound, [`Error::Config`] where a track's configuration is not whole.
    pub fn new(tracks: &[Track]) -> Result<Self, Error> {
        for (track, it) in tracks.iter().enumerate() {
            let alike = |other: &Track| other.codec.is_video() == it.codec.is_video();
            if let Some(first) = tracks.iter().take(track).position(alike) {
                return Err(Error::Second { track, first });
            }
        }
        let forms = tracks.iter().enumerate().map(|(track, it)| Form::of(track, it));
        let laid = forms.map(|form| form.map(|form| Laid { form, last: 0 }));
        let tracks = laid.collect::<Result<Vec<_>, _>>()?;
        let metadata = metadata_of(&tracks);
        Ok(Self { tracks, origin: 0, metadata })
    }

    /// The same with `origin`, in ticks of [`CLOCK`], as time 0 of the tags. What is decoded before it is stamped 0, and
    /// shown when it should be.
    #[must_use]
    pub const fn starting_at(mut self, origin: i64) -> Self {
        self.origin = origin;
        self
    }

    /// What goes before all packets, and again to each new listener: `onMetaData`, then the sequence header of each
    /// track that has one, with the time of its newest tag.
    #[must_use]
    pub fn headers(&self) -> Vec<Tag> {
        let first = self.tracks.iter().map(|track| track.last).min().unwrap_or(0);
        let metadata = tag(Kind::Script, first, self.metadata.clone()).ok();
        metadata
            .into_iter()
            .chain(self.tracks.iter().filter_map(Laid::header))
            .collect()
    }

    /// A track is coded otherwise from its next packet on; appends its sequence header, if that is a new one,
    /// behind new metadata, if that says something else.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrack`], and those of [`Self::new`]; [`Error::Second`] too where pictures become sound or the
    /// other way round. The track is as it was then.
    pub fn change(
        &mut self,
        track: usize,
        becomes: &Track,
        into: &mut Vec<Tag>,
    ) -> Result<(), Error> {
        let form = Form::of(track, becomes)?;
        let it = self.tracks.get_mut(track).ok_or(Error::NoTrack { track })?;
        if it.form.kind() != form.kind() {
            return Err(Error::Second { track, first: track });
        }
        if it.form != form {
            it.form = form;
            let (begun, last) = (into.len(), it.last);
            into.extend(it.header());
            self.renew(begun, last, into);
        }
        Ok(())
    }

    /// Appends the tags of a packet of `track`: mostly one, with a sequence header before it where the packet
    /// brings one, and none of a packet in which nothing is coded.
    ///
    /// Its time is that of the packet's decoding, rounded to a millisecond, or that of the track's tag before it,
    /// if that is later.
    ///
    /// # Errors
    ///
    /// [`Error::NoTrack`], [`Error::Packet`], [`Error::Offset`], [`Error::Long`]. Nothing is appended then.
    pub fn package(
        &mut self,
        track: usize,
        packet: &Packet,
        into: &mut Vec<Tag>,
    ) -> Result<(), Error> {
        let origin = self.origin;
        let it = self.tracks.get_mut(track).ok_or(Error::NoTrack { track })?;
        let dts = millis(packet.dts, origin).max(it.last);
        let begun = into.len();
        let packaged = match &mut it.form {
            Form::Picture(sets) => {
                let late = millis(packet.pts, origin).saturating_sub(dts);
                if !(EARLY..=LATE).contains(&late) {
                    return Err(Error::Offset { track, millis: late });
                }
                picture(sets, packet, dts, late, into)
            }
            Form::Aac { .. } => sounding(vec![sound::AAC_HEAD, 1], packet, dts, into),
            Form::Mp3 => sound::mp3_head(&packet.bytes)
                .map_err(Fault::Packet)
                .and_then(|head| sounding(vec![head], packet, dts, into)),
        };
        match packaged {
            Ok(()) => {
                it.last = dts;
                if into.get(begun).is_some_and(Tag::is_header) {
                    self.renew(begun, dts, into);
                }
            }
            Err(fault) => {
                into.truncate(begun);
                return Err(match fault {
                    Fault::Packet(what) => Error::Packet { track, what },
                    Fault::Tag(error) => error,
                });
            }
        }
        Ok(())
    }

    /// Puts metadata before what was appended from `begun` on, where it says something else than before.
    fn renew(&mut self, begun: usize, millis: i64, into: &mut Vec<Tag>) {
        let metadata = metadata_of(&self.tracks);
        if metadata != self.metadata {
            self.metadata.clone_from(&metadata);
            let tags = tag(Kind::Script, millis, metadata).ok();
            into.splice(begun..begun, tags);
        }
    }
}

fn metadata_of(tracks: &[Laid]) -> Vec<u8> {
    metadata::body(tracks.iter().map(|track| match &track.form {
        Form::Picture(sets) => Said::Picture(sets),
        Form::Aac { format, .. } => Said::Aac(*format),
        Form::Mp3 => Said::Mp3,
    }))
}

/// Why a packet is not packaged.
enum Fault {
    Packet(&'static str),
    Tag(Error),
}

impl Form {
    fn of(track: usize, it: &Track) -> Result<Self, Error> {
        let wrong = |what| Error::Config { track, what };
        match it.codec {
            Codec::H264 | Codec::H265 => {
                Sets::of_config(it.codec, &it.config).map(Self::Picture).map_err(wrong)
            }
            Codec::Aac => match sound::format(&it.config) {
                Some(format) => Ok(Self::Aac { config: it.config.clone(), format }),
                None => Err(wrong("the AudioSpecificConfig cannot be read")),
            },
            Codec::Mp3 => Ok(Self::Mp3),
            codec @ Codec::Opus => Err(Error::Codec { track, codec }),
        }
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Picture(_) => Kind::Video,
            Self::Aac { .. } | Self::Mp3 => Kind::Audio,
        }
    }
}

impl Laid {
    /// The sequence header, if the codec has one.
    fn header(&self) -> Option<Tag> {
        let body = match &self.form {
            Form::Picture(sets) => sequence_header(sets)?,
            Form::Aac { config, .. } => [&[sound::AAC_HEAD, 0], &config[..]].concat(),
            Form::Mp3 => return None,
        };
        tag(self.form.kind(), self.last, body).ok()
    }
}

/// Ticks from `origin` as milliseconds, to the nearest; what is before it is 0.
fn millis(ticks: i64, origin: i64) -> i64 {
    (ticks.saturating_sub(origin).saturating_add(MILLI / 2))
        .div_euclid(MILLI)
        .max(0)
}

fn tag(kind: Kind, millis: i64, body: Vec<u8>) -> Result<Tag, Error> {
    // Times wrap: of what is more than 32 bits the lower ones count.
    let [_, _, _, _, low @ ..] = millis.to_be_bytes();
    Tag::new(kind, u32::from_be_bytes(low), body)
}

/// What a tag of pictures carries.
enum Part {
    /// The sequence header.
    Header,
    /// A picture that is shown so many milliseconds after it is decoded.
    Coded { is_key: bool, late: i64 },
}

/// What the body of a tag of pictures begins with.
fn begin(sets: &Sets, part: &Part) -> Vec<u8> {
    let (frame, packet, late) = match *part {
        Part::Header => (0x10, 0, 0),
        Part::Coded { is_key, late } => (if is_key { 0x10 } else { 0x20 }, 1, late),
    };
    let [_, _, _, _, _, late @ ..] = late.to_be_bytes();
    if sets.is_hevc() {
        let head = [&[0x80 | frame | packet][..], &hevc::CODEC].concat();
        match part {
            Part::Header => head,
            Part::Coded { .. } => [&head[..], &late].concat(),
        }
    } else {
        [&[frame | avc::CODEC, packet][..], &late].concat()
    }
}

fn sequence_header(sets: &Sets) -> Option<Vec<u8>> {
    let mut body = begin(sets, &Part::Header);
    body.extend_from_slice(&sets.record()?);
    Some(body)
}

fn picture(
    sets: &mut Sets,
    packet: &Packet,
    dts: i64,
    late: i64,
    into: &mut Vec<Tag>,
) -> Result<(), Fault> {
    let mut body = begin(sets, &Part::Coded { is_key: packet.is_key, late });
    let (empty, mut newer, mut units) = (body.len(), None::<Sets>, 0);
    body.reserve(packet.bytes.len().saturating_add(64));
    for unit in annexb::units(&packet.bytes) {
        units += 1;
        match sets.role(unit) {
            Role::Set(place, id) if newer.as_ref().unwrap_or(sets).holds(place, id, unit) => {}
            Role::Set(place, id) => {
                let newer = newer.get_or_insert_with(|| sets.clone());
                newer.keep(place, id, unit).map_err(Fault::Packet)?;
            }
            Role::Damaged => return Err(Fault::Packet("a parameter set cannot be read")),
            Role::Delimiter => {}
            Role::Coded => {
                let Ok(long) = u32::try_from(unit.len()) else {
                    return Err(Fault::Tag(Error::Long { long: unit.len() }));
                };
                body.extend_from_slice(&long.to_be_bytes());
                body.extend_from_slice(unit);
            }
        }
    }
    if units == 0 {
        return Err(Fault::Packet("a packet does not begin with a start code"));
    }
    if let Some(header) = newer.as_ref().and_then(sequence_header) {
        into.push(tag(Kind::Video, dts, header).map_err(Fault::Tag)?);
    }
    if body.len() > empty {
        into.push(tag(Kind::Video, dts, body).map_err(Fault::Tag)?);
    }
    // Not before: of a packet that is refused nothing is kept, or its sequence header would never come.
    if let Some(newer) = newer {
        *sets = newer;
    }
    Ok(())
}

fn sounding(
    mut body: Vec<u8>,
    packet: &Packet,
    dts: i64,
    into: &mut Vec<Tag>,
) -> Result<(), Fault> {
    if !packet.bytes.is_empty() {
        body.extend_from_slice(&packet.bytes);
        into.push(tag(Kind::Audio, dts, body).map_err(Fault::Tag)?);
    }
    Ok(())
}
