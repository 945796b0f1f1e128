//! Keys, tenants and invitations by the command line.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use ffleet_testkit::need;

use crate::fixture::{Printed, Room, Server, run};

/// Runs the command line with another key than the server's own.
fn as_holder(server: &Server, key: &str, line: &str) -> Printed {
    let args: Vec<_> = line.split(' ').collect();
    run(server.room.command(&args).env("FFLEET_KEY", key))
}

fn ours(server: &Server, line: &str) -> Printed {
    server.cli(&line.split(' ').collect::<Vec<_>>())
}

#[test]
fn tenant_works_with_a_key_of_its_own_until_it_is_revoked() {
    let Some(server) = Server::start() else { return };
    std::fs::create_dir(server.room.path("acme")).unwrap();
    let root = server.room.text("acme");
    let made = ours(&server, &format!("tenants create acme --queued 1 --cpu 200% --root {root}"));
    assert!(made.ok().contains("waiting   0 of 1"));
    let made = ours(&server, "keys create --role tenant --tenant acme --name robot --expires 1h");
    let made = made.ok();
    let key = made.lines().next().unwrap();
    assert!(
        key.starts_with("ffk_") && made.contains("robot: tenant of tenant acme"),
        "{made}"
    );
    let listed = ours(&server, "keys list").ok();
    assert!(
        listed.contains("robot") && listed.contains("good") && !listed.contains(key),
        "{listed}"
    );

    let (foreign, own) = (server.room.text("foreign.mp4"), server.room.text("acme/own.mp4"));
    as_holder(&server, key, &format!("submit test:240p5 --duration 1s -o {foreign}"))
        .failed(4, &["tenant acme may use"]);
    let submit = format!("submit test:240p5 --duration 1s -o {own} --wait");
    as_holder(&server, key, &submit).ok();
    assert!(server.room.path("acme/own.mp4").exists());
    let hidden = server.submit(&["test:240p5", "--duration", "1s", "-o", &foreign]);
    as_holder(&server, key, &format!("jobs show {hidden}")).failed(4, &["there is no job"]);
    let jobs = as_holder(&server, key, "jobs list --json").json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{jobs}");
    as_holder(&server, key, "nodes list").failed(4, &["the role tenant may not do this"]);
    as_holder(&server, key, "keys list").failed(4, &["admin"]);
    server.await_state(hidden, "completed");

    ours(&server, "tenants remove acme").failed(4, &["1 keys"]);
    ours(&server, "keys revoke robot").ok();
    as_holder(&server, key, "jobs list").failed(4, &["the key was revoked"]);
    let log = ours(&server, "keys log --who user:robot").ok();
    assert!(log.contains("POST /v1/jobs") && log.contains("201"), "{log}");
    ours(&server, "tenants remove acme").ok();
    for (line, said) in [
        ("keys create --role tenant", "name it"),
        ("keys create --role admin --tenant x", "name no tenant"),
        ("keys create --role king", "admin, operator, tenant or reader"),
        ("keys create --role reader --name local", "are taken"),
        ("tenants set acme", "nothing is to change"),
        ("tenants set acme --cpu lots", "or none"),
    ] {
        ours(&server, line).failed(2, &[said]);
    }
    ours(&server, "nodes invite").failed(5, &["does not listen to other machines", "`tls`"]);
}

#[test]
fn server_signs_for_itself_where_it_listens_to_other_machines() {
    if need::ffmpeg().is_none() || need::ffprobe().is_none() {
        return;
    }
    let room = Arc::new(Room::new());
    std::fs::write(room.path("ffleet.yaml"), "tls: {listen: '127.0.0.1:0'}\n").unwrap();
    let server = Server::open(room, &["--config", "ffleet.yaml"]);
    let invited = ours(&server, "nodes invite --name encoder-7 --expires 5m").ok();
    let line = invited.lines().next().unwrap();
    let join: ffleet_trust::Join = line.parse().unwrap();
    let printed = server.printed();
    let outside = printed.lines().find(|line| line.contains("outside")).unwrap();
    assert!(outside.ends_with(&join.address), "{outside} {line}");
    let file = server.room.path("machine.json");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let member = runtime.block_on(ffleet_trust::Membership::join(&join, &file)).unwrap();
    runtime.block_on(member.renew()).unwrap();
    let used = runtime
        .block_on(ffleet_trust::Membership::join(&join, &file))
        .unwrap_err();
    assert!(used.to_string().contains("was used before"), "{used}");
    let authority = std::fs::metadata(server.room.path("data/authority.pem")).unwrap();
    assert_eq!(authority.permissions().mode() & 0o777, 0o600);
    ours(&server, &format!("nodes remove {}", member.node())).ok();
    let gone = runtime.block_on(member.renew()).unwrap_err();
    assert!(gone.to_string().contains("was removed from the fleet"), "{gone}");
    let log = ours(&server, "keys log").ok();
    assert!(log.contains("POST /v1/enrol") && log.contains("DELETE /v1/nodes/"), "{log}");
}
