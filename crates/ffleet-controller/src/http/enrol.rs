//! Machines: invited, let in, given certificates, removed.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use ffleet_api::enrol::{self, Enrol, Enrolled, Invitation, Renew, Request as Wanted};
use ffleet_api::node::Node;
use ffleet_api::{Code, Problem};
use ffleet_base::{Secret, chain, chance};
use ffleet_store::InvitationRow;
use ffleet_trust::{Authority, Join};
use ffleet_types::{NodeId, Span, Timestamp};
use hyper::StatusCode;
use hyper::http::uri::Authority as Address;

use super::access::Access;
use super::body;
use super::peer::Peer;
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::deeds::Entry;
use crate::error;

/// How long an invitation is good where nobody says.
const USUAL: Span = Span::secs(3_600);
/// How long one can be good.
const SHORTEST: Span = Span::secs(1);
const LONGEST: Span = Span::secs(30 * 86_400);
/// The longest name of a machine, in characters.
const LONGEST_NAME: usize = 63;
/// An address that is nobody's (RFC 5737): the kernel says from which of ours one would go there.
const AWAY: (IpAddr, u16) = (IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9);

impl Controller {
    fn authority(&self) -> Result<Arc<Authority>, Problem> {
        self.authority.get().cloned().ok_or_else(|| {
            Problem::new(Code::Unavailable, "this server does not listen to other machines")
                .hint("say under `tls` where it is to, or start `ffleet controller --listen ADDRESS:PORT`")
        })
    }

    /// Where machines are told to call.
    fn call_here(&self) -> Result<String, Problem> {
        let unknown = |why: &str| {
            Problem::new(Code::Unavailable, why)
                .at("/address")
                .hint("name it: `--address HOST:PORT`")
        };
        let (names, outside) = self.gate.outside();
        let outside =
            outside.ok_or_else(|| unknown("this server does not listen to other machines"))?;
        Ok(match names.first() {
            Some(name) => format!("{name}:{}", outside.port()),
            None if !outside.ip().is_unspecified() => outside.to_string(),
            None => {
                let ours = first_address();
                let ours =
                    ours.ok_or_else(|| unknown("no address of this machine leads anywhere"))?;
                SocketAddr::new(ours, outside.port()).to_string()
            }
        })
    }

    async fn invite(&self, wanted: Wanted, access: Access) -> Result<Invitation, Problem> {
        let pin = self.authority()?.pin();
        let invalid =
            |field: &str, detail: String| Problem::new(Code::InvalidValue, detail).at(field);
        let expires = wanted.expires.unwrap_or(USUAL);
        if !(SHORTEST..=LONGEST).contains(&expires) {
            let hint = format!("choose from {SHORTEST} to {LONGEST}");
            return Err(invalid("/expires", format!("{expires} is out of range")).hint(hint));
        }
        if let Some(name) = &wanted.name {
            let count = name.chars().count();
            if count == 0 || count > LONGEST_NAME || name.chars().any(char::is_control) {
                let detail = format!("a name has 1 to {LONGEST_NAME} printable characters");
                return Err(invalid("/name", detail));
            }
        }
        let address = match wanted.address {
            Some(address) => {
                let parsed: Option<Address> = address.parse().ok();
                let good = parsed.is_some_and(|parsed| parsed.port_u16().is_some())
                    && !address.contains('@');
                if !good {
                    return Err(invalid("/address", format!("{address:?} is not HOST:PORT")));
                }
                address
            }
            None => self.call_here()?,
        };
        let (secret, now) = (chance::invitation(), self.clock.now());
        let row = InvitationRow {
            hash: *secret.hash().as_bytes(),
            name: wanted.name.clone(),
            created: now,
            created_by: access.actor,
            expires: now.after(expires.0),
        };
        let kept = self
            .store
            .invite(row)
            .await
            .map_err(|error| error::unavailable(&error))?;
        if !kept {
            return Err(Problem::new(Code::TooMany, "there are too many open invitations")
                .hint("wait until some have expired"));
        }
        Ok(Invitation {
            join: Join { address, pin, secret }.to_string(),
            expires_at: now.after(expires.0).into(),
            name: wanted.name,
        })
    }

    /// A certificate for `node`, by its request. The request is read before anything is used up.
    fn certify(&self, request: &str, node: NodeId, now: Timestamp) -> Result<Enrolled, Problem> {
        let authority = self.authority()?;
        let certificate = authority
            .node(request, node, now)
            .map_err(|error| Problem::new(Code::InvalidValue, chain(&error)).at("/request"))?;
        Ok(Enrolled { node, certificate, authority: authority.pem().to_owned() })
    }
}

/// An address of this machine that others may reach it by. Nothing is sent.
fn first_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(AWAY).ok()?;
    let found = socket.local_addr().ok()?.ip();
    (!found.is_unspecified()).then_some(found)
}

