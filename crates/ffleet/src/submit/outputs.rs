//! Outputs on the command line: each `-o`, and what to make for it.
//!
//! `--preset`, `--recipe` and a `--` section belong to the `-o` before them. The order of
//! different options is what clap keeps apart from their values, so this reads both from the
//! matches and puts them together again.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, Error, FromArgMatches, ValueHint, value_parser};

use crate::argv::RAW;

/// What to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    /// What the target's extension suggests.
    ByExtension,
    /// A preset's recipe.
    Preset(String),
    /// The recipe in a file.
    Recipe(PathBuf),
    /// FFmpeg's output options.
    Raw(Vec<String>),
}

/// An `-o` and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// As it was typed.
    pub(crate) target: String,
    /// What to make for it.
    pub(crate) making: Making,
}

/// All of them, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outputs(pub(crate) Vec<Wanted>);

/// A word of the command line that matters here, in the order they were typed.
enum Word {
    Output(String),
    Preset(String),
    Recipe(PathBuf),
    Raw(String),
}

impl clap::Args for Outputs {
    fn augment_args(command: Command) -> Command {
        let option = |id: &'static str| Arg::new(id).long(id).action(ArgAction::Append);
        command
            .arg(
                option("output")
                    .short('o')
                    .value_name("OUT")
                    .required(true)
                    .value_hint(ValueHint::FilePath)
                    .help(
                        "Where a result goes: a file, or rtmp://… for a live task; may be repeated",
                    ),
            )
            .arg(
                option("preset").value_name("NAME").help(
                    "Make it by this preset (see: ffleet presets); belongs to the -o before it",
                ),
            )
            .arg(
                option("recipe")
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
                    .value_hint(ValueHint::FilePath)
                    .help("Make it by the recipe in this YAML file; belongs to the -o before it"),
            )
            .arg(option(RAW).hide(true).allow_hyphen_values(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Outputs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        put_together(words(matches)).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The words in the order they were typed.
fn words(matches: &ArgMatches) -> Vec<Word> {
    let mut words: Vec<(usize, Word)> = Vec::new();
    let mut texts = |id: &str, make: fn(String) -> Word| {
        let places = matches.indices_of(id).unwrap_or_default();
        let values = matches.get_many::<String>(id).unwrap_or_default();
        words.extend(places.zip(values.cloned().map(make)));
    };
    texts("output", Word::Output);
    texts("preset", Word::Preset);
    texts(RAW, Word::Raw);
    let places = matches.indices_of("recipe").unwrap_or_default();
    let files = matches.get_many::<PathBuf>("recipe").unwrap_or_default();
    words.extend(places.zip(files.cloned().map(Word::Recipe)));
    words.sort_by_key(|(place, _)| *place);
    words.into_iter().map(|(_, word)| word).collect()
}

fn put_together(words: Vec<Word>) -> Result<Vec<Wanted>, Error> {
    let count = words.iter().filter(|word| matches!(word, Word::Output(_))).count();
    let mut outputs: Vec<Wanted> = Vec::with_capacity(count);
    // Where there is one output, what stands before it can mean no other.
    let mut early = Vec::new();
    for word in words {
        match (word, outputs.last_mut()) {
            (Word::Output(target), _) => {
                outputs.push(Wanted { target, making: Making::ByExtension });
            }
            (word, Some(output)) => add(output, word)?,
            (word, None) if count == 1 => early.push(word),
            (word, None) => {
                return Err(wrong(format!(
                    "{} stands before the first of {count} outputs; it belongs behind the -o that \
                     it is meant for",
                    described(&word)
                )));
            }
        }
    }
    if let Some(output) = outputs.first_mut() {
        for word in early {
            add(output, word)?;
        }
    }
    Ok(outputs)
}

fn add(output: &mut Wanted, word: Word) -> Result<(), Error> {
    output.making = match (std::mem::replace(&mut output.making, Making::ByExtension), word) {
        (Making::Raw(mut args), Word::Raw(arg)) => {
            args.push(arg);
            Making::Raw(args)
        }
        (Making::ByExtension, Word::Preset(name)) => Making::Preset(name),
        (Making::ByExtension, Word::Recipe(file)) => Making::Recipe(file),
        (Making::ByExtension, Word::Raw(arg)) => Making::Raw(vec![arg]),
        (_, word) => {
            return Err(wrong(format!(
                "{} is one too many for -o {}: an output is made by one preset, one recipe or one \
                 '--' section",
                described(&word),
                output.target
            )));
        }
    };
    Ok(())
}

fn described(word: &Word) -> String {
    match word {
        Word::Output(target) => format!("-o {target}"),
        Word::Preset(name) => format!("--preset {name}"),
        Word::Recipe(file) => format!("--recipe {}", file.display()),
        Word::Raw(arg) => format!("the section '-- {arg} …'"),
    }
}

fn wrong(message: String) -> Error {
    Error::raw(ErrorKind::ArgumentConflict, message + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args as _;

    fn parse(line: &str) -> Result<Vec<(String, Making)>, String> {
        let args = crate::argv::rewrite(line.split(' ').map(Into::into))
            .map_err(|failure| failure.to_string())?;
        let command = Outputs::augment_args(Command::new("submit").arg(Arg::new("input")));
        let matches = Command::new("ffleet")
            .subcommand(command)
            .try_get_matches_from(args)
            .map_err(|error| error.to_string())?;
        let matches = matches.subcommand_matches("submit").unwrap();
        let outputs = Outputs::from_arg_matches(matches).map_err(|error| error.to_string())?;
        Ok(outputs
            .0
            .into_iter()
            .map(|wanted| (wanted.target, wanted.making))
            .collect())
    }

    fn preset(name: &str) -> Making {
        Making::Preset(name.into())
    }

    #[test]
    fn each_output_has_what_follows_it() {
        let outputs = parse(
            "ffleet submit in -o a --preset x -o b --recipe r.yaml -o c -- -c:v copy -an -o d -o e \
             --preset y",
        );
        let raw = Making::Raw(["-c:v", "copy", "-an"].map(Into::into).into());
        let expected = [
            ("a", preset("x")),
            ("b", Making::Recipe("r.yaml".into())),
            ("c", raw),
            ("d", Making::ByExtension),
            ("e", preset("y")),
        ];
        assert_eq!(outputs.unwrap(), expected.map(|(target, making)| (target.into(), making)));
    }

    #[test]
    fn order_is_free_where_there_is_one_output() {
        let expected = Ok(vec![("a".to_owned(), preset("x"))]);
        assert_eq!(parse("ffleet submit --preset x in -o a"), expected);
        assert_eq!(parse("ffleet submit in -o a --preset x"), expected);
        let message = parse("ffleet submit in --preset x -o a -o b").unwrap_err();
        assert!(message.contains("--preset x stands before the first of 2 outputs"), "{message}");
    }

    #[test]
    fn output_made_in_two_ways_is_refused() {
        for line in [
            "ffleet submit in -o a --preset x --preset y",
            "ffleet submit in -o a --preset x --recipe r",
            "ffleet submit in -o a --preset x -- -an",
            "ffleet submit in --preset x -o a --preset y",
        ] {
            let message = parse(line).unwrap_err();
            assert!(message.contains("one too many for -o a"), "{message}");
        }
    }
}
