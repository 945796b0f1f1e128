//! Standing still: the controller `freezer` in version 1, part of every group in version 2.

use std::path::Path;

use super::Version;
use super::file::{self, Error};

/// Stops every process of the group from running, or lets it run again. The kernel does it when
/// each next comes to a safe point; nothing here waits for that.
pub(crate) fn set(dir: &Path, version: Version, frozen: bool) -> Result<(), Error> {
    match (version, frozen) {
        (Version::V1, true) => file::write(dir, "freezer.state", "FROZEN"),
        (Version::V1, false) => file::write(dir, "freezer.state", "THAWED"),
        (Version::V2, true) => file::set(dir, "cgroup.freeze", "1", |reads| reads == "1"),
        (Version::V2, false) => file::set(dir, "cgroup.freeze", "0", |reads| reads == "0"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

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