/// Invites a machine: one may join by what is answered, once.
#[utoipa::path(post, path = "/v1/invitations", tag = "nodes", request_body = Wanted, responses(
    (status = 201, description = "The invitation, shown this once", body = Invitation),
    (status = 422, description = "What is asked for makes no sense", body = Problem),
    (status = 503, description = "The server does not listen to other machines", body = Problem),
))]
pub(crate) async fn invite(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Answer {
    let wanted: Wanted = body::read(&controller, request).await?;
    reply::json(StatusCode::CREATED, &controller.invite(wanted, access).await?)
}

/// Lets a machine in that brings an invitation, which is used up by that.
#[utoipa::path(post, path = "/v1/enrol", tag = "nodes", request_body = Enrol, responses(
    (status = 201, description = "It belongs to the fleet: its certificate", body = Enrolled),
    (status = 403, description = "The invitation was used, has expired, or is none", body = Problem),
    (status = 422, description = "The certificate request is none", body = Problem),
    (status = 429, description = "Too many have been wrong", body = Problem),
), security(()))]
pub(crate) async fn enrol(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Answer {
    let asked: Enrol = body::read(&controller, request).await?;
    let now = controller.clock.now();
    let node = chance::node_id(now);
    let enrolled = controller.certify(&asked.request, node, now)?;
    let hash = *Secret::new(asked.secret).hash().as_bytes();
    let this = controller.clone();
    let member = controller
        .see_through(async move {
            let member = this.store.enrol(hash, node, now).await;
            let member = member.map_err(|error| error::unavailable(&error))?;
            if member.is_some() {
                this.gate.members.add(node);
            }
            Ok(member)
        })
        .await?;
    let Some(member) = member else {
        let told = "the invitation was used before, has expired, or is none of this fleet's";
        let problem = controller.gate.failed_as(access.from, Code::InvitationInvalid, told);
        return Err(problem.hint("`ffleet nodes invite` makes another").into());
    };
    let name = member.name.as_deref().unwrap_or_default();
    tracing::info!(%node, name, invited_by = %member.invited_by, from = %access.from, "a machine has joined");
    let entry = Entry::of_node(node.to_string(), access.from, enrol::ENROL);
    controller.deeds.note(entry, StatusCode::CREATED).await;
    reply::json(StatusCode::CREATED, &enrolled)
}

/// Gives a machine of the fleet its next certificate. Those of before stay good until they expire.
#[utoipa::path(post, path = "/v1/node/certificate", tag = "nodes", request_body = Renew, responses(
    (status = 201, description = "Its certificate", body = Enrolled),
    (status = 401, description = "It is no machine of the fleet", body = Problem),
    (status = 422, description = "The certificate request is none", body = Problem),
), security(()))]
pub(crate) async fn renew(
    State(controller): State<Controller>,
    Extension(Peer::Node(node)): Extension<Peer>,
    request: Request,
) -> Answer {
    let asked: Renew = body::read(&controller, request).await?;
    let enrolled = controller.certify(&asked.request, node, controller.clock.now())?;
    reply::json(StatusCode::CREATED, &enrolled)
}

/// Removes a machine from the fleet: whatever certificate it shows is refused from its next call on, and to come back it
/// has to join again. What it holds is given to others when its lease is over.
#[utoipa::path(delete, path = "/v1/nodes/{node}", tag = "nodes", params(
    ("node" = String, Path, description = "Its id or its name"),
), responses(
    (status = 200, description = "The node, as it is known still", body = Option<Node>),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "It runs in this server", body = Problem),
))]
pub(crate) async fn remove(
    State(controller): State<Controller>,
    Path(node): Path<String>,
) -> Answer {
    let known = controller.nodes().into_iter();
    let known = known.filter(|known| known.name == node || known.id.to_string() == node);
    let mut known: Vec<_> = known.collect();
    // One that has joined and never registered has no name here.
    let id = match (known.as_slice(), node.parse::<NodeId>()) {
        ([one], _) => one.id,
        ([], Ok(id)) => id,
        ([], Err(_no_id)) => return Err(super::nodes::missing(&node).into()),
        _ => {
            let shown: String = node.chars().take(80).collect();
            let detail = format!("several nodes are called {shown:?}");
            return Err(Problem::new(Code::WrongState, detail).hint("name one by its id").into());
        }
    };
    let this = controller.clone();
    let was = controller
        .see_through(async move {
            let was = this.store.expel(id).await.map_err(|error| error::unavailable(&error))?;
            this.gate.members.remove(id);
            Ok(was)
        })
        .await?;
    match (was, known.pop()) {
        (true, known) => reply::json(StatusCode::OK, &known),
        (false, Some(_)) => {
            let detail = "it has not joined by an invitation: it runs in this server";
            Err(Problem::new(Code::WrongState, detail).into())
        }
        (false, None) => Err(super::nodes::missing(&node).into()),
    }
}
