//! Who may do what: one table of roles, methods and routes.
//!
//! The gate asks it for every call that a route answers, and a test walks it for every route of the API's own
//! description: a route that is not in it answers nobody. What a tenant sees of a route that it may call is the
//! route's affair; the table says that the route sees to it ([`Reach::Own`]).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ffleet_api::{Code, Problem};
use ffleet_types::access::Role::{self, Admin, Operator, Reader, Tenant};
use hyper::Method;

use super::access::{Access, By};
use crate::dashboard;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Whoever reaches the server.
    Everybody,
    /// Holders of keys with one of these roles.
    Roles(&'static [Role]),
    /// Machines of the fleet, by their certificates.
    Nodes,
}

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nobody's work: the same for all.
    Common,
    /// Somebody's work: the route shows a tenant its own and nothing else.
    Own,
    /// The whole fleet, or everybody's work: not for keys that are for one tenant's.
    Fleet,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Right {
    pub(super) who: Who,
    pub(super) reach: Reach,
    /// Whether it changes something, so that it is written in the audit log.
    pub(super) changes: bool,
}

/// Admins alone.
const RULE: Who = Who::Roles(&[Admin]);
/// Those who run the fleet.
const RUN: Who = Who::Roles(&[Admin, Operator]);
/// Those, and those who look.
const LOOK: Who = Who::Roles(&[Admin, Operator, Reader]);
/// Those who have work done.
const WORK: Who = Who::Roles(&[Admin, Operator, Tenant]);
/// Everybody who has a key.
const ALL: Who = Who::Roles(&Role::ALL);
const OPEN: Who = Who::Everybody;

use Reach::{Common, Fleet, Own};

/// Method, route, who, what it is about, and whether it changes something.
#[rustfmt::skip]
const TABLE: &[(&str, &str, Who, Reach, bool)] = &[
    ("get",    "/v1/jobs",                   ALL,  Own,    false),
    ("post",   "/v1/jobs",                   WORK, Own,    true),
    ("get",    "/v1/jobs/{job}",             ALL,  Own,    false),
    ("get",    "/v1/jobs/{job}/history",     ALL,  Own,    false),
    ("get",    "/v1/jobs/{job}/logs",        ALL,  Own,    false),
    ("get",    "/v1/jobs/{job}/samples",     ALL,  Own,    false),
    ("post",   "/v1/jobs/{job}/cancel",      WORK, Own,    true),
    ("post",   "/v1/jobs/{job}/pause",       WORK, Own,    true),
    ("post",   "/v1/jobs/{job}/resume",      WORK, Own,    true),
    ("post",   "/v1/jobs/{job}/retry",       WORK, Own,    true),
    ("get",    "/v1/logs",                   ALL,  Own,    false),
    ("get",    "/v1/events",                 ALL,  Own,    false),
    ("get",    "/v1/nodes",                  LOOK, Fleet,  false),
    ("get",    "/v1/nodes/{node}",           LOOK, Fleet,  false),
    ("delete", "/v1/nodes/{node}",           RULE, Fleet,  true),
    ("post",   "/v1/invitations",            RULE, Fleet,  true),
    // It writes itself down once it knows who has come.
    ("post",   "/v1/enrol",                  OPEN, Common, false),
    ("post",   "/v1/node/certificate",       Who::Nodes, Fleet, false),
    ("get",    "/v1/feeds",                  LOOK, Fleet,  false),
    ("get",    "/v1/feeds/{feed}",           LOOK, Fleet,  false),
    ("put",    "/v1/feeds/{feed}",           RUN,  Fleet,  true),
    ("delete", "/v1/feeds/{feed}",           RUN,  Fleet,  true),
    ("post",   "/v1/feeds/{feed}/restart",   RUN,  Fleet,  true),
    ("get",    "/v1/feeds/{feed}/logs",      LOOK, Fleet,  false),
    ("post",   "/v1/feeds/{feed}/tokens",    RUN,  Fleet,  true),
    ("get",    "/v1/streams",                LOOK, Fleet,  false),
    ("get",    "/v1/streams/{stream}",       LOOK, Fleet,  false),
    ("put",    "/v1/streams/{stream}",       RUN,  Fleet,  true),
    ("delete", "/v1/streams/{stream}",       RUN,  Fleet,  true),
    ("get",    "/v1/streams/{stream}/logs",  LOOK, Fleet,  false),
    ("post",   "/v1/streams/{stream}/tokens", RUN, Fleet,  true),
    ("delete", "/v1/stream-tokens",          RUN,  Fleet,  true),
    ("get",    "/v1/presets",                ALL,  Common, false),
    ("get",    "/v1/presets/{preset}",       ALL,  Common, false),
    ("post",   "/v1/probe",                  WORK, Own,    false),
    ("post",   "/v1/audit",                  ALL,  Common, false),
    ("post",   "/v1/config/reload",          RUN,  Fleet,  true),
    ("post",   "/v1/backups",                RULE, Fleet,  true),
    ("get",    "/v1/config",                 LOOK, Fleet,  false),
    ("post",   "/v1/login-links",            LOOK, Fleet,  true),
    ("get",    "/v1/keys",                   RULE, Fleet,  false),
    ("post",   "/v1/keys",                   RULE, Fleet,  true),
    ("delete", "/v1/keys/{key}",             RULE, Fleet,  true),
    ("get",    "/v1/tenants",                ALL,  Own,    false),
    ("get",    "/v1/tenants/{tenant}",       ALL,  Own,    false),
    ("post",   "/v1/tenants/{tenant}",       RULE, Fleet,  true),
    ("patch",  "/v1/tenants/{tenant}",       RULE, Fleet,  true),
    ("delete", "/v1/tenants/{tenant}",       RULE, Fleet,  true),
    ("get",    "/v1/audit-log",              RULE, Fleet,  false),
    ("get",    "/v1/openapi.json",           ALL,  Common, false),
    ("get",    "/healthz",                   OPEN, Common, false),
    ("get",    "/readyz",                    OPEN, Common, false),
    ("get",    "/metrics",                   LOOK, Fleet,  false),
    ("get",    "/login",                     OPEN, Common, false),
];

