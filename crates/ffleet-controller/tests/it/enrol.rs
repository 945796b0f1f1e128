//! How machines join, stay and leave, over real connections.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ffleet_api::Code;
use ffleet_base::{Clock as _, Secret, SystemClock};
use ffleet_trust::{
    Authority, Error, Join, Membership, NODE_TERM, Pin, SERVER_NAME, Shown, server_config,
};
use ffleet_types::Timestamp;
use rustls::pki_types::ServerName;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::fixture::{DEADLINE, Fixture};
use crate::wire::{self, Answer};

/// A server that other machines reach as well.
struct Fleet {
    fixture: Fixture,
    authority: Arc<Authority>,
    outside: SocketAddr,
}

impl Fleet {
    async fn start() -> Self {
        Self::on(Fixture::start().await.stop().await).await
    }

    /// One on what an earlier one has left.
    async fn on(dir: Arc<TempDir>) -> Self {
        let fixture = Fixture::outside(dir).await;
        let (outside, authority) = fixture.outside.clone().unwrap();
        Self { fixture, authority, outside }
    }

    /// Makes an invitation.
    async fn invite(&self, wanted: serde_json::Value) -> Join {
        let mut wanted = wanted;
        wanted["address"] = self.outside.to_string().into();
        let made = self.fixture.post("/v1/invitations", &wanted.to_string()).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["join"].as_str().unwrap().parse().unwrap()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.fixture.dir.path().join(name)
    }

    async fn join(&self, name: &str) -> Membership {
        let line = self.invite(json!({"name": name})).await;
        Membership::join(&line, &self.file(name)).await.unwrap()
    }
}

fn authority(dir: &Path, name: &str) -> Arc<Authority> {
    Arc::new(Authority::open(&dir.join(name), SystemClock.now()).unwrap())
}

async fn connect(membership: &Membership, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await?;
    let name = ServerName::try_from(SERVER_NAME).unwrap();
    TlsConnector::from(membership.client_config())
        .connect(name, stream)
        .await
}

/// One call on a connection that stays open.
async fn call(stream: &mut TlsStream<TcpStream>, line: &str, host: SocketAddr) -> Answer {
    let body = "{}";
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        loop {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the connection ended");
            let text = String::from_utf8_lossy(&answer);
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.and_then(|length| length.trim().parse::<usize>().ok());
            if let (Some((_, body)), Some(length)) = (text.split_once("\r\n\r\n"), length)
                && body.len() >= length
            {
                return wire::parse(&answer);
            }
        }
    };
    tokio::time::timeout(DEADLINE, exchange)
        .await
        .expect("an answer in time")
}

fn refused(error: Error) -> (u16, Code) {
    match error {
        Error::Refused(problem) => (problem.status, problem.code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn machine_joins_by_one_line_and_is_known_by_its_certificate() {
    let fleet = Fleet::start().await;
    let one = fleet.join("one").await;
    let mut stream = connect(&one, fleet.outside).await.unwrap();
    // Its own calls, and no others.
    let renewed = call(&mut stream, "POST /v1/node/certificate", fleet.outside).await;
    assert_eq!(renewed.code(), "missing-field", "it is let in: {renewed:?}");
    let other = call(&mut stream, "GET /v1/jobs", fleet.outside).await;
    assert_eq!((other.status, &*other.code()), (403, "forbidden"));
    let keyless = fleet.fixture.post("/v1/node/certificate", "{}").await;
    assert_eq!((keyless.status, &*keyless.code()), (403, "forbidden"), "keys are for people");
    // What is on disk is its owner's, and enough to go on with.
    let mode = std::fs::metadata(fleet.file("one")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Membership::open(&fleet.file("one")).unwrap().unwrap();
    assert_eq!(again.node(), one.node());
    connect(&again, fleet.outside).await.unwrap();
    assert!(Membership::open(&fleet.file("nobody")).unwrap().is_none());
    // Half of a certificate's life, within what clocks may differ by.
    let half = NODE_TERM / 2;
    let now = SystemClock.now();
    let due = one.renew_at().as_micros().saturating_sub(now.as_micros());
    assert!(due.abs_diff(u64::try_from(half.as_micros()).unwrap()) < 3_600_000_000, "{due}");
    let before = std::fs::read(fleet.file("one")).unwrap();
    one.renew().await.unwrap();
    assert_ne!(std::fs::read(fleet.file("one")).unwrap(), before, "a new key and certificate");
    connect(&one, fleet.outside).await.unwrap();
    let log = fleet
        .fixture
        .get(&format!("/v1/audit-log?who=node:{}", one.node()))
        .await
        .json();
    assert_eq!(log["entries"][0]["path"], "/v1/enrol", "{log}");
    fleet.fixture.stop().await;
}

#[tokio::test]
async fn invitation_is_good_once_also_for_many_at_once() {
    let fleet = Fleet::start().await;
    let line = fleet.invite(json!({})).await;
    let dir = Arc::new(TempDir::new().unwrap());
    let tries = (0..8).map(|number| {
        let (line, dir) = (line.clone(), Arc::clone(&dir));
        tokio::spawn(
            async move { Membership::join(&line, &dir.path().join(number.to_string())).await },
        )
    });
    let (mut joined, mut others) = (0, 0);
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_member) => joined += 1,
            Err(error) => {
                let (status, code) = refused(error);
                assert!(
                    (status, code) == (403, Code::InvitationInvalid)
                        || code == Code::TooManyRequests,
                    "{status} {code}"
                );
                others += 1;
            }
        }
    }
    assert_eq!((joined, others), (1, 7));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "who failed keeps nothing");
    fleet.fixture.stop().await;
}

