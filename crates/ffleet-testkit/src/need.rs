//! What a test needs beyond the toolchain.
//!
//! At home a test whose need is missing is skipped, and says so; where `FFLEET_STRICT=1` is set
//! (the project's own test machine) it fails, so that no proof is lost without notice.
//!
//! ```no_run
//! # use ffleet_testkit::need;
//! if !need::root() {
//!     return;
//! }
//! ```

use std::path::{Path, PathBuf};

use crate::programs::target_dir;

/// Whether something is `there`; if it is not, says that the test is skipped for want of
/// `what`.
///
/// # Panics
///
/// If it is not there and `FFLEET_STRICT=1` is set.
#[expect(clippy::print_stderr, reason = "a skipped test says so to whoever runs it")]
#[must_use = "return from the test when its need is missing"]
pub fn that(what: &str, there: bool) -> bool {
    let strict = std::env::var_os("FFLEET_STRICT").is_some_and(|value| value == "1");
    assert!(
        there || !strict,
        "this test needs {what}, and FFLEET_STRICT=1 allows no skipping"
    );
    if !there {
        eprintln!("skipped: needs {what}");
    }
    there
}

/// Whether we are root.
#[must_use = "return from the test when its need is missing"]
pub fn root() -> bool {
    that("root", rustix::process::geteuid().is_root())
}

/// Whether there are cgroups that we may make groups in: some hierarchy's root is writable.
#[must_use = "return from the test when its need is missing"]
pub fn cgroups() -> bool {
    let dirs = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified"];
    let writable = |dir: &str| {
        let procs = Path::new(dir).join("cgroup.procs");
        rustix::fs::access(procs, rustix::fs::Access::WRITE_OK).is_ok()
    };
    that("cgroups that may be written to", dirs.into_iter().any(writable))
}

/// The program `name`, from `PATH`.
#[must_use = "return from the test when its need is missing"]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| {
        file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
    });
    that(name, found.is_some()).then_some(found).flatten()
}

/// What `scripts/setup.sh --for test` has fetched to `path`, below the workspace's target directory.
#[must_use = "return from the test when its need is missing"]
pub fn fetched(path: &str) -> Option<PathBuf> {
    let target = target_dir();
    let found = target.ancestors().map(|dir| dir.join(path)).find(|path| path.exists());
    let what = format!("target/{path} (scripts/setup.sh --for test fetches it)");
    that(&what, found.is_some()).then_some(found).flatten()
}

/// The FFmpeg program.
#[must_use = "return from the test when its need is missing"]
pub fn ffmpeg() -> Option<PathBuf> {
    program("ffmpeg")
}

/// The ffprobe program.
#[must_use = "return from the test when its need is missing"]
pub fn ffprobe() -> Option<PathBuf> {
    program("ffprobe")
}
