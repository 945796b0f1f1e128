//! What a child is to be: program, arguments, surroundings and limits, as plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use ffleet_types::{Bytes, Cpu, RoleGroup};

use crate::error::SpawnError;
use crate::sandbox::Sandbox;
use crate::seats::Seat;

/// How much nicer than ffleet itself a child is.
const NICE: i32 = 10;
/// The longest name of a child: it is a directory's name.
const LONGEST_NAME: usize = 200;

/// A child to be started.
#[derive(Debug)]
pub struct ChildSpec {
    /// Its name, which no other child of this node has at the time: an attempt's id and what it
    /// does in it. Letters, digits, `.`, `-` and `_`, beginning with a letter or digit.
    pub name: String,
    /// A path, or a name that is looked up in `PATH`.
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub args: Vec<OsString>,
    /// The directory it is started in.
    pub cwd: PathBuf,
    /// Its environment, beyond `PATH`, `HOME`, `LANG` and our marks. Nothing is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// Where its standard input comes from.
    pub stdin: Stdin,
    /// Where its standard output goes.
    pub stdout: Stdout,
    /// Where its standard error goes.
    pub stderr: Stderr,
    /// What it may use.
    pub limits: Limits,
    /// Its niceness: 10 unless said otherwise, and never less than that of who starts it.
    pub nice: i32,
    /// The role group that it is in.
    pub role: RoleGroup,
    /// What it was promised, if its node was asked before ([`Node::seat`](crate::Node::seat)): the role and
    /// the limits are that one's then.
    pub seat: Option<Seat>,
    /// What it dies with.
    pub tie: Tie,
    /// What it may see of the machine; all that we may, if nothing is said.
    pub sandbox: Option<Sandbox>,
    /// Descriptors that it gets beside its standard streams, by their number there:
    /// [`FIRST_GIVEN`](Self::FIRST_GIVEN) to [`LAST_GIVEN`](Self::LAST_GIVEN). It gets no others.
    pub given: BTreeMap<u8, OwnedFd>,
    /// Descriptors that its [`shim`](crate::shim) keeps open as long as it is there, by name: the other ends
    /// of what the child has, so that it meets neither an end nor a broken pipe while nobody guards it.
    /// The child does not see them; whoever adopts it gets them
    /// ([`Child::take_held`](crate::Child::take_held)). At most [`MOST_HELD`](Self::MOST_HELD), and
    /// only with [`Tie::Shim`].
    pub held: BTreeMap<String, OwnedFd>,
    /// What whoever adopts it is told of it ([`Child::note`](crate::Child::note)), in words that the guard does not
    /// read: up to [`LONGEST_NOTE`](Self::LONGEST_NOTE) bytes, and only with [`Tie::Shim`].
    pub note: Option<String>,
}

impl ChildSpec {
    /// The lowest number of a descriptor that a child can be given.
    pub const FIRST_GIVEN: u8 = 3;
    /// The highest one.
    pub const LAST_GIVEN: u8 = 15;
    /// Descriptors that a shim holds for a child, at most.
    pub const MOST_HELD: usize = 16;
    /// The longest note in bytes: the answer to whoever adopts the child is one packet.
    pub const LONGEST_NOTE: usize = 8 << 10;

    /// A child that says nothing, without limits, in the root directory.
    #[must_use]
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            cwd: PathBuf::from("/"),
            env: BTreeMap::new(),
            stdin: Stdin::Null,
            stdout: Stdout::Null,
            stderr: Stderr::Tail,
            limits: Limits::default(),
            nice: NICE,
            role: RoleGroup::named(RoleGroup::ENCODE),
            seat: None,
            tie: Tie::Node,
            sandbox: None,
            given: BTreeMap::new(),
            held: BTreeMap::new(),
            note: None,
        }
    }

    /// Whether its descriptors can be passed on as it says.
    pub(crate) fn check_descriptors(&self) -> Result<(), SpawnError> {
        let numbers = Self::FIRST_GIVEN..=Self::LAST_GIVEN;
        let why = if self.given.keys().any(|number| !numbers.contains(number)) {
            "their numbers in it are 3 to 15"
        } else if self.held.len() > Self::MOST_HELD {
            "a shim holds 16 at most"
        } else if self.held.keys().any(|name| name.len() > LONGEST_NAME) {
            "their names are up to 200 bytes long"
        } else if !self.held.is_empty() && self.tie != Tie::Shim {
            "there is nobody to hold them for a child without a shim"
        } else if self.note.is_some() && self.tie != Tie::Shim {
            "there is nobody to keep a note of a child without a shim"
        } else if self.note.as_ref().is_some_and(|note| note.len() > Self::LONGEST_NOTE) {
            "a note of it is up to 8 KiB long"
        } else {
            return Ok(());
        };
        Err(SpawnError::Descriptors(self.name.clone(), why))
    }

    /// Whether its name can be a directory's.
    pub(crate) fn is_well_named(&self) -> bool {
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
        self.name.len() <= LONGEST_NAME
            && self.name.bytes().all(legal)
            && self
                .name
                .bytes()
                .next()
                .is_some_and(|first| first.is_ascii_alphanumeric())
    }
}

/// What a child dies with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tie {
    /// With the process that started it.
    #[default]
    Node,
    /// With its [`shim`](crate::shim), which outlives that process: the node's next life can take the
    /// child over ([`Node::adopt`](crate::Node::adopt)). Standard error cannot be piped.
    Shim,
}

/// Where a child's standard input comes from.
#[derive(Debug, Default)]
pub enum Stdin {
    /// It is empty.
    #[default]
    Null,
    /// From this descriptor. The child's end comes when every other end of it is closed, those that are
    /// [`held`](ChildSpec::held) included.
    From(OwnedFd),
}

/// Where a child's standard output goes.
#[derive(Debug)]
pub enum Stdout {
    /// Nowhere.
    Null,
    /// To whoever takes it from the child ([`Child::take_stdout`](crate::Child::take_stdout)).
    Pipe,
    /// Into this file, or whatever else the descriptor is.
    File(File),
}

/// Where a child's standard error goes. Its end is kept in memory in any case but `Pipe`.
#[derive(Debug)]
pub enum Stderr {
    /// Nowhere else.
    Tail,
    /// Into a [`log`](crate::log) as well.
    Log {
        /// The log's first segment.
        path: PathBuf,
        /// The size of a segment; at most three are kept.
        cap: Bytes,
    },
    /// To whoever takes it from the child ([`Child::take_stderr`](crate::Child::take_stderr)).
    Pipe,
}

/// What a child and all its descendants may use; what is not said is not limited. How far each
/// limit holds is the node's [`guard level`](ffleet_types::node::GuardLevel).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU time per time.
    pub cpu: Option<Cpu>,
    /// Memory.
    pub memory: Option<Bytes>,
    /// Processes and threads together.
    pub tasks: Option<u32>,
    /// The size of any one file that they write.
    pub file_size: Option<Bytes>,
    /// The CPUs they may run on, and see.
    pub cpus: Option<BTreeSet<usize>>,
    /// Their share of a busy disk, from 1 to 10000; 100 is everybody's. Where the kernel has no such
    /// thing it is nothing, and the guard is less for it only if a role group asks for one.
    pub io_weight: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_one_that_a_directory_can_have() {
        for (name, fine) in [
            ("01hxyz.0.1-encode", true),
            ("a", true),
            ("", false),
            ("..", false),
            ("-x", false),
            ("a/b", false),
            ("a b", false),
            (&"a".repeat(201), false),
        ] {
            assert_eq!(ChildSpec::new(name, "true").is_well_named(), fine, "{name:?}");
        }
    }
}
