//! Patterns for names: `*` stands for any text, `?` for one character.

use std::fmt;
use std::str::FromStr;

use ffleet_types::ParseError;

/// The longest pattern in bytes: a name of a file has no more.
const LONGEST: usize = 255;

/// A pattern for the names of processes. Matching takes time in proportion to both lengths at worst.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob(String);

impl Glob {
    /// Whether the whole of `name` is as the pattern says.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut next) = (0, 0);
        // Where the last `*` stands, and up to where it reaches.
        let mut star = None;
        while next < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, next));
                    at += 1;
                }
                Some(&letter) if letter == '?' || letter == name[next] => {
                    at += 1;
                    next += 1;
                }
                _ => {
                    let Some((before, reached)) = star else { return false };
                    star = Some((before, reached + 1));
                    (at, next) = (before + 1, reached + 1);
                }
            }
        }
        pattern[at..].iter().all(|&letter| letter == '*')
    }
}

impl FromStr for Glob {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let odd = |letter: char| letter.is_control() || "[]{}\\/".contains(letter);
        if text.is_empty() || text.len() > LONGEST || text.contains(odd) {
            let what = "a name of up to 255 bytes, in which `*` is any text and `?` one character; other \
                        signs of patterns, and `/`, are not known here";
            return Err(ParseError::new(text, what));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_name_is_as_the_pattern_says() {
        for (pattern, name, fits) in [
            ("ffmpeg", "ffmpeg", true),
            ("ffmpeg", "ffmpeg9", false),
            ("ffmpeg*", "ffmpeg", true),
            ("ffmpeg*", "ffmpeg-9.0", true),
            ("*mpeg", "ffmpeg", true),
            ("f?mpeg", "ffmpeg", true),
            ("f?mpeg", "fmpeg", false),
            ("*a*b*c", "xxaxbxbxc", true),
            ("*a*b*c", "xxaxcxb", false),
            ("**", "", true),
            ("?", "é", true),
        ] {
            assert_eq!(pattern.parse::<Glob>().unwrap().fits(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn signs_that_would_be_taken_for_letters_are_refused() {
        for text in ["", "ff[mp]eg", "{a,b}", "a\\*", "/usr/bin/ffmpeg", "a\nb", &"a".repeat(256)] {
            text.parse::<Glob>().unwrap_err();
        }
    }

    /// What a pattern says, written down as simply as can be.
    fn plainly(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=name.len()).any(|skip| plainly(rest, &name[skip..])),
            ([letter, rest @ ..], [first, more @ ..]) => {
                (*letter == '?' || letter == first) && plainly(rest, more)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_what_they_plainly_say(pattern in "[ab*?]{1,8}", name in "[ab]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = plainly(&letters(&pattern), &letters(&name));
            prop_assert_eq!(pattern.parse::<Glob>().unwrap().fits(&name), expected);
        }
    }
}
