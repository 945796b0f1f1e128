//! Invitations and members.

use ffleet_store::{InvitationRow, Store};
use ffleet_types::NodeId;

use crate::kit::{at, user};

fn invitation(byte: u8, expires: u64) -> InvitationRow {
    InvitationRow {
        hash: [byte; 32],
        name: Some(format!("node {byte}")),
        created: at(1),
        created_by: user(),
        expires: at(expires),
    }
}

fn node(number: u128) -> NodeId {
    NodeId::from_parts(1, number)
}

pub(super) async fn once(store: &Store) {
    assert!(store.invite(invitation(1, 100)).await.unwrap());
    assert!(store.invite(invitation(2, 10)).await.unwrap());
    let unknown = store.enrol([9; 32], node(1), at(2)).await.unwrap();
    assert_eq!(unknown, None);
    let late = store.enrol([2; 32], node(1), at(10)).await.unwrap();
    assert_eq!(late, None, "its time is over");
    // Many come with the same one at once: one is let in.
    let tries = (0..16).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { store.enrol([1; 32], node(number), at(2)).await.unwrap() })
    });
    let mut joined = Vec::new();
    for attempt in tries.collect::<Vec<_>>() {
        joined.extend(attempt.await.unwrap());
    }
    assert_eq!(joined.len(), 1, "{joined:?}");
    let member = &joined[0];
    assert_eq!((&member.name, &member.invited_by), (&Some("node 1".to_owned()), &user()));
    assert_eq!(store.members().await.unwrap(), joined);
    assert!(store.expel(member.node).await.unwrap());
    assert!(!store.expel(member.node).await.unwrap());
    assert!(store.members().await.unwrap().is_empty());
    let again = store.enrol([1; 32], node(77), at(2)).await.unwrap();
    assert_eq!(again, None, "who was removed needs another invitation");
}
