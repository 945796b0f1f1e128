//! Checks that the compiler does not make: which crate may use which, how long files are, and
//! which words the tree does without.
//!
//! `cargo xtask levels|sizes|words`. Each prints what it found as `file:line: what: what to do`
//! and ends with 1 if that is anything. Rules are tables in the source, so that an exception is
//! a reviewed line with its reason.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod levels;
mod links;
mod names;
mod proofs;
mod sizes;
mod tree;
mod words;

use std::process::ExitCode;

use tree::Tree;

/// What is wrong, and where: what every check answers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// A path below the root, with `:line` behind it where one line is at fault.
    place: String,
    /// What is wrong and what to do.
    text: String,
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }

    fn at(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), text)
    }
}

const USAGE: &str = "usage: cargo xtask levels|sizes|words";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [check] = words.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let found = match check.as_str() {
        "levels" => levels::check(),
        "sizes" => Tree::read().map(|tree| sizes::check(&tree)),
        "words" => Tree::read().map(|tree| words::check(&tree)),
        _ => {
            eprintln!("xtask: there is no check '{check}'; {USAGE}");
            return ExitCode::from(2);
        }
    };
    match found {
        Ok(mut findings) if !findings.is_empty() => {
            findings.sort();
            for Finding { place, text } in &findings {
                eprintln!("{place}: {text}");
            }
            eprintln!("xtask {check}: {} found", findings.len());
            ExitCode::FAILURE
        }
        Ok(_) => {
            println!("xtask {check}: nothing found");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("xtask {check}: {problem}");
            ExitCode::FAILURE
        }
    }
}
