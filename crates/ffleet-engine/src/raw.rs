//! A person's own output options, let through one by one.
//!
//! FFmpeg has some two thousand options and grows more with each release; a list of the dangerous
//! ones would always lack the newest. So this is a list of what is known to do no more than shape
//! the one output it stands before: everything else is refused, by name, with the nearest option
//! that is known. Values are checked where a value can name a file or a place: formats, filters,
//! and the parameters that go through to x264, x265 and SVT-AV1.

use ffleet_media::nearest::nearest;

use crate::plan::Refused;

mod filters;
mod options;
mod params;

use options::{Known, Takes};

/// Options, and characters of all of them together, beyond which nobody is writing by hand.
const MOST: usize = 512;
const LONGEST: usize = 32 * 1024;

/// The filters that a graph may hold, on any release of FFmpeg.
pub fn filters() -> impl Iterator<Item = &'static str> {
    filters::names()
}

/// The filters of a graph that was checked, each without the labels of its pads, and where it
/// stands.
pub(crate) fn bodies(graph: &str) -> Vec<(usize, &str)> {
    filters::bodies(graph)
}

/// Whether an option of this name, without its dash, takes no value.
pub(crate) fn is_switch(name: &str) -> bool {
    options::is_switch(name)
}

/// Options that may stand before an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// As they were given.
    pub args: Vec<String>,
    /// The muxer that `-f` names.
    pub format: Option<String>,
    /// Encoders that are named for pictures, or for every track.
    pub encoders: Vec<String>,
    /// Filters that are named.
    pub filters: Vec<String>,
    /// Whether every track is taken over as it is: `-c copy`, and no other codec named.
    pub copies_everything: bool,
    names: Vec<&'static str>,
}

impl Checked {
    /// Whether an option is among them, whatever its stream specifier.
    #[must_use]
    pub fn names(&self, option: &str) -> bool {
        self.names.contains(&option)
    }
}

/// Checks FFmpeg output options that a person wrote: what stands between the input and the name of
/// the output, neither of them included.
///
/// # Errors
///
/// Names the first option or value that is not known to be harmless, and says why it is not taken.
pub fn check(args: &[String]) -> Result<Checked, Refused> {
    if args.len() > MOST || args.iter().map(String::len).sum::<usize>() > LONGEST {
        return Err(Refused::user(format!(
            "these are too many options: at most {MOST} words of {LONGEST} characters together are taken"
        )));
    }
    let mut checked = Checked {
        args: args.to_vec(),
        format: None,
        encoders: Vec::new(),
        filters: Vec::new(),
        copies_everything: false,
        names: Vec::new(),
    };
    let (mut copies, mut encodes) = (false, false);
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        if word.contains('\0') {
            return Err(Refused::user("an option contains a NUL byte"));
        }
        let (option, specifier) = named(word)?;
        stream(word, specifier)?;
        checked.names.push(option.name);
        if option.takes == Takes::Nothing {
            continue;
        }
        let value = rest
            .next()
            .ok_or_else(|| Refused::user(format!("option {word} lacks its value")))?;
        if value.contains('\0') {
            return Err(Refused::user(format!("the value of {word} contains a NUL byte")));
        }
        option.check(word, value)?;
        match option.takes {
            Takes::Format => checked.format = Some(value.clone()),
            Takes::Codec if value != "copy" => {
                encodes = true;
                if option.name == "vcodec" || option.name != "acodec" && is_picture(specifier) {
                    checked.encoders.push(value.clone());
                }
            }
            Takes::Filters => checked.filters.extend(filters::used(value)),
            Takes::Codec if specifier.is_empty() && matches!(option.name, "c" | "codec") => {
                copies = true;
            }
            _ => {}
        }
    }
    checked.copies_everything = copies && !encodes;
    Ok(checked)
}

/// The option that a word names, and its stream specifier.
fn named(word: &str) -> Result<(&'static Known, &str), Refused> {
    let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else {
        return Err(Refused::user(format!(
            "{} is no option, and names of inputs and outputs do not belong here: give the options alone",
            shown(word)
        )));
    };
    let (name, specifier) = name.split_once(':').unwrap_or((name, ""));
    if let Some(option) = options::find(name) {
        return Ok((option, specifier));
    }
    if let Some(why) = options::why_not(name) {
        return Err(Refused::user(format!("option -{name} is not taken here: {why}")));
    }
    if name.starts_with('/') {
        return Err(Refused::user(format!(
            "option {} is not taken here: it reads its value from a file; write the value itself",
            shown(word)
        )));
    }
    let hint = nearest(name, options::names()).map_or_else(
        || "only options that shape their own output are taken".to_owned(),
        |near| format!("the nearest one that is known is -{near}"),
    );
    Err(Refused::user(format!("option {} is not known here: {hint}", shown(word))))
}

/// Checks a stream specifier: `v`, `a:0`, `s:m:language:eng`, `p:1:v`, `0`.
fn stream(word: &str, specifier: &str) -> Result<(), Refused> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-' | '?' | '#');
    if specifier.len() <= 64 && specifier.chars().all(legal) {
        return Ok(());
    }
    Err(Refused::user(format!(
        "{} has a stream specifier that FFmpeg does not know",
        shown(word)
    )))
}

/// Whether a stream specifier names pictures, or everything.
fn is_picture(specifier: &str) -> bool {
    specifier.is_empty() || specifier.split(':').next().is_some_and(|kind| kind == "v")
}

/// Whether a word is in a list that is written as one text.
fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

/// A word as it is shown in a message: quoted and not endless.
fn shown(word: &str) -> String {
    let short: String = word.chars().take(80).collect();
    format!("{short:?}")
}

#[cfg(test)]
mod tests;
