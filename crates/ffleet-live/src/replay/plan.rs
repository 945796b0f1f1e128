//! What a switch is told, and what it says.

use std::time::Duration;

use ffleet_supervise::Backoff;
use ffleet_types::live::stream::Recovery;

/// An encoder: they are counted from 1.
pub type Id = u64;

/// What a switch goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is ready for the death of an encoder.
    pub recovery: Recovery,
    /// An encoder that does not take a frame for so long, or that takes more than it can hold and gives nothing for so
    /// long, is dead.
    pub silence: Duration,
    /// The same before its first packet.
    pub start: Duration,
    /// Frames that it may hold before its first packet.
    pub ahead: u64,
    /// The waits between starts in vain.
    pub backoff: Backoff,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The track is to be encoded.
    Begin,
    /// An encoder waits for its first frame.
    Ready(Id),
    /// It gave a packet.
    Gave(Id),
    /// It has ended, or could not be started.
    Ended(Id),
    /// It is given a frame.
    Offered(Id),
    /// It has taken that.
    Took(Id),
    /// It could not go on so far, since nobody took what it gives: now it can.
    Waited(Id),
    /// What it gives can follow what went out ([`super::Steps`]); only with [`Recovery::Hot`], as what follows.
    InStep(Id),
    /// That is so no more.
    OutOfStep(Id),
    /// It has given a packet that waits, and is not read meanwhile.
    Waits(Id),
    /// The first frames of the encoder that is fed are held no more: no twin of it can be fed them.
    Gone,
    /// It takes frames so slowly that there is no room for them.
    Late(Id),
    /// All of the encoder that leaves has come out.
    Over,
    /// Time has passed.
    Tick,
    /// It is to be encoded no more.
    Close,
}

/// What is to be done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start an encoder.
    Start(Id),
    /// Feed it, from [`super::Backlog::resume`] on. Until now it has had nothing.
    Feed(Id),
    /// Feed it all that the active encoder is fed, from its first frame on. Until now it has had nothing.
    Join(Id),
    /// Feed it from the first frame on that neither the active encoder has been given nor anybody has given, and the
    /// active one up to there: it leaves, and is killed when it has given all.
    Renew(Id),
    /// The twin is the active encoder now, and the active one, if it lives, its twin.
    Lead(Id),
    /// Kill it: nothing of it is wanted any more.
    Kill(Id),
    /// Give up the first frame that has not come out: it kills whoever gets it.
    GiveUp,
}

/// What is to be done, and when to ask again if nothing happens before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be done in this order.
    pub actions: Vec<Action>,
    /// When to say [`Event::Tick`].
    pub wake: Option<Duration>,
}
