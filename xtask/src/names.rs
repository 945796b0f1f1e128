//! Names of types and functions that say nothing of what they are.

use crate::Finding;
use crate::tree::File;

/// Endings of type names, and what is meant by not having them.
const ENDINGS: &[&str] = &[
    "Manager", "Helper", "Helpers", "Util", "Utils", "Handler", "Data", "Info", "Impl",
];
const KEYWORDS: &[&str] = &["struct", "enum", "trait", "type", "union"];

pub(crate) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        if let Some(text) = wrong(line) {
            findings.push(Finding::at(&file.path, number, text));
        }
    }
    findings
}

/// What is wrong with the name that `line` defines, if it defines one.
fn wrong(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(*word, "pub" | "const" | "async" | "unsafe") || word.starts_with("pub(")
    });
    let keyword = words.next()?;
    let name = words.next()?;
    let end = name
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(name.len());
    let name = &name[..end];
    if KEYWORDS.contains(&keyword) {
        let ending = ENDINGS.iter().find(|ending| name.ends_with(*ending))?;
        return Some(format!("the name {name} ends in {ending}; call it what it is or does"));
    }
    if keyword == "fn" && name.starts_with("get_") {
        let better = &name["get_".len()..];
        return Some(format!("{name} is {better}; a getter has the name of what it answers"));
    }
    if keyword == "fn" && name.split('_').any(|word| word == "should") {
        return Some(format!("{name}: say what is so, not what should be"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found_where_they_are_defined() {
        for line in [
            "pub struct LeaseManager {",
            "pub(crate) enum Util {",
            "trait NodeHandler: Send {",
            "    type JobInfo = u8;",
            "    pub const fn get_name(&self) -> &str {",
            "fn lease_should_lapse() {",
        ] {
            assert!(wrong(line).is_some(), "{line}");
        }
    }

    #[test]
    fn uses_of_other_peoples_names_are_left_alone() {
        for line in [
            "use std::fs::FileManager;",
            "let info: DeviceInfo = x;",
            "pub struct Database {",
            "fn shoulder() {",
            "fn target() {",
            "impl Data for X {",
            "",
        ] {
            assert_eq!(wrong(line), None, "{line}");
        }
    }
}
