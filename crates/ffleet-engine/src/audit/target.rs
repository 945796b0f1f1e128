//! What a simple command starts: wrappers, which say something of bounds, and the program behind them.

use super::report::Program;
use super::shell::names_program;
use super::word::Word;

/// What a simple command is.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A command that is read.
    Read(Found),
    /// Shell text that a shell is given: `sh -c '…'`.
    Shell(String),
    /// Another program.
    Other(String),
    /// Nothing: assignments.
    Nothing,
    /// It cannot be said what it starts.
    Unread(String),
}

/// A command that is read, and what stands before it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) program: Program,
    /// Assignments, wrappers, and the program's name.
    pub(super) before: Vec<Word>,
    /// Its arguments.
    pub(super) args: Vec<Word>,
    pub(super) around: Around,
    pub(super) assumes: Vec<String>,
}

/// What wrappers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) wrappers: Vec<String>,
    /// Processes that wait for the command.
    pub(super) waiting: u32,
    /// CPUs that it is let see.
    pub(super) cpus: Option<u32>,
    /// Whether it is ended after a time.
    pub(super) has_time: bool,
    /// Whether its memory has a limit.
    pub(super) has_memory: bool,
    /// Whether it is started an unknown number of times.
    pub(super) multiplies: Option<String>,
    /// Files that a variable has it write.
    pub(super) writes: Vec<(String, String)>,
}

/// Programs that start what follows them: options of theirs that take a value, words that they take before the
/// command, and whether they stay and wait for it.
const WRAPPERS: &[(&str, &[&str], usize, bool)] = &[
    ("nice", &["-n", "--adjustment"], 0, false),
    ("ionice", &["-c", "-n", "--class", "--classdata"], 0, false),
    ("timeout", &["-k", "-s", "--kill-after", "--signal"], 1, true),
    ("taskset", &[], 1, false),
    ("chrt", &["-T", "-P", "-D"], 1, false),
    ("nohup", &[], 0, false),
    ("setsid", &[], 0, false),
    ("env", &["-u", "-C", "--unset", "--chdir"], 0, false),
    ("stdbuf", &["-i", "-o", "-e"], 0, false),
    ("time", &["-f", "-o"], 0, true),
    ("exec", &["-a"], 0, false),
    ("command", &[], 0, false),
    ("builtin", &[], 0, false),
    (
        "sudo",
        &["-u", "-g", "-p", "-C", "-h", "-r", "-t", "-U", "--user", "--group"],
        0,
        true,
    ),
    ("doas", &["-u", "-C"], 0, false),
    ("prlimit", &[], 0, false),
    ("numactl", &["-C", "-N", "-m", "-i", "-p"], 0, false),
    ("systemd-run", &["-p", "-u", "-E", "-M", "-t"], 0, true),
    ("cpulimit", &["-l", "--limit", "-c"], 0, true),
    ("unbuffer", &[], 0, true),
    ("strace", &["-o", "-e", "-f", "-p", "-s"], 0, true),
    ("xargs", &["-I", "-n", "-P", "-d", "-L", "-a", "-s", "-E", "-i"], 0, true),
    ("parallel", &["-j", "--jobs", "-a", "--joblog"], 0, true),
];
/// Shells that read text after `-c`.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "ash"];
/// Words of a shell that start nothing.
pub(super) const BUILTINS: &[&str] = &[
    "for", "case", "select", "function", "in", "cd", "echo", "printf", "export", "local",
    "declare", "readonly", "set", "unset", "shift", "read", "test", "[", "[[", "]]", "true",
    "false", ":", "exit", "return", "break", "continue", "trap", "wait", "let", "typeset", "pushd",
    "popd", "umask", "ulimit", "shopt", "alias", "hash", "type",
];

/// What the words of a simple command start.
pub(super) fn target(words: &[Word]) -> Target {
    let mut around = Around::default();
    let mut at = 0;
    loop {
        while let Some(word) = words.get(at).filter(|word| assigns(word).is_some()) {
            note_assignment(word, &mut around);
            at += 1;
        }
        let Some(word) = words.get(at) else {
            return Target::Nothing;
        };
        let name = base(&word.text);
        let wrapper = WRAPPERS.iter().find(|(known, ..)| *known == name && word.is_known());
        let Some(wrapper) = wrapper else {
            return program(words, at, around);
        };
        match wrapped(words, at, wrapper, &mut around) {
            Ok(next) => at = next,
            Err(why) => return Target::Unread(why),
        }
    }
}

