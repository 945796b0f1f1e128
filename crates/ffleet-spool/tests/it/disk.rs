//! Small file systems of a test's own.

use std::path::{Path, PathBuf};

use ffleet_testkit::need;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A tmpfs of a few pages, mounted until it is dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one of `size` (in tmpfs's notation) below `dir`. Nothing where we may not.
    pub(crate) fn new(dir: &Path, size: &str, flags: MountFlags) -> Option<Self> {
        if !need::root() {
            return None;
        }
        let at = dir.join("disk");
        std::fs::create_dir(&at).unwrap();
        let options = std::ffi::CString::new(format!("size={size}")).unwrap();
        let mounted = mount("ffleet-test", &at, "tmpfs", flags, Some(options.as_c_str()));
        need::that("a tmpfs to be mounted", mounted.is_ok()).then_some(Self { at })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.at
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.at, UnmountFlags::DETACH).unwrap();
    }
}
