//! From a prepared command to a running process: clone, a few system calls, exec.
//!
//! The child shares our memory until it has called exec (`CLONE_VM | CLONE_VFORK`, as
//! `posix_spawn` does), so that starting it costs the same however large we are, and so that it
//! can say in plain words of memory what went wrong. In exchange its side of the code may do
//! nothing but system calls on what was prepared: no allocation, no locks, no panics.
//!
//! `std::process::Command` does not do: its hook between fork and exec costs a copy of our page
//! tables, and it can neither hand out a pidfd nor promise which thread forks.

mod birth;
mod copy;
mod ended;
mod reap;
mod walls;
mod wrapped;

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use rustix::thread::CpuSet;

pub(crate) use self::birth::Stack;
pub(crate) use self::copy::{Alone, carry};
pub(crate) use self::ended::exit_of;
pub(crate) use self::reap::{Look, Reaped, look, reap, watch};
pub(crate) use self::walls::empty_network;
pub(crate) use self::wrapped::{Ears, Gated, die_by, home, send, step_aside, stop_by};
use crate::sandbox::Walls;
use crate::spec::ChildSpec;

/// The highest signal number there is.
const LAST_SIGNAL: c_int = 64;

/// Everything that a child needs, in the form in which the kernel takes it.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: CString,
    /// The program's name first.
    pub(crate) argv: Vec<CString>,
    pub(crate) envp: Vec<CString>,
    pub(crate) cwd: CString,
    /// In the order of their numbers; all three above 2, so that none is overwritten too early.
    pub(crate) stdio: [OwnedFd; 3],
    /// What it gets beside those, by its number there; all of them above the highest such number.
    pub(crate) given: Vec<(c_int, OwnedFd)>,
    pub(crate) nice: i32,
    pub(crate) file_size: Option<u64>,
    pub(crate) cpus: Option<CpuSet>,
    /// What shuts it off from the rest of the machine.
    pub(crate) walls: Option<Walls>,
    /// Whether it dies with the thread that starts it.
    pub(crate) tied: bool,
}

/// These CPUs, as far as the kernel's sets reach.
pub(crate) fn cpu_set(cpus: impl IntoIterator<Item = usize>) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.into_iter()
        .filter(|&cpu| cpu < CpuSet::MAX_CPU)
        .for_each(|cpu| set.set(cpu));
    set
}

/// A process that has called exec, and is not waited for yet.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

/// What the child was at when it could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Step {
    Clone,
    Session,
    ParentDeath,
    Cgroup,
    Nice,
    Limits,
    Affinity,
    Stdio,
    Directory,
    Sandbox,
    Given,
    Exec,
}

impl Step {
    const ALL: [Self; 12] = [
        Self::Clone,
        Self::Session,
        Self::ParentDeath,
        Self::Cgroup,
        Self::Nice,
        Self::Limits,
        Self::Affinity,
        Self::Stdio,
        Self::Directory,
        Self::Sandbox,
        Self::Given,
        Self::Exec,
    ];

    /// The step of this number, as a shim reports it.
    pub(crate) fn numbered(number: i32) -> Self {
        Self::ALL
            .into_iter()
            .find(|&step| step as i32 == number)
            .unwrap_or(Self::Clone)
    }

    /// What it is for, after "cannot".
    pub(crate) const fn purpose(self) -> &'static str {
        match self {
            Self::Clone => "make a process",
            Self::Session => "give it a session of its own",
            Self::ParentDeath => "tie its life to ours",
            Self::Cgroup => "put it into its cgroup",
            Self::Nice => "set its niceness",
            Self::Limits => "set its resource limits",
            Self::Affinity => "set the CPUs it may use",
            Self::Stdio => "connect its standard streams",
            Self::Directory => "enter its directory",
            Self::Sandbox => "shut it off from the rest of the machine",
            Self::Given => "hand it its descriptors",
            Self::Exec => "run its program",
        }
    }
}

/// Why there is no process.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: Step,
    pub(crate) source: io::Error,
}

/// Blocks every signal in this thread for good: none of our handlers may run in a child that
/// shares our memory.
pub(crate) fn block_signals() -> io::Result<()> {
    mask(libc::SIG_SETMASK, true)
}

