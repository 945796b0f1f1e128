//! Texts of `/proc/PID`, as `proc_pid_stat(5)`, `proc_pid_status(5)` and `proc_pid_io(5)` say.

use std::fs;

use rustix::process::Pid;

/// Microseconds in one of the ticks that `/proc` counts in: `USER_HZ` is 100 on every machine that
/// Linux still runs on but Alpha.
const TICK: u64 = 10_000;

/// What is wanted of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) session: i32,
    /// Whether it is more than what its parent has not waited for yet.
    pub(super) is_alive: bool,
    /// When it started, in ticks: with the id, this names it for good.
    pub(super) started: u64,
    /// CPU time, its own and that of children it waited for, in ticks.
    cpu: u64,
    /// Time that it waited for disks, in ticks; of a process, its first thread alone.
    waited: u64,
}

impl Stat {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // The name may hold spaces and parentheses.
        let (head, rest) = text.rsplit_once(") ")?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        // Numbered as in the manual, where the state is field 3.
        let field = |number: usize| fields.get(number - 3).copied();
        let number = |at: usize| -> Option<u64> { field(at)?.parse().ok() };
        let id = |at: usize| -> Option<i32> { field(at)?.parse().ok() };
        Some(Self {
            pid: head.split(' ').next()?.parse().ok()?,
            is_alive: !matches!(field(3)?, "Z" | "X"),
            parent: id(4)?,
            session: id(6)?,
            cpu: number(14)? + number(15)? + number(16)? + number(17)?,
            started: number(22)?,
            waited: number(42).unwrap_or(0),
        })
    }

    pub(super) const fn cpu_micros(&self) -> u64 {
        self.cpu * TICK
    }

    pub(super) const fn waited_micros(&self) -> u64 {
        self.waited * TICK
    }
}

/// The threads of a process.
pub(super) fn threads(pid: Pid) -> Vec<Stat> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Stat::parse(&fs::read_to_string(entry.ok()?.path().join("stat")).ok()?))
        .collect()
}

/// Threads and resident bytes, of `/proc/PID/status`. What has ended has no memory.
pub(super) fn status(text: &str) -> Option<(u32, u64)> {
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let kib: Option<u64> =
        line("VmRSS:").and_then(|text| text.strip_suffix("kB")?.trim().parse().ok());
    Some((line("Threads:")?.parse().ok()?, kib.unwrap_or(0) << 10))
}

/// What is wanted of `/proc/PID/io`: bytes, those of dead children that were waited for included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Io {
    pub(super) read: u64,
    pub(super) written: u64,
    pub(super) disk_read: u64,
    pub(super) disk_written: u64,
}

impl Io {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |key: &str| -> Option<u64> {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines.find(|&(found, _)| found == key)?.1.trim().parse().ok()
        };
        Some(Self {
            read: number("rchar")?,
            written: number("wchar")?,
            disk_read: number("read_bytes")?,
            disk_written: number("write_bytes")?,
        })
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            written: self.written + other.written,
            disk_read: self.disk_read + other.disk_read,
            disk_written: self.disk_written + other.disk_written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An FFmpeg with a name that is meant to confuse, as Linux 6.18 shows it.
    const STAT: &str = "29140 (ff (mpeg) x) S 29139 29140 29140 0 -1 4194304 8431 120 3 0 312 41 7 2 \
                        30 10 14 0 8812345 912334848 21034 18446744073709551615 1 1 0 0 0 0 0 4096 \
                        17642 0 0 0 17 1 0 0 9 0 0 0 0 0 0 0 0 0 0\n";

    #[test]
    fn stat_is_read_by_its_fields_whatever_the_name() {
        let stat = Stat::parse(STAT).unwrap();
        assert_eq!((stat.pid, stat.parent, stat.session), (29_140, 29_139, 29_140));
        assert_eq!((stat.started, stat.is_alive), (8_812_345, true));
        assert_eq!(stat.cpu_micros(), (312 + 41 + 7 + 2) * 10_000);
        assert_eq!(stat.waited_micros(), 90_000);
        assert!(!Stat::parse(&STAT.replace(") S", ") Z")).unwrap().is_alive);
        assert_eq!(Stat::parse("29140 (x"), None);
    }

    #[test]
    fn status_says_threads_and_memory() {
        let text = "Name:\tffmpeg\nUmask:\t0022\nState:\tS (sleeping)\nVmHWM:\t   90120 kB\n\
                    VmRSS:\t   84136 kB\nRssAnon:\t   60012 kB\nThreads:\t14\n";
        assert_eq!(status(text), Some((14, 84_136 << 10)));
        assert_eq!(status("Name:\tffmpeg\nState:\tZ (zombie)\nThreads:\t1\n"), Some((1, 0)));
        assert_eq!(status(""), None);
    }

    #[test]
    fn io_is_read_whole_or_not_at_all() {
        let text = "rchar: 18432511\nwchar: 2100\nsyscr: 700\nsyscw: 12\nread_bytes: 4096\n\
                    write_bytes: 8192\ncancelled_write_bytes: 0\n";
        let io = Io { read: 18_432_511, written: 2_100, disk_read: 4_096, disk_written: 8_192 };
        assert_eq!(Io::parse(text), Some(io));
        assert_eq!(io.plus(io).written, 4_200);
        assert_eq!(Io::parse("rchar: 1\nwchar: 2\n"), None);
    }
}
