//! What can happen, in words that a person can follow.

use std::fmt;

use ffleet_types::Fence;

use crate::state::End;

/// An attempt: of which job, under which fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The job, from 0.
    pub job: usize,
    /// The fence.
    pub fence: Fence,
}

impl At {
    /// The attempt with this index among those of a job.
    pub(crate) fn new(job: usize, index: usize) -> Self {
        Self { job, fence: Fence::from_u64(index as u64 + 1) }
    }

    /// Its index among those of its job.
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.fence.as_u64()).map_or(usize::MAX, |fence| fence - 1)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} attempt {}", self.job + 1, self.fence)
    }
}

/// A call of a worker about an attempt, that changes the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// It has begun.
    Start,
    /// Its result is staged: may it publish?
    Seal,
    /// It has ended.
    End(End),
    /// It is at work.
    Renew,
}

impl Call {
    /// Those that are carried out one by one; renewals are an action of their own.
    pub(crate) const REPORTS: [Self; 7] = [
        Self::Start,
        Self::Seal,
        Self::End(End::Completed),
        Self::End(End::Interrupted),
        Self::End(End::Canceled),
        Self::End(End::Declined),
        Self::End(End::Missing),
    ];

    pub(crate) const fn bit(self) -> u8 {
        match self {
            Self::Start => 1,
            Self::Seal => 2,
            Self::End(End::Completed) => 4,
            Self::End(End::Interrupted) => 8,
            Self::End(End::Canceled) => 16,
            Self::End(End::Declined) => 32,
            Self::End(End::Missing) => 64,
            Self::Renew => 128,
        }
    }
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A worker hears of an assignment.
    Hear(At),
    /// It begins, or declines for want of room.
    Begin(At),
    /// The child is done; its result is verified, staged and on disk, and the seal is asked for.
    Stage(At),
    /// The result gets its name.
    Name(At),
    /// That it has it is written down.
    Note(At),
    /// The last of its processes is gone.
    Empty(At),
    /// A controller carries out a call; the worker hears what came of it, or does not.
    Carry(At, Call, Heard),
    /// A controller carries out a renewal.
    Renew(At, Heard),
    /// A worker that was down starts, registers and settles what it had.
    Return(usize),
    /// A controller that was down starts.
    Start(usize),
    /// A controller takes the office.
    Take(usize),
    /// The planner queues a job again.
    Requeue(usize, usize),
    /// The planner gives a job to a worker.
    Assign(usize, usize, usize),
    /// A planner decides to take an attempt from its worker.
    Decide(usize, At),
    /// It writes that.
    Write(usize),
    /// A controller gives a sealed result its name, for a worker that is silent.
    Rescue(usize),
    /// It writes that the job is completed.
    Settle(usize),
    /// A controller removes what an attempt has left that is over.
    Sweep(At),
    /// Time passes.
    Tick,
    /// The office lapses.
    Lapse,
    /// The database's clock leaps.
    Leap,
    /// Somebody asks for a job to stop.
    Cancel(usize),
    /// Somebody takes a result away.
    TakeAway(usize),
    /// A worker's process dies.
    Kill(usize),
    /// A worker's machine restarts.
    Reboot(usize),
    /// A worker's machine is gone for good.
    Lose(usize),
    /// A worker hands back what it has.
    HandBack(usize),
    /// A controller dies.
    Crash(usize),
    /// The grace of an orphan is over: its shim has killed it.
    Orphaned(At),
}

/// Whether the answer of a call reaches who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It does.
    Yes,
    /// It is lost, or nobody waits for it any more.
    No,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("started"),
            Self::Seal => f.write_str("may I publish"),
            Self::End(end) => write!(f, "ended ({end:?})"),
            Self::Renew => f.write_str("renew"),
        }
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "and is answered",
            Self::No => "and the answer is not heard",
        })
    }
}

const fn worker(index: usize) -> char {
    if index == 0 { 'A' } else { 'B' }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Hear(at) => write!(f, "the worker hears of {at}"),
            Self::Begin(at) => write!(f, "the worker begins {at}, or has no room"),
            Self::Stage(at) => write!(f, "{at} is encoded and staged; the seal is asked for"),
            Self::Name(at) => write!(f, "the worker gives the result of {at} its name"),
            Self::Note(at) => write!(f, "the worker writes down that {at} has ended"),
            Self::Empty(at) => write!(f, "the cgroup of {at} is empty"),
            Self::Carry(at, call, heard) => write!(f, "\"{at}: {call}\" is carried out {heard}"),
            Self::Renew(at, heard) => write!(f, "\"{at}: renew\" is carried out {heard}"),
            Self::Return(index) => write!(f, "worker {} starts again", worker(index)),
            Self::Start(index) => write!(f, "controller {} starts again", index + 1),
            Self::Take(index) => write!(f, "controller {} takes the office", index + 1),
            Self::Requeue(by, job) => write!(f, "controller {} queues job {}", by + 1, job + 1),
            Self::Assign(by, job, to) => {
                write!(f, "controller {} gives job {} to worker {}", by + 1, job + 1, worker(to))
            }
            Self::Decide(by, at) => write!(f, "controller {} decides to take {at} back", by + 1),
            Self::Write(by) => write!(f, "controller {} writes what it decided", by + 1),
            Self::Rescue(job) => {
                write!(f, "a controller publishes what job {} has sealed", job + 1)
            }
            Self::Settle(job) => write!(f, "a controller ends sealed job {}", job + 1),
            Self::Sweep(at) => write!(f, "a controller removes what {at} has left"),
            Self::Tick => f.write_str("time passes"),
            Self::Lapse => f.write_str("the office lapses"),
            Self::Leap => f.write_str("the database's clock leaps"),
            Self::Cancel(job) => write!(f, "somebody cancels job {}", job + 1),
            Self::TakeAway(job) => write!(f, "somebody takes the result of job {} away", job + 1),
            Self::Kill(index) => write!(f, "the process of worker {} dies", worker(index)),
            Self::Reboot(index) => write!(f, "the machine of worker {} restarts", worker(index)),
            Self::Lose(index) => write!(f, "the machine of worker {} is lost", worker(index)),
            Self::HandBack(index) => write!(f, "worker {} hands back what it has", worker(index)),
            Self::Crash(index) => write!(f, "controller {} dies", index + 1),
            Self::Orphaned(at) => write!(f, "the shim of {at} kills its child"),
        }
    }
}
