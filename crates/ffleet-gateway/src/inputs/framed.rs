//! Frames with heads of their own, of several tracks (docs/design/frames.md).

use ::bytes::BytesMut;
use ffleet_live::raw::frames::{Event, Reader, Track};
use ffleet_types::live::inputs::Via;

use super::Lane;
use super::desk::{Claim, Desk};
use crate::reader::Bytes as From;

/// What is read at once.
const MOUTHFUL: usize = 256 << 10;

/// What is said where a track has another writer.
pub(super) fn taken(lane: &Lane) -> String {
    format!("somebody else writes {}", lane.kind.name())
}

impl<'a> Desk<'a> {
    /// Reads the frames of a connection to its end.
    ///
    /// # Errors
    ///
    /// What makes no sense, for its writer.
    pub(super) async fn framed(&self, mut from: impl From) -> Result<(), String> {
        let mut claims = Vec::new();
        let read = self.frames(&mut from, &mut claims).await;
        for claim in claims {
            self.end(claim).await;
        }
        read
    }

    async fn frames(
        &self,
        from: &mut impl From,
        claims: &mut Vec<Claim<'a>>,
    ) -> Result<(), String> {
        let (mut reader, mut events) = (Reader::default(), Vec::new());
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(MOUTHFUL);
            let read = from.read(&mut buffer).await;
            let read = read.map_err(|error| format!("it cannot be read: {error}"))?;
            let pushed = reader.push(&buffer, &mut events);
            buffer.clear();
            let under_way = reader.under_way();
            for (claim, number) in claims.iter_mut().zip(0_u8..) {
                claim.cut = under_way
                    .filter(|(track, _)| *track == number)
                    .map_or(0, |(_, bytes)| bytes);
            }
            for event in events.drain(..) {
                match event {
                    Event::Tracks(tracks) => *claims = self.tracks(&tracks)?,
                    Event::Frame(frame) => {
                        if let Some(claim) = claims.get(usize::from(frame.track)) {
                            self.frame(claim.lane, frame).await;
                        }
                    }
                    Event::End => return pushed.map_err(|fault| fault.to_string()),
                }
            }
            pushed.map_err(|fault| fault.to_string())?;
            if read == 0 {
                return reader.close().map(|_| ()).map_err(|fault| fault.to_string());
            }
        }
    }

    /// Has the tracks that are announced be written by this connection.
    fn tracks(&self, tracks: &[Track]) -> Result<Vec<Claim<'a>>, String> {
        let lanes = || self.hub.lanes.iter().filter(|lane| !matches!(lane.via, Via::Fifo(_)));
        let mut claims: Vec<Claim<'a>> = Vec::new();
        for &track in tracks {
            let lane = lanes().find(|lane| lane.is(track)).ok_or_else(|| {
                let known: Vec<_> = lanes()
                    .filter_map(|lane| Some(format!("\"{}\"", lane.track?)))
                    .collect();
                format!("expected tracks of {}, got \"{track}\"", known.join(" and "))
            })?;
            if claims.iter().any(|claim| claim.lane.number == lane.number) {
                return Err(format!("expected each track once, got \"{track}\" again"));
            }
            claims.push(self.claim(lane).ok_or_else(|| taken(lane))?);
        }
        Ok(claims)
    }
}
