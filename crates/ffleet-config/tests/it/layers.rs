//! Flags over variables over the file over the defaults.

use std::path::{Path, PathBuf};

use ffleet_config::config::{Format, Level};
use ffleet_types::{Bytes, Span};

use crate::{config, defaults, inputs, load};

#[test]
fn defaults_are_those_that_are_promised() {
    let config = defaults();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8420");
    assert_eq!(config.data, Path::new("/home/nobody-lives-here/.local/state/ffleet"));
    assert_eq!(config.presets_dir, config.data.join("presets"));
    assert_eq!(config.roots, [PathBuf::from("/")]);
    assert_eq!(config.lease_term, Span::secs(10));
    assert_eq!((config.retain.finished, config.retain.jobs), (Span::secs(2_592_000), 1_000_000));
    assert_eq!((config.worker.nice, config.verify), (10, None));
}

#[test]
fn flag_wins_over_variable_over_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yaml");
    let text = b"listen: 127.0.0.1:1\nretain: {jobs: 101}\nworker: {nice: 1}\n";
    ffleet_base::write_atomic(&path, text, 0o600).unwrap();
    let vars = [("FFLEET_LISTEN", "127.0.0.1:2"), ("FFLEET_RETAIN_JOBS", "102")];
    let inputs = inputs(Some(&path), vars).with_flag("listen", "--listen", "127.0.0.1:3");
    let loaded = ffleet_config::load(&inputs).unwrap();
    assert_eq!(loaded.config.listen.port(), 3);
    assert_eq!(loaded.config.retain.jobs, 102);
    assert_eq!(loaded.config.worker.nice, 1);
    assert_eq!(loaded.file.as_deref(), Some(path.as_path()));
}

#[test]
fn every_kind_of_value_can_be_a_variable() {
    let vars = [
        ("FFLEET_NAMES", "a.lan, B.lan"),
        ("FFLEET_WORKER_LABELS", "disk=nvme,rack=010"),
        ("FFLEET_LOG_AREAS", "store=debug"),
        ("FFLEET_LOG_FORMAT", "json"),
        ("FFLEET_WORKER_MAX_TASKS", "auto"),
        ("FFLEET_DATA", "there"),
    ];
    let config = ffleet_config::load(&inputs(None, vars)).unwrap().config;
    assert_eq!(config.names, ["a.lan", "b.lan"]);
    assert_eq!(config.worker.labels["rack"], "010");
    assert_eq!(config.log.areas["store"], Level::Debug);
    assert_eq!(config.log.format, Format::Json);
    assert_eq!(config.worker.max_tasks, None);
    assert_eq!(config.data, Path::new("/work-dir/there"));
}

#[test]
fn path_in_a_file_starts_from_that_file() {
    let (directory, loaded) =
        load("data: ../x/./state\nroots: [in, /out/../o]\nengine: {ffmpeg: /opt/f}");
    let config = loaded.unwrap().config;
    let parent = directory.path().parent().unwrap();
    assert_eq!(config.data, parent.join("x/state"));
    assert_eq!(config.roots, [directory.path().join("in"), PathBuf::from("/o")]);
    assert_eq!(config.engine.ffmpeg.as_deref(), Some(Path::new("/opt/f")));
}

#[test]
fn values_have_units() {
    let config = config(
        "limits: {body: 2MiB, requests-per-second: 10_000}\nlease-term: 1m30s\n\
         worker:\n  cpu: 150%\n  memory: 4g\nverify: none\n",
    );
    assert_eq!(config.limits.body, Bytes::mib(2));
    assert_eq!(config.limits.requests_per_second, 10_000);
    assert_eq!(config.lease_term, Span::secs(90));
    assert_eq!(config.worker.cpu.unwrap().millis(), 1_500);
    assert_eq!(config.worker.memory, Some(Bytes::gib(4)));
    assert_eq!(config.verify, Some(ffleet_media::job::Verify::None));
}

#[test]
fn file_is_found_in_the_usual_place() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("ffleet")).unwrap();
    let path = home.path().join("ffleet/ffleet.yaml");
    ffleet_base::write_atomic(&path, b"retain: {jobs: 777}", 0o600).unwrap();
    let base = home.path().to_str().unwrap();
    let loaded = ffleet_config::load(&inputs(None, [("XDG_CONFIG_HOME", base)])).unwrap();
    assert_eq!((loaded.config.retain.jobs, loaded.file), (777, Some(path)));
}

#[test]
fn variable_that_looks_like_a_slip_is_warned_of() {
    let vars = [("FFLEET_WORKER_MAX_TASK", "3"), ("FFLEET_KEY", "x"), ("FFLEET_XYZZY", "y")];
    let loaded = ffleet_config::load(&inputs(None, vars)).unwrap();
    assert_eq!(
        loaded.warnings,
        ["FFLEET_WORKER_MAX_TASK is not a variable of ffleet: is FFLEET_WORKER_MAX_TASKS meant?"]
    );
}

#[test]
fn role_groups_are_those_of_the_file_beside_those_that_are_always_there() {
    let config = config(
        "role-groups:\n  encode: {max-processes: 4, max-threads: 120, cpu: 300%, memory: 6GiB, \
         io-weight: 10_000, spawn-rate: 20/s, queue: 8, queue-timeout: 1m, breaker: 10/5m, breaker-pause: 2m}\n  \
         drafts:\n",
    );
    let names: Vec<_> = config.role_groups.keys().map(ffleet_types::RoleGroup::as_str).collect();
    assert_eq!(names, ["drafts", "encode", "live", "probe", "proof", "thumbnail", "verify"]);
    let rules = config.role_groups["encode"];
    assert_eq!((rules.most.processes, rules.most.threads), (Some(4), Some(120)));
    assert_eq!((rules.queue, rules.fuse.to_string().as_str()), (8, "10/5m"));
    assert_eq!((rules.spawn_rate.to_string().as_str(), rules.io_weight), ("20/s", Some(10_000)));
    assert_eq!(config.role_groups["drafts"], Default::default());
}
