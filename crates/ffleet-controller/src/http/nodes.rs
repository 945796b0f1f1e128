//! Nodes.

use axum::extract::{Path, State};
use ffleet_api::node::{List, Node};
use ffleet_api::sample::Load;
use ffleet_api::{Code, Problem};
use hyper::StatusCode;

use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::view;

impl Controller {
    /// All nodes that ever registered, by name.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes = view::nodes(&self.desk, self.steady(), self.policy.lease_term);
        // The bench is one node's; of the others nothing is known here.
        if let Some((id, loads)) = self.bench().and_then(|bench| bench.loads())
            && let Some(node) = nodes.iter_mut().find(|node| node.id == id)
        {
            node.role_groups = loads.iter().map(Load::from).collect();
        }
        nodes
    }
}

/// Lists nodes.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", responses(
    (status = 200, description = "All nodes, by name", body = List),
))]
pub(crate) async fn list(State(controller): State<Controller>) -> Answer {
    reply::json(StatusCode::OK, &List { nodes: controller.nodes() })
}

/// Shows a node, by id or name.
#[utoipa::path(get, path = "/v1/nodes/{node}", tag = "nodes", params(
    ("node" = String, Path, description = "Its id or its name"),
), responses(
    (status = 200, description = "The node", body = Node),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn show(State(controller): State<Controller>, Path(node): Path<String>) -> Answer {
    let found = controller
        .nodes()
        .into_iter()
        .find(|known| known.name == node || known.id.to_string() == node);
    match found {
        Some(node) => reply::json(StatusCode::OK, &node),
        None => Err(missing(&node).into()),
    }
}

pub(super) fn missing(node: &str) -> Problem {
    let shown: String = node.chars().take(80).collect();
    Problem::new(Code::NodeNotFound, format!("there is no node {shown:?}"))
        .hint("`ffleet nodes list` shows those there are")
}