/// The name that a word assigns to.
fn assigns(word: &Word) -> Option<&str> {
    let (name, _) = word.text.split_once('=')?;
    let mut letters = name.chars();
    let first = letters.next()?;
    let is_name = (first.is_ascii_alphabetic() || first == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some(name)
}

fn note_assignment(word: &Word, around: &mut Around) {
    let (name, value) = word.text.split_once('=').unwrap_or((&word.text, ""));
    if name == "FFREPORT" {
        let file = value.split(':').find_map(|pair| pair.strip_prefix("file="));
        let file = file.unwrap_or("ffmpeg-DATE.log").to_owned();
        around.writes.push((file, "FFREPORT".to_owned()));
    } else if name == "GST_DEBUG_FILE" {
        around.writes.push((value.to_owned(), name.to_owned()));
    }
}

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Reads a wrapper; the place behind it.
fn wrapped(
    words: &[Word],
    at: usize,
    (name, valued, taken, waits): &(&str, &[&str], usize, bool),
    around: &mut Around,
) -> Result<usize, String> {
    let mut next = at + 1;
    let mut options: Vec<&str> = Vec::new();
    while let Some(word) = words.get(next).filter(|word| word.text.starts_with('-')) {
        next += 1;
        if word.text == "--" {
            break;
        }
        options.push(&word.text);
        if valued.contains(&word.text.as_str()) {
            options.extend(words.get(next).map(|word| word.text.as_str()));
            next += 1;
        }
    }
    let own: Vec<&str> = words
        .iter()
        .skip(next)
        .take(*taken)
        .map(|word| word.text.as_str())
        .collect();
    next += taken;
    let behind = words.get(at..next.min(words.len())).unwrap_or_default();
    if behind.iter().any(|word| word.splits) {
        return Err(format!("what `{name}` is told is not known: write it out"));
    }
    around.wrappers.push(super::word::line(behind));
    around.waiting += u32::from(*waits);
    match *name {
        "timeout" => around.has_time |= own.first().is_some_and(|span| *span != "0"),
        "taskset" => {
            let is_list = options
                .iter()
                .any(|option| option.contains('c') && !option.starts_with("--c"))
                || options.contains(&"--cpu-list");
            if options.iter().any(|option| option.contains('p')) {
                return Err("`taskset -p` changes a process and starts none".to_owned());
            }
            around.cpus = own.first().and_then(|text| cpus_of(text, is_list)).or(around.cpus);
        }
        "numactl" => {
            let list = options.windows(2).find(|pair| pair[0] == "-C").map(|pair| pair[1]);
            let long = options.iter().find_map(|option| option.strip_prefix("--physcpubind="));
            around.cpus = list.or(long).and_then(|text| cpus_of(text, true)).or(around.cpus);
        }
        "prlimit" => {
            let limits = |option: &&str| option.starts_with("--as=") || option.starts_with("-v=");
            around.has_memory |= options.iter().any(limits);
        }
        "systemd-run" => {
            around.has_memory |= options.iter().any(|option| option.contains("MemoryMax="));
            around.has_time |= options.iter().any(|option| option.contains("RuntimeMaxSec="));
        }
        "xargs" | "parallel" => around.multiplies = Some((*name).to_owned()),
        _ => {}
    }
    Ok(next)
}

/// How many CPUs a list (`0-3,8`) or a mask (`0xf`) has.
fn cpus_of(text: &str, is_list: bool) -> Option<u32> {
    if !is_list {
        let digits = text.trim_start_matches("0x").replace(',', "");
        let ones = digits
            .chars()
            .map(|c| Some(c.to_digit(16)?.count_ones()))
            .sum::<Option<u32>>();
        return ones.filter(|&count| count > 0);
    }
    let part = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (to, step) = to.split_once(':').unwrap_or((to, "1"));
        let (from, to, step) =
            (from.parse::<u32>().ok()?, to.parse::<u32>().ok()?, step.parse::<u32>().ok()?);
        Some(to.checked_sub(from)? / step.max(1) + 1)
    };
    let all = text.split(',').map(part);
    all.sum::<Option<u32>>().filter(|count| (1..=8_192).contains(count))
}

