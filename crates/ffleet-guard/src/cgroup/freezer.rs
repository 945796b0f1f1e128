//! Standing still: the controller `freezer` in version 1, part of every group in version 2.

use std::path::Path;

use super::Version;
use super::file::{self, Error};

/// Stops every process of the group from running, or lets it run again. The kernel does it when
/// each next comes to a safe point; nothing here waits for that. A group that cannot be stopped runs
/// on as a whole.
pub(crate) fn set(dir: &Path, version: Version, frozen: bool) -> Result<(), Error> {
    whole(frozen, |frozen| write(dir, version, frozen))
}

/// Freezes whole or not at all: the kernel goes from process to process, and where it stops half
/// way those that it came to would neither run nor hear a signal.
fn whole(frozen: bool, set: impl Fn(bool) -> Result<(), Error>) -> Result<(), Error> {
    set(frozen).inspect_err(|_| {
        if frozen && let Err(error) = set(false) {
            tracing::error!(error = %ffleet_base::chain(&error), "a group may be half frozen");
        }
    })
}

fn write(dir: &Path, version: Version, frozen: bool) -> Result<(), Error> {
    match (version, frozen) {
        (Version::V1, true) => file::write(dir, "freezer.state", "FROZEN"),
        (Version::V1, false) => file::write(dir, "freezer.state", "THAWED"),
        (Version::V2, true) => file::set(dir, "cgroup.freeze", "1", |reads| reads == "1"),
        (Version::V2, false) => file::set(dir, "cgroup.freeze", "0", |reads| reads == "0"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::fake;
    use super::*;

    #[test]
    fn group_that_could_not_be_frozen_is_thawed() {
        let told = RefCell::new(Vec::new());
        let refuse = |frozen: bool| {
            told.borrow_mut().push(frozen);
            match frozen {
                true => file::write(Path::new("/nonesuch"), "freezer.state", "FROZEN"),
                false => Ok(()),
            }
        };
        assert!(matches!(whole(true, refuse), Err(Error::Refused { .. })), "it is said");
        assert_eq!(*told.borrow(), [true, false], "and undone");
        told.borrow_mut().clear();
        whole(false, refuse).unwrap();
        assert_eq!(*told.borrow(), [false]);
    }

    #[test]
    fn freeze_that_the_kernel_only_pretends_is_undone() {
        let dir = fake(&[]);
        // Takes what is written, and says nothing: as a group that does not freeze.
        std::os::unix::fs::symlink("/dev/null", dir.path().join("cgroup.freeze")).unwrap();
        assert!(matches!(set(dir.path(), Version::V2, true), Err(Error::NotTaken { .. })));
    }

    #[test]
    fn group_is_frozen_and_thawed_in_both_versions() {
        let dir = fake(&[("freezer.state", "THAWED"), ("cgroup.freeze", "0")]);
        for (frozen, state, freeze) in [(true, "FROZEN", "1"), (false, "THAWED", "0")] {
            set(dir.path(), Version::V1, frozen).unwrap();
            assert_eq!(file::read(dir.path(), "freezer.state").unwrap(), state);
            set(dir.path(), Version::V2, frozen).unwrap();
            assert_eq!(file::read(dir.path(), "cgroup.freeze").unwrap(), freeze);
        }
    }
}
