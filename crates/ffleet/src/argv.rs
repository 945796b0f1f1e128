//! What stands between `--` and the next `-o`: FFmpeg's own output options.
//!
//! `ffleet submit IN -o a.mkv -- -c:v libx264 -crf 20 -o b.mp4 --preset 480p-h264` has two
//! outputs. clap takes everything after `--` for positional arguments and knows no way back, so
//! the section is rewritten before clap sees it: each of its words becomes a `--raw=WORD`, whose
//! place among the others clap reports. FFmpeg has no option `-o`, so nothing is lost.

use std::ffi::{OsStr, OsString};

use crate::failure::Failure;

/// The hidden option that a word of a section becomes.
pub(crate) const RAW: &str = "raw";

/// Options of every command that are followed by a value.
const WITH_VALUE: [&str; 2] = ["--server", "--key-file"];

/// The arguments as clap is to see them.
///
/// # Errors
///
/// If a section is empty, or holds what looks like one of our own options.
pub(crate) fn rewrite(args: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Failure> {
    let args: Vec<_> = args.into_iter().collect();
    if command(&args).is_none_or(|name| name != "submit") {
        return Ok(args);
    }
    let mut rewritten = Vec::with_capacity(args.len());
    let mut rest = args.into_iter().peekable();
    while let Some(arg) = rest.next() {
        if arg != "--" {
            rewritten.push(arg);
            continue;
        }
        let before = rewritten.len();
        while let Some(word) = rest.next_if(|word| !begins_output(word)) {
            rewritten.push(raw(&word)?);
        }
        if rewritten.len() == before {
            return Err(Failure::usage("'--' is followed by no FFmpeg options")
                .hint("for example: ffleet submit in.mkv -o out.mkv -- -c:v libx264 -crf 20"));
        }
    }
    Ok(rewritten)
}

/// The name of the subcommand.
fn command(args: &[OsString]) -> Option<&OsStr> {
    let mut rest = args.iter().skip(1);
    while let Some(arg) = rest.next() {
        if WITH_VALUE.iter().any(|name| arg == name) {
            rest.next();
        } else if !arg.as_encoded_bytes().starts_with(b"-") {
            return Some(arg);
        }
    }
    None
}

fn begins_output(word: &OsStr) -> bool {
    word == "-o" || word == "--output" || word.as_encoded_bytes().starts_with(b"--output=")
}

fn raw(word: &OsStr) -> Result<OsString, Failure> {
    // FFmpeg takes two dashes for one, but nobody writes it so; a misplaced `--wait` is common.
    if word.as_encoded_bytes().starts_with(b"--") {
        let word = word.display();
        return Err(Failure::usage(format!(
            "'{word}' stands after '--', where FFmpeg's output options are"
        ))
        .hint(format!(
            "put ffleet's own options before '--': ffleet submit IN {word} -o OUT -- …"
        )));
    }
    let mut option = OsString::from(format!("--{RAW}="));
    option.push(word);
    Ok(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> Result<String, Failure> {
        let args = rewrite(line.split(' ').map(OsString::from))?;
        Ok(args.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn section_ends_at_the_next_output() {
        assert_eq!(
            rewritten("ffleet submit in -o a -- -c:v libx264 -o b -- -an").unwrap(),
            "ffleet submit in -o a --raw=-c:v --raw=libx264 -o b --raw=-an"
        );
        assert_eq!(
            rewritten("ffleet --server submit submit in -o a -- -an --output=b --preset copy")
                .unwrap(),
            "ffleet --server submit submit in -o a --raw=-an --output=b --preset copy"
        );
    }

    #[test]
    fn other_commands_keep_their_dashes() {
        for line in ["ffleet probe -- -odd.mp4", "ffleet --server submit probe -- -x", "ffleet --"]
        {
            assert_eq!(rewritten(line).unwrap(), line);
        }
    }

    #[test]
    fn empty_section_and_misplaced_option_are_explained() {
        let told = |line| rewritten(line).unwrap_err().to_string();
        assert!(told("ffleet submit in -o a --").contains("no FFmpeg options"));
        assert!(told("ffleet submit in -o a -- -an --wait").contains("'--wait' stands after '--'"));
    }
}
