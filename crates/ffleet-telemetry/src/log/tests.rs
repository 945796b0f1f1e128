use std::sync::Arc;

use tracing::subscriber::with_default;

use super::*;

fn setup(level: &str, areas: &[(&str, &str)]) -> Setup {
    Setup {
        level: level.into(),
        areas: areas
            .iter()
            .map(|(area, level)| ((*area).into(), (*level).into()))
            .collect(),
        json: false,
        directory: None,
        file_size: Bytes::mib(1),
    }
}

/// What is written while `run` runs, a line each.
fn lines(setup: &Setup, run: impl FnOnce()) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let write = move |line: &[u8]| {
        sink.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
    };
    let layer = layer(setup.json, Output { color: false, write });
    let subscriber = tracing_subscriber::registry().with(layer).with(filter(setup).unwrap());
    with_default(subscriber, run);
    let lines = lines.lock().unwrap();
    lines.clone()
}

#[test]
fn each_area_has_its_level() {
    let setup = setup("info", &[("store", "debug"), ("program", "error")]);
    let heard = lines(&setup, || {
        tracing::debug!(target: "ffleet_store::writer", "1");
        tracing::debug!(target: "ffleet_worker", "no");
        tracing::info!(target: "ffleet_worker", "2");
        tracing::warn!(target: "ffleet::serve", "no");
        tracing::error!(target: "ffleet", "3");
        tracing::info!(target: "hyper::proto", "no");
        tracing::warn!(target: "hyper::proto", "4");
    });
    let last: Vec<_> = heard.iter().filter_map(|line| line.trim_end().chars().last()).collect();
    assert_eq!(last, ['1', '2', '3', '4'], "{heard:?}");
}

#[test]
fn level_that_is_none_is_refused() {
    assert!(matches!(filter(&setup("loud", &[])), Err(Error::Level(text)) if text == "loud"));
    filter(&setup("info", &[("store", "off")])).unwrap_err();
}

#[test]
fn line_has_time_level_area_and_fields_and_no_secret() {
    let heard = lines(&setup("info", &[]), || {
        tracing::info!(target: "ffleet_worker", job = 17, url = "rtmp://h/app/hush", "attempt started");
    });
    assert_eq!(heard.len(), 1);
    let (time, rest) = heard[0].split_once(' ').unwrap();
    ffleet_base::clock::parse_rfc3339(time).unwrap();
    assert_eq!(
        rest.trim(),
        "INFO ffleet_worker: attempt started job=17 url=\"rtmp://h/app/***\""
    );
}

#[test]
fn json_line_is_one_object() {
    let json = Setup { json: true, ..setup("info", &[]) };
    let heard = lines(&json, || {
        tracing::info!(target: "ffleet_api", key = "ffk_abc", "a\n\"b\"");
    });
    let value: serde_json::Value = serde_json::from_str(&heard[0]).unwrap();
    assert_eq!(value["message"], "a\n\"b\"");
    assert_eq!((&value["key"], &value["level"]), (&"ffk_***".into(), &"INFO".into()));
    assert_eq!(heard[0].matches('\n').count(), 1);
}
