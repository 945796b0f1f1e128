//! One-time links and the browser sessions that they open.
//!
//! A link's token and a session's token are 256 bits of chance; only their hashes are kept, in
//! memory: a restart ends all sessions. A link works once and for ten minutes, a session until it
//! was not used for twelve hours.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use ffleet_api::event::LoginLink;
use ffleet_api::{Code, Moment, Problem, query};
use ffleet_base::{Secret, chance};
use ffleet_types::access::{Grant, KeyName};
use ffleet_types::job::Actor;
use hyper::StatusCode;
use hyper::header::{LOCATION, SET_COOKIE};

use super::access::{Access, By};
use super::reply::{self, Answer};
use super::server::Secured;
use crate::controller::Controller;
use crate::dashboard;
use crate::keyring::Entry;

/// How long a link works.
const LINK: Duration = Duration::from_mins(10);
/// How long a session lives unused.
const SESSION: Duration = Duration::from_hours(12);
/// Links and sessions that are kept at once; the oldest go first.
const MOST: usize = 256;

/// Whose a link is, and the session that it opens.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The key that the link was made with. It must be good for as long as the session lasts; a link that the
    /// server prints has none.
    key: Option<Arc<Entry>>,
    grant: Grant,
}

impl Holder {
    /// Whoever started the server.
    const OWNER: Self = Self { key: None, grant: Grant::Admin };

    /// Who has made a call, if their key is the whole fleet's.
    fn of(access: &Access) -> Option<Self> {
        let grant = access.grant.clone().filter(|grant| grant.tenant().is_none())?;
        Some(Self { key: access.key.clone(), grant })
    }

    /// What a session of theirs lets them do.
    pub(super) fn access(self, from: IpAddr) -> Access {
        let Self { key, grant } = self;
        // Whoever has the server's own key is the one who looks at the dashboard.
        let name = key.as_ref().map(|key| key.name.clone());
        let name = name.filter(|name| !KeyName::TAKEN.contains(&name.as_str()));
        let actor = Actor::User(name.unwrap_or_else(|| "dashboard".to_owned()));
        Access { actor, by: By::Session, grant: Some(grant), from, key }
    }
}

/// Tokens that are good until some time, by their hashes, and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<[u8; 32], (Duration, Holder)>>);

impl Tokens {
    /// A new token that is good until `until`, on the monotonic clock.
    fn issue(&self, holder: Holder, now: Duration, until: Duration) -> Secret {
        let token = chance::key();
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, (good, _)| *good > now);
        if tokens.len() >= MOST
            && let Some(oldest) = tokens.iter().min_by_key(|(_, (good, _))| *good).map(|(&k, _)| k)
        {
            tokens.remove(&oldest);
        }
        tokens.insert(*token.hash().as_bytes(), (until, holder));
        token
    }

    /// Whose `token` is, if it is good; then it is no more.
    fn spend(&self, token: &Secret, now: Duration) -> Option<Holder> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The look-up is by hash: what its time says about the hash says nothing of the token.
        let (good, holder) = tokens.remove(token.hash().as_bytes())?;
        (good > now).then_some(holder)
    }

    /// Whose `token` is, if it is good; then it is for a session's time from `now`.
    pub(crate) fn extend(&self, token: &Secret, now: Duration) -> Option<Holder> {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (good, holder) = tokens.get_mut(token.hash().as_bytes())?;
        if *good <= now {
            return None;
        }
        *good = now + SESSION;
        Some(holder.clone())
    }

    /// `token` is good no more.
    pub(crate) fn end(&self, token: &Secret) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.remove(token.hash().as_bytes());
    }
}

impl Controller {
    /// A link that opens the dashboard once, within ten minutes. Only after the server listens.
    #[must_use]
    pub fn login_link(&self) -> Option<LoginLink> {
        self.link(Holder::OWNER)
    }

    fn link(&self, holder: Holder) -> Option<LoginLink> {
        let address = self.gate.address()?;
        let now = self.clock.monotonic();
        let token = self.gate.links.issue(holder, now, now + LINK);
        Some(LoginLink {
            url: format!("http://{address}/login?once={}", token.expose()),
            expires_at: Moment(self.clock.now().after(LINK)),
        })
    }
}

/// Makes a link that opens the dashboard once, for whoever may what the key of this call may.
#[utoipa::path(post, path = "/v1/login-links", tag = "server", responses(
    (status = 201, description = "The link", body = LoginLink),
    (status = 403, description = "The key is for one tenant's work", body = Problem),
))]
pub(crate) async fn create(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
) -> Answer {
    let holder = Holder::of(&access)
        .ok_or_else(|| Problem::new(Code::Forbidden, "the dashboard shows the whole fleet"))?;
    let link = controller
        .link(holder)
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
    let holder = token.and_then(|token| controller.gate.links.spend(&Secret::new(token), now));
    let Some(holder) = holder else {
        return Err(Problem::new(Code::LinkExpired, "this link was used before, or is too old")
            .hint("`ffleet dashboard` prints a new one")
            .into());
    };
    let session = controller.gate.sessions.issue(holder, now, now + SESSION);
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

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    fn issue(tokens: &Tokens, now: u64, until: u64) -> Secret {
        tokens.issue(Holder::OWNER, at(now), at(until))
    }

    #[test]
    fn link_works_once_and_not_for_ever() {
        let links = Tokens::default();
        let (one, other) = (issue(&links, 0, 600), issue(&links, 0, 600));
        assert!(links.spend(&one, at(1)).is_some());
        assert!(links.spend(&one, at(1)).is_none());
        assert!(links.spend(&other, at(600)).is_none());
        assert!(links.spend(&Secret::new(String::new()), at(1)).is_none());
    }

    #[test]
    fn session_lives_while_it_is_used() {
        let sessions = Tokens::default();
        let hour = |count: u64| at(count * 3_600);
        let session = sessions.issue(Holder::OWNER, hour(0), hour(12));
        let lives = |session: &Secret, now| sessions.extend(session, now).is_some();
        assert!(lives(&session, hour(11)));
        assert!(lives(&session, hour(22)));
        assert!(!lives(&session, hour(35)));
        let ended = sessions.issue(Holder::OWNER, hour(0), hour(12));
        sessions.end(&ended);
        assert!(!lives(&ended, hour(1)));
    }

    #[test]
    fn tokens_do_not_fill_the_memory() {
        let tokens = Tokens::default();
        for n in 0..1_000 {
            issue(&tokens, 0, 1_000 + n);
        }
        assert!(tokens.0.lock().unwrap().len() <= MOST);
    }
}
