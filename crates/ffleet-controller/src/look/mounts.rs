//! Which paths lie on a file system that may not answer.
//!
//! Said from the table of mounts alone: to ask the file system itself (`statfs`) can hang as well.
//! A kind that is not known to be local counts as one that may hang. A symbolic link may lead
//! anywhere; the kernel says whether there is one in a path without following it (`openat2`,
//! `RESOLVE_NO_SYMLINKS`). Where there is, the path is walked step by step, and no step is looked
//! at before it is known to be local.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// What the kernel says is mounted for this process; see proc_pid_mountinfo(5).
const TABLE: &str = "/proc/self/mountinfo";
/// Kinds of file systems that ask nobody outside this machine's kernel.
const LOCAL: [&str; 30] = [
    "bcachefs",
    "bpf",
    "btrfs",
    "cgroup",
    "cgroup2",
    "debugfs",
    "devpts",
    "devtmpfs",
    "erofs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "hugetlbfs",
    "iso9660",
    "jfs",
    "mqueue",
    "nilfs2",
    "ntfs3",
    "overlay",
    "proc",
    "ramfs",
    "rootfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "vfat",
    "xfs",
    "zfs",
];

/// Links that are followed in one path, as path_resolution(7) has it.
const MOST_LINKS: u32 = 40;

/// What may not answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Far {
    /// What is mounted there.
    Mount(PathBuf),
    /// The table of mounts cannot be read.
    Anything,
}

impl fmt::Display for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mount(at) => write!(f, "the file system at {}", at.display()),
            Self::Anything => f.write_str("its file system"),
        }
    }
}

/// The table, as it was when it was last read.
#[derive(Debug)]
pub(super) struct Mounts {
    /// The open table: the kernel says through it that something has changed.
    file: Option<File>,
    /// Where something is mounted that may not answer; nothing if that is not known.
    far: Option<Vec<PathBuf>>,
}

impl Mounts {
    pub(super) fn open() -> Self {
        Self { file: File::open(TABLE).ok(), far: read() }
    }

    /// Reads the table again if it has changed.
    pub(super) fn refresh(&mut self) {
        let Some(file) = &self.file else { return };
        let mut asked = [PollFd::new(file, PollFlags::PRI)];
        // A change shows as an error or as urgent, once.
        let unchanged = poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(0);
        if !unchanged {
            self.far = read();
        }
    }

    /// What may not answer when somebody looks at `path`, which is absolute and has no `..`.
    pub(super) fn far(&self, path: &str) -> Option<Far> {
        let Some(far) = &self.far else {
            return Some(Far::Anything);
        };
        let path = Path::new(path);
        if let Some(at) = mount_of(far, path) {
            return Some(Far::Mount(at));
        }
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::NAMETOOLONG) => None,
            Err(_link_or_not_allowed_to_ask) => walk(far, path).map(Far::Mount),
        }
    }
}

/// The mount among `far` that `path` lies on, by its text.
fn mount_of(far: &[PathBuf], path: &Path) -> Option<PathBuf> {
    let mounts = far.iter().filter(|at| path.starts_with(at));
    mounts.max_by_key(|at| at.as_os_str().len()).cloned()
}

/// The first mount among `far` that the way along `path` and its links comes to.
fn walk(far: &[PathBuf], path: &Path) -> Option<PathBuf> {
    let mut at = PathBuf::from("/");
    let mut ahead = path.to_owned();
    for _ in 0..MOST_LINKS {
        let mut steps = ahead.components();
        let link = loop {
            match steps.next()? {
                Component::RootDir => at = PathBuf::from("/"),
                Component::ParentDir => {
                    at.pop();
                }
                Component::Normal(name) => at.push(name),
                Component::CurDir | Component::Prefix(_) => {}
            }
            if let Some(mount) = mount_of(far, &at) {
                return Some(mount);
            }
            if let Ok(link) = fs::read_link(&at) {
                break link;
            }
        };
        at.pop();
        ahead = link.join(steps.as_path());
    }
    // The kernel gives up on it as well.
    None
}

