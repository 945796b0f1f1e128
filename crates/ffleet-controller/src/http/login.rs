//! One-time links and the browser sessions that they open.
//!
//! A link's token and a session's token are 256 bits of chance; only their hashes are kept, in
//! memory: a restart ends all sessions. A link works once and for ten minutes, a session until it
//! was not used for twelve hours.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use ffleet_api::event::LoginLink;
use ffleet_api::{Code, Moment, Problem, query};
use ffleet_base::{Secret, chance};
use hyper::StatusCode;
use hyper::header::{LOCATION, SET_COOKIE};

use super::reply::{self, Answer};
use super::server::Secured;
use crate::controller::Controller;
use crate::dashboard;

/// How long a link works.
const LINK: Duration = Duration::from_mins(10);
/// How long a session lives unused.
const SESSION: Duration = Duration::from_hours(12);
/// Links and sessions that are kept at once; the oldest go first.
const MOST: usize = 256;

/// Tokens that are good until some time, by their hashes.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<[u8; 32], Duration>>);

impl Tokens {
    /// A new token that is good until `until`, on the monotonic clock.
    fn issue(&self, now: Duration, until: Duration) -> Secret {
        let token = chance::key();
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, good| *good > now);
        if tokens.len() >= MOST
            && let Some(oldest) = tokens.iter().min_by_key(|(_, good)| **good).map(|(&k, _)| k)
        {
            tokens.remove(&oldest);
        }
        tokens.insert(*token.hash().as_bytes(), until);
        token
    }

    /// Whether `token` is good; then it is no more.
    fn spend(&self, token: &Secret, now: Duration) -> bool {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The look-up is by hash: what its time says about the hash says nothing of the token.
        tokens.remove(token.hash().as_bytes()).is_some_and(|good| good > now)
    }

    /// Whether `token` is good; then it is good until `until`.
    pub(crate) fn extend(&self, token: &Secret, now: Duration) -> bool {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.get_mut(token.hash().as_bytes()) {
            Some(good) if *good > now => {
                *good = now + SESSION;
                true
            }
            _ => false,
        }
    }
}

impl Controller {
    /// A link that opens the dashboard once, within ten minutes. Only after the server listens.
    #[must_use]
    pub fn login_link(&self) -> Option<LoginLink> {
        let address = self.gate.address()?;
        let now = self.clock.monotonic();
        let token = self.gate.links.issue(now, now + LINK);
        Some(LoginLink {
            url: format!("http://{address}/login?once={}", token.expose()),
            expires_at: Moment(self.clock.now().after(LINK)),
        })
    }
}

/// Makes a link that opens the dashboard once.
#[utoipa::path(post, path = "/v1/login-links", tag = "server", responses(
    (status = 201, description = "The link", body = LoginLink),
))]
pub(crate) async fn create(State(controller): State<Controller>) -> Answer {
    let link = controller
        .login_link()
        .ok_or_else(|| Problem::new(Code::Unavailable, "the server does not listen yet"))?;
    reply::json(StatusCode::CREATED, &link)
}

/// Opens the dashboard by a one-time link.
#[utoipa::path(get, path = "/login", tag = "server", params(
    ("once" = String, Query, description = "The token of the link"),
), responses(
    (status = 303, description = "A session begins; on to the dashboard"),
    (status = 403, description = "The link was used or is too old", body = Problem),
), security(()))]
pub(crate) async fn open(State(controller): State<Controller>, request: Request) -> Answer {
    let pairs = query::pairs(request.uri().query().unwrap_or_default())?;
    let token = pairs.into_iter().find(|(key, _)| key == "once").map(|(_, value)| value);
    let now = controller.clock.monotonic();
    let good = token.is_some_and(|token| controller.gate.links.spend(&Secret::new(token), now));
    if !good {
        return Err(Problem::new(Code::LinkExpired, "this link was used before, or is too old")
            .hint("`ffleet dashboard` prints a new one")
            .into());
    }
    let session = controller.gate.sessions.issue(now, now + SESSION);
    let secure = if request.extensions().get::<Secured>().is_some() {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        controller.gate.cookie(),
        session.expose(),
        SESSION.as_secs(),
    );
    let home = match controller.voyandz() {
        Some(_) => format!("{}/", dashboard::BELOW),
        None => "/".to_owned(),
    };
    Ok(begin(&home, &cookie))
}

fn begin(home: &str, cookie: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, home), (SET_COOKIE, cookie)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_works_once_and_not_for_ever() {
        let links = Tokens::default();
        let at = Duration::from_secs;
        let (one, other) = (links.issue(at(0), at(600)), links.issue(at(0), at(600)));
        assert!(links.spend(&one, at(1)));
        assert!(!links.spend(&one, at(1)));
        assert!(!links.spend(&other, at(600)));
        assert!(!links.spend(&Secret::new(String::new()), at(1)));
    }

    #[test]
    fn session_lives_while_it_is_used() {
        let sessions = Tokens::default();
        let hour = |count: u64| Duration::from_secs(count * 3_600);
        let session = sessions.issue(hour(0), hour(12));
        assert!(sessions.extend(&session, hour(11)));
        assert!(sessions.extend(&session, hour(22)));
        assert!(!sessions.extend(&session, hour(35)));
    }

    #[test]
    fn tokens_do_not_fill_the_memory() {
        let tokens = Tokens::default();
        for n in 0..1_000 {
            tokens.issue(Duration::ZERO, Duration::from_secs(1_000 + n));
        }
        assert!(tokens.0.lock().unwrap().len() <= MOST);
    }
}
