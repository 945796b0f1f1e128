//! A planned command taken apart: what stands before each input, and before each output.
//!
//! It reads what [`crate::plan()`] writes and nothing else: options that take a value and are not
//! known cannot be told from those that do not, and plans hold known ones only.

use crate::raw;

/// A stream's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Video,
    Audio,
    Subtitle,
}

impl Kind {
    const fn letters(self) -> &'static [&'static str] {
        match self {
            Self::Video => &["v", "V"],
            Self::Audio => &["a"],
            Self::Subtitle => &["s"],
        }
    }

    /// The old name of an option for streams of this kind: `-vcodec`, `-af`.
    fn old(self, name: &str) -> Option<&'static str> {
        Some(match (self, name) {
            (Self::Video, "c") => "vcodec",
            (Self::Audio, "c") => "acodec",
            (Self::Subtitle, "c") => "scodec",
            (Self::Video, "filter") => "vf",
            (Self::Audio, "filter") => "af",
            _ => return None,
        })
    }
}

/// An option: its name, its stream specifier, its value.
type Word<'a> = (&'a str, &'a str, &'a str);

/// What stands before a file, and the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part<'a> {
    words: Vec<Word<'a>>,
    /// The file's name.
    pub(crate) file: &'a str,
}

impl<'a> Part<'a> {
    /// What these options, each with its stream specifier and its value, say of `file`.
    pub(crate) const fn new(words: Vec<(&'a str, &'a str, &'a str)>, file: &'a str) -> Self {
        Self { words, file }
    }

    /// The last value that counts for the stream `number` of this `kind`.
    pub(crate) fn of(&self, name: &str, kind: Kind, number: usize) -> Option<&'a str> {
        let old = kind.old(name);
        let long = (name == "c").then_some("codec");
        self.words
            .iter()
            .rfind(|(word, specifier, _)| {
                old == Some(*word)
                    || (name == *word || long == Some(*word)) && meets(specifier, kind, number)
            })
            .map(|&(_, _, value)| value)
    }

    /// Whether a switch is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.words.iter().any(|(word, ..)| *word == name)
    }

    /// The last value of an option of the whole file.
    pub(crate) fn whole(&self, name: &str) -> Option<&'a str> {
        self.words
            .iter()
            .rfind(|(word, ..)| *word == name)
            .map(|&(_, _, value)| value)
    }

    /// All values of an option, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        self.words
            .iter()
            .filter(move |(word, ..)| *word == name)
            .map(|&(_, _, value)| value)
    }
}

/// Whether a specifier (`v`, `a:1`, nothing) means the stream.
fn meets(specifier: &str, kind: Kind, number: usize) -> bool {
    let (letter, rest) = specifier.split_once(':').unwrap_or((specifier, ""));
    letter.is_empty()
        || kind.letters().contains(&letter) && (rest.is_empty() || rest.parse() == Ok(number))
        || letter.parse() == Ok(number)
}

/// A command.
#[derive(Clone, Debug, Default)]
pub(super) struct Command<'a> {
    pub(super) inputs: Vec<Part<'a>>,
    pub(super) outputs: Vec<Part<'a>>,
}

impl<'a> Command<'a> {
    /// Takes `args` apart.
    pub(crate) fn of(args: &'a [String]) -> Self {
        let mut command = Self::default();
        let mut part = Part::default();
        let mut rest = args.iter().map(String::as_str);
        while let Some(word) = rest.next() {
            let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else {
                part.file = word;
                command.outputs.push(std::mem::take(&mut part));
                continue;
            };
            if name == "i" {
                part.file = rest.next().unwrap_or_default();
                command.inputs.push(std::mem::take(&mut part));
                continue;
            }
            let (name, specifier) = name.split_once(':').unwrap_or((name, ""));
            let value = if is_switch(name) {
                ""
            } else {
                rest.next().unwrap_or_default()
            };
            part.words.push((name, specifier, value));
        }
        command
    }

    /// A number that concerns the whole command, wherever it stands; 1 where it does not.
    pub(super) fn number(&self, name: &str) -> u32 {
        self.inputs
            .iter()
            .chain(&self.outputs)
            .find_map(|part| part.whole(name)?.parse().ok())
            .unwrap_or(1)
    }
}

fn is_switch(name: &str) -> bool {
    matches!(name, "nostdin" | "hide_banner" | "nostats" | "y" | "n" | "re") || raw::is_switch(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_and_the_last_word_counts() {
        let line = "-y -filter_threads 2 -re -threads 3 -i file:/a -map 0:0 -c copy -c:v:0 libx264 -an \
                    -threads:v 4 -threads 9 file:/b -vcodec png -threads:a 2 c";
        let args: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
        let command = Command::of(&args);
        assert_eq!(command.number("filter_threads"), 2);
        assert_eq!(command.inputs[0].of("threads", Kind::Video, 0), Some("3"));
        let [one, other] = &command.outputs[..] else {
            panic!("{command:?}")
        };
        assert_eq!((one.file, one.of("c", Kind::Video, 0)), ("file:/b", Some("libx264")));
        assert_eq!(one.of("c", Kind::Audio, 0), Some("copy"));
        assert_eq!(one.of("threads", Kind::Video, 0), Some("9"));
        assert!(one.has("an") && !other.has("an"));
        assert_eq!(other.of("c", Kind::Video, 0), Some("png"));
        assert_eq!(other.of("threads", Kind::Video, 0), None);
    }
}
