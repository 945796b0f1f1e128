//! The audit log.

use axum::extract::{RawQuery, State};
use ffleet_api::key::{Entries, Entry};
use ffleet_api::{Code, Problem, query};
use ffleet_store::DeedFilter;
use hyper::StatusCode;

use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::error;

/// Entries where nobody says how many, and at most.
const USUAL: usize = 50;
const MOST: usize = 500;

fn parse(text: &str) -> Result<DeedFilter, Problem> {
    let mut filter = DeedFilter { limit: USUAL, ..DeedFilter::default() };
    for (key, value) in query::pairs(text)? {
        let bad = |detail: String| Problem::new(Code::InvalidQuery, detail).at(key.clone());
        match key.as_str() {
            "who" => filter.who = Some(value.parse().map_err(|error| bad(format!("{error}")))?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                filter.limit =
                    limit.ok_or_else(|| bad(format!("{value:?} is not between 1 and {MOST}")))?;
            }
            "after" => {
                let number = value.parse().ok();
                let number = number.ok_or_else(|| bad(format!("{value:?} is no number")))?;
                filter.before = Some(number);
            }
            _ => return Err(query::unknown(&key, &["who", "limit", "after"])),
        }
    }
    Ok(filter)
}

/// Lists calls that changed something, or were to, the newest first: who, what, when, from where, and what they
/// were answered. What machines of the fleet report is not among them.
#[utoipa::path(get, path = "/v1/audit-log", tag = "keys", params(
    ("who" = Option<String>, Query, description = "Only theirs: `user:NAME` or `node:NAME`"),
    ("limit" = Option<u32>, Query, description = "At most so many: 1 to 500, 50 by default"),
    ("after" = Option<u64>, Query, description = "The `next` of the page before"),
), responses(
    (status = 200, description = "A page", body = Entries),
    (status = 400, description = "The query means nothing", body = Problem),
))]
pub(crate) async fn list(State(controller): State<Controller>, RawQuery(text): RawQuery) -> Answer {
    let filter = parse(text.as_deref().unwrap_or_default())?;
    let found = controller.store.deeds(filter).await;
    let found = found.map_err(|error| error::unavailable(&error))?;
    let entries = found.deeds.into_iter().map(|(number, deed)| Entry {
        number,
        at: deed.at.into(),
        who: deed.who.to_string(),
        role: deed.role,
        tenant: deed.tenant,
        method: deed.method,
        path: deed.path,
        from: deed.from,
        status: deed.status,
    });
    let page = Entries { entries: entries.collect(), next: found.next };
    reply::json(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_says_what_it_means_or_is_refused() {
        let filter = parse("who=user:local&limit=7&after=9").unwrap();
        assert_eq!((filter.limit, filter.before), (7, Some(9)));
        assert_eq!(filter.who.unwrap().to_string(), "user:local");
        for wrong in ["who=local", "limit=0", "limit=501", "after=x", "whom=user:x"] {
            assert_eq!(parse(wrong).unwrap_err().code, Code::InvalidQuery, "{wrong}");
        }
    }
}
