//! The server as other machines meet it: by TLS, with a certificate of the operator's.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use ffleet_testkit::{need, until};
use rustix::process::Signal;

use crate::fixture::{Room, Server};

const SOON: Duration = Duration::from_secs(20);

/// Puts a certificate for these names into the room, and its key.
fn certify(room: &Room, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(room.path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(room.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

fn open(listen: &str, more: &str) -> Option<(Server, u16)> {
    let room = Arc::new(Room::new());
    certify(&room, &["localhost", "127.0.0.1"]);
    let tls = format!("tls: {{listen: '{listen}', certificate: cert.pem, key: key.pem}}\n{more}");
    std::fs::write(room.path("ffleet.yaml"), tls).unwrap();
    if need::program("curl").is_none() || need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return None;
    }
    let server = Server::open(room, &["--config", "ffleet.yaml"]);
    let printed = server.printed();
    let line = printed.lines().find(|line| line.contains("outside")).unwrap();
    let port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
    Some((server, port))
}

/// What curl says to a path, with the certificate that is there now: the status, and the body.
fn ask(server: &Server, port: u16, path: &str, more: &[&str]) -> (String, String) {
    let certificate = server.room.text("cert.pem");
    let address = format!("https://localhost:{port}{path}");
    let asked = std::process::Command::new("curl")
        .args(["-sS", "--max-time", "10", "--cacert", &certificate, "-w", "\n%{http_code}"])
        .args(more)
        .arg(address)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (format!("{status}{}", String::from_utf8_lossy(&asked.stderr)), body.to_owned())
}

#[test]
fn other_machines_are_answered_over_tls_alone() {
    let streams = "feeds: {f: {command: NASTY count 100 60}}
streams: {f: {feed: f, mimetype: application/x-numbers}}
names: [media.example]";
    let nasty = ffleet_testkit::binary("nasty");
    let streams = streams.replace("NASTY", nasty.to_str().unwrap());
    let Some((server, port)) = open("0.0.0.0:0", &streams) else {
        return;
    };
    assert_eq!(ask(&server, port, "/healthz", &[]).0, "200");
    assert_eq!(ask(&server, port, "/v1/streams", &[]).0, "401", "keys are needed here too");
    let key = format!("Authorization: Bearer {}", server.key);
    let (status, body) = ask(&server, port, "/v1/streams", &["-H", &key]);
    assert!(status == "200" && body.contains("application/x-numbers"), "{status}: {body}");
    // A stream is watched, and curl leaves when it has enough.
    let (_, body) = ask(&server, port, "/stream/f", &["--max-time", "2"]);
    let first: Vec<&str> = body.lines().skip(1).take(1_000).collect();
    assert_eq!(first.len(), 1_000);
    let next =
        |pair: &[&str]| pair[0].parse::<u64>().unwrap() + 1 == pair[1].parse::<u64>().unwrap();
    assert!(first.windows(2).all(next), "nothing is lost");
    // By its addresses, whichever they are, and by its names; by no other.
    for (host, status) in [
        (format!("192.0.2.7:{port}"), "200"),
        (format!("media.example:{port}"), "200"),
        ("192.0.2.7:1".to_owned(), "421"),
        (format!("evil.example:{port}"), "421"),
    ] {
        let host = format!("Host: {host}");
        assert_eq!(ask(&server, port, "/healthz", &["-H", &host]).0, status, "{host}");
    }
    // A page of another address of this kind is another site.
    let origin = format!("Origin: https://192.0.2.7:{port}");
    assert_eq!(ask(&server, port, "/v1/streams", &["-H", &key, "-H", &origin]).0, "403");
    // The session of a browser here is one for TLS.
    let (status, link) = ask(&server, port, "/v1/login-links", &["-H", &key, "-X", "POST"]);
    assert_eq!(status, "201", "{link}");
    let link: serde_json::Value = serde_json::from_str(&link).unwrap();
    let path = link["url"].as_str().unwrap().split_once("/login").unwrap().1;
    let (status, head) = ask(&server, port, &format!("/login{path}"), &["-i"]);
    assert!(status == "303" && head.contains("; Secure"), "{head}");
    let mut plain = TcpStream::connect(("127.0.0.1", port)).unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut said = Vec::new();
    plain.read_to_end(&mut said).unwrap();
    // An alert (RFC 8446, 6), and the end.
    assert_eq!(said.first(), Some(&21), "not in the clear: {said:?}");
}

#[test]
fn token_is_good_over_tls_and_for_nothing_else() {
    let streams = "streams:
  a: {type: shot, mimetype: image/x-none, command: echo shot, access: token}
  b: {type: shot, mimetype: image/x-none, command: echo shot, access: token}
names: [media.example]";
    let Some((server, port)) = open("127.0.0.1:0", streams) else {
        return;
    };
    assert_eq!(ask(&server, port, "/stream/a", &[]).0, "401");
    let key = format!("Authorization: Bearer {}", server.key);
    let json = "Content-Type: application/json";
    let wanted = ["-H", &key, "-H", json, "-d", "{}"];
    let made = ask(&server, port, "/v1/streams/a/tokens", &wanted);
    assert_eq!(made.0, "201", "{}", made.1);
    let made: serde_json::Value = serde_json::from_str(&made.1).unwrap();
    let token = made["token"].as_str().unwrap();
    let address = format!("https://media.example:{port}/stream/a?token={token}");
    assert_eq!(made["urls"], serde_json::json!([address]), "what others are sent");
    let (_, page) = ask(&server, port, "/streams/a", &["-H", &key, "-H", "Accept: text/html"]);
    assert!(
        page.contains(&format!("https://localhost:{port}/stream/a?token=TOKEN")),
        "{page}"
    );
    let shot = ask(&server, port, &format!("/stream/a?token={token}"), &[]);
    assert_eq!(shot, ("200".to_owned(), "shot\n".to_owned()));
    assert_eq!(ask(&server, port, &format!("/stream/b?token={token}"), &[]).0, "403");
    let shown = ask(&server, port, "/v1/config", &["-H", &key]).1;
    let config: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let file = config["tls"]["key"].as_str().unwrap();
    assert!(file.ends_with("key.pem") && !shown.contains("PRIVATE KEY"), "{shown}");
}

#[test]
fn session_below_voyandz_pages_is_one_for_tls() {
    if need::program("curl").is_none() || need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    certify(&room, &["localhost", "127.0.0.1"]);
    std::fs::write(room.path("voyandz.yaml"), format!("listenport: {}\n", free_port())).unwrap();
    let port = free_port();
    let at = format!("127.0.0.1:{port}");
    let vars = [
        ("FFLEET_TLS_LISTEN", at.as_str()),
        ("FFLEET_TLS_CERTIFICATE", "cert.pem"),
        ("FFLEET_TLS_KEY", "key.pem"),
    ];
    let args = ["voyandz", "-f", "voyandz.yaml", "--data", "data"];
    let server = Server::launch(room, &args, &vars);
    let link = server.cli(&["dashboard"]).ok();
    let once = link.lines().next().unwrap().split_once("/login").unwrap().1;
    let (status, head) = ask(&server, port, &format!("/login{once}"), &["-i"]);
    assert!(status == "303" && head.contains("; Secure"), "{head}");
    assert!(head.contains("location: /_ffleet/"), "{head}");
    let page = ask(&server, port, "/_ffleet/streams", &["-H", "Accept: text/html"]);
    assert!(page.0 == "401" && page.1.contains("href=\"/_ffleet/streams\""), "{page:?}");
}

fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    socket.local_addr().unwrap().port()
}

#[test]
fn certificate_is_renewed_while_the_server_runs() {
    let Some((server, port)) = open("127.0.0.1:0", "") else {
        return;
    };
    assert_eq!(ask(&server, port, "/healthz", &[]).0, "200");
    certify(&server.room, &["localhost"]);
    assert!(
        ask(&server, port, "/healthz", &[]).0.contains("certificate"),
        "the old one is shown"
    );
    server.signal(Signal::HUP);
    until(SOON, "the new one is shown", || ask(&server, port, "/healthz", &[]).0 == "200");
    std::fs::write(server.room.path("key.pem"), "no key").unwrap();
    server.signal(Signal::HUP);
    until(SOON, "it says so", || server.said().contains("the certificate stays as it was"));
    assert_eq!(ask(&server, port, "/healthz", &[]).0, "200");
    // Somebody who only connects holds nobody up.
    let _silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert_eq!(ask(&server, port, "/healthz", &[]).0, "200");
}

#[test]
fn certificate_that_cannot_be_used_is_said_at_the_start() {
    let room = Room::new();
    certify(&room, &["localhost"]);
    let text = "tls: {listen: '127.0.0.1:0', certificate: cert.pem, key: other.pem}\n";
    std::fs::write(room.path("ffleet.yaml"), text).unwrap();
    let serve = ["serve", "--data", "data", "--config", "ffleet.yaml", "--listen", "127.0.0.1:0"];
    room.run(&serve)
        .failed(7, &["other.pem cannot be read as a private key"]);
    std::fs::write(room.path("other.pem"), "nonsense").unwrap();
    room.run(&serve)
        .failed(7, &["other.pem cannot be read as a private key"]);
    let other = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
    std::fs::write(room.path("other.pem"), other.signing_key.serialize_pem()).unwrap();
    room.run(&serve).failed(7, &["cannot be used", "cert.pem", "other.pem"]);
    for (text, missing) in [
        ("tls: {certificate: cert.pem}", "tls.key: is missing"),
        ("tls: {key: key.pem, listen: '127.0.0.1:0'}", "tls.certificate: is missing"),
        ("tls: {certificate: cert.pem, key: key.pem}", "tls.listen: is missing"),
    ] {
        std::fs::write(room.path("ffleet.yaml"), format!("{text}\n")).unwrap();
        let checked = room.run(&["config", "check", "ffleet.yaml"]);
        assert_eq!(checked.code, 2);
        assert!(checked.out.contains(missing), "{checked:?}");
    }
}
