//! What can go wrong with certificates.

use std::io;
use std::path::PathBuf;

use ffleet_api::Problem;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate cannot be made or read.
    #[error("{what} cannot be made or read")]
    Certificate {
        /// Which.
        what: String,
        /// What rcgen says.
        source: rcgen::Error,
    },
    /// TLS does not take what it is given.
    #[error("{what} cannot be used for TLS")]
    Tls {
        /// Which.
        what: String,
        /// What rustls says.
        source: rustls::Error,
    },
    /// A file does not hold what it should.
    #[error("{} {what}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] ffleet_base::files::Error),
    /// Nobody answers, or who answers is none of the fleet's.
    #[error("{address} cannot be called")]
    Unreachable {
        /// Where.
        address: String,
        /// What the kernel says, or TLS.
        source: io::Error,
    },
    /// An answer broke off.
    #[error("the answer of {address} broke off")]
    Broken {
        /// Where from.
        address: String,
        /// What hyper says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The controller says no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer makes no sense.
    #[error("the answer of {address} makes no sense: {why}")]
    Odd {
        /// Where from.
        address: String,
        /// Why not.
        why: String,
    },
}

impl Error {
    pub(crate) fn certificate(what: &str) -> impl FnOnce(rcgen::Error) -> Self {
        let what = what.to_owned();
        move |source| Self::Certificate { what, source }
    }

    pub(crate) fn tls(what: &str) -> impl FnOnce(rustls::Error) -> Self {
        let what = what.to_owned();
        move |source| Self::Tls { what, source }
    }
}
