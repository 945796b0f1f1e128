//! Shell text taken apart into simple commands.
//!
//! It reads what scripts that start FFmpeg are made of: quotes, continued lines, lists, pipes, redirections,
//! and the words of control structures, which it leaves out. It knows no variable's value: a word that depends on one keeps it as
//! it is written and says so. A command inside `$(…)` is a piece of such a word.

use std::iter::Peekable;
use std::str::CharIndices;

use super::report::Unread;
use super::word::Word;

mod expand;

/// Most characters of a script, and most words of one command.
pub(super) const LONGEST: usize = 1024 * 1024;
pub(super) const MOST_WORDS: usize = 8_192;

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// The line it begins in, from 1.
    pub(super) line: usize,
    pub(super) words: Vec<Word>,
    pub(super) redirects: Vec<Redirect>,
    /// Whether a pipe is at either end of it.
    pub(super) is_piped: bool,
    pub(super) is_background: bool,
    /// Loops around it.
    pub(super) loops: u32,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    /// `>`, `2>>`, `<`, as written.
    pub(super) sign: String,
    pub(super) target: Word,
}

/// What a script comes to.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) commands: Vec<Simple>,
    pub(super) unread: Vec<Unread>,
}

/// Whether a text names a program whose commands are read.
pub(super) fn names_program(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("ffmpeg") || text.contains("gst-launch")
}

/// Reads a script.
pub(super) fn read(text: &str) -> Script {
    if text.len() > LONGEST {
        return Script {
            unread: vec![unread(1, text, &format!("a script has at most {LONGEST} bytes"))],
            ..Script::default()
        };
    }
    let mut reader = Reader::new(text);
    reader.all();
    reader.script
}

