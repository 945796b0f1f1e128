//! `tls`: where other machines reach the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::reader::Reader;

/// Where other machines reach the server, and what it shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `tls.listen`: an address and a port, beside `listen`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `tls.certificate` and `tls.key`; where there are none, the server's own authority makes one.
    pub files: Option<TlsFiles>,
}

/// The operator's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// `tls.certificate`: the server's certificate and those that it is signed by, as PEM. An absolute path.
    pub certificate: PathBuf,
    /// `tls.key`: the certificate's private key, as PEM. An absolute path.
    pub key: PathBuf,
}

impl Tls {
    /// What is said of it, or nothing.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = reader.auto("tls.listen");
        let (certificate, key) = (reader.path("tls.certificate"), reader.path("tls.key"));
        let files = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => return missing(reader, "tls.certificate", "tls.key"),
            (None, Some(_)) => return missing(reader, "tls.key", "tls.certificate"),
        };
        match (listen, files) {
            (Some(listen), files) => Some(Self { listen, files }),
            (None, None) => None,
            (None, Some(_)) => missing(reader, "tls.certificate", "tls.listen"),
        }
    }
}

/// Where one key is said, another has to be.
fn missing(reader: &mut Reader<'_>, said: &'static str, name: &'static str) -> Option<Tls> {
    let place = reader.whence(said);
    let hint = "TLS needs tls.listen; a certificate of your own needs tls.certificate and tls.key";
    reader.problem(place, name, "is missing".to_owned(), Some(hint.to_owned()));
    None
}
