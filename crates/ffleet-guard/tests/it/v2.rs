//! The same tests again on a kernel that has nothing but the one tree of cgroups.
//!
//! Few test machines have that tree with its controllers, so a kernel is booted for it as a program.
//! What is skipped there for want of something is listed here, so that no proof is lost unseen.

use std::collections::BTreeSet;
use std::time::Duration;

use ffleet_testkit::{binary, uml};

use crate::fixture::IN_ANOTHER_KERNEL;

/// As long as all of it may take.
const LIMIT: Duration = Duration::from_secs(170);
/// What there is to know about cgroups, and is not in the matrix.
const TESTS: &str = "bounds:: ends::dropped ends::children_do ends::frozen \
     ends::what_a_child ends::whole leftovers:: sandbox:: shim::child_is shim::end shim::orphan_that_nobody \
     shim::record nursery::shims_outlive nursery::start_outlasts start:: supervised::child_is supervised::time_paused";

/// First as root at the root of the tree, then in a group that was handed to a service as systemd does
/// it (`Delegate=yes`), as root and as an ordinary user. That one's group is for it alone: nobody
/// else may be in a group that hands on controllers.
const SCRIPT: &str = r#"
set -e
# It looks at what its own process has open, and at its children.
$tests --nocapture matrix:: &
matrix=$!
$tests --test-threads=2 --nocapture $wanted
wait $matrix
cd /sys/fs/cgroup
for user in 0 65534; do
    mkdir unit-$user
    chown $user unit-$user unit-$user/cgroup.procs unit-$user/cgroup.subtree_control
    sh -c "echo \$\$ >unit-$user/cgroup.procs &&
        exec setpriv --reuid $user --regid $user --clear-groups \
        $tests --test-threads=1 --nocapture unprivileged:: ends::whole --skip heavy_"
done
"#;

#[test]
fn heavy_guard_holds_on_a_machine_with_one_tree() {
    let Some(kernel) = uml::kernel() else { return };
    let tests = std::env::current_exe().unwrap();
    // There, nothing can be built.
    let _built = binary("nasty");
    let tests = tests.display();
    let script = format!("export {IN_ANOTHER_KERNEL}=1\ntests={tests}\nwanted='{TESTS}'\n{SCRIPT}");
    let ran = uml::run(&kernel, &script, LIMIT);
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    let skipped = ran
        .output
        .lines()
        .filter_map(|line| Some(line.split_once("skipped: ")?.1));
    let skipped: BTreeSet<_> = skipped.collect();
    assert_eq!(
        skipped,
        BTreeSet::from(["needs Landlock", "needs the controller cpuset", "needs shares of disks"]),
        "{}",
        ran.output
    );
}
