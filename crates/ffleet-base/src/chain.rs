//! Error chains for people.
//!
//! An error's `Display` names its object and never repeats its source, so whoever shows one
//! walks the chain. This is the one place that does.

use std::error::Error;
use std::fmt::Write as _;

/// `error` and all its sources, outermost first: `a: b: c`.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a `String` cannot fail.
        let _infallible = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn every_layer_is_said_once_outermost_first() {
        let inner = Layer("no space left on device", None);
        let error = Layer("cannot save the job", Some(Box::new(inner)));
        assert_eq!(chain(&error), "cannot save the job: no space left on device");
    }
}
