//! Who is who over TLS.
//!
//! A fleet has one certificate authority of its own, in its controller's data directory ([`Authority`]). It
//! signs what controllers show, and what machines show that have joined. A machine joins by a line that a
//! person hands over ([`Join`]): where a controller is, the fingerprint of the authority, and a secret that is
//! good once. The fingerprint comes first: whoever is not signed by that very authority never hears the secret
//! ([`Membership::join`]). From then on machine and controller know each other by certificates alone.
//!
//! **Names.** Every controller's certificate is also good for one fixed name, [`SERVER_NAME`], and that is what
//! machines ask for and verify, whatever address they have reached it at: no address of the fleet has to be
//! known when a certificate is made, and a certificate that some public authority has signed for an address
//! opens nothing here. It also lets a listener show its operator's certificate to people, and ours to machines.
//!
//! Nothing here skips verification. The one verifier of our own ([`join`]) adds to webpki's what it cannot know,
//! the fingerprint, and then lets webpki decide.

mod authority;
mod call;
mod error;
pub mod join;
mod member;
mod pin;
mod serving;

pub use authority::{Authority, Issued, NODE_TERM};
pub use error::Error;
pub use join::Join;
pub use member::Membership;
pub use pin::Pin;
pub use serving::{Machine, Shown, identify, server_config};

/// The name that every controller's certificate is good for, whatever else it is. Nothing is looked up by it, and no
/// host of the public tree is called so: ICANN has set `.internal` aside.
pub const SERVER_NAME: &str = "controller.ffleet.internal";