#[tokio::test]
async fn expired_and_unknown_invitations_are_refused() {
    let fleet = Fleet::start().await;
    let mut line = fleet.invite(json!({"expires": "1s"})).await;
    let made = SystemClock.now();
    while SystemClock.now().as_micros() < made.as_micros() + 1_000_000 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let late = Membership::join(&line, &fleet.file("late")).await.unwrap_err();
    assert_eq!(refused(late), (403, Code::InvitationInvalid));
    line.secret = Secret::new("ffi_0123456789abcdefghjk".to_owned());
    let wrong = Membership::join(&line, &fleet.file("wrong")).await.unwrap_err();
    assert_eq!(refused(wrong), (403, Code::InvitationInvalid));
    assert!(!fleet.file("wrong").exists());
    for (wanted, code) in [
        (r#"{"expires":"31d"}"#, "invalid-value"),
        (r#"{"address":"nowhere"}"#, "invalid-value"),
        (r#"{"address":"user@host:1"}"#, "invalid-value"),
        (r#"{"name":""}"#, "invalid-value"),
        (r#"{"secret":"x"}"#, "unknown-field"),
    ] {
        assert_eq!(fleet.fixture.post("/v1/invitations", wanted).await.code(), code, "{wanted}");
    }
    // A request that is none uses nothing up.
    let line = fleet.invite(json!({})).await;
    let body = json!({"secret": line.secret.expose(), "request": "nonsense"}).to_string();
    let json = "content-type: application/json";
    let answer = fleet.fixture.request("POST /v1/enrol", &[json], &body).await;
    assert_eq!((answer.status, &*answer.code()), (422, "invalid-value"));
    Membership::join(&line, &fleet.file("one")).await.unwrap();
    fleet.fixture.stop().await;
}

#[tokio::test]
async fn wrong_secrets_are_slowed_down_as_wrong_keys_are() {
    let fixture = Fixture::with(|policy| policy.http.failed_logins_per_second = 0).await;
    fixture
        .controller
        .attach_authority(authority(fixture.dir.path(), "authority.pem"));
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    let body = json!({"secret": "ffi_0123456789abcdefghjk", "request": request.pem().unwrap()});
    let json = "content-type: application/json";
    let answer = fixture.request("POST /v1/enrol", &[json], &body.to_string()).await;
    assert_eq!((answer.status, &*answer.code()), (429, "too-many-requests"));
    fixture.stop().await;
}

#[tokio::test]
async fn server_of_another_authority_never_hears_the_secret() {
    let fleet = Fleet::start().await;
    let genuine = fleet.invite(json!({})).await;
    // Somebody in the middle, with an authority of their own, who sends the genuine one's certificate along.
    let dir = TempDir::new().unwrap();
    let other = authority(dir.path(), "other.pem");
    for forged in [false, true] {
        let now = SystemClock.now();
        let mut ours = other.controller(&["127.0.0.1".to_owned()], now).unwrap().shown;
        if forged {
            let mut key = rustls::sign::CertifiedKey::clone(&ours);
            key.cert.push(fleet.authority.certificate().clone());
            ours = Arc::new(key);
        }
        let config = server_config(&other, Shown { ours, operators: None }).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(AtomicUsize::new(0));
        let ear = Arc::clone(&heard);
        let middle = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
                let mut said = [0; 1];
                ear.store(stream.read(&mut said).await.unwrap_or(0), Ordering::Release);
            }
        });
        let line = Join { address, ..genuine.clone() };
        let error = Membership::join(&line, &fleet.file("fooled")).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        tokio::time::timeout(DEADLINE, middle).await.unwrap().unwrap();
        assert_eq!(heard.load(Ordering::Acquire), 0, "it heard something");
    }
    // A line whose fingerprint is another's is as little good with the genuine server.
    let line = Join { pin: Pin::of(other.certificate()), ..genuine.clone() };
    let error = Membership::join(&line, &fleet.file("fooled")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(!fleet.file("fooled").exists());
    Membership::join(&genuine, &fleet.file("one"))
        .await
        .expect("the invitation is unused");
    fleet.fixture.stop().await;
}

#[tokio::test]
async fn removed_machine_is_refused_at_once_also_on_open_connections() {
    let fleet = Fleet::start().await;
    let one = fleet.join("one").await;
    let other = fleet.join("other").await;
    let mut stream = connect(&one, fleet.outside).await.unwrap();
    let before = call(&mut stream, "POST /v1/node/certificate", fleet.outside).await;
    assert_eq!(before.code(), "missing-field");
    let line = format!("DELETE /v1/nodes/{}", one.node());
    let bearer = fleet.fixture.bearer();
    assert_eq!(fleet.fixture.request(&line, &[&bearer], "").await.status, 200);
    let after = call(&mut stream, "POST /v1/node/certificate", fleet.outside).await;
    assert_eq!((after.status, &*after.code()), (401, "unauthorized"));
    assert!(after.body.contains("was removed from the fleet"), "{after:?}");
    assert_eq!(refused(one.renew().await.unwrap_err()), (401, Code::Unauthorized));
    other.renew().await.expect("others stay");
    assert_eq!(fleet.fixture.request(&line, &[&bearer], "").await.code(), "node-not-found");
    let unknown = fleet.fixture.request("DELETE /v1/nodes/nobody", &[&bearer], "").await;
    assert_eq!(unknown.code(), "node-not-found");
    // Who belongs to the fleet is known over restarts, and who does not.
    let fleet = Fleet::on(fleet.fixture.stop().await).await;
    let mut stream = connect(&other, fleet.outside).await.unwrap();
    let known = call(&mut stream, "POST /v1/node/certificate", fleet.outside).await;
    assert_eq!(known.code(), "missing-field");
    let mut stream = connect(&one, fleet.outside).await.unwrap();
    let gone = call(&mut stream, "POST /v1/node/certificate", fleet.outside).await;
    assert_eq!(gone.status, 401);
    fleet.fixture.stop().await;
}

#[tokio::test]
async fn certificate_of_another_authority_and_one_that_has_expired_open_nothing() {
    let fleet = Fleet::start().await;
    let one = fleet.join("one").await;
    let page = std::fs::read_to_string(fleet.file("one")).unwrap();
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    let key = rcgen::KeyPair::from_pem(page["key"].as_str().unwrap()).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    let request = request.pem().unwrap();
    let dir = TempDir::new().unwrap();
    let other = authority(dir.path(), "other.pem");
    let long_ago = Timestamp::from_micros(
        SystemClock.now().as_micros() - 2 * u64::try_from(NODE_TERM.as_micros()).unwrap(),
    );
    let foreign = other.node(&request, one.node(), SystemClock.now()).unwrap();
    let expired = fleet.authority.node(&request, one.node(), long_ago).unwrap();
    for (name, certificate) in [("foreign", foreign), ("expired", expired)] {
        let mut forged = page.clone();
        forged["certificate"] = certificate.into();
        let file = fleet.file(name);
        ffleet_base::write_atomic(&file, forged.to_string().as_bytes(), 0o600).unwrap();
        let member = Membership::open(&file).unwrap().unwrap();
        // In TLS 1.3 the client hears of it with its first read.
        let error = member.renew().await.unwrap_err();
        assert!(
            matches!(error, Error::Unreachable { .. } | Error::Broken { .. }),
            "{name}: {error:?}"
        );
    }
    one.renew().await.expect("the genuine one does");
    fleet.fixture.stop().await;
}
