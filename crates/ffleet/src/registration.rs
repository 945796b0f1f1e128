//! How a server on this machine is found: a file for each, in the runtime directory of the user
//! who runs it.
//!
//! `serve` writes `<runtime directory>/<port>.json`, which that user alone can read, and removes
//! it when it stops. A server that was killed leaves its file behind; such a file is known by
//! its process being gone, or being another one by now (its start time differs), and is removed
//! by whoever looks next. A socket with a fixed name would be tidier, but has room for one
//! server, and browsers cannot speak to it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ffleet_base::{Secret, files, write_atomic};
use serde::{Deserialize, Serialize};

/// A server that runs on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// Where it listens, such as `http://127.0.0.1:8420`.
    pub(crate) address: String,
    /// What its callers must know.
    pub(crate) key: Secret,
    /// Its process id.
    pub(crate) pid: u32,
    /// When that process started, in clock ticks since the machine did (proc(5), field 22).
    pub(crate) started: u64,
    /// Its data directory.
    pub(crate) data_dir: PathBuf,
}

/// As it is in the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Page {
    address: String,
    key: String,
    pid: u32,
    started: u64,
    data: PathBuf,
}

/// A file that is ours and goes when this is dropped.
#[derive(Debug)]
#[must_use = "the server is not found any more when this is dropped"]
pub(crate) struct Registered {
    path: PathBuf,
    pid: u32,
}

impl Registration {
    /// Writes it to `dir`, which is made if it is missing, and removes what dead servers left.
    ///
    /// # Errors
    ///
    /// If the directory is not ours or cannot be written.
    pub(crate) fn announce(&self, dir: &Path, port: u16) -> Result<Registered, files::Error> {
        files::create_private_dir(dir)?;
        files::sweep(dir)?;
        drop(all(dir));
        let page = Page {
            address: self.address.clone(),
            key: self.key.expose().to_owned(),
            pid: self.pid,
            started: self.started,
            data: self.data_dir.clone(),
        };
        let text = serde_json::to_vec_pretty(&page).expect("it has no maps and no odd numbers");
        let path = dir.join(format!("{port}.json"));
        write_atomic(&path, &text, 0o600)?;
        Ok(Registered { path, pid: self.pid })
    }

    /// The one in a file, where it can be believed: it is ours or root's, and nobody else could
    /// have written or read it.
    fn read(path: &Path) -> Option<Self> {
        let meta = fs::symlink_metadata(path).ok()?;
        let us = rustix::process::geteuid().as_raw();
        let trusted = meta.is_file() && [us, 0].contains(&meta.uid()) && meta.mode() & 0o077 == 0;
        if !trusted || meta.len() > 64 * 1_024 {
            return None;
        }
        let page: Page = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        Some(Self {
            address: page.address,
            key: Secret::new(page.key),
            pid: page.pid,
            started: page.started,
            data_dir: page.data,
        })
    }

    /// Whether the process that wrote it still lives.
    fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // Another server may have taken the port, and the name, in the meantime.
        if Registration::read(&self.path).is_some_and(|found| found.pid == self.pid) {
            // It is stale in a moment, and found out as such.
            let _stale = fs::remove_file(&self.path);
        }
    }
}

/// The servers that are registered in `dir` and live, by address. Files of dead ones are removed.
pub(crate) fn all(dir: &Path) -> Vec<Registration> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match Registration::read(&path) {
            Some(registration) if registration.is_alive() => found.push(registration),
            // Removing it is a courtesy; who may not does not need to.
            Some(_) => drop(fs::remove_file(&path)),
            None => {}
        }
    }
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

/// When a process started, in clock ticks since the machine did; nothing if there is none.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = read_stat(pid).ok()?;
    // The name, in parentheses, may hold spaces and parentheses. Field 22 is the 20th after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    // Dead, and not yet waited for.
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn read_stat(pid: u32) -> io::Result<String> {
    fs::read_to_string(format!("/proc/{pid}/stat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn ours(port: u16) -> Registration {
        let pid = std::process::id();
        Registration {
            address: format!("http://127.0.0.1:{port}"),
            key: Secret::new("ffk_test".into()),
            pid,
            started: start_time(pid).unwrap(),
            data_dir: "/data".into(),
        }
    }

    #[test]
    fn server_is_found_while_it_is_registered() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().join("ffleet");
        let registered = ours(1).announce(&runtime, 1).unwrap();
        let _second = ours(2).announce(&runtime, 2).unwrap();
        assert_eq!(all(&runtime), [ours(1), ours(2)]);
        let mode = fs::metadata(runtime.join("1.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the key is in it");
        drop(registered);
        assert_eq!(all(&runtime), [ours(2)]);
    }

    #[test]
    fn file_of_a_dead_server_is_ignored_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let reused = Registration { started: 1, ..ours(3) };
        std::mem::forget(reused.announce(dir.path(), 3).unwrap());
        assert_eq!(all(dir.path()), [], "its process id is another process's by now");
        assert!(!dir.path().join("3.json").exists());
    }

    #[test]
    fn file_that_others_can_read_or_that_is_torn_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        std::mem::forget(ours(4).announce(dir.path(), 4).unwrap());
        let path = dir.path().join("4.json");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(all(dir.path()), []);
        write_atomic(&path, b"{", 0o600).unwrap();
        assert_eq!(all(dir.path()), []);
        assert_eq!(all(Path::new("/nonexistent")), []);
    }

    #[test]
    fn name_of_a_successor_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut registered = ours(5).announce(dir.path(), 5).unwrap();
        registered.pid += 1;
        drop(registered);
        assert_eq!(all(dir.path()), [ours(5)]);
    }

    #[test]
    fn process_that_is_none_has_no_start_time() {
        assert!(start_time(1).is_some());
        assert_eq!(start_time(u32::MAX), None);
    }
}
