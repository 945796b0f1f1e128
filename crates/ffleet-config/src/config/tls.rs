//! `tls`: where other machines reach the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::reader::Reader;

/// Where other machines reach the server, and what it shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `tls.listen`: an address and a port, beside `listen`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `tls.certificate`: the server's certificate and those that it is signed by, as PEM. An absolute path.
    pub certificate: PathBuf,
    /// `tls.key`: the certificate's private key, as PEM. An absolute path.
    pub key: PathBuf,
}

impl Tls {
    /// All of it, or nothing.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let listen = reader.auto("tls.listen");
        let (certificate, key) = (reader.path("tls.certificate"), reader.path("tls.key"));
        let missing = [
            ("tls.listen", listen.is_some()),
            ("tls.certificate", certificate.is_some()),
            ("tls.key", key.is_some()),
        ];
        if let (Some(listen), Some(certificate), Some(key)) = (listen, certificate, key) {
            return Some(Self { listen, certificate, key });
        }
        if let Some(&(said, _)) = missing.iter().find(|&&(_, there)| there) {
            let place = reader.whence(said);
            for (name, _) in missing.into_iter().filter(|&(_, there)| !there) {
                let hint = "TLS needs tls.listen, tls.certificate and tls.key".to_owned();
                reader.problem(place.clone(), name, "is missing".to_owned(), Some(hint));
            }
        }
        None
    }
}
