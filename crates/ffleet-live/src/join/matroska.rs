//! Matroska and WebM (RFC 9559): elements of EBML (RFC 8794), the media in clusters of blocks.
//!
//! A viewer can begin with a cluster: blocks tell their time from it. FFmpeg, libwebm and
//! GStreamer begin one with each video keyframe, so a cluster counts whose first block of the
//! first video track is one. Where the first blocks are all of other tracks, nobody knows, and
//! `is_key` says so; where there is no video each cluster will do. A keyframe within a cluster is
//! no beginning: a decoder would first get blocks that need others. (FFmpeg leaves one there that
//! comes within 4 KiB of the cluster's beginning.)
//!
//! A cluster whose size is known is a unit; of one whose size is not known, each block is. What
//! a newcomer gets before it has a segment of unknown size, since it will not get all of it, and
//! nothing that tells where in the file something lies (`SeekHead`, `Cues`).

use std::sync::Arc;

use super::HEAD;
use super::step::{Found, Heads, Step, number};
use cluster::Cluster;
use ebml::{Element, elements};

mod cluster;
mod ebml;

/// Ids of elements (RFC 9559 §5).
mod id {
    pub(super) const EBML: u64 = 0x1a45_dfa3;
    pub(super) const SEGMENT: u64 = 0x1853_8067;
    pub(super) const SEEK_HEAD: u64 = 0x114d_9b74;
    pub(super) const INFO: u64 = 0x1549_a966;
    pub(super) const TRACKS: u64 = 0x1654_ae6b;
    pub(super) const TRACK_ENTRY: u64 = 0xae;
    pub(super) const TRACK_NUMBER: u64 = 0xd7;
    pub(super) const TRACK_TYPE: u64 = 0x83;
    pub(super) const CUES: u64 = 0x1c53_bb6b;
    pub(super) const CHAPTERS: u64 = 0x1043_a770;
    pub(super) const TAGS: u64 = 0x1254_c367;
    pub(super) const ATTACHMENTS: u64 = 0x1941_a469;
    pub(super) const CLUSTER: u64 = 0x1f43_b675;
    pub(super) const VOID: u64 = 0xec;
    pub(super) const CRC_32: u64 = 0xbf;
    pub(super) const SIMPLE_BLOCK: u64 = 0xa3;
    pub(super) const BLOCK_GROUP: u64 = 0xa0;
    pub(super) const BLOCK: u64 = 0xa1;
    pub(super) const REFERENCE_BLOCK: u64 = 0xfb;

    /// What ends a cluster of unknown size: nothing that is ever in one.
    pub(super) const fn is_above_cluster(id: u64) -> bool {
        matches!(
            id,
            EBML | SEGMENT
                | SEEK_HEAD
                | INFO
                | TRACKS
                | CUES
                | CHAPTERS
                | TAGS
                | ATTACHMENTS
                | CLUSTER
        )
    }
}

/// The head of a segment of unknown size.
const SEGMENT: [u8; 12] = [0x18, 0x53, 0x80, 0x67, 1, 255, 255, 255, 255, 255, 255, 255];
/// Chapters, tags and attachments are kept for newcomers as long as the head is no longer than
/// this with them, in bytes.
const KEPT: u64 = 1 << 20;

/// A walk from element to element.
#[derive(Debug, Default)]
pub(super) struct Matroska {
    /// Whether there was an EBML header.
    has_begun: bool,
    /// What was kept of what comes before the clusters.
    head: Vec<u8>,
    described: Option<Tracks>,
    /// The same for those who come late, since the first cluster.
    heads: Option<Heads>,
    cluster: Option<Cluster>,
}

/// What is known of the tracks.
#[derive(Clone, Copy, Debug)]
struct Tracks {
    /// The number of the first video track.
    video: Option<u64>,
}

impl Matroska {
    pub(super) fn step(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        if self.cluster.is_some() {
            return self.in_cluster(bytes, at, found);
        }
        match Element::begin(bytes) {
            Ok(element) if element.id == id::EBML || self.has_begun => {
                self.above(element, bytes, at, found)
            }
            Ok(_) => Step::Lost,
            Err(step) => step,
        }
    }

