//! How a process ended that is not our child, as kernels since 6.15 say it (`PIDFD_GET_INFO` in
//! `include/uapi/linux/pidfd.h`).

use std::os::fd::{AsRawFd as _, BorrowedFd};

/// `_IOWR(0xFF, 11, struct pidfd_info)` with the first size of that.
const PIDFD_GET_INFO: libc::c_ulong = 0xC040_FF0B;
/// That the exit status is asked for, and was answered.
const PIDFD_INFO_EXIT: u64 = 1 << 3;

/// The kernel's `struct pidfd_info`, as long as its first form.
#[repr(C)]
struct Answer {
    mask: u64,
    cgroup: u64,
    /// pid, tgid, ppid, and eight ids of users and groups.
    ids: [u32; 11],
    exit: i32,
}

/// What `wait(2)` said or would say of the process of `pidfd`; the inner nothing is that its parent has
/// not waited for it yet, the outer that the kernel does not answer this question.
pub(crate) fn exit_of(pidfd: BorrowedFd<'_>) -> Option<Option<i32>> {
    let mut asked = Answer { mask: PIDFD_INFO_EXIT, cgroup: 0, ids: [0; 11], exit: 0 };
    // SAFETY: the kernel writes as much as the number of the call says, which is the size of `asked`.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, &raw mut asked) };
    match done {
        0 => Some((asked.mask & PIDFD_INFO_EXIT != 0).then_some(asked.exit)),
        _ => None,
    }
}

const _: () = assert!(size_of::<Answer>() == 64, "as PIDFD_GET_INFO says");