/// The pages of the dashboard, and what they are shown with.
#[rustfmt::skip]
const PAGES: &[(&str, &str, Who, Reach, bool)] = &[
    ("get",    "/",                          LOOK, Fleet,  false),
    ("get",    "/find",                      LOOK, Fleet,  false),
    ("get",    "/jobs/{job}",                LOOK, Fleet,  false),
    ("get",    "/jobs/{job}/curves",         LOOK, Fleet,  false),
    ("post",   "/jobs/{job}/{action}",       RUN,  Fleet,  true),
    ("get",    "/streams",                   LOOK, Fleet,  false),
    ("get",    "/streams/{stream}",          LOOK, Fleet,  false),
    ("get",    "/streams/{stream}/token",    LOOK, Fleet,  false),
    ("post",   "/streams/{stream}/token",    RUN,  Fleet,  true),
    ("get",    "/feeds",                     LOOK, Fleet,  false),
    ("get",    "/feeds/{feed}",              LOOK, Fleet,  false),
    ("post",   "/feeds/{feed}/restart",      RUN,  Fleet,  true),
    ("get",    "/config",                    LOOK, Fleet,  false),
    ("get",    "/nodes",                     LOOK, Fleet,  false),
    ("get",    "/logs",                      LOOK, Fleet,  false),
];

type Rows = BTreeMap<(&'static str, &'static str), Right>;

fn rows(table: &[(&'static str, &'static str, Who, Reach, bool)]) -> Rows {
    table
        .iter()
        .map(|&(method, route, who, reach, changes)| {
            ((method, route), Right { who, reach, changes })
        })
        .collect()
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| rows(TABLE));
static PAGE_ROWS: LazyLock<Rows> = LazyLock::new(|| rows(PAGES));

/// What is open to all: nothing of it says anything of anybody's work.
pub(super) const EVERYBODY: Right = Right { who: Who::Everybody, reach: Common, changes: false };

/// The method as the table has it; what answers `GET` answers `HEAD`.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET | Method::HEAD => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// The row for a route, as the router names it; nothing where nobody may call it.
pub(super) fn of(method: &Method, route: &str) -> Option<Right> {
    if is_asset(method, route) {
        return Some(EVERYBODY);
    }
    let method = word(method);
    if let Some(row) = ROWS.get(&(method, route)) {
        return Some(*row);
    }
    let page = match route.strip_prefix(dashboard::BELOW) {
        // A nested root has the slash that the other addresses bring along.
        Some(rest) if rest.starts_with('/') => rest,
        _ => route,
    };
    PAGE_ROWS.get(&(method, page)).copied()
}

/// Whether it is something that pages are shown with.
fn is_asset(method: &Method, path: &str) -> bool {
    word(method) == "get" && (path == "/favicon.ico" || path.starts_with("/assets/"))
}

/// Whether an address is open to whoever reaches the port: it says nothing about anybody's work.
pub(super) fn is_open(method: &Method, path: &str) -> bool {
    let row = ROWS.get(&(word(method), path));
    is_asset(method, path) || row.is_some_and(|right| right.who == Who::Everybody)
}

