//! What viewers cost who come by TLS.
//!
//! They greet the server as any client does. What they are sent after that is counted as it comes and not
//! deciphered, so that the crowd costs what the others cost.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::crowd::Crowd;
use ffleet_testkit::measure::{Bound, Row, cpu_time};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::Extent;
use crate::fanout::bytes;
use crate::room::Room;
use crate::server::Server;

/// How many watch.
const COUNT: usize = 200;
/// How long the crowd settles before it counts.
const SETTLE: Duration = Duration::from_secs(3);

/// Puts a certificate into the room, and says how it is used.
pub(crate) fn config(room: &Room) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(room.file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(room.file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    "tls: {listen: '127.0.0.1:0', certificate: cert.pem, key: key.pem}".to_owned()
}

pub(crate) fn row(room: &Room, server: &Server, extent: Extent) -> Row {
    let window = Duration::from_secs(extent.pick(2, 8));
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(room.file("cert.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let outside = server.outside(room);
    let sockets = (0..COUNT).map(|_| ask(&config, outside)).collect();
    let mut crowd = Crowd::of(sockets).unwrap();
    crowd.watch(SETTLE).unwrap();
    let mut cost = Vec::new();
    for _ in 0..extent.pick(1, 3) {
        let spent = cpu_time(server.pid()).unwrap();
        let seen = crowd.watch(window).unwrap();
        let spent = (cpu_time(server.pid()).unwrap() - spent).as_secs_f64();
        assert!(seen.iter().all(|seen| !seen.is_closed), "viewers were cut off");
        cost.push(spent * 1e9 / bytes(&seen));
    }
    let what = format!("5 Mbit/s to {COUNT} viewers over TLS: CPU for each GB");
    Row::new(what, "s/GB", Bound::Open, &cost)
}

/// A viewer that has greeted, asked and got the head of its answer.
fn ask(config: &Arc<ClientConfig>, address: SocketAddr) -> TcpStream {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let mut stream = rustls::Stream::new(&mut client, &mut socket);
    let request =
        format!("GET /stream/live HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", address.port());
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 15];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    socket
}
