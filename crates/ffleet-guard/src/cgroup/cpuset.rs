//! The controller `cpuset`: which processors a group may run on. Affinity alone shows a program
//! how many there are for it; it may widen that itself, and this it may not leave.

use std::collections::BTreeSet;
use std::path::Path;

use super::Version;
use super::file::{self, Error};

const CPUS: &str = "cpuset.cpus";
const MEMS: &str = "cpuset.mems";

/// Makes the group able to hold processes: in version 1 it begins without processors and without
/// memory, and gets what the group above it has.
pub(crate) fn furnish(dir: &Path, version: Version) -> Result<(), Error> {
    let (Version::V1, Some(above)) = (version, dir.parent()) else {
        return Ok(());
    };
    for name in [CPUS, MEMS] {
        if file::read(dir, name)?.is_empty() {
            let whole = file::read(above, name)?;
            file::set(dir, name, &whole, |reads| set(reads) == set(&whole))?;
        }
    }
    Ok(())
}

/// Holds the group to `cpus`, of which there is at least one.
pub(crate) fn limit(dir: &Path, version: Version, cpus: &BTreeSet<usize>) -> Result<(), Error> {
    furnish(dir, version)?;
    let words: Vec<_> = cpus.iter().map(ToString::to_string).collect();
    file::set(dir, CPUS, &words.join(","), |reads| set(reads).as_ref() == Some(cpus))
}

/// The processors in `0-3,8`, which is how the kernel lists them; none if that is no list.
fn set(list: &str) -> Option<BTreeSet<usize>> {
    let ranges = list.trim().split(',').filter(|range| !range.is_empty());
    let mut found = BTreeSet::new();
    for range in ranges {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        found.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(found)
}

/// The first of the processors that a group at `dir` has or could be given.
pub(crate) fn first(dir: &Path) -> Option<usize> {
    let names = ["cpuset.cpus.effective", "cpuset.effective_cpus", CPUS];
    let lists = names.into_iter().filter_map(|name| set(&file::read(dir, name).ok()?));
    lists.filter_map(|list| list.first().copied()).next()
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    #[test]
    fn cpus_are_written_in_both_versions_and_read_back_as_a_set() {
        let above = fake(&[(CPUS, "0-3"), (MEMS, "0")]);
        let dir = above.path().join("group");
        std::fs::create_dir(&dir).unwrap();
        for name in [CPUS, MEMS] {
            std::fs::File::create(dir.join(name)).unwrap();
        }
        limit(&dir, Version::V1, &[1, 2].into()).unwrap();
        assert_eq!(file::read(&dir, CPUS).unwrap(), "1,2");
        assert_eq!(file::read(&dir, MEMS).unwrap(), "0", "from above");
        let dir = fake(&[(CPUS, "")]);
        limit(dir.path(), Version::V2, &[3].into()).unwrap();
        assert_eq!(file::read(dir.path(), CPUS).unwrap(), "3");
        assert_eq!(first(dir.path()), Some(3));
    }

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(set("0-2,5\n"), Some([0, 1, 2, 5].into()));
        assert_eq!(set(""), Some([].into()));
        assert_eq!(set("some"), None);
    }

    #[test]
    fn group_that_is_not_held_is_an_error() {
        let dir = fake(&[]);
        std::os::unix::fs::symlink("/dev/null", dir.path().join(CPUS)).unwrap();
        let error = limit(dir.path(), Version::V2, &[0].into()).unwrap_err();
        assert!(matches!(error, Error::NotTaken { .. }), "{error}");
    }
}
