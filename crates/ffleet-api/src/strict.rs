//! Reading what people send: every key is known, every value is of its kind, and an error says
//! which key, and which one was probably meant.
//!
//! The fast path is plain `serde_json`. Only when that fails is the text read again with its
//! path being tracked: errors are rare, and tracking costs half the speed.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::{Code, Problem};

/// Reads a JSON body.
///
/// # Errors
///
/// [`Code::MalformedJson`], [`Code::UnknownField`], [`Code::MissingField`] or
/// [`Code::InvalidValue`], with the field as a JSON pointer.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde would take an array as the fields in their order; nobody means that.
    if matches!(body.trim_ascii().first(), Some(first) if *first != b'{') {
        return Err(Problem::new(Code::MalformedJson, "the body is not a JSON object"));
    }
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(error) if body.trim_ascii().is_empty() => {
            Err(Problem::new(Code::MalformedJson, format!("the body is empty: {error}"))
                .hint("send a JSON object with `Content-Type: application/json`"))
        }
        Err(error) => Err(explain::<T>(body, &error)),
    }
}

/// The candidate that `word` was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1) + 1;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit || candidate.contains(word) || word.contains(candidate)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Reads `body` again, more slowly, to find out where it is wrong.
fn explain<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Problem {
    if matches!(error.classify(), Category::Syntax | Category::Eof | Category::Io) {
        return Problem::new(Code::MalformedJson, error.to_string());
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Err(tracked) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        return Problem::new(Code::MalformedJson, error.to_string());
    };
    let pointer = pointer(tracked.path());
    let text = tracked.inner().to_string();
    // serde_json appends " at line L column C", which says nothing about one-line bodies.
    let text = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    let words = quoted(text);
    if text.starts_with("unknown field") {
        return unknown(text, &pointer, &words);
    }
    if let (true, Some(field)) = (text.starts_with("missing field"), words.first()) {
        return Problem::new(Code::MissingField, format!("the key {field:?} is missing"))
            .at(format!("{pointer}/{field}"));
    }
    let problem = Problem::new(Code::InvalidValue, text).at(pointer);
    match words.split_first().filter(|_| text.starts_with("unknown variant")) {
        Some((word, known)) => match nearest(word, known.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean {near:?}?")),
            None => problem,
        },
        None => problem,
    }
}

/// "unknown field `x`, expected one of `a`, `b`".
fn unknown(text: &str, pointer: &str, words: &[&str]) -> Problem {
    let Some((word, known)) = words.split_first() else {
        return Problem::new(Code::UnknownField, text).at(pointer);
    };
    let place = match pointer.rsplit_once('/') {
        // The path leads to the unknown key itself, or to the object that holds it.
        Some((_, last)) if last == *word => pointer.to_owned(),
        _ => format!("{pointer}/{word}"),
    };
    let problem =
        Problem::new(Code::UnknownField, format!("the key {word:?} means nothing")).at(place);
    match nearest(word, known.iter().copied()) {
        Some(near) => problem.hint(format!("did you mean {near:?}?")),
        None if known.is_empty() => problem,
        None => problem.hint(format!("the keys are {}", known.join(", "))),
    }
}

/// The words between backticks in serde's messages.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut text, segment| {
        text.push('/');
        match segment {
            Segment::Seq { index } => text.push_str(&index.to_string()),
            Segment::Map { key } => {
                text.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { variant } => text.push_str(variant),
            Segment::Unknown => text.push('?'),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submit;

    fn problem(body: &str) -> Problem {
        from_slice::<submit::Request>(body.as_bytes()).expect_err(body)
    }

    #[test]
    fn unknown_key_names_the_nearest() {
        let problem = problem(r#"{"input": "/a", "outptus": []}"#);
        assert_eq!(problem.code, Code::UnknownField);
        assert_eq!(problem.field.as_deref(), Some("/outptus"));
        assert_eq!(problem.hint.as_deref(), Some("did you mean \"outputs\"?"));
    }

    #[test]
    fn unknown_key_deep_inside_is_found() {
        let body = r#"{"input": "/a", "outputs": [{"target": "/b", "presett": "x"}]}"#;
        assert_eq!(problem(body).field.as_deref(), Some("/outputs/0/presett"));
        let body = r#"{"input": "/a", "outputs": [], "limits": {"mem": "1GiB"}}"#;
        let problem = problem(body);
        assert_eq!(problem.field.as_deref(), Some("/limits/mem"));
        assert_eq!(problem.hint.as_deref(), Some("did you mean \"memory\"?"));
    }

    #[test]
    fn value_of_the_wrong_kind_says_where() {
        for (body, field) in [
            (r#"{"input": 5, "outputs": []}"#, "/input"),
            (r#"{"input": "/a", "outputs": [], "retries": -1}"#, "/retries"),
            (
                r#"{"input": "/a", "outputs": [], "limits": {"memory": "-2GiB"}}"#,
                "/limits/memory",
            ),
            (r#"{"input": "/a", "outputs": [], "limits": {"cpu": -5}}"#, "/limits/cpu"),
            (r#"{"input": "/a", "outputs": [], "queue": "lvie"}"#, "/queue"),
        ] {
            let problem = problem(body);
            assert_eq!(problem.code, Code::InvalidValue, "{body}: {problem}");
            assert_eq!(problem.field.as_deref(), Some(field), "{problem}");
        }
    }

    #[test]
    fn garbage_is_malformed() {
        for body in ["", "   ", "{", "nul", "\u{0}", "{\"input\": \"/a\",}", &"[".repeat(10_000)] {
            assert_eq!(problem(body).code, Code::MalformedJson, "{body:.20}");
        }
    }

    #[test]
    fn missing_key_is_named() {
        let problem = problem(r#"{"outputs": []}"#);
        assert_eq!((problem.code, problem.field.as_deref()), (Code::MissingField, Some("/input")));
    }

    #[test]
    fn nearest_word_is_near() {
        assert_eq!(nearest("prirority", ["priority", "queue"]), Some("priority"));
        assert_eq!(nearest("zzz", ["priority", "queue"]), None);
    }
}
