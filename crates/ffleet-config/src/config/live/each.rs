//! `for`: what a block stands for.

use super::MOST;
use crate::block::template::Values;
use crate::block::{Block, Trouble};
use crate::tree::{Node, Value as Part};

/// The key.
const KEY: &str = "for";
/// What a variable can stand for.
const HINT: &str = "write `{n: 1..50}`, `{n: 01..50}` or `{side: [front, back]}`";

/// What the variables of a block stand for, each; no variables: the block stands for itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Each(Vec<(String, Vec<String>)>);

/// What `block` stands for; nothing where that cannot be said, which is noted.
pub(super) fn read(block: &mut Block<'_>) -> Option<Each> {
    let Some(node) = block.node(KEY) else {
        return Some(Each::default());
    };
    let variables = match &node.value {
        Part::Map(variables) if !variables.is_empty() => variables,
        Part::Empty | Part::Map(_) => {
            block.wrong(KEY, Trouble::new("names no variable", HINT));
            return None;
        }
        Part::Scalar(_) | Part::List(_) => {
            let message = format!("is {}, not variables and their values", node.value.kind());
            block.wrong(KEY, Trouble::new(message, HINT));
            return None;
        }
    };
    let mut each = Vec::new();
    let mut product = 1;
    for (key, node) in variables {
        let word = format!("{KEY}.{}", key.name);
        if !is_variable(&key.name) {
            let message = format!("{:?} is not a variable", key.name);
            let hint = "a letter, then letters, digits, `_` and `-`, up to 32 of ASCII";
            block.wrong_at(key.at, &word, Trouble::new(message, hint));
            continue;
        }
        match values(node) {
            Ok(values) => {
                product *= values.len();
                each.push((key.name.clone(), values));
            }
            Err(trouble) => block.wrong_at(node.at, &word, trouble),
        }
        // Variable by variable, so that what is too much is never made.
        if product > MOST {
            block.wrong(KEY, too_many());
            return None;
        }
    }
    (each.len() == variables.len()).then_some(Each(each))
}

impl Each {
    /// How many a block stands for. At least one, at most [`MOST`].
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|(_, values)| values.len()).product()
    }

    /// What the variables stand for in each of them, the last variable changing first; nothing where
    /// there are none.
    pub(super) fn values(&self) -> impl Iterator<Item = Option<Values>> {
        (0..self.count()).map(|index| (!self.0.is_empty()).then(|| self.nth(index)))
    }

    fn nth(&self, index: usize) -> Values {
        let mut left = index;
        let mut chosen: Vec<(String, String)> = self
            .0
            .iter()
            .rev()
            .map(|(name, values)| {
                let value = values[left % values.len()].clone();
                left /= values.len();
                (name.clone(), value)
            })
            .collect();
        chosen.reverse();
        Values::new(chosen)
    }
}

fn is_variable(name: &str) -> bool {
    let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    name.len() <= 32
        && name.bytes().all(legal)
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
}

/// What a variable stands for: a range, or a list of ranges and texts.
fn values(node: &Node) -> Result<Vec<String>, Trouble> {
    let items = match &node.value {
        Part::Scalar(text) => {
            let not_one = || Trouble::new(format!("{text:?} is not a range"), HINT);
            return range(text).unwrap_or_else(|| Err(not_one()));
        }
        Part::List(items) if !items.is_empty() => items,
        Part::List(_) | Part::Empty => return Err(Trouble::new("stands for nothing", HINT)),
        Part::Map(_) => return Err(Trouble::new("is a section, not a range or a list", HINT)),
    };
    let mut all = Vec::new();
    for item in items {
        let Part::Scalar(text) = &item.value else {
            return Err(Trouble::new("holds something that is not a single value", HINT));
        };
        match range(text) {
            Some(values) => all.extend(values?),
            None => all.push(text.clone()),
        }
        if all.len() > MOST {
            return Err(too_many());
        }
    }
    Ok(all)
}

/// The numbers of `1..50`, both ends among them; with leading zeros where the first has some.
/// Nothing where `text` is no range at all.
fn range(text: &str) -> Option<Result<Vec<String>, Trouble>> {
    let (first, last) = text.split_once("..")?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| text.parse::<u64>())
    };
    let width = if first.starts_with('0') { first.len() } else { 0 };
    let (Ok(first), Ok(last)) = (number(first)?, number(last)?) else {
        return Some(Err(too_many()));
    };
    if first > last {
        let hint = format!("write `{last}..{first}`");
        return Some(Err(Trouble::new(format!("{text} runs backwards"), hint)));
    }
    if last - first >= MOST as u64 || width > 20 {
        return Some(Err(too_many()));
    }
    Some(Ok((first..=last).map(|n| format!("{n:0width$}")).collect()))
}

fn too_many() -> Trouble {
    Trouble::new(format!("stands for more than {MOST}"), "name fewer values")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Option<Vec<String>> {
        range(text)?.ok()
    }

    #[test]
    fn range_has_both_its_ends() {
        assert_eq!(numbers("1..3").unwrap(), ["1", "2", "3"]);
        assert_eq!(numbers("7..7").unwrap(), ["7"]);
        assert_eq!(numbers("0..1").unwrap(), ["0", "1"]);
        assert_eq!(numbers("1..10000").unwrap().len(), 10_000);
    }

    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!(numbers("08..10").unwrap(), ["08", "09", "10"]);
        assert_eq!(numbers("098..101").unwrap(), ["098", "099", "100", "101"]);
        assert_eq!(numbers("9..10").unwrap(), ["9", "10"]);
    }

    #[test]
    fn what_is_no_range_is_left_to_others() {
        for text in ["", "front", "..", "1..", "..3", "a..b", "1...3", "-1..3", "1..3..5", "1.5"] {
            assert!(range(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn range_is_refused_where_it_is_reversed_or_endless() {
        for text in ["3..1", "1..10001", "0..18446744073709551615", "1..99999999999999999999999"] {
            range(text).unwrap().unwrap_err();
        }
    }

    #[test]
    fn last_variable_changes_first() {
        let list = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        let each = Each(vec![("a".into(), list(&["1", "2"])), ("b".into(), list(&["x", "y"]))]);
        let texts: Vec<String> = each
            .values()
            .map(|values| crate::block::template::fill("{a}{b}", &values.unwrap()).unwrap())
            .collect();
        assert_eq!(texts, ["1x", "1y", "2x", "2y"]);
    }
}
