//! What a child may see of the machine: the files that it is given, and no network unless it is
//! given that.
//!
//! A media file can make a program that reads it go elsewhere: a playlist names its segments, a
//! script its parts, and a decoder may have a hole. What the engine's own options keep out is kept
//! out here again, by the kernel:
//!
//! - files by Landlock (`landlock(7)`; [`System`] lists what every child may read besides), with
//!   signals and abstract sockets to the outside and, without a network, TCP;
//! - the network by an empty namespace (`network_namespaces(7)`), one for all children of a node.
//!   Who may not make one, as not being root, has a filter instead (`seccomp(2)`) that refuses
//!   every socket but local ones: a user namespace would cost the child the tie to its parent's
//!   life, which the kernel cuts where credentials change (`PR_SET_PDEATHSIG`);
//! - more rights by `no_new_privs`, which both need.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ffleet_base::chain;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, Scope, path_beneath_rules,
};
use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use serde::{Deserialize, Serialize};

use crate::launch;

/// The version of Landlock that is asked for; an older kernel does what it can.
const EDITION: ABI = ABI::V6;

/// What every child may read and run: programs, libraries, fonts, certificates, names of hosts and
/// time zones, what the machine says of its CPUs and memory. Nobody's own files are among it.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/gnutls",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/timezone",
    "/run/systemd/resolve",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];

/// What every child may read and write.
const SINKS: &[&str] = &["/dev/null", "/dev/full"];

/// What a child may see beyond what every child may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Files and directories that it may read and run: its program's libraries. What is not there is
    /// left out; the program itself need not be named.
    pub libraries: Vec<PathBuf>,
    /// Files that it may read, as they were found.
    pub inputs: Vec<Pinned>,
    /// Directories that it may fill.
    pub write: Vec<PathBuf>,
    /// Whether it has the network.
    pub network: bool,
}

impl Sandbox {
    /// Whether every child may read this file or directory, whatever it is given.
    #[must_use]
    pub fn covers(path: &Path) -> bool {
        SYSTEM.iter().any(|system| path.starts_with(system))
    }
}

/// A file that must still be the one it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Where it is; links are followed.
    pub path: PathBuf,
    /// Its device (`st_dev`).
    pub device: u64,
    /// Its inode (`st_ino`).
    pub inode: u64,
}

impl Pinned {
    /// The file at `path` as it is now. Blocks.
    ///
    /// # Errors
    ///
    /// If it cannot be looked at.
    pub fn look(path: &Path) -> io::Result<Self> {
        let found = std::fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }
}

/// A sandbox could not be built.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or directory that the child is to have cannot be had.
    #[error("cannot give it {}", .0.display())]
    Unreachable(PathBuf, #[source] io::Error),
    /// A path leads to another file than the one that was looked at.
    #[error("{} is another file than it was: submit it again", .0.display())]
    Changed(PathBuf),
    /// The kernel refused.
    #[error("the kernel refuses the rules of its files: {0}")]
    Refused(String),
}

/// What a node can build sandboxes of.
#[derive(Debug)]
pub(crate) struct Means {
    files: bool,
    empty: Result<OwnedFd, io::Error>,
    filter: Result<BpfProgram, String>,
}

/// What shuts a child off, ready for the kernel.
#[derive(Debug)]
pub(crate) struct Walls {
    /// Landlock's rules.
    pub(crate) files: Option<OwnedFd>,
    pub(crate) network: Network,
}

/// What a child has of the network.
#[derive(Debug)]
pub(crate) enum Network {
    /// All of it.
    Open,
    /// This namespace, which holds nothing.
    Empty(OwnedFd),
    /// No socket but local ones.
    Filtered(BpfProgram),
}

impl Means {
    /// Finds out what the kernel has, and whether namespaces may be used.
    pub(crate) fn find(namespaces: bool) -> Self {
        let empty = if namespaces {
            launch::empty_network()
        } else {
            Err(Errno::PERM.into())
        };
        Self {
            files: rules(false).is_ok_and(|rules| rules.is_some()),
            empty,
            filter: filter(),
        }
    }

    /// What cannot be had here, and why.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.files {
            missing.push(
                "hiding files from jobs: the kernel has no Landlock (Linux 5.13, with `landlock` in \
                 its list of `lsm`)"
                    .to_owned(),
            );
        }
        if let (Err(error), Err(why)) = (&self.empty, &self.filter) {
            missing.push(format!(
                "keeping jobs off the network: no namespace ({error}) and no filter of system calls \
                 ({why})"
            ));
        }
        missing
    }

    /// The walls of a child that runs `program`. Blocks as long as its files take to be found.
    pub(crate) fn walls(&self, program: &Path, sandbox: &Sandbox) -> Result<Walls, SandboxError> {
        let files = if self.files { files(program, sandbox)? } else { None };
        let network = match (sandbox.network, &self.empty, &self.filter) {
            (false, Ok(empty), _) => {
                let its = Path::new("its network namespace");
                Network::Empty(empty.try_clone().map_err(|error| unreachable(its, error))?)
            }
            (false, Err(_), Ok(filter)) => Network::Filtered(filter.clone()),
            (true, ..) | (false, Err(_), Err(_)) => Network::Open,
        };
        Ok(Walls { files, network })
    }
}

