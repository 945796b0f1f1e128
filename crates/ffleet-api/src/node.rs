//! Nodes, as the API shows them.

use std::collections::BTreeMap;

use ffleet_types::NodeId;
use ffleet_types::attempt::Tally;
use ffleet_types::node::{Capacity, Description, Engine, GuardLevel, Order, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;
use crate::sample::Load;
use crate::schema;

/// A machine with the worker role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Node {
    /// For machines.
    #[schema(value_type = String)]
    pub id: NodeId,
    /// For people.
    pub name: String,
    /// The version of ffleet it runs.
    pub version: String,
    /// What is wanted of it.
    #[schema(schema_with = schema::order)]
    pub order: Order,
    /// What it is.
    #[schema(schema_with = schema::node_state)]
    pub state: State,
    /// Why it takes no more work by itself, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// What it has.
    #[schema(schema_with = schema::capacity)]
    pub capacity: Capacity,
    /// What of it is promised.
    #[schema(schema_with = schema::capacity)]
    pub promised: Capacity,
    /// What of the memory that is promised its rings of live bytes have.
    #[serde(default)]
    pub ring_bytes: u64,
    /// How many jobs it holds.
    pub jobs: u32,
    /// How far its limits hold.
    #[schema(schema_with = schema::guard)]
    pub guard: GuardLevel,
    /// How it knows the most threads of what it runs.
    #[serde(default)]
    #[schema(schema_with = schema::tally)]
    pub thread_peaks: Tally,
    /// Free words for placement.
    pub labels: BTreeMap<String, String>,
    /// The engines it has, and what they have proven to do.
    #[schema(schema_with = schema::engines)]
    pub engines: Vec<Engine>,
    /// When it was last heard from.
    pub heard_at: Moment,
    /// What its children are at, by role group; empty where that is not known here.
    #[serde(default)]
    pub role_groups: Vec<Load>,
}

impl Node {
    /// The node with this description: accepting, active and empty.
    #[must_use]
    pub fn new(id: NodeId, description: &Description, heard_at: Moment) -> Self {
        Self {
            id,
            name: description.name.clone(),
            version: description.version.clone(),
            order: Order::Accept,
            state: State::Active,
            closed: None,
            capacity: description.capacity,
            promised: Capacity::default(),
            ring_bytes: 0,
            jobs: 0,
            guard: description.guard.clone(),
            thread_peaks: description.thread_peaks,
            labels: description.labels.clone(),
            engines: description.engines.clone(),
            heard_at,
            role_groups: Vec::new(),
        }
    }
}

/// All nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = NodeList)]
pub struct List {
    /// By name.
    pub nodes: Vec<Node>,
}