/// Sets this thread's mask of signals to all, or to none.
fn mask(how: c_int, all: bool) -> io::Result<()> {
    // SAFETY: a sigset is plain numbers, for which zeros are a value.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    let filled = if all {
        // SAFETY: `set` is ours to write.
        unsafe { libc::sigfillset(&raw mut set) }
    } else {
        // SAFETY: `set` is ours to write.
        unsafe { libc::sigemptyset(&raw mut set) }
    };
    // SAFETY: `set` was filled; the old mask is not asked for.
    let errno = unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
    match (filled, errno) {
        (0, 0) => Ok(()),
        (_, errno) => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// What leads a child into its cgroups.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    /// The files into which a thread writes `0` to join, opened for it.
    pub(crate) files: Vec<File>,
    /// The directory of version 2, in which it can be born.
    pub(crate) tree: Option<OwnedFd>,
}

/// What both sides see.
struct Shared<'a> {
    launch: &'a Launch,
    doors: &'a [File],
    /// Into the group of version 2, if it is not in it yet.
    tree: Option<OwnedFd>,
    argv: &'a [*const c_char],
    envp: &'a [*const c_char],
    parent: Pid,
    /// What the child is at.
    step: AtomicI32,
    /// What went wrong with it; 0 for nothing.
    errno: AtomicI32,
}

impl Launch {
    /// Starts the process in the cgroups that `doors` lead to, and returns when it
    /// has called exec. The calling thread must live as long as the child is to, since the
    /// child is killed when it ends, and must have its signals blocked.
    pub(crate) fn start(&self, doors: &Doors, stack: &mut Stack) -> Result<Launched, Failure> {
        let pointers = |texts: &[CString]| -> Vec<*const c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
        };
        let mut shared = Shared {
            launch: self,
            doors: &doors.files,
            tree: None,
            argv: &pointers(&self.argv),
            envp: &pointers(&self.envp),
            parent: rustix::process::getpid(),
            step: AtomicI32::new(Step::Clone as i32),
            errno: AtomicI32::new(0),
        };
        if let Some(tree) = &doors.tree {
            let arg = (&raw const shared).cast_mut().cast();
            // SAFETY: `begin` takes a `Shared`, which outlives the call, and does system calls on it.
            if let Ok(launched) = unsafe { stack.bear_in(tree.as_fd(), begin, arg) } {
                return shared.came_of(launched);
            }
            // Whatever the kernel had against it: the other way works, or says what it is.
            let opened =
                openat(tree, c"cgroup.procs", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
            let failed = |error: Errno| Failure { step: Step::Cgroup, source: error.into() };
            shared.tree = Some(opened.map_err(failed)?);
        }
        let arg = (&raw const shared).cast_mut().cast();
        // SAFETY: as above.
        let launched = unsafe { stack.bear(begin, arg) };
        shared.came_of(launched.map_err(|source| Failure { step: Step::Clone, source })?)
    }
}

/// Where the child begins. It returns only if it could not exec, and then ends.
extern "C" fn begin(arg: *mut c_void) -> c_int {
    // SAFETY: `start` passes a pointer to a `Shared` that outlives us.
    let shared = unsafe { &*arg.cast::<Shared<'_>>() };
    let Err(errno) = shared.become_child();
    shared.errno.store(errno.raw_os_error(), SeqCst);
    127
}

impl Shared<'_> {
    fn at(&self, step: Step) {
        self.step.store(step as i32, SeqCst);
    }

    /// Whether the child runs; one that could not exec is at its end, and has nobody else to reap it.
    fn came_of(&self, launched: Launched) -> Result<Launched, Failure> {
        match self.errno.load(SeqCst) {
            0 => Ok(launched),
            errno => {
                let none = rustix::process::WaitOptions::empty();
                let _status = rustix::process::waitpid(Some(launched.pid), none);
                let source = io::Error::from_raw_os_error(errno);
                Err(Failure { step: Step::numbered(self.step.load(SeqCst)), source })
            }
        }
    }

    /// The child's side, up to exec.
    fn become_child(&self) -> Result<std::convert::Infallible, Errno> {
        reset_signals();

        self.at(Step::Session);
        rustix::process::setsid()?;

        self.at(Step::ParentDeath);
        if self.launch.tied {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // Whoever died before that sends no signal.
            if rustix::process::getppid() != Some(self.parent) {
                return Err(Errno::SRCH);
            }
        }

        self.at(Step::Cgroup);
        for door in self.doors {
            rustix::io::write(door, b"0")?;
        }
        if let Some(tree) = &self.tree {
            rustix::io::write(tree, b"0")?;
        }

        self.at(Step::Nice);
        // Only root may make itself less nice than whoever started it.
        if rustix::process::getpriority_process(None)? < self.launch.nice {
            rustix::process::setpriority_process(None, self.launch.nice)?;
        }

        self.at(Step::Limits);
        let at_most = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
        rustix::process::setrlimit(Resource::Core, at_most(0))?;
        if let Some(bytes) = self.launch.file_size {
            rustix::process::setrlimit(Resource::Fsize, at_most(bytes))?;
        }

        self.at(Step::Affinity);
        if let Some(cpus) = &self.launch.cpus {
            rustix::thread::sched_setaffinity(None, cpus)?;
        }

        self.at(Step::Stdio);
        let [stdin, stdout, stderr] = &self.launch.stdio;
        rustix::stdio::dup2_stdin(stdin)?;
        rustix::stdio::dup2_stdout(stdout)?;
        rustix::stdio::dup2_stderr(stderr)?;
        close_others();

        self.at(Step::Directory);
        rustix::process::chdir(self.launch.cwd.as_c_str())?;

        if let Some(walls) = &self.launch.walls {
            self.at(Step::Sandbox);
            walls::enclose(walls)?;
        }

        // Nothing of ours is needed any more that may be under one of their numbers.
        self.at(Step::Given);
        for (number, fd) in &self.launch.given {
            hand_over(fd, *number)?;
        }

        self.at(Step::Exec);
        // A failure to unblock would show as a child that cannot be terminated, and be killed.
        let _unblocked = mask(libc::SIG_SETMASK, false);
        // SAFETY: the texts end with a zero, the lists with a null pointer, and all outlive us.
        unsafe {
            libc::execve(self.launch.program.as_ptr(), self.argv.as_ptr(), self.envp.as_ptr())
        };
        Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::NOEXEC))
    }
}

