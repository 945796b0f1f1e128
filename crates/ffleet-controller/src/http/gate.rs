//! What every request passes before a route sees it.
//!
//! In this order: the length of the address, the host (a page of another name that resolves to
//! this machine is refused: DNS rebinding), the origin (a page of another site is refused), who
//! asks, how often, and how much is announced to come. Whoever has the right key is never locked
//! out by somebody else's wrong ones: only failures are counted against a peer, and every
//! process on this machine is the same peer.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use ffleet_api::front::Claim;
use ffleet_api::{Code, Problem, query};
use ffleet_base::{Clock, Secret, signed};
use ffleet_types::NodeId;
use ffleet_types::job::Actor;
use ffleet_types::live::token::{Door, Purpose, Refusal};
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, Request};

use super::access::{Access, By};
use super::login::Tokens;
use super::peer::{Members, Peer};
use super::rate::{PerPeer, Shared};
use super::rights;
use super::tokens::Mint;
use crate::keyring::Keyring;
use crate::policy::{Policy, STREAM_SECRET};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The longest path and query.
const LONGEST_URI: usize = 8_192;

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) keys: Keyring,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    failures: PerPeer,
    session_rate: Shared,
    listening: OnceLock<Listening>,
    pub(crate) links: Tokens,
    pub(crate) sessions: Tokens,
    pub(crate) mint: Mint,
    pub(crate) members: Members,
}

/// Where the server listens, and what it is called there.
#[derive(Debug)]
struct Listening {
    address: SocketAddr,
    outside: Option<SocketAddr>,
    hosts: Vec<String>,
    /// A port that is listened on at every address of the machine.
    everywhere: Option<u16>,
    cookie: String,
}

impl Gate {
    pub(crate) fn new(policy: &Policy, clock: Arc<dyn Clock>) -> Self {
        let mint = Mint::new(policy.data.join(STREAM_SECRET), &policy.http);
        let policy = &policy.http;
        let rate = policy.requests_per_second;
        Self {
            keys: Keyring::new(&policy.keys, rate),
            names: policy.names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            clock,
            failures: PerPeer::new(policy.failed_logins_per_second),
            session_rate: Shared::new(rate),
            listening: OnceLock::new(),
            links: Tokens::default(),
            sessions: Tokens::default(),
            mint,
            members: Members::default(),
        }
    }

    /// The server listens at `address`, and at `outside` for other machines. The first time counts.
    pub(crate) fn listen(&self, address: SocketAddr, outside: Option<SocketAddr>) {
        let mut hosts = Vec::new();
        for at in [Some(address), outside].into_iter().flatten() {
            let port = at.port();
            hosts.push(at.to_string());
            for name in ["127.0.0.1", "localhost", "[::1]"] {
                hosts.push(format!("{name}:{port}"));
            }
            hosts.extend(self.names.iter().map(|name| format!("{name}:{port}")));
        }
        // A name that a proxy serves has the proxy's port, or none.
        hosts.extend(self.names.iter().cloned());
        let everywhere = outside.filter(|at| at.ip().is_unspecified()).map(|at| at.port());
        // Cookies do not know ports: two servers of one machine must not share a name.
        let cookie = format!("ffleet-{}", address.port());
        let listening = Listening { address, outside, hosts, everywhere, cookie };
        if self.listening.set(listening).is_err() {
            tracing::warn!(%address, "a second address is listened on and goes by the first's names");
        }
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listening.get().map(|listening| listening.address)
    }

    /// How the server is reached by whoever is sent an address of it: from other machines, where it listens to
    /// them.
    pub(crate) fn origin(&self) -> Option<String> {
        let Listening { address, outside, .. } = self.listening.get()?;
        Some(match (outside, self.names.first()) {
            (Some(outside), Some(name)) => format!("https://{name}:{}", outside.port()),
            (Some(outside), None) if !outside.ip().is_unspecified() => format!("https://{outside}"),
            _ => format!("http://{address}"),
        })
    }

    /// Names that it goes by, and where it listens to other machines.
    pub(crate) fn outside(&self) -> (&[String], Option<SocketAddr>) {
        let outside = self.listening.get().and_then(|listening| listening.outside);
        (&self.names, outside)
    }

