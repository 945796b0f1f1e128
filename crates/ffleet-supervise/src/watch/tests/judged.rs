//! Whom which rule fits.

use super::*;

fn label(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Fits(rule) => &rule.label,
        _ => "",
    }
}

#[test]
fn first_rule_that_fits_counts() {
    let all = [
        Rule { uid: Some(7), ..rule("of 7", "ffmpeg") },
        Rule { directory: Some("/srv/media".into()), ..rule("media", "ff*") },
        rule("any", "*"),
    ];
    let rules = policy(all).rules;
    let mut seen = Seen::new(id(7, 1), "ffmpeg");
    assert_eq!(label(&judged(&rules, &seen)), "media");
    seen.uid = Some(7);
    assert_eq!(label(&judged(&rules, &seen)), "of 7");
    seen.uid = None;
    seen.directory = Some("/srv/media2".into());
    assert_eq!(label(&judged(&rules, &seen)), "any", "a path is compared part by part");
    seen.directory = None;
    assert_eq!(label(&judged(&rules, &seen)), "any", "what is not known fits nothing");
}

#[test]
fn every_word_of_a_rule_must_fit() {
    let strict = Rule {
        uid: Some(1_000),
        parent: Some("s?".parse().unwrap()),
        directory: Some("/srv/media".into()),
        exe: Some("/usr/bin".into()),
        age: s(1),
        ..rule("all", "ffmpeg")
    };
    let rules = policy([strict]).rules;
    let fine = Seen::new(id(7, 1), "ffmpeg");
    assert_eq!(label(&judged(&rules, &fine)), "all");
    for other in [
        Seen { name: "x".to_owned(), program: None, ..fine.clone() },
        Seen { uid: Some(0), ..fine.clone() },
        Seen { parent: Some("cron".to_owned()), ..fine.clone() },
        Seen { directory: Some("/srv".into()), ..fine.clone() },
        Seen { exe: Some("/usr/binary".into()), ..fine.clone() },
    ] {
        assert_eq!(judged(&rules, &other), Verdict::Passed, "{other:?}");
    }
    let young = Seen { age: Duration::from_millis(400), ..fine };
    assert_eq!(judged(&rules, &young), Verdict::Young(s(1)));
}

#[test]
fn program_is_known_by_its_first_argument_too() {
    let rules = policy([rule("a", "gst-launch-1.0-of-ours")]).rules;
    let mut seen = Seen::new(id(7, 1), "gst-launch-1.0-");
    seen.program = Some("gst-launch-1.0-of-ours".to_owned());
    assert_eq!(label(&judged(&rules, &seen)), "a");
    seen.program = None;
    assert_eq!(judged(&rules, &seen), Verdict::Passed);
}

#[test]
fn names_stand_above_rules() {
    let mut rules = policy([rule("a", "ff*")]).rules;
    rules.block = vec!["ffprobe".parse().unwrap()];
    assert!(matches!(judged(&rules, &Seen::new(id(1, 1), "ffprobe")), Verdict::Barred(_)));
    assert_eq!(label(&judged(&rules, &Seen::new(id(1, 1), "ffplay"))), "a");
    rules.allow = vec!["ffmpeg*".parse().unwrap(), "ffprobe".parse().unwrap()];
    assert!(matches!(judged(&rules, &Seen::new(id(1, 1), "ffplay")), Verdict::Barred(_)));
    assert!(
        matches!(judged(&rules, &Seen::new(id(1, 1), "ffprobe")), Verdict::Barred(_)),
        "who is on both lists is not governed"
    );
    assert_eq!(label(&judged(&rules, &Seen::new(id(1, 1), "ffmpeg-9"))), "a");
}
