//! Links between the documents: each leads to a file of the tree.

use std::path::{Component, Path, PathBuf};

use crate::Finding;
use crate::tree::{File, Tree};

pub(crate) fn check(tree: &Tree, file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line) {
            match resolve(&file.path, target) {
                None => findings.push(Finding::at(
                    &file.path,
                    number,
                    format!("the link to {target} leads out of the tree; a clone does not have it"),
                )),
                Some(path) if !tree.root.join(&path).exists() => findings.push(Finding::at(
                    &file.path,
                    number,
                    format!("the link to {target} leads to nothing; correct or remove it"),
                )),
                Some(_) => {}
            }
        }
    }
    findings
}

/// Where the links of a line of Markdown lead, as far as that is inside the tree.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', '#', ' ']).next()?;
        let outside = target.contains("://") || target.starts_with("mailto:");
        (!target.is_empty() && !outside).then_some(target)
    })
}

/// `target`, seen from the document at `from`, below the root; nothing if it is not below it.
fn resolve(from: &str, target: &str) -> Option<PathBuf> {
    let mut path = match target.strip_prefix('/') {
        Some(_) => return None,
        None => Path::new(from).parent()?.to_owned(),
    };
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir if !path.pop() => return None,
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_seen_from_their_document() {
        assert_eq!(resolve("docs/a.md", "b.md"), Some("docs/b.md".into()));
        assert_eq!(resolve("docs/a.md", "../README.md"), Some("README.md".into()));
        assert_eq!(resolve("docs/a.md", "../../x.md"), None);
        assert_eq!(resolve("README.md", "/etc/passwd"), None);
    }

    #[test]
    fn only_links_into_the_tree_are_followed() {
        let line = "[a](b.md#c), [d](https://e.org), [f](#g), ![h](i.png \"j\")";
        assert_eq!(targets(line).collect::<Vec<_>>(), ["b.md", "i.png"]);
    }

    #[test]
    fn dead_link_is_named_with_its_line() {
        let tree = Tree { root: crate::tree::root(), files: Vec::new() };
        let text = "fine: [a](Makefile)\n```\n[in code](nowhere)\n```\n[b](no/such.md)\n";
        let file = File { path: "README.md".to_owned(), text: text.to_owned() };
        let findings = check(&tree, &file);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].place, "README.md:5");
    }
}
