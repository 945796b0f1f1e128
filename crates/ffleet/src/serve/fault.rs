//! Dying on purpose, for tests of what survives: `FFLEET_DIE_AT=sealed:2` kills this process, as
//! a power cut would, when the step `sealed` is reached for the second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ffleet_base::paths::Env;
use ffleet_spool::{Observer, Step};
use rustix::process::{Signal, getpid, kill_process};

use crate::failure::Failure;

/// The variable.
const DIE_AT: &str = "FFLEET_DIE_AT";

/// What watches the steps of publishing; nothing unless the variable is set.
///
/// # Errors
///
/// If the variable names no step: a test that dies nowhere proves nothing.
pub(super) fn observer(env: &Env) -> Result<Option<Arc<Observer<'static>>>, Failure> {
    let Some(text) = env.var(DIE_AT) else {
        return Ok(None);
    };
    let (fatal, count) = parse(&text.to_string_lossy())?;
    tracing::warn!(step = %fatal, count, "will kill itself on purpose, as {DIE_AT} says");
    let left = AtomicU32::new(count);
    Ok(Some(Arc::new(move |step| {
        if step == fatal && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // It does not return.
            let _killed = kill_process(getpid(), Signal::KILL);
        }
    })))
}

/// `STEP` or `STEP:N`.
fn parse(text: &str) -> Result<(Step, u32), Failure> {
    let (name, count) = text.split_once(':').unwrap_or((text, "1"));
    let step = name
        .parse()
        .map_err(|error| Failure::usage(format!("{DIE_AT}: {error}")))?;
    match count.parse() {
        Ok(count @ 1..) => Ok((step, count)),
        _ => Err(Failure::usage(format!("{DIE_AT}: {count:?} is not a number from 1 up"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_and_count_are_read() {
        assert_eq!(parse("sealed").unwrap(), (Step::Sealed, 1));
        assert_eq!(parse("renamed:3").unwrap(), (Step::Renamed, 3));
        for text in ["", "nowhere", "sealed:0", "sealed:x", "sealed:"] {
            parse(text).unwrap_err();
        }
    }
}
