//! A word of a command, and how a shell is told it.

/// A word as the program gets it, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// What the program gets. Where the script says `$x`, so does this.
    pub(super) text: String,
    /// How it is written, where not all of it is known.
    pub(super) source: Option<String>,
    /// Whether it may become no word or several: an expansion without quotes.
    pub(super) splits: bool,
}

impl Word {
    pub(super) fn known(text: impl Into<String>) -> Self {
        Self { text: text.into(), source: None, splits: false }
    }

    pub(super) const fn is_known(&self) -> bool {
        self.source.is_none()
    }

    /// The word as a shell is told it.
    pub(super) fn shown(&self) -> String {
        self.source.clone().unwrap_or_else(|| quoted(&self.text))
    }
}

/// A word that a shell reads as `text`.
pub(super) fn quoted(text: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !text.is_empty() && text.chars().all(fine) {
        return text.to_owned();
    }
    if text.chars().any(char::is_control) {
        let escaped: String = text.chars().map(ansi_c).collect();
        return format!("$'{escaped}'");
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A character inside `$'…'`, as bash, zsh and ksh read it.
fn ansi_c(c: char) -> String {
    match c {
        '\'' => "\\'".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    }
}

/// A command line of these words.
pub(super) fn line<'a>(words: impl IntoIterator<Item = &'a Word>) -> String {
    words.into_iter().map(Word::shown).collect::<Vec<_>>().join(" ")
}
