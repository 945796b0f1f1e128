//! A command from its text.

use ffleet_types::live::Command;

use super::Trouble;

/// What a text's `#` are while it is split: no command holds this character.
const STAND_IN: char = '\0';

/// The words of `text`, as a POSIX shell splits them: blanks, quotes and backslashes. Nothing else of a
/// shell is known here, comments neither: `#` is a character, as it is for voyandz.
pub(super) fn split(text: &str) -> Result<Vec<String>, Trouble> {
    if text.contains(STAND_IN) {
        return Err(Trouble::new("holds a NUL character", "no program can be given one"));
    }
    let words = shell_words::split(&text.replace('#', "\0")).map_err(|_unfinished| {
        let hint = "close the quote, or write `\\'` or `\\\"` for the character itself";
        Trouble::new("ends within a quote", hint)
    })?;
    Ok(words.into_iter().map(|word| word.replace(STAND_IN, "#")).collect())
}

/// The command that these words are.
pub(super) fn of(words: Vec<String>) -> Result<Command, Trouble> {
    if words.first().is_none_or(String::is_empty) {
        let hint = "write a program and its arguments, such as `ffmpeg -i in.ts -f mpegts -`";
        return Err(Trouble::new("names no program", hint));
    }
    // What it holds may be a secret: the error of the type would show it.
    Command::try_from(words)
        .map_err(|_nul| Trouble::new("holds a NUL character", "no program can be given one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_as_a_shell_would() {
        for (text, words) in [
            ("ffmpeg  -i\t-\n", &["ffmpeg", "-i", "-"][..]),
            ("a 'b c' \"d e\" f\\ g", &["a", "b c", "d e", "f g"]),
            ("a '' \"\"", &["a", "", ""]),
            ("a \"say \\\"no\\\"\" b\\\\c", &["a", "say \"no\"", "b\\c"]),
            ("a #b c#d", &["a", "#b", "c#d"]),
            (
                "a $HOME `ls` ; b | c > d & *",
                &["a", "$HOME", "`ls`", ";", "b", "|", "c", ">", "d", "&", "*"],
            ),
            ("a \\\n  b", &["a", "b"]),
            ("", &[]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text:?}");
        }
    }

    #[test]
    fn what_is_unfinished_is_no_command() {
        for text in ["a 'b", "a \"b", "a\0b"] {
            split(text).unwrap_err();
        }
        for words in [vec![], vec![String::new()], vec!["a".to_owned(), "\0".to_owned()]] {
            of(words).unwrap_err();
        }
    }
}
