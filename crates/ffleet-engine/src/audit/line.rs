//! An FFmpeg command line taken apart as FFmpeg does it (`split_commandline` of fftools/cmdutils.c): options of the
//! whole, options before each input and output, and what is left over.
//!
//! FFmpeg has some two thousand options with a value, most of them of codecs and containers, and few without: those are
//! listed, so that every other one takes the word behind it.

use super::word::Word;
use crate::threads::command::Part;

/// Options without a value. `-noNAME` turns one off.
const SWITCHES: &str = "y n hide_banner report ignore_unknown copy_unknown recast_media benchmark benchmark_all stdin dump hex re \
    copyts start_at_zero shortest bitexact xerror copyinkf auto_conversion_filters stats debug_ts find_stream_info vn an sn dn \
    display_hflip display_vflip psnr vstats qphist force_fps autorotate autoscale intra deinterlace sameq same_quant \
    fix_sub_duration fix_sub_duration_heartbeat accurate_seek print_graphs apad_disabled";
/// Options after which FFmpeg says something and ends; a word behind them is their subject.
const ENDS: &str = "L h ? help -help version buildconf formats muxers demuxers devices codecs decoders encoders bsfs protocols \
    filters pix_fmts layouts sample_fmts dispositions colors sources sinks hwaccels";

/// Most inputs, and most outputs, of a command that is read.
const MOST_FILES: usize = 256;

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opt {
    /// The place of its word among the arguments.
    pub(super) at: usize,
    /// Its name without a stream specifier.
    pub(super) name: String,
    pub(super) specifier: String,
    /// The place of its value.
    pub(super) value: Option<usize>,
}

/// An input or output, with the options that stand before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) options: Vec<Opt>,
    /// The place of its name.
    pub(super) at: usize,
    /// Where more options of it may be put.
    pub(super) gap: usize,
}

/// A command line.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) inputs: Vec<File>,
    pub(super) outputs: Vec<File>,
    /// Options behind the last output, which count for nothing but the whole.
    pub(super) trailing: Vec<Opt>,
    /// Whether FFmpeg only says something about itself.
    pub(super) only_says: bool,
    pub(super) assumes: Vec<String>,
}

fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

/// Whether an option of this name takes no value.
fn is_switch(name: &str) -> bool {
    is_in(SWITCHES, name) || name.strip_prefix("no").is_some_and(|name| is_in(SWITCHES, name))
}

impl Line {
    /// Takes `args` apart.
    ///
    /// # Errors
    ///
    /// Says which word cannot be read, and what to do.
    pub(super) fn of(args: &[Word]) -> Result<Self, String> {
        let mut line = Self::default();
        let mut options: Vec<Opt> = Vec::new();
        let mut is_name = false;
        let mut at = 0;
        while let Some(word) = args.get(at) {
            let here = at;
            at += 1;
            let text = word.text.as_str();
            if text == "--" && word.is_known() && !is_name {
                is_name = true;
                continue;
            }
            if word.splits {
                return Err(format!(
                    "{} may be any number of options: write them out, or quote it",
                    word.shown()
                ));
            }
            let option = text.strip_prefix('-').filter(|name| !name.is_empty() && !is_name);
            let gap = here - usize::from(is_name);
            is_name = false;
            let Some(option) = option else {
                if !word.is_known() {
                    line.assumes.push(format!("{} is the name of an output", word.shown()));
                }
                line.outputs
                    .push(File { options: std::mem::take(&mut options), at: here, gap });
                continue;
            };
            let (name, specifier) = option.split_once(':').unwrap_or((option, ""));
            if is_in(ENDS, name) {
                line.only_says = true;
                return Ok(line);
            }
            if is_switch(name) {
                options.push(Opt {
                    at: here,
                    name: name.into(),
                    specifier: specifier.into(),
                    value: None,
                });
                continue;
            }
            let Some(value) = args.get(at) else {
                return Err(format!("option {text} lacks its value"));
            };
            if value.splits {
                line.assumes
                    .push(format!("{}, the value of {text}, is one word", value.shown()));
            }
            if name == "i" {
                line.inputs
                    .push(File { options: std::mem::take(&mut options), at, gap: here });
            } else {
                options.push(Opt {
                    at: here,
                    name: name.into(),
                    specifier: specifier.into(),
                    value: Some(at),
                });
            }
            at += 1;
        }
        if line.inputs.len().max(line.outputs.len()) > MOST_FILES {
            return Err(format!("it has more than {MOST_FILES} inputs or outputs"));
        }
        line.trailing = options;
        Ok(line)
    }

    /// All options, wherever they stand.
    pub(super) fn all(&self) -> impl Iterator<Item = &Opt> {
        let files = self.inputs.iter().chain(&self.outputs);
        files.flat_map(|file| &file.options).chain(&self.trailing)
    }

    /// The last value of an option of the whole.
    pub(super) fn value<'a>(&self, args: &'a [Word], name: &str) -> Option<&'a str> {
        let last = self.all().filter(|option| option.name == name).last()?;
        Some(args.get(last.value?)?.text.as_str())
    }

    /// Whether a switch is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all().any(|option| option.name == name)
    }
}

impl File {
    /// What it says, in the form that threads are counted in.
    pub(super) fn part<'a>(&'a self, args: &'a [Word]) -> Part<'a> {
        let text = |at: Option<usize>| {
            at.and_then(|at| args.get(at)).map_or("", |word| word.text.as_str())
        };
        let words = self
            .options
            .iter()
            .map(|option| (option.name.as_str(), option.specifier.as_str(), text(option.value)));
        Part::new(words.collect(), text(Some(self.at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Line, String> {
        Line::of(&line.split(' ').map(Word::known).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_of_the_file_behind_them() {
        let line = of("-y -re -nostdin -f lavfi -i a -unheard_of 3 -i b -map 0 -c:v:0 libx264 -nostats -an out -c copy -").unwrap();
        assert_eq!((line.inputs.len(), line.outputs.len()), (2, 2));
        assert_eq!(line.inputs[1].options[0].name, "unheard_of");
        assert_eq!(
            (
                line.outputs[0].options[1].name.as_str(),
                line.outputs[0].options[1].specifier.as_str()
            ),
            ("c", "v:0")
        );
        assert!(line.has("re") && line.has("nostdin"));
        assert!(of("-version").unwrap().only_says);
        assert_eq!(of("-i a -- -odd").unwrap().outputs[0].at, 3);
    }

    #[test]
    fn missing_values_and_loose_words_are_said() {
        assert!(of("-i a -c:v").unwrap_err().contains("lacks its value"));
        let loose = Word { text: "$o".into(), source: Some("$o".into()), splits: true };
        Line::of(std::slice::from_ref(&loose)).unwrap_err();
        let value = [Word::known("-i"), loose, Word::known("x")];
        assert_eq!(Line::of(&value).unwrap().assumes, ["$o, the value of -i, is one word"]);
    }
}