    /// An element that is not in a cluster.
    fn above(&mut self, element: Element, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        found.pass(at);
        let kept = match element.id {
            id::SEGMENT => {
                if self.heads.is_none() {
                    self.head.extend_from_slice(&SEGMENT);
                }
                return Step::Unit(element.head as u64);
            }
            id::CLUSTER => return self.begin(element, at),
            id::EBML => true,
            id::INFO | id::TRACKS => self.heads.is_none(),
            id::CHAPTERS | id::TAGS | id::ATTACHMENTS => {
                let with = |long| (self.head.len() as u64).saturating_add(long);
                self.heads.is_none() && element.long().is_some_and(|long| with(long) <= KEPT)
            }
            id::SEEK_HEAD | id::CUES | id::VOID | id::CRC_32 => false,
            // Ids of this level have four bytes, those not known yet as well.
            id if id > 0x0fff_ffff => false,
            _ => return Step::Lost,
        };
        let Some(long) = element.long() else {
            return Step::Lost;
        };
        if !kept {
            return Step::Unit(long);
        }
        match usize::try_from(long).ok().map(|long| bytes.get(..long).ok_or(long)) {
            Some(Ok(whole)) => self.keep(element, whole),
            Some(Err(long)) if long <= HEAD => Step::Need(long),
            Some(Err(_)) | None => Step::Lost,
        }
    }

    fn keep(&mut self, element: Element, whole: &[u8]) -> Step {
        if element.id == id::EBML {
            *self = Self { has_begun: true, ..Self::default() };
        }
        if self.head.len() + whole.len() > HEAD {
            return Step::Lost;
        }
        if element.id == id::TRACKS {
            self.described = Some(Tracks::new(&whole[element.head..]));
        }
        self.head.extend_from_slice(whole);
        Step::Unit(whole.len() as u64)
    }

    /// A cluster begins.
    fn begin(&mut self, element: Element, at: u64) -> Step {
        if self.heads.is_none() {
            let head: Arc<[u8]> = std::mem::take(&mut self.head).into();
            let reopen = Arc::clone(&head);
            self.heads = Some(Heads { head, bridge: Arc::default(), reopen });
        }
        let head = element.head as u64;
        let end = element.size.map(|size| (at + head).saturating_add(size));
        if end == Some(at + head) {
            return Step::Unit(head);
        }
        let video = self.described.map(|tracks| tracks.video);
        self.cluster = Some(Cluster::new(at, end, video));
        Step::Take(head)
    }

    fn in_cluster(&mut self, bytes: &[u8], at: u64, found: &mut Found) -> Step {
        let Some(cluster) = &mut self.cluster else {
            return Step::Lost;
        };
        let element = match Element::begin(bytes) {
            Ok(element) => element,
            Err(step) => return step,
        };
        if !cluster.has_end() && id::is_above_cluster(element.id) {
            self.cluster = None;
            return self.above(element, bytes, at, found);
        }
        let passed = match cluster.pass(element, bytes, at) {
            Ok(passed) => passed,
            Err(step) => return step,
        };
        if let Some(is_key) = passed.join
            && let Some(heads) = &self.heads
            && (cluster.has_video() || found.is_due(cluster.at()))
        {
            found.join(cluster.at(), heads, is_key);
        }
        if passed.is_last {
            self.cluster = None;
        }
        passed.step
    }
}

impl Tracks {
    fn new(tracks: &[u8]) -> Self {
        const VIDEO: u64 = 1;
        let video =
            elements(tracks)
                .filter(|(id, _)| *id == id::TRACK_ENTRY)
                .find_map(|(_, entry)| {
                    let field = |id| {
                        elements(entry)
                            .find(|(it, _)| *it == id)
                            .map(|(_, value)| number(value))
                    };
                    (field(id::TRACK_TYPE) == Some(VIDEO))
                        .then(|| field(id::TRACK_NUMBER))
                        .flatten()
                });
        Self { video }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Join, Scanner};

    fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
        let size = u8::try_from(body.len()).expect("short") | 0x80;
        [id, &[size], body].concat()
    }

    fn track(number: u8, kind: u8) -> Vec<u8> {
        element(&[0xae], &[0xd7, 0x81, number, 0x83, 0x81, kind])
    }

    /// A file with video in track 2 and these clusters; where the first of them begins, what was
    /// found, and up to where it is whole.
    fn told(clusters: &[u8]) -> (u64, Vec<Join>, u64) {
        let tracks = [track(1, 2), track(2, 1)].concat();
        let head = [
            element(&[0x1a, 0x45, 0xdf, 0xa3], &[]),
            vec![0x18, 0x53, 0x80, 0x67, 0xff],
            element(&[0x11, 0x4d, 0x9b, 0x74], &[0xec, 0x80]),
            element(&[0x16, 0x54, 0xae, 0x6b], &tracks),
        ];
        let head = head.concat();
        let mut scanner = Scanner::new(None);
        scanner.scan(&head);
        scanner.scan(clusters);
        assert_eq!(scanner.format(), Some(Format::Matroska));
        (head.len() as u64, scanner.joins().collect(), scanner.whole())
    }

    fn simple(track: u8, flags: u8) -> Vec<u8> {
        element(&[0xa3], &[0x80 | track, 0, 0, flags, 1, 2])
    }

    fn cluster(blocks: &[Vec<u8>]) -> Vec<u8> {
        element(&[0x1f, 0x43, 0xb6, 0x75], &[&[0xe7, 0x81, 0][..], &blocks.concat()].concat())
    }

    #[test]
    fn cluster_is_judged_by_its_first_block_of_video() {
        let block = element(&[0xa1], &[0x82, 0, 0, 0, 1]);
        let group = |more: &[u8]| element(&[0xa0], &[&block, more].concat());
        let sound = simple(1, 0x80);
        for (blocks, expected) in [
            (vec![simple(2, 0x80)], Some(true)),
            (vec![simple(2, 0), simple(2, 0x80)], None),
            (vec![sound.clone(), simple(2, 0x80)], Some(true)),
            (vec![sound.clone()], None),
            (vec![group(&[])], Some(true)),
            (vec![group(&[0x9b, 0x81, 1])], Some(true)),
            (vec![group(&[0xfb, 0x81, 1]), simple(2, 0x80)], None),
        ] {
            let cluster = cluster(&blocks);
            let (at, joins, whole) = told(&cluster);
            let found: Vec<_> = joins.iter().map(|join| (join.at, join.is_key)).collect();
            assert_eq!(found, Vec::from_iter(expected.map(|is_key| (at, is_key))), "{blocks:x?}");
            assert_eq!(whole, at + cluster.len() as u64);
            // Behind it in a cluster of unknown size as well.
            let open = [&[0x1f, 0x43, 0xb6, 0x75, 0xff], &cluster[5..], &cluster].concat();
            let found: Vec<_> = told(&open).1.iter().map(|join| join.at).collect();
            let second = at + cluster.len() as u64;
            assert_eq!(found, expected.map_or(vec![], |_| vec![at, second]), "{blocks:x?}");
        }
        let open = [&[0x1f, 0x43, 0xb6, 0x75, 0xff, 0xe7, 0x81, 0][..], &vec![sound; 70].concat()];
        let found: Vec<_> = told(&open.concat()).1.iter().map(|join| join.is_key).collect();
        assert_eq!(found, [false], "nobody knows");
    }

    #[test]
    fn newcomer_is_told_of_tracks_and_of_no_places() {
        let (_, joins, _) = told(&cluster(&[simple(2, 0x80)]));
        let tracks = [track(1, 2), track(2, 1)].concat();
        let expected = [
            element(&[0x1a, 0x45, 0xdf, 0xa3], &[]),
            super::SEGMENT.to_vec(),
            element(&[0x16, 0x54, 0xae, 0x6b], &tracks),
        ];
        assert_eq!(*joins[0].head, *expected.concat());
    }
}
