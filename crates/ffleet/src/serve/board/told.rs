//! Why something is not declared.

use ffleet_api::{Code, Problem};
use ffleet_base::chain;
use ffleet_config::Problems;
use ffleet_types::live::{Name, Sort};

use super::Key;

/// Streams and feeds that are named where something is made of a feed.
const NAMED: usize = 5;

/// What is wrong with a declaration: the first thing at its place, and all others behind it.
pub(super) fn refused((sort, name): &Key, problems: &Problems) -> Problem {
    let above = format!("{sort}s.{name}");
    let mut all = problems.iter();
    let Some(first) = all.next() else {
        return Problem::new(Code::Internal, "nothing is wrong, and it is refused");
    };
    let key = first.key.strip_prefix(&above);
    let mut detail = match key {
        Some(_) => first.message.clone(),
        // It goes together with the file and what else there is, or it does not.
        None => format!("{}: {}", first.key, first.message),
    };
    for other in all {
        let key = other.key.strip_prefix(&above).unwrap_or(&other.key);
        let key = key.trim_start_matches('.');
        let hint = other.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
        let colon = if key.is_empty() { "" } else { ": " };
        detail = format!("{detail}; also {key}{colon}{}{hint}", other.message);
    }
    let mut problem = Problem::new(Code::InvalidValue, detail);
    if let Some(word) = key
        .map(|key| key.trim_start_matches('.'))
        .filter(|word| !word.is_empty())
    {
        problem = problem.at(format!("/{word}"));
    }
    match &first.hint {
        Some(hint) => problem.hint(hint.clone()),
        None => problem,
    }
}

pub(super) fn needed(feed: &Name, made: &[String]) -> Problem {
    let named = made.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = match made.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (are, them) = if made.len() == 1 { ("is", "it") } else { ("are", "them") };
    let detail = format!("{named}{more} {are} made of the feed {feed}");
    Problem::new(Code::StillNeeded, detail).hint(format!("remove {them} first"))
}

pub(super) fn nothing((sort, name): &Key) -> Problem {
    let code = match sort {
        Sort::Feed => Code::FeedNotFound,
        Sort::Stream => Code::StreamNotFound,
    };
    Problem::new(code, format!("there is no {sort} {name}"))
        .hint(format!("`ffleet {sort}s list` shows those there are"))
}

pub(super) fn unavailable(error: &ffleet_store::Error) -> Problem {
    match error {
        ffleet_store::Error::Closed => stopping(),
        error => Problem::new(Code::StoreUnavailable, chain(error))
            .hint("nothing was changed; try again, and look at the server's log"),
    }
}

pub(super) fn stopping() -> Problem {
    Problem::new(Code::Unavailable, "the server is stopping")
}
