//! Servers that are published to by RTMPS.

use ffleet_testkit::until;
use rcgen::generate_simple_self_signed;

use super::nginx::Nginx;
use super::numbered::{numbers, push, times_only_grow};
use super::{
    GOP, SOON, assert_whole, await_arrived, await_encoded, number, output, serve_with, stream,
};

/// A certificate of `name`, and its key.
fn certificate(name: &str) -> (String, String) {
    let made = generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn server_is_published_to_by_tls_and_again_when_it_comes_back() {
    const COUNT: usize = 25 * 12;
    let (cert, key) = certificate("localhost");
    let Some(mut nginx) = Nginx::start_with_tls(&cert, &key) else {
        return;
    };
    let trusted = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(trusted.path(), &cert).unwrap();
    let roots = trusted.path().to_str().unwrap();
    let outputs = format!("\"{}\"", nginx.secure_url("localhost", "SECRET"));
    let Some(server) = serve_with(&outputs, &[("SSL_CERT_FILE", roots)]) else {
        return;
    };
    let pushing = push(&server, COUNT);
    until(SOON, "it is sent to", || output(&server, 1)["state"] == "sending");
    until(SOON, "something is recorded", || !nginx.records().is_empty());
    // Records are named by the second in which they begin.
    std::thread::sleep(std::time::Duration::from_secs(2));
    nginx.kill();
    until(SOON, "that is noticed", || output(&server, 1)["last-error"].is_string());
    nginx.start_again();
    pushing.into_iter().for_each(|one| one.join().unwrap());
    await_encoded(&server, COUNT);
    await_arrived(&server, 1);
    let shown = output(&server, 1);
    assert_eq!(
        (number(&shown, "dropped-packets"), number(&shown, "reconnects")),
        (0, 1),
        "{shown:#}"
    );
    let to = shown["to"].as_str().unwrap();
    assert!(to.starts_with("rtmps://localhost:") && to.ends_with("/live/***"), "{to}");
    assert!(!server.said().contains("SECRET"), "{}", server.said());
    let _room = server.stop();
    let records = nginx.records();
    let parts: Vec<_> = records.iter().map(|path| numbers(path, true)).collect();
    assert_eq!(parts.len(), 2, "{records:?}");
    assert_whole(&parts, COUNT, GOP);
    records
        .iter()
        .for_each(|path| assert!(times_only_grow(path)[1] > 30, "there is sound"));
}

#[test]
fn certificate_that_nobody_vouches_for_or_of_another_name_is_refused_and_said() {
    let (cert, key) = certificate("localhost");
    let Some(nginx) = Nginx::start_with_tls(&cert, &key) else {
        return;
    };
    let (other, _) = certificate("localhost");
    // Another one of the same name; and the right one, where the server is called otherwise.
    for (trusted, host, said) in [
        (
            &other,
            "localhost",
            ["nobody in ", "vouches for its certificate", "SSL_CERT_FILE"],
        ),
        (&cert, "127.0.0.1", ["certificate", "not valid for name", "127.0.0.1"]),
    ] {
        let roots = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(roots.path(), trusted).unwrap();
        let outputs = format!("\"{}\"", nginx.secure_url(host, "SECRET"));
        let vars = [("SSL_CERT_FILE", roots.path().to_str().unwrap())];
        let Some(server) = serve_with(&outputs, &vars) else {
            return;
        };
        let pushing = push(&server, 50);
        until(SOON, "it is refused", || output(&server, 1)["last-error"].is_string());
        let shown = output(&server, 1);
        let why = shown["last-error"].as_str().unwrap();
        for part in said {
            assert!(why.contains(part), "no {part:?} in {why}");
        }
        pushing.into_iter().for_each(|one| one.join().unwrap());
        let shown = stream(&server);
        assert_eq!(number(&shown["outputs"][0], "sent-bytes"), 0, "{shown:#}");
        assert!(!shown.to_string().contains("SECRET") && !server.said().contains("SECRET"));
    }
    assert_eq!(nginx.records(), Vec::<std::path::PathBuf>::new());
}