impl Walls {
    /// Their descriptors, in the order in which a shim takes them.
    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let network = match &self.network {
            Network::Empty(fd) => Some(fd),
            Network::Open | Network::Filtered(_) => None,
        };
        self.files.iter().chain(network).map(|fd| fd.as_fd())
    }

    /// The same again from the end of `fds`.
    pub(crate) fn take(built: Built, fds: &mut Vec<OwnedFd>) -> io::Result<Self> {
        let mut take = || fds.pop().ok_or_else(|| io::Error::from(Errno::BADF));
        let network = match built.network {
            Kind::Open => Network::Open,
            Kind::Empty => Network::Empty(take()?),
            Kind::Filtered => Network::Filtered(filter().map_err(io::Error::other)?),
        };
        let files = built.files.then(take).transpose()?;
        Ok(Self { files, network })
    }

    /// What there is of it.
    pub(crate) const fn built(&self) -> Built {
        let network = match self.network {
            Network::Open => Kind::Open,
            Network::Empty(_) => Kind::Empty,
            Network::Filtered(_) => Kind::Filtered,
        };
        Built { files: self.files.is_some(), network }
    }
}

/// Which walls there are, as a shim is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Built {
    files: bool,
    network: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    Open,
    Empty,
    Filtered,
}

/// The rules of a child's files; nothing where the kernel has none.
fn files(program: &Path, sandbox: &Sandbox) -> Result<Option<OwnedFd>, SandboxError> {
    let Some(rules) = rules(sandbox.network)? else {
        return Ok(None);
    };
    let run = AccessFs::from_read(EDITION);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let system = SYSTEM.iter().map(Path::new).chain([program]);
    let system = system.chain(sandbox.libraries.iter().map(PathBuf::as_path));
    let mut rules = rules
        .add_rules(path_beneath_rules(system, run))
        .and_then(|rules| {
            rules.add_rules(path_beneath_rules(SINKS, AccessFs::ReadFile | AccessFs::WriteFile))
        })
        .map_err(|error| refused(&error))?;
    for input in &sandbox.inputs {
        let fd = open(&input.path)?;
        let found =
            rustix::fs::fstat(&fd).map_err(|error| unreachable(&input.path, error.into()))?;
        if (found.st_dev, found.st_ino) != (input.device, input.inode) {
            return Err(SandboxError::Changed(input.path.clone()));
        }
        rules = rules
            .add_rule(PathBeneath::new(fd, BitFlags::from(AccessFs::ReadFile)))
            .map_err(|error| refused(&error))?;
    }
    let fill = AccessFs::from_write(EDITION) & !(AccessFs::MakeChar | AccessFs::MakeBlock) | read;
    for dir in &sandbox.write {
        rules = rules
            .add_rule(PathBeneath::new(open(dir)?, fill))
            .map_err(|error| refused(&error))?;
    }
    Ok(rules.into())
}

/// Rules that allow nothing; nothing where the kernel has none.
fn rules(network: bool) -> Result<Option<landlock::RulesetCreated>, SandboxError> {
    let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let mut rules = rules
        .handle_access(AccessFs::from_all(EDITION))
        .and_then(|rules| rules.scope(Scope::from_all(EDITION)))
        .map_err(|error| refused(&error))?;
    if !network {
        rules = rules
            .handle_access(AccessNet::from_all(EDITION))
            .map_err(|error| refused(&error))?;
    }
    let created = rules.create().map_err(|error| refused(&error))?;
    let there = created.try_clone().ok().and_then(Option::<OwnedFd>::from);
    Ok(there.map(|_| created))
}

fn open(path: &Path) -> Result<PathFd, SandboxError> {
    PathFd::new(path).map_err(|error| {
        let landlock::PathFdError::OpenCall { source, .. } = error else {
            return unreachable(path, io::Error::other(error));
        };
        unreachable(path, source)
    })
}

fn unreachable(path: &Path, error: io::Error) -> SandboxError {
    SandboxError::Unreachable(path.to_owned(), error)
}

fn refused(error: &landlock::RulesetError) -> SandboxError {
    SandboxError::Refused(chain(error))
}

/// Refuses every socket but local ones, and io_uring, which could make them past the filter.
fn filter() -> Result<BpfProgram, String> {
    let text = |error: seccompiler::BackendError| chain(&error);
    let local = u64::try_from(libc::AF_UNIX).unwrap_or_default();
    let remote =
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, local).map_err(text)?;
    let rules = BTreeMap::from([
        (libc::SYS_socket, vec![SeccompRule::new(vec![remote]).map_err(text)?]),
        (libc::SYS_io_uring_setup, Vec::new()),
    ]);
    let refuse = SeccompAction::Errno(libc::EACCES.cast_unsigned());
    let here = std::env::consts::ARCH.try_into().map_err(text)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, here)
        .and_then(TryInto::try_into)
        .map_err(text)
}
