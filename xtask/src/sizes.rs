//! Sizes: files that can be read in one go.
//!
//! A Rust file has at most [`LONGEST`] lines, its tests at the end not counted (they belong in
//! `foo/tests.rs` when they grow). Functions are clippy's (`too_many_lines`); here they are only
//! measured, so that a creep shows in the numbers before it meets the bound.

use crate::Finding;
use crate::tree::{File, Tree};

/// Lines of code in a file, tests not counted.
const LONGEST: usize = 400;

/// Files that are longer, each with the reason why it is better so.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// What a file measures.
struct Measured<'a> {
    path: &'a str,
    lines: usize,
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let rust: Vec<&File> = tree.files.iter().filter(|file| file.is_rust()).collect();
    let measured: Vec<Measured<'_>> = rust
        .iter()
        .map(|file| Measured { path: &file.path, lines: code(&file.text).count() })
        .collect();
    let functions: Vec<usize> = rust.iter().flat_map(|file| functions(&file.text)).collect();
    report("files", measured.iter().map(|file| file.lines).collect());
    report("functions", functions);

    let mut findings = too_long(&measured);
    for (path, _) in EXCEPTIONS {
        match measured.iter().find(|file| file.path == *path) {
            Some(file) if file.lines > LONGEST => {}
            _ => findings.push(Finding::new(
                "xtask/src/sizes.rs",
                format!("{path} is listed as an exception and is none; remove the line"),
            )),
        }
    }
    findings
}

fn too_long(measured: &[Measured<'_>]) -> Vec<Finding> {
    measured
        .iter()
        .filter(|file| {
            file.lines > LONGEST && !EXCEPTIONS.iter().any(|(path, _)| *path == file.path)
        })
        .map(|file| {
            let text = format!(
                "{} lines without its tests, of {LONGEST}; split it by noun, or list it in \
                 xtask/src/sizes.rs with the reason",
                file.lines
            );
            Finding::new(file.path, text)
        })
        .collect()
}

fn report(what: &str, mut lengths: Vec<usize>) {
    lengths.sort_unstable();
    let at = |percent: usize| lengths.get(lengths.len() * percent / 100).copied().unwrap_or(0);
    let longest = lengths.last().copied().unwrap_or(0);
    println!(
        "{} {what}: {} lines at the median, {} at the 90th percentile, {longest} at most",
        lengths.len(),
        at(50),
        at(90)
    );
}

/// The lines before the tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

/// The lengths of the functions in `text`, as rustfmt lays them out: from the line with `fn` to
/// the brace at the same depth.
fn functions(text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let lines: Vec<&str> = code(text).collect();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        if !is_function(body) {
            continue;
        }
        let depth = line.len() - body.len();
        let end = lines[start..].iter().position(|line| {
            let rest = line.trim_start();
            line.len() - rest.len() == depth && (rest.starts_with('}') || rest.ends_with(';'))
        });
        if let Some(end) = end {
            lengths.push(end + 1);
        }
    }
    lengths
}

fn is_function(line: &str) -> bool {
    let before = line.split_once("fn ").map(|(before, _)| before);
    let words = |before: &str| {
        before.split_whitespace().all(|word| {
            matches!(word, "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"")
                || word.starts_with("pub(")
        })
    };
    before.is_some_and(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_end_are_not_counted() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(code(text).count(), 2);
    }

    #[test]
    fn long_file_is_named_with_its_length() {
        let measured = [
            Measured { path: "crates/a/src/long.rs", lines: LONGEST + 1 },
            Measured { path: "crates/a/src/short.rs", lines: LONGEST },
        ];
        let findings = too_long(&measured);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].place, "crates/a/src/long.rs");
        assert!(findings[0].text.contains("401 lines"), "{}", findings[0].text);
    }

    #[test]
    fn functions_are_measured_from_name_to_brace() {
        let text = "pub(crate) const fn one() -> u8 {\n    1\n}\n\nimpl A {\n    fn two(\n        \
                    a: u8,\n    ) {\n        if a {\n        }\n    }\n    fn none(&self);\n}\n";
        assert_eq!(functions(text), [3, 6, 1]);
    }

    #[test]
    fn words_with_fn_in_them_are_no_functions() {
        assert!(!is_function("let fn_pointer = x;") && !is_function("// fn old() {"));
    }
}