/// Gives every signal its default again: exec would keep those that are ignored, as Rust programs
/// ignore SIGPIPE. Past libc, which refuses the two signals that it uses itself.
fn reset_signals() {
    // The kernel's `struct sigaction`: SIG_DFL, no flags, an empty mask.
    let default = [0_u64; 8];
    let mask_size = size_of::<u64>();
    for number in 1..=LAST_SIGNAL {
        let (new, old) = (default.as_ptr(), ptr::null_mut::<u64>());
        // SAFETY: `new` is large enough to be read as a `struct sigaction`, and the old one is
        // not asked for; the two numbers that cannot be changed are refused.
        let _old = unsafe { libc::syscall(libc::SYS_rt_sigaction, number, new, old, mask_size) };
    }
}

/// Leaves the child its standard streams alone, whatever somebody forgot to mark.
fn close_others() {
    let last = libc::c_uint::MAX;
    let flags = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: descriptors are marked, not closed, and this table of them is the child's own. A
    // kernel before 5.11 refuses, where everything is marked one by one as it is opened.
    let _marked = unsafe { libc::close_range(3, last, flags) };
}

/// Gives the child a descriptor under this number, to be kept by its program.
fn hand_over(fd: &OwnedFd, number: c_int) -> Result<(), Errno> {
    // SAFETY: plain numbers; what was there is the child's own, and not used any more.
    if unsafe { libc::dup2(fd.as_raw_fd(), number) } < 0 {
        return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(())
}

/// A descriptor with a number that no standard stream has.
pub(crate) fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    above(fd, 2)
}

/// A descriptor with a number that none has which a child can be given.
pub(crate) fn above_given(fd: OwnedFd) -> io::Result<OwnedFd> {
    above(fd, ChildSpec::LAST_GIVEN.into())
}

fn above(fd: OwnedFd, number: c_int) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > number {
        return Ok(fd);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(fd.as_fd(), number + 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_that_cannot_be_born_in_its_group_walks_there() {
        // A directory, but no cgroup.
        let group = tempfile::tempdir().unwrap();
        let door = group.path().join("cgroup.procs");
        File::create(&door).unwrap();
        let null = || above_stdio(File::options().read(true).write(true).open("/dev/null")?.into());
        let launch = Launch {
            program: c"/bin/true".into(),
            argv: vec![c"true".into()],
            envp: Vec::new(),
            cwd: c"/".into(),
            stdio: [null().unwrap(), null().unwrap(), null().unwrap()],
            given: Vec::new(),
            nice: 0,
            file_size: None,
            cpus: None,
            walls: None,
            tied: true,
        };
        let tree = Some(File::open(group.path()).unwrap().into());
        let doors = Doors { files: Vec::new(), tree };
        // The thread blocks its signals for good.
        let ended = std::thread::spawn(move || {
            block_signals().unwrap();
            let launched = launch.start(&doors, &mut Stack::new()).unwrap();
            let none = rustix::process::WaitOptions::empty();
            rustix::process::waitpid(Some(launched.pid), none).unwrap()
        });
        let (_, status) = ended.join().unwrap().unwrap();
        assert_eq!(status.exit_status(), Some(0));
        assert_eq!(std::fs::read(&door).unwrap(), b"0");
    }
}
