//! Texts with variables in braces.

use super::Trouble;

/// What variables stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values(Vec<(String, String)>);

impl Values {
    pub(crate) fn new(values: Vec<(String, String)>) -> Self {
        Self(values)
    }
}

/// `text` with each `{name}` as what it stands for, and `{{` and `}}` as one brace.
pub(crate) fn fill(text: &str, Values(values): &Values) -> Result<String, Trouble> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        let (brace, after) = from.split_at(1);
        filled.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix(brace) {
            filled.push_str(brace);
            rest = after;
            continue;
        }
        let name = rest.split_once('}').filter(|_| brace == "{");
        let Some((name, after)) = name else {
            let hint = format!("for a brace itself write `{brace}{brace}`");
            return Err(Trouble::new(format!("has a `{brace}` that belongs to no other"), hint));
        };
        let Some((_, value)) = values.iter().find(|(known, _)| known == name) else {
            let known: Vec<String> = values.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            let message = format!("{{{name}}} is no variable of its `for`");
            let known = known.join(", ");
            let hint =
                format!("known here: {known}; for braces themselves write `{{{{` and `}}}}`");
            return Err(Trouble::new(message, hint));
        };
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Trouble> {
        let values = [("n", "07"), ("side", "{left}")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        fill(text, &Values::new(values.into()))
    }

    #[test]
    fn variables_are_filled_in_once() {
        for (text, meant) in [
            ("cam{n}", "cam07"),
            ("{n}{n}-{side}", "0707-{left}"),
            ("%{{pts}} {{n}}", "%{pts} {n}"),
            ("{{{n}}}", "{07}"),
            ("", ""),
            ("größe {n} ü", "größe 07 ü"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(meant), "{text:?}");
        }
    }

    #[test]
    fn unknown_variable_names_the_known_ones() {
        let trouble = filled("cam{m}").unwrap_err();
        assert_eq!(trouble.message, "{m} is no variable of its `for`");
        assert!(trouble.hint.unwrap().starts_with("known here: {n}, {side};"));
    }

    #[test]
    fn lone_brace_is_said() {
        for text in ["{", "a{n", "a}", "}{n}", "{n}}", "{{{n}}"] {
            let trouble = filled(text).unwrap_err();
            assert!(trouble.message.contains("belongs to no other"), "{text:?}: {trouble:?}");
        }
    }
}
