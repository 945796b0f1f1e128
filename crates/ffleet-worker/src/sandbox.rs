//! What a job's children may see: the input, their own work directory, what the engine needs.
//!
//! A job comes from somebody else, and its input from anywhere. The engine's own lists keep it to
//! one file or one URL (`ffleet-engine::input`); the guard's walls hold when those do not.

use std::path::{Path, PathBuf};

use ffleet_guard::{self as guard, Node, Pinned};
use ffleet_media::Source;

/// What is wanted of sandboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandboxes {
    /// Whether there are any.
    pub use_them: Use,
    /// What every child may read and run besides.
    pub read: Vec<PathBuf>,
    /// Directories that every child may fill besides.
    pub write: Vec<PathBuf>,
}

/// Whether jobs run in sandboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Use {
    /// As far as the kernel has what it takes.
    #[default]
    Auto,
    /// Or no job is run.
    Required,
    /// They run as whoever runs ffleet.
    Off,
}

/// The sandboxes of a node with its engines.
#[derive(Clone, Debug)]
pub(crate) struct Walled {
    wanted: Sandboxes,
    libraries: Vec<PathBuf>,
}

/// What a child of an attempt is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// What the job's input is: a file, or the network.
    Input,
    /// The input, and the network that its outputs are sent to.
    Sending,
    /// The results that the attempt has made.
    Results,
}

impl Walled {
    /// For engines that load `libraries`.
    pub(crate) fn new(wanted: &Sandboxes, libraries: Vec<PathBuf>) -> Self {
        Self { wanted: wanted.clone(), libraries }
    }

    /// The sandbox of a child that reads `input`, fills `dirs` and, where it is to, the network.
    pub(crate) fn sandbox(
        &self,
        input: Option<Pinned>,
        dirs: &[&Path],
        network: bool,
    ) -> Option<guard::Sandbox> {
        if self.wanted.use_them == Use::Off {
            return None;
        }
        let own = dirs.iter().map(|&dir| dir.to_owned());
        Some(guard::Sandbox {
            libraries: self.libraries.iter().chain(&self.wanted.read).cloned().collect(),
            inputs: input.into_iter().collect(),
            write: own.chain(self.wanted.write.iter().cloned()).collect(),
            network,
        })
    }
}

/// Whether it takes the network to read it.
pub(crate) const fn is_remote(source: &Source) -> bool {
    match source {
        Source::Url(_) => true,
        Source::File(_) | Source::Test(_) => false,
    }
}

/// Why the node may not work without sandboxes, if that is so.
pub(crate) fn lacking(wanted: &Sandboxes, node: &Node) -> Option<String> {
    let missing = node.missing_walls();
    (wanted.use_them == Use::Required && !missing.is_empty()).then(|| {
        format!(
            "`worker.sandbox` requires sandboxes, and this machine lacks {}",
            missing.join("; ")
        )
    })
}

/// The files that the loader of a program lists (`ld.so(8)`, `LD_TRACE_LOADED_OBJECTS`), without those
/// that every child may read anyway.
pub(crate) fn listed(answer: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let right = line.split_once("=>").map_or(line, |(_, right)| right);
        let file = right.trim().rsplit_once(" (0x").map_or("", |(file, _)| file);
        Some(PathBuf::from(file)).filter(|file| file.is_absolute())
    };
    let mut files: Vec<_> = answer
        .lines()
        .filter_map(path)
        .filter(|file| !guard::Sandbox::covers(file))
        .collect();
    files.sort();
    files.dedup();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_outside_of_the_system_are_taken_from_the_loaders_list() {
        let answer = "\tlinux-vdso.so.1 (0x00007ffd0c5f2000)\n\
            \tlibavcodec.so.59 => /lib/x86_64-linux-gnu/libavcodec.so.59 (0x00007f2a9b000000)\n\
            \tlibx264.so.164 => /opt/media/my libs/libx264.so.164 (0x00007f2a9a000000)\n\
            \tlibgone.so => not found\n\
            \t/opt/loader.so (0x00007f2a9c000000)\n\
            ffmpeg version 5.1\n";
        assert_eq!(
            listed(answer),
            [PathBuf::from("/opt/loader.so"), "/opt/media/my libs/libx264.so.164".into()]
        );
    }

    #[test]
    fn sandbox_is_left_out_only_where_nobody_wants_it() {
        let of = |use_them| {
            let wanted = Sandboxes { use_them, ..Sandboxes::default() };
            Walled::new(&wanted, Vec::new()).sandbox(None, &[Path::new("/work")], false)
        };
        assert_eq!(of(Use::Off), None);
        for use_them in [Use::Auto, Use::Required] {
            let sandbox = of(use_them).unwrap();
            assert_eq!((sandbox.write.as_slice(), sandbox.network), (&["/work".into()][..], false));
        }
    }
}
