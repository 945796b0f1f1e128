use super::*;

fn inner(name: &str, kind: Option<&str>) -> Dependency {
    Dependency {
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        path: Some(format!("crates/{name}")),
        features: Vec::new(),
    }
}

fn outer(name: &str, kind: Option<&str>, features: &[&str]) -> Dependency {
    Dependency {
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        path: None,
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
    }
}

/// What is said of a crate with this one dependency.
fn said(name: &str, dependency: Dependency) -> Option<String> {
    let package = Package {
        name: name.to_owned(),
        manifest_path: String::new(),
        dependencies: vec![dependency],
    };
    let mut findings = dependencies(&package);
    assert!(findings.len() <= 1);
    findings.pop().map(|finding| finding.text)
}

#[test]
fn lower_level_is_used_freely() {
    for (name, other) in [
        ("ffleet-sched", "ffleet-types"),
        ("ffleet-sched", "ffleet-media"),
        ("ffleet-guard", "ffleet-supervise"),
        ("ffleet-worker", "ffleet-guard"),
        ("ffleet", "ffleet-worker"),
    ] {
        assert_eq!(said(name, inner(other, None)), None, "{name} → {other}");
    }
}

#[test]
fn higher_level_and_same_level_are_refused() {
    for (name, other) in [
        ("ffleet-types", "ffleet-base"),
        ("ffleet-media", "ffleet-engine"),
        ("ffleet-sched", "ffleet-supervise"),
        ("ffleet-store", "ffleet-api"),
        ("ffleet-controller", "ffleet-worker"),
        ("ffleet-worker", "ffleet"),
    ] {
        let text = said(name, inner(other, None)).unwrap_or_else(|| panic!("{name} → {other}"));
        assert!(text.contains(other), "{text}");
        assert!(said(name, inner(other, Some("dev"))).is_some(), "not for tests either");
    }
}

#[test]
fn words_crates_use_each_other_only_downwards() {
    assert_eq!(said("ffleet-media", inner("ffleet-types", None)), None);
    assert_eq!(said("ffleet-engine", inner("ffleet-media", None)), None);
    assert!(said("ffleet-types", inner("ffleet-media", None)).is_some());
}

#[test]
fn testkit_is_for_tests() {
    assert_eq!(said("ffleet-guard", inner("ffleet-testkit", Some("dev"))), None);
    assert!(said("ffleet-guard", inner("ffleet-testkit", None)).is_some());
}

#[test]
fn pure_crate_takes_serde_alone_from_outside() {
    assert_eq!(said("ffleet-types", outer("serde", None, &["derive"])), None);
    assert_eq!(said("ffleet-types", outer("serde_json", Some("dev"), &[])), None);
    let text = said("ffleet-sched", outer("tokio", None, &[])).unwrap();
    assert!(text.contains("tokio") && text.contains("serde alone"), "{text}");
    let text = said("ffleet-sched", outer("serde", None, &["unstable"])).unwrap();
    assert!(text.contains("'unstable'"), "{text}");
}

#[test]
fn database_is_the_stores_alone() {
    assert_eq!(said("ffleet-store", outer("rusqlite", None, &[])), None);
    let text = said("ffleet-controller", outer("rusqlite", None, &[])).unwrap();
    assert!(text.contains("ffleet-store"), "{text}");
}

#[test]
fn crate_without_a_level_is_an_error() {
    let text = said("ffleet-stuff", outer("serde", None, &[])).unwrap();
    assert!(text.contains("xtask/src/levels.rs"), "{text}");
}
