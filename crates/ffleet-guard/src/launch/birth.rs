//! The two ways in which a child comes to be. Either way it shares our memory, so that it costs the
//! same however large we are, and runs on a stack of its own.
//!
//! In the one tree of cgroups a process that moves waits until nobody forks or exits anywhere, so a
//! child is born where it belongs there (`CLONE_INTO_CGROUP`, Linux 5.7). Only `clone3` can do that,
//! which has no form in libc: whoever comes back from it on another stack has nowhere to return to.
//!
//! One child after a quiet while, from the wish to exec at the median (`serial_bounds`, a debug build,
//! two busy CPUs, Linux 6.18 with version 2 beside version 1): 12 ms when the child wrote itself into
//! its group, 1 ms born in it; by a shim 18 ms and 5 ms. A copy of our memory instead (`fork`) would
//! have taken 8 ms, and 20 ms with 256 MiB to copy.

use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use rustix::process::Pid;

use super::Launched;

/// Room for the child's side; it calls nothing that needs much.
const STACK: usize = 256 << 10;
/// In which group of version 2 to be born; it is wider than what libc makes of it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// What a child runs, and is over when it returns.
pub(super) type Begin = extern "C" fn(*mut c_void) -> c_int;

/// The stack that children borrow, one at a time.
pub(crate) struct Stack(Box<[Aligned]>);

/// As the ABI wants a stack to begin.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Aligned(#[expect(dead_code, reason = "room, not content")] [u8; 16]);

impl Stack {
    pub(crate) fn new() -> Self {
        Self(vec![Aligned([0; 16]); STACK / 16].into_boxed_slice())
    }

    /// Makes a process that runs `begin` and ends with what that returns. Comes back when it has
    /// called exec or ended.
    ///
    /// # Safety
    ///
    /// `begin` may do with `arg` nothing but system calls on what outlives this call, and must not
    /// unwind.
    pub(super) unsafe fn bear(&mut self, begin: Begin, arg: *mut c_void) -> io::Result<Launched> {
        let mut pidfd: c_int = -1;
        let top = self.0.as_mut_ptr_range().end.cast();
        // SAFETY: this thread stands still until the child has called exec or died; the stack, which
        // grows downwards, is large enough and used by nobody else; `pidfd` may be written to.
        let pid = unsafe { libc::clone(begin, top, FLAGS | libc::SIGCHLD, arg, &raw mut pidfd) };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        launched(pid.into(), pidfd)
    }

    /// The same, in the group whose directory of version 2 is `tree`.
    ///
    /// # Safety
    ///
    /// As [`bear`](Self::bear).
    pub(super) unsafe fn bear_in(
        &mut self,
        tree: BorrowedFd<'_>,
        begin: Begin,
        arg: *mut c_void,
    ) -> io::Result<Launched> {
        let mut pidfd: c_int = -1;
        let args = CloneArgs {
            flags: u64::from(FLAGS.cast_unsigned()) | CLONE_INTO_CGROUP,
            pidfd: &raw mut pidfd,
            exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
            stack: self.0.as_mut_ptr().cast(),
            stack_size: u64::try_from(STACK).unwrap_or_default(),
            cgroup: u64::from(tree.as_raw_fd().cast_unsigned()),
            ..CloneArgs::NONE
        };
        // SAFETY: as above.
        let pid = unsafe { clone3(&args, begin, arg) };
        launched(pid, pidfd)
    }
}

/// Copies this process, into the group whose directory of version 2 is `tree` if the kernel can do that,
/// as `fork(2)` does: the copy gets nothing.
///
/// # Safety
///
/// The copy may do nothing but system calls on what was prepared: what other threads held is held for
/// ever in it.
pub(super) unsafe fn copy(tree: Option<BorrowedFd<'_>>) -> io::Result<Option<Pid>> {
    if let Some(tree) = tree {
        let args = CloneArgs {
            flags: CLONE_INTO_CGROUP,
            exit_signal: u64::from(libc::SIGCHLD.cast_unsigned()),
            cgroup: u64::from(tree.as_raw_fd().cast_unsigned()),
            ..CloneArgs::NONE
        };
        let args = std::ptr::from_ref(&args);
        // SAFETY: without a stack of its own it goes on where we are, as after fork.
        let pid = unsafe { libc::syscall(libc::SYS_clone3, args, size_of::<CloneArgs>()) };
        if let Ok(pid @ 0..) = i32::try_from(pid) {
            return Ok(Pid::from_raw(pid));
        }
        // Whatever the kernel had against it: it may walk there.
    }
    // SAFETY: the caller's promise.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

const FLAGS: c_int = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;

/// What a system call answered: a process, or what was wrong, as a negative number.
fn launched(answer: c_long, pidfd: c_int) -> io::Result<Launched> {
    let answer = i32::try_from(answer).map_err(io::Error::other)?;
    let pid = (answer > 0).then(|| Pid::from_raw(answer)).flatten();
    let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(answer.wrapping_neg()))?;
    // SAFETY: the kernel has just made this descriptor for us.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Launched { pid, pidfd })
}

/// The kernel's `struct clone_args`, as long as the one that first had `cgroup`.
#[repr(C, align(8))]
struct CloneArgs {
    flags: u64,
    pidfd: *mut c_int,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: *mut c_void,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

impl CloneArgs {
    const NONE: Self = Self {
        flags: 0,
        pidfd: std::ptr::null_mut(),
        child_tid: 0,
        parent_tid: 0,
        exit_signal: 0,
        stack: std::ptr::null_mut(),
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
}

/// The system call; the child runs `begin` with `arg` on its new stack, and does not come back.
///
/// # Safety
///
/// As [`Stack::bear`]; the stack in `args` begins and ends as the ABI wants it.
#[cfg(target_arch = "x86_64")]
unsafe fn clone3(args: &CloneArgs, begin: Begin, arg: *mut c_void) -> c_long {
    let answer: c_long;
    // SAFETY: in us it is a system call like any other. The child has all registers but `rax` and
    // `rsp` as we have them; it calls `begin` on its own stack, and ends.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, {arg}",
            "call {begin}",
            "mov edi, eax",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            "2:",
            arg = in(reg) arg,
            begin = in(reg) begin,
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone3 => answer,
            in("rdi") std::ptr::from_ref(args),
            in("rsi") size_of::<CloneArgs>(),
            out("rcx") _,
            out("r11") _,
        );
    }
    answer
}

/// Where nobody has written it down and tried it, the child has to walk.
///
/// # Safety
///
/// Nothing happens.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn clone3(_args: &CloneArgs, _begin: Begin, _arg: *mut c_void) -> c_long {
    -c_long::from(libc::ENOSYS)
}