/// What the word at `at` starts.
fn program(words: &[Word], at: usize, around: Around) -> Target {
    let word = &words[at];
    let name = base(&word.text);
    let rest = &words[at + 1..];
    let mut assumes = Vec::new();
    let program = if !word.is_known() {
        if !names_program(&word.text) {
            return Target::Unread(format!(
                "what {} starts is not known: write the program's name",
                word.text
            ));
        }
        assumes.push(format!("{} is the program that its name says", word.text));
        let is_gst = word.text.to_ascii_lowercase().contains("gst-launch");
        if is_gst { Program::GstLaunch } else { Program::Ffmpeg }
    } else if name == "ffmpeg" || name.starts_with("ffmpeg-") || name == "ffmpeg.exe" {
        Program::Ffmpeg
    } else if name.starts_with("gst-launch") {
        Program::GstLaunch
    } else {
        return other(name, rest);
    };
    Target::Read(Found {
        program,
        before: words[..=at].to_vec(),
        args: rest.to_vec(),
        around,
        assumes,
    })
}

fn other(name: &str, rest: &[Word]) -> Target {
    if SHELLS.contains(&name) {
        let text = rest
            .iter()
            .position(|word| word.text.starts_with('-') && word.text.ends_with('c'));
        if let Some(text) = text.and_then(|at| rest.get(at + 1)) {
            return if text.is_known() {
                Target::Shell(text.text.clone())
            } else {
                Target::Unread(format!("what `{name} -c` reads is not known: write it out"))
            };
        }
    }
    let mentions = rest.iter().any(|word| names_program(&word.text));
    match name {
        "eval" | "source" | "." => Target::Unread(format!(
            "`{name}` may start anything: give the file or the command itself"
        )),
        "echo" | "printf" | "which" | "apt" | "apt-get" | "apk" | "yum" | "dnf" | "brew"
        | "pip" | "grep" | "pgrep" | "pkill" | "killall" | "type" | "hash" | "test" | "["
        | "[[" | "export" | "alias" | "rm" | "mkdir" | "cd" | "ls" | "cp" | "mv" | "tee"
        | "chmod" | "chown" | "ln" | "cat" | "for" | "local" | "declare" | "readonly" | "trap"
        | "case" => Target::Other(name.to_owned()),
        _ if mentions => Target::Unread(format!(
            "{name} names FFmpeg or GStreamer, and what {name} starts is not known here: give the command itself"
        )),
        _ => Target::Other(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Target {
        let words: Vec<Word> = line.split(' ').map(Word::known).collect();
        target(&words)
    }

    #[test]
    fn wrappers_are_looked_through() {
        let Target::Read(found) = of(
            "A=1 FFREPORT=file=x.log nice -n 5 timeout -k 5 60 taskset -c 0-3,8 /usr/bin/ffmpeg -i a b",
        ) else {
            panic!()
        };
        assert_eq!(found.around.wrappers, ["nice -n 5", "timeout -k 5 60", "taskset -c 0-3,8"]);
        assert_eq!((found.around.cpus, found.around.waiting), (Some(5), 1));
        assert!(found.around.has_time && !found.around.has_memory);
        assert_eq!(found.around.writes, [("x.log".to_owned(), "FFREPORT".to_owned())]);
        assert_eq!((found.args.len(), found.before.len()), (3, 13));
    }

    #[test]
    fn masks_and_lists_are_counted() {
        assert_eq!(cpus_of("0xf", false), Some(4));
        assert_eq!(cpus_of("3", false), Some(2));
        assert_eq!(cpus_of("0-10:2", true), Some(6));
        assert_eq!(cpus_of("0-", true), None);
        assert_eq!(cpus_of("9-1", true), None);
    }

    #[test]
    fn what_may_start_anything_is_not_read() {
        for line in
            ["docker run x ffmpeg -i a b", "eval x", "ssh host ffmpeg -i a b", "make ffmpeg"]
        {
            assert!(matches!(of(line), Target::Unread(_)), "{line}");
        }
        assert!(matches!(of("echo ffmpeg"), Target::Other(_)));
        assert!(matches!(of("sh -c text"), Target::Shell(text) if text == "text"));
    }
}