    /// The name of the session's cookie.
    pub(crate) fn cookie(&self) -> &str {
        self.listening.get().map_or("ffleet", |listening| &listening.cookie)
    }

    /// Lets a request through, or says why not. `claim` is the front's on its address.
    pub(crate) fn admit<B>(
        &self,
        request: &Request<B>,
        (peer, machine): (IpAddr, Option<Peer>),
        claim: &Claim,
    ) -> Result<Access, Problem> {
        let uri = request.uri();
        if uri
            .path_and_query()
            .is_some_and(|text| text.as_str().len() > LONGEST_URI)
        {
            let detail = format!("the address is longer than {LONGEST_URI} bytes");
            return Err(Problem::new(Code::UriTooLong, detail));
        }
        self.check_host(request)?;
        if let (Claim::Token(door), Some(token)) = (claim, stream_token(request)?) {
            self.check_token(&token, door, peer)?;
            let actor = Actor::User("token".to_owned());
            return Ok(Access { actor, by: By::Token, grant: None, from: peer, key: None });
        }
        let same_origin = match self.check_origin(request.headers()) {
            Err(_other) if *claim == Claim::Public => false,
            checked => checked?,
        };
        let open = matches!(claim, Claim::Public | Claim::Open)
            || *claim == Claim::None && rights::is_open(request.method(), request.uri().path());
        // What is watched and pushed to is not for machines.
        if let (Some(Peer::Node(node)), Claim::None) = (machine, claim)
            && bearer(request.headers()).is_none()
        {
            return self.admit_machine(node, peer);
        }
        let access = self.identify(request, peer, (same_origin, open))?;
        if matches!(claim, Claim::Key | Claim::Token(_)) {
            access.check_front(request.method())?;
        }
        Ok(access)
    }

    /// Lets a machine in whose certificate TLS has found good, if it belongs to the fleet still.
    fn admit_machine(&self, node: NodeId, from: IpAddr) -> Result<Access, Problem> {
        if !self.members.contains(node) {
            let detail = format!("the machine {node} was removed from the fleet");
            let problem = Problem::new(Code::Unauthorized, detail);
            return Err(problem.hint("it has to join again: `ffleet nodes invite`"));
        }
        let actor = Actor::Node(node.to_string());
        Ok(Access { actor, by: By::Certificate, grant: None, from, key: None })
    }

    fn is_ours(&self, host: &str) -> bool {
        let everywhere = self.listening.get().and_then(|listening| listening.everywhere);
        self.is_listed(host) || everywhere.is_some_and(|port| is_address(host, port))
    }

    fn is_listed(&self, host: &str) -> bool {
        self.listening.get().is_some_and(|listening| {
            listening.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
        })
    }

