//! How large a model is, what may go wrong in it, and which rule of the protocol it breaks on purpose.

/// How large a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Jobs that are accepted at the start.
    pub jobs: usize,
    /// Workers, each with room for one attempt.
    pub workers: usize,
    /// Controllers.
    pub controllers: usize,
    /// Attempts that are begun of each job, at most; what is searched ends there, and the jobs go on.
    pub tries: u64,
    /// Ticks of a lease: silence for less costs a worker nothing.
    pub term: u8,
    /// Ticks that the taking side waits longer.
    pub margin: u8,
    /// Whether others than the worker reach its targets.
    pub shared: bool,
    /// What may go wrong.
    pub faults: Faults,
}

/// How often each of these may happen. Loss, repetition, delay and disorder of messages have no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A worker's process dies, and its children live on in their shims; or its machine does.
    pub crashes: u8,
    /// A machine is gone for good.
    pub losses: u8,
    /// A controller dies.
    pub controllers: u8,
    /// A planner that lives does not renew its office in time: it stands still, or is cut off.
    pub lapses: u8,
    /// The database's clock leaps by a tick.
    pub leaps: u8,
    /// A worker is told to stop and hands back what it has.
    pub stops: u8,
    /// Somebody asks for a job to stop.
    pub cancels: u8,
    /// Who waits for a result takes it away as soon as it is there.
    pub takings: u8,
}

/// A rule of the protocol that is broken on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The database takes reports whatever fence they carry.
    NoFence,
    /// A worker publishes without asking for the seal.
    NoSeal,
    /// A sealed attempt is taken from a silent worker.
    SealedReclaimed,
    /// A job is reported as completed, and then the file gets its name.
    CompletedFirst,
    /// A worker that does not know whether it has the seal removes what it staged before it is told.
    UndoneEarly,
    /// An attempt that has the seal is ended by a worker that does not know of it.
    UnawareEnds,
    /// Room is given back when a child is told to die.
    CreditedEarly,
    /// A worker keeps what it was assigned in memory alone.
    NotNoted,
    /// A planner's writes do not check its epoch.
    NoEpoch,
    /// A new planner takes leases at once.
    NoWait,
    /// A planner goes on in an office that has lapsed, if nobody else has taken it.
    LapsedGoesOn,
    /// The taking side waits no longer than it promised.
    NoMargin,
    /// A lease is taken as it was when that was planned, whether or not it was renewed since.
    NoSecondLook,
    /// Nobody publishes for a sealed worker that is gone.
    NoRescue,
    /// A worker that restarts forgets its children and does not kill those it does not go on with.
    Forsaken,
    /// What failed after its seal is tried again.
    RetriedAfterSeal,
}