impl Right {
    /// Lets a call pass, or says why not.
    pub(super) fn admit(&self, access: &Access) -> Result<(), Problem> {
        match (self.who, &access.grant) {
            (Who::Everybody, _) => Ok(()),
            (Who::Nodes, _) if access.by == By::Certificate => Ok(()),
            (Who::Nodes, _) => {
                Err(Problem::new(Code::Forbidden, "this address answers machines of the fleet")
                    .hint("a worker that has joined shows its certificate here"))
            }
            (Who::Roles(_), None) => {
                Err(Problem::new(Code::Forbidden, "this address answers holders of keys"))
            }
            (Who::Roles(roles), Some(grant)) if !roles.contains(&grant.role()) => {
                let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
                let role = grant.role();
                Err(Problem::new(Code::Forbidden, format!("the role {role} may not do this"))
                    .hint(format!("a key with one of these roles may: {}", names.join(", "))))
            }
            (Who::Roles(_), Some(grant)) => match (self.reach, grant.tenant()) {
                (Fleet, Some(tenant)) => {
                    let detail = format!("the key is for the work of tenant {tenant} alone");
                    Err(Problem::new(Code::Forbidden, detail)
                        .hint("what this address answers is about the whole fleet"))
                }
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{IpAddr, Ipv4Addr};

    use ffleet_types::access::Grant;
    use ffleet_types::job::Actor;

    use super::*;
    use crate::http::router::ROUTES;

    fn access(grant: Option<Grant>, by: By) -> Access {
        Access {
            actor: Actor::User("x".into()),
            by,
            grant,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            key: None,
        }
    }

    fn grants() -> Vec<Grant> {
        let acme = || "acme".parse().unwrap();
        vec![
            Grant::Admin,
            Grant::Operator,
            Grant::Tenant(acme()),
            Grant::Reader(None),
            Grant::Reader(Some(acme())),
        ]
    }

    fn method(text: &str) -> Method {
        Method::from_bytes(text.to_uppercase().as_bytes()).unwrap()
    }

    #[test]
    fn every_route_is_in_the_table_once_and_nothing_else_is() {
        let routed: BTreeSet<_> = ROUTES.iter().copied().collect();
        let listed: BTreeSet<_> = TABLE.iter().map(|row| (row.0, row.1)).collect();
        assert_eq!(routed, listed);
        assert_eq!(TABLE.len(), listed.len(), "a route is in the table twice");
        assert!(of(&Method::GET, "/v1/nothing").is_none());
        assert!(of(&Method::OPTIONS, "/v1/jobs").is_none());
    }

    #[test]
    fn what_needs_no_key_is_what_the_table_says() {
        for &(verb, route, who, ..) in TABLE {
            assert_eq!(is_open(&method(verb), route), who == Who::Everybody, "{verb} {route}");
        }
        assert!(is_open(&Method::HEAD, "/assets/x.css") && !is_open(&Method::POST, "/assets/x"));
    }

    #[test]
    fn nobody_without_a_key_passes_where_one_is_needed() {
        for &(verb, route, who, ..) in TABLE.iter().chain(PAGES) {
            let right = of(&method(verb), route).unwrap();
            for by in [By::Nothing, By::Token] {
                let passes = right.admit(&access(None, by)).is_ok();
                assert_eq!(passes, who == Who::Everybody, "{verb} {route} {by:?}");
            }
            let node = right.admit(&access(None, By::Certificate)).is_ok();
            assert_eq!(node, matches!(who, Who::Everybody | Who::Nodes), "{verb} {route}");
        }
    }

    #[test]
    fn roles_reach_what_they_are_for_on_every_route() {
        for &(verb, route, _, reach, changes) in TABLE.iter().chain(PAGES) {
            let right = of(&method(verb), route).unwrap();
            for grant in grants() {
                let passes = right.admit(&access(Some(grant.clone()), By::Key)).is_ok();
                let told = format!("{verb} {route} {grant:?}: {passes}");
                match &grant {
                    // Unless it is for machines.
                    Grant::Admin => assert_eq!(passes, right.who != Who::Nodes, "{told}"),
                    Grant::Operator => assert!(!passes || right.who != RULE, "{told}"),
                    Grant::Tenant(_) => assert!(!passes || reach != Fleet, "{told}"),
                    // A session is a reader's as well; it changes nothing but that it begins.
                    Grant::Reader(None) => {
                        assert!(!passes || !changes || route == "/v1/login-links", "{told}");
                    }
                    Grant::Reader(Some(_)) => {
                        assert!(!passes || reach != Fleet && !changes, "{told}");
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_is_no_read_is_written_down_unless_it_changes_nothing() {
        for &(verb, route, _, _, changes) in TABLE.iter().chain(PAGES) {
            let harmless = matches!(route, "/v1/probe" | "/v1/audit" | "/v1/enrol")
                || route.starts_with("/v1/node/");
            assert_eq!(changes, verb != "get" && !harmless, "{verb} {route}");
        }
    }
}
