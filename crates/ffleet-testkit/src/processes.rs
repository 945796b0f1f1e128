//! Finding processes that were left behind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The living processes whose environment holds `marker` (`NAME=VALUE`), by id. Zombies, which
/// have no environment any more, and processes of other users that may not be read, are not seen.
#[must_use]
pub fn processes_with(marker: &str) -> Vec<u32> {
    let carries = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
            environ.split(|&byte| byte == 0).any(|var| var == marker.as_bytes())
        })
    };
    all().into_iter().filter(carries).collect()
}

/// The processes that descend from `pid`, by id; zombies too.
#[must_use]
pub fn descendants_of(pid: u32) -> Vec<u32> {
    let parents: Vec<_> = all().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&ancestor) = found.get(next) {
        let children = parents.iter().filter(|(_, parent)| *parent == ancestor);
        found.extend(children.map(|&(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// Asserts that within `deadline` no process carries `marker` any more.
///
/// # Panics
///
/// If one still does.
pub fn assert_none_left(marker: &str, deadline: Duration) {
    let since = Instant::now();
    loop {
        let left = processes_with(marker);
        if left.is_empty() {
            return;
        }
        assert!(
            since.elapsed() < deadline,
            "after {deadline:?} processes with {marker} are left: {:#?}",
            left.iter().map(|&pid| described(pid)).collect::<Vec<_>>()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a process is and what it is doing, for whoever has to find out why it is there.
fn described(pid: u32) -> String {
    let read = |what| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
    let stat = read("stat");
    let at = read("wchan");
    let [stat, at] = [&stat, &at].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("{pid} `{}` at {at}: {}", command.trim_end(), stat.trim_end())
}

fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir(Path::new("/proc")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// The fourth field of `/proc/PID/stat`; the second may hold spaces and parentheses.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