fn read() -> Option<Vec<PathBuf>> {
    let table = fs::read(TABLE).ok()?;
    Some(table.split(|&byte| byte == b'\n').filter_map(far_mount).collect())
}

/// Where a line of the table mounts something that may not answer.
fn far_mount(line: &[u8]) -> Option<PathBuf> {
    let mut fields = line.split(|&byte| byte == b' ');
    let at = fields.nth(4)?;
    // Optional fields, of any number, end with a dash.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    let local = LOCAL.iter().any(|name| name.as_bytes() == kind);
    (!local).then(|| PathBuf::from(std::ffi::OsStr::from_bytes(&plain(at))))
}

/// A path of the table: spaces, tabs, newlines and backslashes are octal there.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.first_chunk::<3>().filter(|_| byte == b'\\');
        let code = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        rest = match code {
            Some(_) => &after[3..],
            None => after,
        };
        plain.push(code.unwrap_or(byte));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(table: &str) -> Mounts {
        let far = table.lines().filter_map(|line| far_mount(line.as_bytes())).collect();
        Mounts { file: None, far: Some(far) }
    }

    #[test]
    fn network_and_user_space_file_systems_are_far() {
        let mounts = mounts(
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
             30 22 0:40 / /nonesuch/nfs rw,noatime shared:7 master:1 - nfs4 server:/x rw\n\
             31 30 0:41 / /nonesuch/nfs/deep rw - ceph server:/x rw\n\
             32 22 0:42 / /nonesuch/my\\040share rw - fuse.sshfs host: rw\n\
             33 22 0:43 / /nonesuch/new rw - invented none rw\n\
             34 22 0:44 / /nonesuch/memory rw - tmpfs tmpfs rw\n\
             \n",
        );
        let at = |path: &str| Some(Far::Mount(PathBuf::from(path)));
        for (path, far) in [
            ("/nonesuch/nfs/a.mp4", at("/nonesuch/nfs")),
            ("/nonesuch/nfs", at("/nonesuch/nfs")),
            ("/nonesuch/nfs/deep/a.mp4", at("/nonesuch/nfs/deep")),
            ("/nonesuch/my share/a.mp4", at("/nonesuch/my share")),
            ("/nonesuch/new/a.mp4", at("/nonesuch/new")),
            ("/nonesuch/nfs2/a.mp4", None),
            ("/nonesuch/memory/a.mp4", None),
            ("/", None),
        ] {
            assert_eq!(mounts.far(path), far, "{path}");
        }
    }

    #[test]
    fn links_lead_to_what_they_lie_on_at_last() {
        let dir = tempfile::Builder::new().prefix("ctl-").tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir(dir.join("local")).unwrap();
        for (to, name) in [
            ("/nonesuch/nfs/a", "away"),
            ("local", "near"),
            ("local/../near/../away", "round"),
            ("again", "again"),
            ("missing", "dangling"),
        ] {
            std::os::unix::fs::symlink(to, dir.join(name)).unwrap();
        }
        let mounts = mounts("30 22 0:40 / /nonesuch/nfs rw - nfs4 server:/x rw\n");
        let far = |name: &str| mounts.far(dir.join(name).to_str().unwrap());
        let nfs = Some(Far::Mount(PathBuf::from("/nonesuch/nfs")));
        for name in ["away", "away/below", "round", "round/below"] {
            assert_eq!(far(name), nfs, "{name}");
        }
        for name in ["near", "near/missing/below", "again", "dangling", "missing", ""] {
            assert_eq!(far(name), None, "{name}");
        }
    }

    #[test]
    fn table_that_cannot_be_read_makes_everything_far() {
        assert_eq!(Mounts { file: None, far: None }.far("/"), Some(Far::Anything));
    }

    #[test]
    fn escapes_of_the_table_are_undone() {
        assert_eq!(plain(br"/a\040b\134c\011d\9"), b"/a b\\c\td\\9");
    }
}
