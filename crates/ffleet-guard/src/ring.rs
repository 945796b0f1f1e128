//! What the ring of a stream is promised: memory of the node, beside its jobs, and of its role group, beside the processes
//! that are in that.

use ffleet_sched::roles;
use ffleet_types::{Bytes, RoleGroup};

use crate::holdings::{self, Held};
use crate::node::Node;
use crate::seats::Holding;

/// A ring's memory, given back when this is dropped.
#[derive(Debug)]
pub struct Ring {
    _of_group: Holding,
    _of_node: Held,
}

/// Why a ring gets no memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The node has none left.
    #[error(transparent)]
    Node(#[from] holdings::NoRoom),
    /// Its role group has none left.
    #[error(
        "its ring of {} does not fit into the memory of the role group {group}: of {}, {} are promised to its \
         processes and {} to other rings; lower `ring-bytes`, or raise `role-groups.{group}.memory`",
        size.human(), room.most.human(), room.children.human(), room.held.human()
    )]
    Group {
        /// Which.
        group: RoleGroup,
        /// What the ring would hold.
        size: Bytes,
        /// What there is, and who has it.
        room: roles::NoRoom,
    },
}

impl Node {
    /// Promises a ring `size`, of the node's memory and of what the role group `group` may have.
    ///
    /// # Errors
    ///
    /// If one of the two has no room for it now. Nothing is promised then.
    pub fn hold(&self, group: &RoleGroup, size: Bytes) -> Result<Ring, NoRoom> {
        let of_group = self.seats.hold(group, size).map_err(|room| NoRoom::Group {
            group: group.clone(),
            size,
            room,
        })?;
        let of_node = self.holdings().hold(size)?;
        Ok(Ring { _of_group: of_group, _of_node: of_node })
    }
}
