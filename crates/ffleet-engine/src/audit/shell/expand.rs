//! Quotes and expansions inside a word.

use super::{Reader, names_program, unread};

impl Reader<'_> {
    pub(super) fn single(&mut self) -> Result<(), &'static str> {
        loop {
            match self.next() {
                Some((_, '\'')) => return Ok(()),
                Some((_, c)) => self.word.text.push(c),
                None => return Err("a quote (') is never closed"),
            }
        }
    }

    pub(super) fn double(&mut self) -> Result<(), &'static str> {
        loop {
            match self.next() {
                Some((_, '"')) => return Ok(()),
                Some((_, '\\')) => match self.next() {
                    Some((_, '\n')) => {}
                    Some((_, c @ ('"' | '\\' | '$' | '`'))) => self.word.text.push(c),
                    Some((_, c)) => self.word.text.extend(['\\', c]),
                    None => return Err("a quote (\") is never closed"),
                },
                Some((at, '$')) => self.expansion(at, true)?,
                Some((at, '`')) => self.backticks(at, true)?,
                Some((_, c)) => self.word.text.push(c),
                None => return Err("a quote (\") is never closed"),
            }
        }
    }

    /// What follows a `$`.
    pub(super) fn expansion(&mut self, at: usize, is_quoted: bool) -> Result<(), &'static str> {
        match self.rest.peek().map(|&(_, c)| c) {
            Some('\'') if !is_quoted => {
                self.next();
                return self.ansi_c();
            }
            Some('"') if !is_quoted => return Ok(()),
            Some('{') => self.nested('{', '}')?,
            Some('(') => self.nested('(', ')')?,
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                let is_digit = c.is_ascii_digit();
                self.next();
                while !is_digit
                    && self
                        .rest
                        .peek()
                        .is_some_and(|&(_, c)| c.is_ascii_alphanumeric() || c == '_')
                {
                    self.next();
                }
            }
            Some('@' | '*' | '#' | '?' | '!' | '$' | '-') => {
                let is_all = self.next_is('@') || self.next_is('*');
                if !is_all {
                    self.next();
                }
                // "$@" is as many words as there are.
                self.word.splits |= is_all;
            }
            _ => {
                self.word.text.push('$');
                return Ok(());
            }
        }
        self.unknown(at, is_quoted);
        Ok(())
    }

    /// A piece from `at` to here is not known.
    fn unknown(&mut self, at: usize, is_quoted: bool) {
        let to = self.place();
        let piece = self.text.get(at..to).unwrap_or_default();
        if names_program(piece) && (piece.starts_with("$(") || piece.starts_with('`')) {
            let why = "it is started inside a substitution: put the command in a line of its own";
            self.script.unread.push(unread(self.line, piece, why));
        }
        self.word.text.push_str(piece);
        self.is_unknown = true;
        self.word.splits |= !is_quoted;
    }

    pub(super) fn nested(&mut self, open: char, close: char) -> Result<(), &'static str> {
        let (mut depth, mut quote) = (0_usize, None);
        while let Some((_, c)) = self.next() {
            match (c, quote) {
                ('\\', None | Some('"')) => {
                    self.next();
                }
                (c, Some(mark)) if c == mark => quote = None,
                (_, Some(_)) => {}
                ('\'' | '"', None) => quote = Some(c),
                (c, None) if c == open => depth += 1,
                (c, None) if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err("an expansion is never closed")
    }

    pub(super) fn backticks(&mut self, at: usize, is_quoted: bool) -> Result<(), &'static str> {
        while let Some((_, c)) = self.next() {
            match c {
                '\\' => {
                    self.next();
                }
                '`' => {
                    self.unknown(at, is_quoted);
                    return Ok(());
                }
                _ => {}
            }
        }
        Err("a substitution (`) is never closed")
    }

    /// The rest of `$'…'`.
    fn ansi_c(&mut self) -> Result<(), &'static str> {
        loop {
            let c = match self.next() {
                Some((_, '\'')) => return Ok(()),
                Some((_, '\\')) => match self.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, 't')) => '\t',
                    Some((_, 'r')) => '\r',
                    Some((_, 'e' | 'E')) => '\u{1b}',
                    Some((_, c @ ('u' | 'U' | 'x'))) => self.by_number(c),
                    Some((_, c)) => c,
                    None => return Err("a quote ($') is never closed"),
                },
                Some((_, c)) => c,
                None => return Err("a quote ($') is never closed"),
            };
            self.word.text.push(c);
        }
    }

    fn by_number(&mut self, kind: char) -> char {
        let most = match kind {
            'x' => 2,
            'u' => 4,
            _ => 8,
        };
        let mut number = 0_u32;
        for _ in 0..most {
            let Some(digit) = self.rest.peek().and_then(|&(_, c)| c.to_digit(16)) else {
                break;
            };
            number = number.wrapping_mul(16).wrapping_add(digit);
            self.next();
        }
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}