    fn check_host<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        let target = request.uri().authority().map(hyper::http::uri::Authority::as_str);
        let ours = self.is_ours(host) && hosts.next().is_none();
        if ours && target.is_none_or(|target| self.is_ours(target)) {
            return Ok(());
        }
        let shown: String = host.chars().take(80).collect();
        Err(Problem::new(Code::WrongHost, format!("this server is not called {shown:?}"))
            .at("host")
            .hint("use the address that `ffleet serve` prints, or add the name to `names`"))
    }

    /// Whether the request says that it comes from a page of ours.
    fn check_origin(&self, headers: &HeaderMap) -> Result<bool, Problem> {
        let Some(origin) = headers.get(ORIGIN) else {
            return Ok(headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin"));
        };
        let origin = origin.to_str().unwrap_or_default();
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        // Of all the addresses that a request may come for, its page must be from this one.
        let asked = headers.get(HOST).map(hyper::header::HeaderValue::as_bytes);
        if host.is_some_and(|host| self.is_listed(host) || asked == Some(host.as_bytes())) {
            return Ok(true);
        }
        let shown: String = origin.chars().take(80).collect();
        Err(Problem::new(Code::CrossOrigin, format!("{shown:?} is another site")).at("origin"))
    }

    fn identify<B>(
        &self,
        request: &Request<B>,
        peer: IpAddr,
        (same_origin, open): (bool, bool),
    ) -> Result<Access, Problem> {
        let now = self.clock.monotonic();
        let nobody = || Access {
            actor: Actor::User("nobody".to_owned()),
            by: By::Nothing,
            grant: None,
            from: peer,
            key: None,
        };
        if let Some(key) = bearer(request.headers()) {
            return match self.keys.find(&key.hash(), self.clock.now()) {
                Ok(entry) if entry.take(now) => Ok(Access {
                    actor: Actor::User(entry.name.clone()),
                    by: By::Key,
                    grant: Some(entry.grant.clone()),
                    from: peer,
                    key: Some(entry),
                }),
                Ok(_busy) => Err(too_many()),
                Err(_) if open => Ok(nobody()),
                Err(fault) => Err(self.failed(peer, fault.says())),
            };
        }
        if let Some(token) = cookie(request.headers(), self.cookie())
            && let Some(holder) = self.sessions.extend(&token, now)
        {
            let access = holder.access(peer);
            if !access.is_good(self.clock.now()) {
                self.sessions.end(&token);
                return Err(self.failed(peer, "the key that began this session is good no more"));
            }
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            if !reads && !same_origin {
                let detail = "a session changes things from the dashboard's own pages only";
                return Err(Problem::new(Code::CrossOrigin, detail).at("origin"));
            }
            return match self.session_rate.take(now) {
                true => Ok(access),
                false => Err(too_many()),
            };
        }
        match open {
            true => Ok(nobody()),
            false => Err(self.failed(peer, "the request carries no key")),
        }
    }

    fn check_token(&self, token: &Secret, door: &Door, peer: IpAddr) -> Result<(), Problem> {
        let hint = match door.purpose {
            Purpose::Watch => format!("`ffleet streams token {}` makes one that does", door.name),
            Purpose::Push => format!("`ffleet feeds token {}` makes one that does", door.name),
        };
        let Some(known) = self.mint.read(token) else {
            let told = "the token was not signed by this server, or was changed or revoked since";
            return Err(self.failed_as(peer, Code::TokenInvalid, told).hint(hint));
        };
        known.opens(door, peer, self.clock.now()).map_err(|refusal| {
            let code = match refusal {
                Refusal::Expired => Code::TokenInvalid,
                Refusal::Elsewhere(_) | Refusal::Address(_) => Code::TokenRefused,
            };
            Problem::new(code, refusal.to_string()).hint(hint)
        })
    }

    pub(super) fn failed_as(&self, peer: IpAddr, code: Code, detail: &str) -> Problem {
        match self.failures.take(peer, self.clock.monotonic()) {
            true => Problem::new(code, detail),
            false => {
                Problem::new(Code::TooManyRequests, "too many failed logins; try again in a second")
            }
        }
    }

    fn failed(&self, peer: IpAddr, detail: &str) -> Problem {
        let told = self.failed_as(peer, Code::Unauthorized, detail);
        if told.code != Code::Unauthorized {
            return told;
        }
        told.hint(
            "send `Authorization: Bearer KEY`; `ffleet` finds the key of a server on the same machine \
             by itself, a browser needs the one-time link that `ffleet serve` prints",
        )
    }
}

fn too_many() -> Problem {
    Problem::new(
        Code::TooManyRequests,
        "more requests than this server takes in a second; try again in a second",
    )
    .hint("the operator's key for it is `limits.requests-per-second`")
}

/// Whether `host` is a bare address with this port, or none where it is that of HTTPS. Only names can be made to
/// lead here by somebody else.
fn is_address(host: &str, port: u16) -> bool {
    match host.parse::<SocketAddr>() {
        Ok(address) => address.port() == port,
        Err(_) => port == 443 && host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok(),
    }
}

/// The token of `Authorization: Bearer TOKEN` or of `?token=`.
fn stream_token<B>(request: &Request<B>) -> Result<Option<Secret>, Problem> {
    let signed = |token: &Secret| token.expose().starts_with(signed::PREFIX);
    if let Some(token) = bearer(request.headers()) {
        return Ok(Some(token).filter(signed));
    }
    let pairs = query::pairs(request.uri().query().unwrap_or_default())?;
    let given = pairs.into_iter().find(|(key, _)| key == "token");
    Ok(given.map(|(_, token)| Secret::new(token)))
}

/// The key of `Authorization: Bearer KEY`.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Secret::new(key.trim().to_owned()))
}

/// The value of the cookie with this name.
fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .map(|token| Secret::new(token.to_owned()))
}
