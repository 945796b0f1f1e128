//! What there is to know of a NAL unit and of a picture, in either standard.

use std::fmt;

/// What a NAL unit does to the access unit under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It is a slice: it depends on what its header says.
    Slice,
    /// It goes before the slices of a unit, so it begins another where the unit under way has some.
    Begins,
    /// It goes before a slice of the unit under way or of the next one, which the slice says.
    Waits,
    /// It belongs to the unit under way.
    Stays,
}

/// Where a slice belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// To the picture that the last slice belongs to.
    Same,
    /// To the second field of that picture's frame.
    Second,
    /// To another picture.
    Other,
    /// Its parameter sets have not come; whether it is the first slice of its picture.
    Unknown { is_first: bool },
    /// To a picture whose first slice has not come.
    Headless,
}

/// What came of a whole NAL unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A parameter set, which is kept.
    Set,
    /// A parameter set that cannot be read or kept.
    Damaged,
    Other,
}

/// A coded picture: a frame or two fields of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// Where it is in the order of output, counted from somewhere (picture order count); of two fields the lower.
    pub(super) poc: i64,
    /// Whether decoding can begin with it.
    pub(super) is_key: bool,
    pub(super) starts: Starts,
    /// How many pictures may precede one and be shown after it.
    pub(super) reorder: usize,
}

/// Whether the count begins anew with a picture: everything before it is shown before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starts {
    Nothing,
    Run,
    /// A run in which pictures that follow it may be shown before it.
    LedRun,
}

/// How far the stream has come, to whoever is asked what a picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was given yet, or something was lost: it begins with a key.
    Begins,
    Runs,
}

/// A standard.
pub(super) trait Syntax: fmt::Debug + Send + Sync {
    /// What a NAL unit is that begins with these bytes; `None` while they are too few to say.
    fn role(&self, nal: &[u8]) -> Option<Role>;

    /// Where the slice belongs that begins with these bytes; `None` while they do not say. An answer depends on no
    /// more of them than it must, and is not asked for again.
    fn place(&mut self, nal: &[u8]) -> Option<Place>;

    /// The picture that [`Self::place`] has found to be another is the one under way.
    fn begin(&mut self);

    /// What a whole NAL unit says that is part of the unit under way.
    fn read(&mut self, nal: &[u8]) -> Read;

    /// The picture under way, all of whose slices were read; `None` where it cannot be decoded.
    fn finish(&mut self, phase: Phase) -> Option<Picture>;

    /// The next slice begins another picture, whatever it says.
    fn part(&mut self);

    /// Whether the picture under way is the first field of a frame, the second of which may come.
    fn awaits_field(&self) -> bool;

    /// The parameter sets seen so far in the byte stream format.
    fn config(&self) -> Vec<u8>;
}
