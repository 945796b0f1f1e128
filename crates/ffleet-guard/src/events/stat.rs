//! `/proc/PID/stat`, as far as it says which process it is and whether it has become another.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The flag of a thread of the kernel's own (`PF_KTHREAD`).
const KERNEL: u64 = 0x0020_0000;

/// What is read of a process first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    /// The kernel's name for it.
    pub(super) name: String,
    pub(super) parent: u32,
    /// Whether it is more than what its parent has not waited for yet, and no thread of the kernel's.
    pub(super) is_process: bool,
    /// In ticks since the machine did.
    pub(super) started: u64,
    /// What changes when it becomes another program, or has another name or parent.
    pub(super) print: u64,
}

impl Stat {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        // The name may hold anything, parentheses and broken UTF-8 among it.
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
        let pid = str::from_utf8(&text[..open]).ok()?.trim().parse().ok()?;
        let rest = str::from_utf8(text.get(close + 1..)?).ok()?;
        let (mut fields, mut state) = ([0_u64; 53], "");
        for (index, word) in rest.split_ascii_whitespace().take(50).enumerate() {
            // Numbered as in the manual, where the state is field 3.
            match index {
                0 => state = word,
                _ => fields[index + 3] = number(word),
            }
        }
        let [parent, flags, started, stack, arguments] =
            [4, 9, 22, 28, 48].map(|field: usize| fields[field]);
        let parent = u32::try_from(parent).unwrap_or(0);
        let mut print = DefaultHasher::new();
        // Where they lie is drawn by chance for each program, and 0 where we may not know.
        (&name, parent, stack, arguments).hash(&mut print);
        Some(Self {
            pid,
            name,
            parent,
            is_process: !matches!(state, "Z" | "X" | "") && flags & KERNEL == 0,
            started: (started > 0 || pid == 1).then_some(started)?,
            print: print.finish(),
        })
    }
}

/// A field; those that may be negative are none of ours.
fn number(word: &str) -> u64 {
    word.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "29140 (ff (mpeg) x) S 29139 29140 29140 0 -1 4194304 8431 120 3 0 312 41 7 2 \
                        30 10 14 0 8812345 912334848 21034 18446744073709551615 1 1 140726 0 0 0 4096 \
                        17642 0 0 0 17 1 0 0 9 0 0 0 0 0 93984 140727 0 0 0\n";

    fn of(text: &str) -> Option<Stat> {
        Stat::parse(text.as_bytes())
    }

    #[test]
    fn process_is_told_by_its_fields_whatever_its_name() {
        let stat = of(STAT).unwrap();
        assert_eq!((stat.pid, stat.parent, stat.started), (29_140, 29_139, 8_812_345));
        assert_eq!((stat.name.as_str(), stat.is_process), ("ff (mpeg) x", true));
        assert!(!of(&STAT.replace(") S", ") Z")).unwrap().is_process, "nothing but a remainder");
        assert!(!of(&STAT.replace("4194304", "2129984")).unwrap().is_process, "the kernel's own");
        for broken in ["", "29140", "29140 (x", "29140 (x) S", "x (y) S 1 2 3"] {
            assert_eq!(of(broken), None, "{broken:?}");
        }
        let odd = [b"7 (\xff) S 1 ", STAT.split_once(") S 29139 ").unwrap().1.as_bytes()].concat();
        assert_eq!(Stat::parse(&odd).unwrap().name, "\u{fffd}");
    }

    #[test]
    fn print_changes_with_program_name_and_parent_and_nothing_else() {
        let print = |text: String| of(&text).unwrap().print;
        let before = print(STAT.to_owned());
        assert_eq!(print(STAT.replace("312 41", "999 99")), before);
        assert_eq!(print(STAT.replace(") S", ") R")), before);
        for (what, with) in [
            ("mpeg", "probe"),
            ("S 29139", "S 1"),
            ("140726", "140999"),
            ("93984 140727", "93984 5"),
        ] {
            assert_ne!(print(STAT.replace(what, with)), before, "{what}");
        }
    }
}
