//! One cluster (RFC 9559 §5.1.3): whether it begins with a keyframe, and where it may be cut.

use super::super::step::Step;
use super::ebml::{Element, variable};
use super::id;

/// How many blocks of other tracks may come before the first of the video.
const PATIENCE: u32 = 64;

/// A cluster that has begun.
#[derive(Debug)]
pub(super) struct Cluster {
    at: u64,
    /// Where it ends, if that is known.
    end: Option<u64>,
    /// The first video track's number, if there is one; nothing if nothing is known of tracks.
    video: Option<Option<u64>>,
    /// Whether it is known what it begins with.
    is_told: bool,
    /// How many blocks came before.
    others: u32,
    group: Option<Group>,
}

/// A block with what is said of it, a `BlockGroup`.
#[derive(Clone, Copy, Debug)]
struct Group {
    end: u64,
    /// Whether the block is of the video, and nothing said yet that it needs another.
    is_video: bool,
}

/// How an element of a cluster was passed.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) step: Step,
    /// Whether the cluster is a join point, and whether of a keyframe.
    pub(super) join: Option<bool>,
    /// Whether the cluster ends with it.
    pub(super) is_last: bool,
}

/// What a block is for somebody who begins.
#[derive(Clone, Copy, Debug)]
enum Block {
    Key,
    /// Of the video, and needs another.
    Inter,
    Other,
}

impl Cluster {
    pub(super) const fn new(at: u64, end: Option<u64>, video: Option<Option<u64>>) -> Self {
        let is_told = video.is_none();
        Self { at, end, video, is_told, others: 0, group: None }
    }

    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    pub(super) const fn has_end(&self) -> bool {
        self.end.is_some()
    }

    pub(super) const fn has_video(&self) -> bool {
        matches!(self.video, Some(Some(_)))
    }

    /// Passes the element at `at`, or says how to go on.
    pub(super) fn pass(&mut self, element: Element, bytes: &[u8], at: u64) -> Result<Passed, Step> {
        let Some(long) = element.long() else {
            return Err(Step::Lost);
        };
        let mut join = None;
        let mut end = at.saturating_add(long);
        let mut is_block = false;
        match (element.id, &mut self.group) {
            (id::SIMPLE_BLOCK, None) => {
                is_block = true;
                if !self.is_told {
                    join = self.tell(self.simple(element, bytes)?);
                }
            }
            (id::BLOCK_GROUP, None) if self.is_told => is_block = true,
            (id::BLOCK_GROUP, None) => {
                self.group = Some(Group { end, is_video: false });
                end = at + element.head as u64;
            }
            (id::BLOCK, Some(_)) => {
                let (track, _) = block(element, bytes)?;
                match self.video.flatten() {
                    Some(video) if video == track => {
                        self.group.as_mut().ok_or(Step::Lost)?.is_video = true;
                    }
                    Some(_) => join = self.tell(Block::Other),
                    None => join = self.tell(Block::Key),
                }
            }
            (id::REFERENCE_BLOCK, Some(group)) if group.is_video => {
                group.is_video = false;
                join = self.tell(Block::Inter);
            }
            _ => {}
        }
        if let Some(group) = self.group
            && (end >= group.end || self.is_told)
        {
            self.group = None;
            is_block = true;
            end = group.end;
            if group.is_video {
                join = self.tell(Block::Key);
            }
        }
        Ok(self.passed(at, end, is_block, join))
    }

    fn passed(&self, at: u64, end: u64, is_block: bool, join: Option<bool>) -> Passed {
        match self.end {
            Some(last) if end >= last || self.is_told => {
                let step = Step::Unit(last.saturating_sub(at));
                Passed { step, join, is_last: true }
            }
            Some(_) => Passed { step: Step::Take(end - at), join, is_last: false },
            None if is_block => Passed { step: Step::Unit(end - at), join, is_last: false },
            None => Passed { step: Step::Take(end - at), join, is_last: false },
        }
    }

    /// Notes what the next block is; the join point, if there is one.
    const fn tell(&mut self, block: Block) -> Option<bool> {
        if self.is_told {
            return None;
        }
        match block {
            Block::Other if self.others < PATIENCE => {
                self.others += 1;
                return None;
            }
            Block::Key | Block::Inter | Block::Other => self.is_told = true,
        }
        match block {
            Block::Key => Some(true),
            Block::Other => Some(false),
            Block::Inter => None,
        }
    }

    fn simple(&self, element: Element, bytes: &[u8]) -> Result<Block, Step> {
        const KEY: u8 = 0x80;
        let (track, flags) = block(element, bytes)?;
        Ok(match self.video.flatten() {
            Some(video) if video != track => Block::Other,
            Some(_) if flags & KEY == 0 => Block::Inter,
            Some(_) | None => Block::Key,
        })
    }
}

/// The track and the flags of a block (RFC 9559 §10.1): its number, two bytes of time, flags.
fn block(element: Element, bytes: &[u8]) -> Result<(u64, u8), Step> {
    let more = |step| match step {
        Step::Need(need) => Step::Need(element.head + need),
        other => other,
    };
    let body = &bytes[element.head..];
    let (track, long) = variable(body).map_err(more)?;
    let flags = body.get(long + 2).ok_or(Step::Need(element.head + long + 3))?;
    Ok((track, *flags))
}
