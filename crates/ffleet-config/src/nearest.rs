//! The nearest word to a misspelt one.

/// The one of `words` that `text` was most likely meant to be; nothing where none is near.
///
/// Near is a Damerau-Levenshtein distance of at most a third of the length: one slip in a short
/// word, a swapped pair of letters, a missing ending. More would suggest words at random.
pub(crate) fn nearest<'a>(text: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_name(&text.to_ascii_lowercase().replace('_', "-"), words)
}

/// As [`nearest`], for names that somebody chose: `_` and capitals are as they are.
pub(crate) fn nearest_name<'a>(
    text: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    words
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(text, word), word))
        .filter(|(distance, word)| *distance <= text.len().max(word.len()).div_ceil(3))
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slip_of_the_pen_is_understood() {
        let words = ["listen", "limits", "lease-term", "log"];
        for (text, meant) in [
            ("lsiten", "listen"),
            ("limit", "limits"),
            ("lease_term", "lease-term"),
            ("LOG", "log"),
        ] {
            assert_eq!(nearest(text, words), Some(meant), "{text}");
        }
    }

    #[test]
    fn far_word_is_not_guessed() {
        assert_eq!(nearest("colour", ["listen", "limits", "log"]), None);
    }
}