pub(super) fn unread(line: usize, text: &str, why: &str) -> Unread {
    let first = text.trim().lines().next().unwrap_or_default();
    let short: String = first.chars().take(120).collect();
    Unread { line, text: short, why: why.to_owned() }
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
    line: usize,
    script: Script,
    current: Simple,
    /// The word that is being read, where it begins in the text, and whether there is one.
    word: Word,
    begins: usize,
    is_word: bool,
    is_unknown: bool,
    loops: u32,
    /// Ends of here documents that follow the line.
    documents: Vec<(String, bool)>,
    redirect: Option<String>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            rest: text.char_indices().peekable(),
            line: 1,
            script: Script::default(),
            current: Simple::default(),
            word: Word::default(),
            begins: 0,
            is_word: false,
            is_unknown: false,
            loops: 0,
            documents: Vec::new(),
            redirect: None,
        }
    }

    fn all(&mut self) {
        while let Some((at, c)) = self.next() {
            if let Err(why) = self.one(at, c) {
                let line = self.current.line.max(1);
                let from = self.text.get(self.begins.min(at)..).unwrap_or_default();
                self.script.unread.push(unread(line, from, why));
                self.current = Simple::default();
                self.is_word = false;
                return;
            }
        }
        self.end_word(self.text.len());
        self.end_command();
    }

    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.rest.next();
        if let Some((_, '\n')) = next {
            self.line += 1;
        }
        next
    }

    fn next_is(&mut self, wanted: char) -> bool {
        let is = self.rest.peek().is_some_and(|&(_, c)| c == wanted);
        if is {
            self.next();
        }
        is
    }

    fn place(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |&(at, _)| at)
    }

    /// Begins a word, if none has begun.
    fn begin(&mut self, at: usize) {
        if !self.is_word {
            self.is_word = true;
            self.begins = at;
            self.word = Word::default();
            self.is_unknown = false;
            if self.current.words.is_empty() && self.current.redirects.is_empty() {
                self.current.line = self.line;
            }
        }
    }

    fn push(&mut self, at: usize, c: char) {
        self.begin(at);
        self.word.text.push(c);
    }

    fn one(&mut self, at: usize, c: char) -> Result<(), &'static str> {
        match c {
            '\\' => {
                match self.next() {
                    Some((_, '\n')) => {}
                    Some((_, c)) => self.push(at, c),
                    None => return Err("it ends with a backslash: continue the line"),
                }
                return Ok(());
            }
            '\'' => {
                self.begin(at);
                return self.single();
            }
            '"' => {
                self.begin(at);
                return self.double();
            }
            '$' => {
                self.begin(at);
                return self.expansion(at, false);
            }
            '`' => {
                self.begin(at);
                return self.backticks(at, false);
            }
            '#' if !self.is_word => {
                while self.rest.peek().is_some_and(|&(_, c)| c != '\n') {
                    self.next();
                }
            }
            '*' | '{' if self.is_word && c == '{' || c == '*' => {
                // A pattern or a list of words: what it becomes depends on the directory.
                self.push(at, c);
                self.is_unknown = true;
                self.word.splits = true;
            }
            ' ' | '\t' | '\r' => self.end_word(at),
            '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => return self.operator(at, c),
            c => self.push(at, c),
        }
        Ok(())
    }

    fn operator(&mut self, at: usize, c: char) -> Result<(), &'static str> {
        match c {
            '<' | '>' => return self.redirection(at, c),
            '&' if self.next_is('>') => {
                self.end_word(at);
                let sign = if self.next_is('>') { "&>>" } else { "&>" };
                self.redirect = Some(sign.to_owned());
                return Ok(());
            }
            _ => self.end_word(at),
        }
        match c {
            '&' if !self.next_is('&') => self.current.is_background = true,
            '|' if !self.next_is('|') => {
                self.next_is('&');
                self.current.is_piped = true;
                self.end_command();
                self.current.is_piped = true;
                return Ok(());
            }
            _ => {}
        }
        self.end_command();
        if c == '\n' && !self.documents.is_empty() {
            self.skip_documents();
        }
        Ok(())
    }

    fn redirection(&mut self, at: usize, c: char) -> Result<(), &'static str> {
        // A number right before it is a descriptor's.
        let digits = self.is_word && self.word.text.bytes().all(|c| c.is_ascii_digit());
        let descriptor = if digits && !self.word.text.is_empty() {
            self.is_word = false;
            std::mem::take(&mut self.word.text)
        } else {
            self.end_word(at);
            String::new()
        };
        if self.rest.peek().is_some_and(|&(_, c)| c == '(') {
            self.begin(at);
            self.nested('(', ')')?;
            let to = self.place();
            let piece = self.text.get(at..to).unwrap_or_default();
            if names_program(piece) {
                let why =
                    "it is started inside a substitution: put the command in a line of its own";
                self.script.unread.push(unread(self.line, piece, why));
            }
            self.word.text.push_str(piece);
            self.is_unknown = true;
            return Ok(());
        }
        let mut sign = format!("{descriptor}{c}");
        while let Some(&(_, next @ ('<' | '>' | '&' | '|' | '-'))) = self.rest.peek() {
            if next == '-' && !sign.ends_with("<<") {
                break;
            }
            sign.push(next);
            self.next();
        }
        self.redirect = Some(sign);
        Ok(())
    }

    fn end_word(&mut self, at: usize) {
        if !self.is_word {
            return;
        }
        self.is_word = false;
        let mut word = std::mem::take(&mut self.word);
        if self.is_unknown {
            word.source = self.text.get(self.begins..at).map(str::to_owned);
        } else {
            word.splits = false;
        }
        if let Some(sign) = self.redirect.take() {
            if matches!(sign.trim_start_matches(|c: char| c.is_ascii_digit()), "<<" | "<<-") {
                self.documents.push((word.text.clone(), sign.ends_with('-')));
            }
            self.current.redirects.push(Redirect { sign, target: word });
            return;
        }
        if self.current.words.is_empty() && word.is_known() && self.is_structure(&word.text, at) {
            return;
        }
        if self.current.words.len() < MOST_WORDS {
            self.current.words.push(word);
        }
    }

    /// Whether it is a word of a control structure, and what it changes.
    fn is_structure(&mut self, text: &str, at: usize) -> bool {
        // A quoted `do` is a program.
        if self.text.get(self.begins..at) != Some(text) {
            return false;
        }
        match text {
            "do" => self.loops = self.loops.saturating_add(1),
            "done" => self.loops = self.loops.saturating_sub(1),
            "if" | "then" | "else" | "elif" | "fi" | "while" | "until" | "{" | "}" | "!"
            | "esac" => {}
            _ => return false,
        }
        true
    }

    fn end_command(&mut self) {
        self.redirect = None;
        let mut done = std::mem::take(&mut self.current);
        done.loops = self.loops;
        if done.words.len() >= MOST_WORDS {
            let why = format!("a command has fewer than {MOST_WORDS} words");
            self.script.unread.push(unread(done.line, "", &why));
        } else if !done.words.is_empty() {
            self.script.commands.push(done);
        }
    }

    /// Here documents are what a command reads, and no commands.
    fn skip_documents(&mut self) {
        for (end, is_indented) in std::mem::take(&mut self.documents) {
            loop {
                let from = self.place();
                while self.rest.peek().is_some_and(|&(_, c)| c != '\n') {
                    self.next();
                }
                let to = self.place();
                let ended = self.next().is_none();
                let line = self.text.get(from..to).unwrap_or_default();
                let line = if is_indented {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if ended || line == end {
                    break;
                }
            }
        }
    }
}
