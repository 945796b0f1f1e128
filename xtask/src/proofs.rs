//! Tests that the documents name as proof: each is in the tree.

use crate::Finding;
use crate::tree::{File, Tree};

/// What a named test begins with: the name of one of our crates.
const PREFIX: &str = "ffleet";

pub(crate) fn check(tree: &Tree, file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        for (name, test) in named(line) {
            // As a function, or as the name that a macro gives to a row of its table.
            let forms = [format!("fn {test}("), format!("=> {test},")];
            let has_it = |file: &File| forms.iter().any(|form| file.text.contains(form));
            let in_crate = |file: &&File| file.is_rust() && file.crate_name() == Some(name);
            if !tree.files.iter().filter(in_crate).any(has_it) {
                findings.push(Finding::at(
                    &file.path,
                    number,
                    format!("{name} has no test {test}; correct the name or write it"),
                ));
            }
        }
    }
    findings
}

/// The tests that a line of Markdown names: `` `crate::module::test` ``, as (crate, test).
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|code| {
        let (name, rest) = code.split_once("::")?;
        let test = rest.rsplit("::").next()?;
        let plain = |text: &str| {
            text.bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-'))
        };
        (name.starts_with(PREFIX) && plain(name) && plain(test) && test.contains('_'))
            .then_some((name, test))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_and_types_are_not() {
        let line =
            "| `ffleet-spool::crash::death_at_a_step`, `ffleet_types::outcome::Reason` | `a::b` |";
        assert_eq!(named(line).collect::<Vec<_>>(), [("ffleet-spool", "death_at_a_step")]);
    }
}
