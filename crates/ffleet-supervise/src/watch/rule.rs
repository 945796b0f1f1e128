//! Which processes are governed, and by which limits.
//!
//! A process is judged by what it says of itself through [`Sight`], which finds things out only when they
//! are asked for: nearly all processes of a machine are passed over by their names alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ffleet_types::{Bytes, Cpu};

use super::Glob;

/// A process, for good: ids are given again, but not with the same start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The kernel's number for it.
    pub pid: u32,
    /// When it started, in the kernel's ticks since the machine did.
    pub started: u64,
}

/// What a process and all its descendants may use together. What is not said is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU time per time.
    pub cpu: Option<Cpu>,
    /// Their share of busy CPUs, 1 to 10000; 100 is everybody's.
    pub cpu_weight: Option<u16>,
    /// Memory.
    pub memory: Option<Bytes>,
    /// Processes and threads together.
    pub tasks: Option<u32>,
    /// Their share of busy disks, 1 to 10000; 100 is everybody's.
    pub io_weight: Option<u16>,
    /// The niceness of all their threads, -20 to 19.
    pub nice: Option<i8>,
}

/// Which processes are meant, and what they may use. What is not said fits every process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What it is called where it is shown.
    pub label: String,
    /// The name: the kernel's (of up to 15 bytes), or the file of the first argument.
    pub name: Option<Glob>,
    /// The user, by the number of the effective one.
    pub uid: Option<u32>,
    /// The kernel's name for the parent.
    pub parent: Option<Glob>,
    /// What the working directory is, or lies below.
    pub directory: Option<PathBuf>,
    /// What the program's file is, or lies below.
    pub exe: Option<PathBuf>,
    /// How old it must be.
    pub age: Duration,
    /// What it may use with its descendants.
    pub limits: Limits,
}

/// Whose a process is already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's.
    Nobody,
    /// It is in the group of this watch whose first process this was.
    Group(Id),
    /// Another ffleet's: a child of a server, or what was run or attached by hand.
    Ffleet,
    /// It is this watch itself, or what that descends from.
    Ours,
}

/// What can be found out about one process. Nothing, where it cannot, as of one that has just ended or
/// is another user's: such a thing fits no rule.
pub trait Sight {
    /// Which it is.
    fn id(&self) -> Id;
    /// The kernel's name for it.
    fn name(&self) -> &str;
    /// How long ago it was started.
    fn age(&self) -> Duration;
    /// The name of the file that its first argument is.
    fn program(&mut self) -> Option<String>;
    /// The kernel's name for its parent.
    fn parent(&mut self) -> Option<String>;
    /// Its effective user.
    fn uid(&mut self) -> Option<u32>;
    /// Its working directory.
    fn directory(&mut self) -> Option<PathBuf>;
    /// The file of its program.
    fn exe(&mut self) -> Option<PathBuf>;
    /// Whose it is.
    fn owner(&mut self) -> Owner;
}

/// All rules, and names that stand above them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The first that fits counts.
    pub rules: Vec<Arc<Rule>>,
    /// If it says anything: only processes of these names are governed.
    pub allow: Vec<Glob>,
    /// Processes of these names are not.
    pub block: Vec<Glob>,
}

/// What is to be done about a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No rule fits.
    Passed,
    /// One will, when it is so old.
    Young(Duration),
    /// This one does, but names keep it from being governed.
    Barred(Arc<Rule>),
    /// This one does, but it is somebody's already.
    Owned(Arc<Rule>, Owner),
    /// It is to be governed by this one.
    Fits(Arc<Rule>),
}

/// Whether a rule fits.
enum Fit {
    No,
    /// When the process is so old.
    Later(Duration),
    Yes,
}

impl Rules {
    /// What is to be done about the process that `sight` shows.
    pub fn judge(&self, sight: &mut impl Sight) -> Verdict {
        match self.find(sight) {
            Verdict::Fits(rule) if !self.lets(sight) => Verdict::Barred(rule),
            Verdict::Fits(rule) => match sight.owner() {
                Owner::Nobody => Verdict::Fits(rule),
                owner => Verdict::Owned(rule, owner),
            },
            other => other,
        }
    }

    /// The same for one that is governed already: whose it is is not asked.
    pub fn judge_held(&self, sight: &mut impl Sight) -> Verdict {
        match self.find(sight) {
            Verdict::Fits(rule) if !self.lets(sight) => Verdict::Barred(rule),
            other => other,
        }
    }

    /// The first rule that fits; that it is too young for one is said only if it fits no other.
    fn find(&self, sight: &mut impl Sight) -> Verdict {
        let mut soonest: Option<Duration> = None;
        for rule in &self.rules {
            match rule.fits(sight) {
                Fit::No => {}
                Fit::Yes => return Verdict::Fits(Arc::clone(rule)),
                Fit::Later(age) => soonest = Some(soonest.map_or(age, |other| other.min(age))),
            }
        }
        soonest.map_or(Verdict::Passed, Verdict::Young)
    }

    fn lets(&self, sight: &mut impl Sight) -> bool {
        let mut named = |names: &[Glob]| names.iter().any(|glob| is_named(glob, sight));
        !named(&self.block) && (self.allow.is_empty() || named(&self.allow))
    }
}

impl Rule {
    /// What costs least is asked first.
    fn fits(&self, sight: &mut impl Sight) -> Fit {
        let fits = self.name.as_ref().is_none_or(|glob| is_named(glob, sight))
            && self.uid.is_none_or(|uid| sight.uid() == Some(uid))
            && self
                .parent
                .as_ref()
                .is_none_or(|glob| sight.parent().is_some_and(|name| glob.fits(&name)))
            && is_below(self.directory.as_deref(), || sight.directory())
            && is_below(self.exe.as_deref(), || sight.exe());
        match fits {
            false => Fit::No,
            true if sight.age() < self.age => Fit::Later(self.age),
            true => Fit::Yes,
        }
    }
}

fn is_named(glob: &Glob, sight: &mut impl Sight) -> bool {
    glob.fits(sight.name()) || sight.program().is_some_and(|name| glob.fits(&name))
}

/// Whether what is `found` is `above`, or lies below it, by whole parts of the path.
fn is_below(above: Option<&Path>, found: impl FnOnce() -> Option<PathBuf>) -> bool {
    above.is_none_or(|above| found().is_some_and(|path| path.starts_with(above)))
}
