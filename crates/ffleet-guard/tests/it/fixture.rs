//! A node in a directory of its own, and what is left of it afterwards.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ffleet_base::SystemClock;
use ffleet_base::paths::Env;
use ffleet_guard::{Child, ChildSpec, Exit, Node, Options, Stdout, Tie};
use ffleet_sched::roles::{Bounds, Rules};
use ffleet_testkit::{assert_none_left, binary, until};
use ffleet_types::RoleGroup;
use ffleet_types::node::GuardLevel;
use tokio::io::AsyncReadExt as _;

/// Longer than anything here takes unless it is broken.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// How long a shim goes on alone.
pub(crate) const GRACE: Duration = Duration::from_secs(3);

/// The variable that says so.
pub(crate) const IN_ANOTHER_KERNEL: &str = "GUARD_IN_ANOTHER_KERNEL";

/// A node whose directory goes with it. When it is dropped, nothing may be left of its children.
pub(crate) struct Fixture {
    pub(crate) node: Option<Node>,
    pub(crate) root: tempfile::TempDir,
    /// What its children die with, unless they say so themselves.
    pub(crate) tie: Tie,
    pub(crate) mark: String,
}

impl Fixture {
    pub(crate) fn new(cgroups: bool) -> Self {
        Self::tied(cgroups, Tie::Node)
    }

    pub(crate) fn tied(cgroups: bool, tie: Tie) -> Self {
        Self::opened(tie, |root| options(root, cgroups))
    }

    /// With these rules for role groups.
    pub(crate) fn with_roles(tie: Tie, rules: &[(&str, Rules)]) -> Self {
        let rules = rules.iter().map(|&(name, rules)| (RoleGroup::named(name), rules));
        let rules: Vec<_> = rules.collect();
        Self::opened(tie, |root| {
            let mut options = options(root, true);
            options.roles.extend(rules);
            options
        })
    }

    fn opened(tie: Tie, options: impl FnOnce(&Path) -> Options) -> Self {
        let root = tempfile::Builder::new()
            .prefix("guard-")
            .tempdir()
            .expect("a directory");
        let node = Node::open(options(root.path())).expect("a node");
        let mark = format!("FFLEET_INSTANCE={}", node.instance());
        Self { node: Some(node), root, tie, mark }
    }

    /// With cgroups, as far as there are any, and without; tied to the node and to shims.
    pub(crate) fn each() -> Vec<Self> {
        let tied = |tie| ways().into_iter().map(move |cgroups| Self::tied(cgroups, tie));
        [Tie::Node, Tie::Shim].into_iter().flat_map(tied).collect()
    }

    pub(crate) fn node(&self) -> &Node {
        self.node.as_ref().expect("it is there until it is dropped")
    }

    /// Whether limits on memory and tasks hold here.
    pub(crate) fn bounds(&self) -> bool {
        match self.node().level() {
            GuardLevel::Full => true,
            GuardLevel::Partial { missing } => !missing
                .iter()
                .any(|what| what.contains("limits on") || what.contains("memory limits")),
            GuardLevel::Monitor => false,
        }
    }

    pub(crate) async fn spawn(&self, mut spec: ChildSpec) -> Child {
        if self.tie == Tie::Shim {
            spec.tie = Tie::Shim;
        }
        self.node().spawn(spec).await.expect("a child")
    }

    /// Runs `script` to its end, and what it said.
    pub(crate) async fn run(&self, script: &str) -> (Exit, String) {
        let mut spec = nasty("child", script);
        spec.stdout = Stdout::Pipe;
        let mut child = self.spawn(spec).await;
        let said = said(&mut child).await;
        (child.wait().await, said)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let groups = groups(self.root.path());
        let children = |dir: &PathBuf| {
            fs::read_dir(dir).is_ok_and(|mut all| {
                all.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir()))
            })
        };
        until(SOON, "no cgroup of a child is left", || !groups.iter().any(children));
        assert_none_left(&self.mark, SOON);
        drop(self.node.take());
        until(SOON, "no cgroup of the node is left", || !groups.iter().any(|dir| dir.exists()));
    }
}

/// Whether this runs in the kernel that `v2` boots for its cgroups, which is slow.
pub(crate) fn in_another_kernel() -> bool {
    std::env::var_os(IN_ANOTHER_KERNEL).is_some()
}

/// With cgroups, and without; what is done without them is not tried in another kernel again.
pub(crate) fn ways() -> Vec<bool> {
    if in_another_kernel() {
        vec![true]
    } else {
        vec![true, false]
    }
}

/// How much slower this kernel is than one on a machine of its own.
pub(crate) fn slowness() -> u32 {
    if in_another_kernel() { 10 } else { 4 }
}

/// So many children at once, or as many as another kernel has the time for.
pub(crate) fn many(count: i32) -> i32 {
    if in_another_kernel() { count / 5 } else { count }
}

pub(crate) fn options(root: &Path, cgroups: bool) -> Options {
    let env = [("PATH", "/usr/bin:/bin"), ("HOME", "/nonexistent"), ("SECRET", "x")];
    Options {
        root: root.join("node"),
        env: env.into_iter().collect::<Env>(),
        clock: Arc::new(SystemClock),
        cgroups,
        whole: Bounds::default(),
        roles: RoleGroup::ALL
            .iter()
            .map(|name| (RoleGroup::named(name), Rules::default()))
            .collect(),
        namespaces: cgroups,
        shim: (env!("CARGO_BIN_EXE_ffleet-shim").into(), Vec::new()),
        orphan_grace: Some(GRACE),
    }
}

/// Where the node of `root` has its cgroups.
pub(crate) fn groups(root: &Path) -> Vec<PathBuf> {
    let record = fs::read_to_string(root.join("node/cgroups")).unwrap_or_default();
    record.lines().map(PathBuf::from).collect()
}

/// A child called `name` that misbehaves as `script` says.
pub(crate) fn nasty(name: &str, script: &str) -> ChildSpec {
    let mut spec = ChildSpec::new(name, binary("nasty"));
    let mut words = script.split(' ').map(OsString::from);
    while let Some(word) = words.next() {
        // The script of an orphan is one argument: everything in quotes.
        let quoted = word
            .to_str()
            .and_then(|word| word.strip_prefix('\''))
            .map(str::to_owned);
        spec.args.push(match quoted {
            None => word,
            Some(mut text) => {
                while !text.ends_with('\'') {
                    text.push(' ');
                    text.push_str(words.next().expect("a closing quote").to_str().expect("text"));
                }
                text.trim_end_matches('\'').into()
            }
        });
    }
    spec
}

/// Everything that a child says on standard output.
pub(crate) async fn said(child: &mut Child) -> String {
    let mut text = String::new();
    let mut stdout = child.take_stdout().expect("a pipe");
    stdout.read_to_string(&mut text).await.expect("text");
    text
}

/// Waits for the first line that a child says, and leaves the pipe open.
pub(crate) async fn heard(child: &mut Child, line: &str) -> tokio::net::unix::pipe::Receiver {
    let mut stdout = child.take_stdout().expect("a pipe");
    let mut bytes = vec![0; line.len() + 1];
    let read = tokio::time::timeout(SOON, stdout.read_exact(&mut bytes)).await;
    read.expect("it says something").expect("it says enough");
    assert_eq!(bytes, format!("{line}\n").as_bytes());
    stdout
}
