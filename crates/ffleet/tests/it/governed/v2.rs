//! The same on a kernel that has nothing but the one tree of cgroups.

use std::time::Duration;

use ffleet_testkit::{binary, uml};

/// As long as all of it may take.
const LIMIT: Duration = Duration::from_secs(150);
/// What has to do with cgroups, and what with processes that cannot be told from others later.
const TESTS: &str = "governed::attach governed::run::limits governed::run::what_it_leaves \
     governed::run::nice governed::deaths::command";

#[test]
fn limits_hold_on_a_machine_with_one_tree() {
    let Some(kernel) = uml::kernel() else { return };
    let tests = std::env::current_exe().unwrap();
    // There, nothing can be built.
    let _built = binary("nasty");
    let script = format!("{} --test-threads=1 --nocapture {TESTS}\n", tests.display());
    let ran = uml::run(&kernel, &script, LIMIT);
    assert_eq!(ran.code, Some(0), "{}", ran.output);
    assert!(
        ran.output
            .contains("attach::process_is_taken_with_its_family_and_put_back ... ok"),
        "{}",
        ran.output
    );
    assert!(!ran.output.contains("skipped: "), "{}", ran.output);
}
