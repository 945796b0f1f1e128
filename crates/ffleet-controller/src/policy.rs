//! What the operator allows, as far as the controller goes by it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ffleet_base::Secret;
use ffleet_base::secret::Hash;
use ffleet_media::job::Verify;
use ffleet_sched::roles::Rules;
use ffleet_types::RoleGroup;

/// The file in [`Policy::data`] that holds what stream tokens are signed with.
pub const STREAM_SECRET: &str = "stream-secret";

/// What the operator allows. The binary makes it from the configuration.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The server's own directory: neither inputs nor outputs may be in it.
    pub data: PathBuf,
    /// Directories that inputs and outputs must be in. Absolute.
    pub roots: Vec<PathBuf>,
    /// How results are checked where a job does not say.
    pub verify: Option<Verify>,
    /// The role groups that jobs may name, and what they may take.
    pub role_groups: BTreeMap<RoleGroup, Rules>,
    /// How long a look at a file may take before its file system counts as one that does not
    /// answer.
    pub look_limit: Duration,
    /// Silence after which a node's work is given to another.
    pub lease_term: Duration,
    /// How long a finished job is kept.
    pub retain_for: Duration,
    /// How many finished jobs are kept at most.
    pub retain_jobs: u64,
    /// What a client may do to the server.
    pub http: Http,
}

/// What a client may do to the server.
#[derive(Clone, Debug)]
pub struct Http {
    /// Who may call: at least one.
    pub keys: Vec<Key>,
    /// What stream tokens are signed with, once there has been one: what `stream-secret` in [`Policy::data`]
    /// holds.
    pub stream_secret: Option<Secret>,
    /// Host names that requests may come for, beside the address that is listened on.
    pub names: Vec<String>,
    /// The largest request body, in bytes.
    pub body: usize,
    /// The largest head of a request, in bytes; at least 8,192.
    pub head: usize,
    /// Requests a second, of one key.
    pub requests_per_second: u32,
    /// Failed logins a second, of one peer.
    pub failed_logins_per_second: u32,
    /// Connections open at once.
    pub connections: usize,
    /// How long a request may take to arrive, head and body each.
    pub arrival: Duration,
    /// Silence after which a comment shows that a stream of events lives: proxies cut those that
    /// say nothing.
    pub quiet: Duration,
}

/// Somebody who may call.
#[derive(Clone, Debug)]
pub struct Key {
    /// Their name, as history shows it.
    pub name: String,
    /// The hash of their key.
    pub hash: Hash,
}

impl Policy {
    /// The defaults, for a server that keeps its state in this directory.
    #[must_use]
    pub fn new(directory: PathBuf, keys: Vec<Key>) -> Self {
        Self {
            data: directory,
            roots: vec![PathBuf::from("/")],
            verify: None,
            role_groups: RoleGroup::ALL
                .iter()
                .map(|name| (RoleGroup::named(name), Rules::default()))
                .collect(),
            look_limit: Duration::from_secs(5),
            lease_term: Duration::from_secs(10),
            retain_for: Duration::from_secs(30 * 86_400),
            retain_jobs: 1_000_000,
            http: Http {
                keys,
                stream_secret: None,
                names: Vec::new(),
                body: 1 << 20,
                head: 64 << 10,
                requests_per_second: 50_000,
                failed_logins_per_second: 10,
                connections: 1_024,
                arrival: Duration::from_secs(30),
                quiet: Duration::from_secs(15),
            },
        }
    }
}
