//! Where a viewer can begin.

use std::sync::Arc;

/// A place where a viewer can begin.
#[derive(Clone, Debug)]
pub struct Join {
    /// Its offset from the producer's first byte.
    pub at: u64,
    /// What a newcomer gets first.
    pub head: Arc<[u8]>,
    /// What a viewer gets first that skipped within the same run.
    pub bridge: Arc<[u8]>,
    /// What a viewer gets first that comes from an earlier run.
    pub reopen: Arc<[u8]>,
    /// Whether a picture of its own is there.
    pub is_key: bool,
}
