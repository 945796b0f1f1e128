//! The configuration as it is in effect, for whoever looks at it: without secrets.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use ffleet_config::Config;
use ffleet_config::config::{Format, Level, Live, OnStop, Sandbox, Watch};
use ffleet_sched::roles::Rules;
use ffleet_supervise::watch::{Glob, Limits, Rule};
use ffleet_types::Span;
use serde_json::{Map, Value, json};

use crate::show;

/// `config` with keys and values as in its file.
pub(super) fn json(config: &Config) -> Value {
    let files = config.tls.as_ref().and_then(|tls| tls.files.as_ref());
    let mut all = json!({
        "listen": config.listen,
        "tls": {
            "listen": config.tls.as_ref().map(|tls| tls.listen),
            "certificate": files.map(|files| &files.certificate),
            "key": files.map(|files| &files.key),
        },
        "data": config.data,
        "names": config.names,
        "roots": config.roots,
        "presets-dir": config.presets_dir,
        "lease-term": config.lease_term,
        "verify": config.verify,
        "log": {
            "level": config.log.level.name(),
            "format": match config.log.format {
                Format::Text => "text",
                Format::Json => "json",
            },
            "areas": levels(&config.log.areas),
            "file-size": config.log.file_size,
        },
        "engine": { "ffmpeg": config.engine.ffmpeg, "ffprobe": config.engine.ffprobe },
        "role-groups": config
            .role_groups
            .iter()
            .map(|(name, rules)| (name.to_string(), self::rules(rules)))
            .collect::<Map<_, _>>(),
        "worker": worker(config),
        "watch": watch(&config.watch),
        "limits": {
            "body": config.limits.body,
            "requests-per-second": config.limits.requests_per_second,
            "failed-logins-per-second": config.limits.failed_logins_per_second,
            "connections": config.limits.connections,
            "header-size": config.limits.header_size,
        },
        "retain": { "finished": config.retain.finished, "jobs": config.retain.jobs },
    });
    let Value::Object(live) = show::live::json(&config.live) else {
        return all;
    };
    for key in ["gateway", "feeds", "streams"] {
        all[key] = live.get(key).cloned().unwrap_or_default();
    }
    all
}

/// `all`, with what a reload has changed.
pub(super) fn renew(all: &mut Value, live: &Live) {
    let fresh = show::live::json(live);
    for key in ["feeds", "streams"] {
        all[key] = fresh[key].clone();
    }
    all["gateway"]["access"] = fresh["gateway"]["access"].clone();
}

fn worker(config: &Config) -> Value {
    let worker = &config.worker;
    json!({
        "name": worker.name,
        "max-tasks": worker.max_tasks,
        "cpu": said(worker.cpu.as_ref()),
        "memory": worker.memory,
        "scratch": worker.scratch,
        "labels": worker.labels,
        "drain-timeout": worker.drain_timeout,
        "on-stop": match worker.on_stop {
            OnStop::Leave => "leave",
            OnStop::Interrupt => "interrupt",
        },
        "nice": worker.nice,
        "sandbox": match worker.sandbox {
            Sandbox::Auto => "auto",
            Sandbox::Required => "required",
            Sandbox::Off => "off",
        },
        "sandbox-read": worker.sandbox_read,
        "sandbox-write": worker.sandbox_write,
    })
}

fn watch(watch: &Watch) -> Value {
    let names = |all: &[Glob]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let rule = |rule: &Arc<Rule>| {
        let Limits { cpu, cpu_weight, memory, tasks, io_weight, nice } = &rule.limits;
        json!({
            "label": rule.label,
            "name": said(rule.name.as_ref()),
            "uid": rule.uid,
            "parent": said(rule.parent.as_ref()),
            "directory": rule.directory,
            "exe": rule.exe,
            "age": Span(rule.age),
            "cpu": said(cpu.as_ref()),
            "cpu-weight": cpu_weight,
            "memory": memory,
            "tasks": tasks,
            "io-weight": io_weight,
            "nice": nice,
        })
    };
    json!({
        "scan-interval": watch.scan_interval,
        "tries": watch.tries,
        "detach-on-stop": watch.detach_on_stop,
        "thread-burst": watch.thread_burst,
        "throttled": watch.throttled.to_string(),
        "allow": names(&watch.allow),
        "block": names(&watch.block),
        "rules": watch.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn rules(rules: &Rules) -> Value {
    json!({
        "max-processes": rules.most.processes,
        "max-threads": rules.most.threads,
        "cpu": said(rules.most.cpu.as_ref()),
        "memory": rules.most.memory,
        "io-weight": rules.io_weight,
        "spawn-rate": rules.spawn_rate.to_string(),
        "queue": rules.queue,
        "queue-timeout": rules.patience,
        "breaker": rules.fuse.to_string(),
        "breaker-pause": rules.cool_down,
    })
}

fn said(value: Option<&impl Display>) -> Option<String> {
    value.map(ToString::to_string)
}

fn levels(areas: &BTreeMap<String, Level>) -> BTreeMap<&str, &'static str> {
    areas
        .iter()
        .map(|(area, level)| (area.as_str(), level.name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use ffleet_config::Inputs;

    use super::*;

    #[test]
    fn every_key_is_shown_and_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        let text = "tls: {listen: '0.0.0.0:8443', certificate: chain.pem, key: hidden.pem}\n\
                    feeds: {a: {pull: 'http://u:hush@cam.lan/a?token=hush'}}\n\
                    streams: {a: {feed: a, mimetype: video/mp2t}}\n\
                    watch: {rules: [{name: ffmpeg, nice: 5}]}\n";
        ffleet_base::write_atomic(&file, text.as_bytes(), 0o600).unwrap();
        let inputs = Inputs { file: Some(file), directory: dir.path().into(), ..Inputs::default() };
        let inputs = inputs.with_flag("data", "--data", dir.path().to_str().unwrap());
        let config = ffleet_config::load(&inputs).unwrap().config;
        let shown = json(&config);
        for key in ffleet_config::keys() {
            let path = format!("/{}", key.replace('.', "/"));
            let known = shown.pointer(&path).is_some() || path.starts_with("/log/areas/");
            assert!(known, "{key} is missing in {shown:#}");
        }
        let groups = shown["role-groups"]["encode"].as_object().unwrap();
        assert!(groups.contains_key("breaker-pause"), "{groups:?}");
        let key = shown["tls"]["key"].as_str().unwrap();
        assert!(key.ends_with("hidden.pem") && shown["tls"]["listen"] == "0.0.0.0:8443", "{key}");
        assert_eq!(shown["gateway"]["send-buffer"], "256KiB");
        assert_eq!(
            (&shown["watch"]["rules"][0]["label"], &shown["watch"]["tries"]),
            (&json!("rule-1"), &json!(5))
        );
        let text = shown.to_string();
        assert!(text.contains("http://***@cam.lan") && !text.contains("hush"), "{text}");
        let mut renewed = shown.clone();
        renew(&mut renewed, &Live::default());
        assert_eq!((&renewed["feeds"], &renewed["listen"]), (&json!([]), &shown["listen"]));
    }
}
