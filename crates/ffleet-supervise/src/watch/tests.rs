//! What a watch decides, case by case (`judged`: about one process); and `world`, where everything happens at once.

mod judged;
mod world;

use std::path::PathBuf;

use ffleet_types::Bytes;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn id(pid: u32, started: u64) -> Id {
    Id { pid, started }
}

/// A process as it can be found out about.
#[derive(Clone, Debug)]
struct Seen {
    id: Id,
    name: String,
    age: Duration,
    program: Option<String>,
    parent: Option<String>,
    uid: Option<u32>,
    directory: Option<PathBuf>,
    exe: Option<PathBuf>,
    owner: Owner,
    /// How often something was asked that costs a file.
    asked: u32,
}

impl Seen {
    fn new(id: Id, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            age: s(1),
            program: Some(name.to_owned()),
            parent: Some("sh".to_owned()),
            uid: Some(1_000),
            directory: Some("/srv/media/in".into()),
            exe: Some("/usr/bin/ffmpeg".into()),
            owner: Owner::Nobody,
            asked: 0,
        }
    }
}

impl Sight for Seen {
    fn id(&self) -> Id {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn age(&self) -> Duration {
        self.age
    }

    fn program(&mut self) -> Option<String> {
        self.asked += 1;
        self.program.clone()
    }

    fn parent(&mut self) -> Option<String> {
        self.asked += 1;
        self.parent.clone()
    }

    fn uid(&mut self) -> Option<u32> {
        self.asked += 1;
        self.uid
    }

    fn directory(&mut self) -> Option<PathBuf> {
        self.asked += 1;
        self.directory.clone()
    }

    fn exe(&mut self) -> Option<PathBuf> {
        self.asked += 1;
        self.exe.clone()
    }

    fn owner(&mut self) -> Owner {
        self.asked += 1;
        self.owner
    }
}

fn rule(label: &str, name: &str) -> Rule {
    Rule {
        label: label.to_owned(),
        name: Some(name.parse().unwrap()),
        limits: Limits { memory: Some(Bytes::mib(512)), ..Limits::default() },
        ..Rule::default()
    }
}

fn policy<const N: usize>(rules: [Rule; N]) -> Policy {
    Policy {
        rules: Rules { rules: rules.map(Arc::new).into(), allow: vec![], block: vec![] },
        tries: 3,
        backoff: Backoff { base: s(2), cap: s(60) },
        bounds: Bounds { burst: 64, throttled: 50 },
    }
}

fn judged(rules: &Rules, seen: &Seen) -> Verdict {
    rules.judge(&mut seen.clone())
}

/// A watch that governs process 7, an FFmpeg.
fn governing() -> Watch {
    let mut watch = Watch::new(policy([rule("a", "ffmpeg")]));
    let mut seen = Seen::new(id(7, 1), "ffmpeg");
    assert!(watch.wants(s(1), seen.id, 1));
    let step = watch.see(s(1), 1, &mut seen);
    assert!(matches!(&step.acts[..], [Act::Take(Id { pid: 7, .. }, _)]), "{step:?}");
    let step = watch.taken(s(1), seen.id, Outcome::Taken, 0.0);
    assert!(matches!(&step.notes[..], [Note::Governed(..)]), "{step:?}");
    watch
}

fn reading(processes: &[u32]) -> Option<Reading> {
    Some(Reading { processes: processes.iter().copied().collect(), ..Reading::default() })
}

#[test]
fn what_is_somebodys_already_is_left_to_them() {
    let rules = policy([rule("a", "ffmpeg")]).rules;
    for owner in [Owner::Group(id(3, 1)), Owner::Ffleet, Owner::Ours] {
        let seen = Seen { owner, ..Seen::new(id(7, 1), "ffmpeg") };
        let mut watch = Watch::new(policy([rule("a", "ffmpeg")]));
        assert!(
            matches!(judged(&rules, &seen), Verdict::Owned(_, found) if found == owner),
            "{owner:?}"
        );
        assert_eq!(watch.see(s(1), 1, &mut seen.clone()), Step::default());
    }
}

#[test]
fn whoever_fits_nothing_by_name_costs_one_file_once() {
    let strict = Rule { directory: Some("/srv".into()), ..rule("a", "ffmpeg") };
    let mut watch = Watch::new(policy([strict, rule("b", "gst-*")]));
    let mut seen = Seen::new(id(7, 1), "bash");
    assert!(watch.wants(s(1), seen.id, 5));
    let _nothing = watch.see(s(1), 5, &mut seen);
    assert!(seen.asked <= 2, "asked for its first argument alone, by each rule");
    assert!(!watch.wants(s(2), seen.id, 5), "nothing of it has changed");
    assert!(watch.wants(s(3), seen.id, 6));
}

#[test]
fn too_young_a_process_is_looked_at_when_it_is_old_enough() {
    let mut watch = Watch::new(policy([Rule { age: s(30), ..rule("a", "ffmpeg") }]));
    let mut seen = Seen { age: s(10), ..Seen::new(id(7, 1), "ffmpeg") };
    assert_eq!(watch.see(s(100), 1, &mut seen), Step::default());
    assert_eq!(watch.next(), Some(s(120)));
    assert_eq!(watch.due(s(119)), Step::default());
    assert_eq!(watch.due(s(120)).acts, [Act::Look(seen.id)]);
    assert_eq!(watch.next(), None);
    seen.age = s(30);
    assert!(matches!(&watch.see(s(120), 1, &mut seen).acts[..], [Act::Take(..)]));
}

#[test]
fn failed_attachment_is_tried_again_later_each_time_and_then_listed() {
    let mut watch = Watch::new(policy([rule("a", "ffmpeg")]));
    let mut seen = Seen::new(id(7, 1), "ffmpeg");
    let _take = watch.see(s(0), 1, &mut seen);
    let fail = |watch: &mut Watch, now| {
        watch.taken(now, id(7, 1), Outcome::Failed("no room".to_owned()), 0.0)
    };
    let step = fail(&mut watch, s(0));
    assert!(
        matches!(&step.notes[..], [Note::Failed(_, _, why, wait)] if why == "no room" && *wait == s(2))
    );
    assert_eq!(watch.see(s(1), 2, &mut seen), Step::default(), "exec does not hurry it");
    assert_eq!(watch.due(s(1)), Step::default());
    assert_eq!(watch.due(s(2)).acts, [Act::Look(seen.id)]);
    assert!(matches!(&watch.see(s(2), 2, &mut seen).acts[..], [Act::Take(..)]));
    assert_eq!(watch.due(s(9)), Step::default(), "it is being tried");
    assert!(
        matches!(&fail(&mut watch, s(2)).notes[..], [Note::Failed(_, _, _, wait)] if *wait == s(4))
    );
    assert_eq!(watch.due(s(6)).acts, [Act::Look(seen.id)]);
    assert!(matches!(&watch.see(s(6), 2, &mut seen).acts[..], [Act::Take(..)]));
    assert!(
        matches!(&fail(&mut watch, s(6)).notes[..], [Note::GivenUp(_, _, why)] if why == "no room")
    );
    let failing: Vec<_> = watch.failing().collect();
    assert!(failing[0].is_given_up && failing[0].tries == 3, "{failing:?}");
    assert_eq!((watch.next(), watch.see(s(9), 3, &mut seen)), (None, Step::default()));
    // Another process of its number is another matter.
    let mut next = Seen::new(id(7, 2), "ffmpeg");
    assert!(matches!(&watch.see(s(9), 1, &mut next).acts[..], [Act::Take(..)]));
    assert_eq!(watch.failing().count(), 0);
}

#[test]
fn what_will_not_pass_is_tried_once() {
    let mut watch = Watch::new(policy([rule("a", "ffmpeg")]));
    let mut seen = Seen::new(id(7, 1), "ffmpeg");
    let _take = watch.see(s(0), 1, &mut seen);
    let step = watch.taken(s(0), seen.id, Outcome::Refused("not ours to move".to_owned()), 0.0);
    assert!(matches!(&step.notes[..], [Note::GivenUp(..)]), "{step:?}");
    assert_eq!(watch.next(), None);
}

#[test]
fn group_outlives_its_first_process_and_ends_with_its_last() {
    let mut watch = governing();
    let _none = watch.measured(s(2), id(7, 1), reading(&[7, 8]));
    assert_eq!(watch.gone(7).acts, [Act::Measure(id(7, 1))]);
    assert_eq!(watch.measured(s(3), id(7, 1), reading(&[8])), Step::default());
    assert_eq!(watch.groups().len(), 1);
    let step = watch.measured(s(4), id(7, 1), reading(&[]));
    assert_eq!(step.acts, [Act::Close(id(7, 1))]);
    let rule = Arc::new(rule("a", "ffmpeg"));
    assert_eq!(step.notes, [Note::Ended(id(7, 1), rule, Counts::default())]);
    assert_eq!((watch.groups().len(), watch.known()), (0, 0));
    assert_eq!(watch.measured(s(5), id(7, 1), None), Step::default());
}

#[test]
fn number_that_is_given_again_is_another_process() {
    let mut watch = governing();
    let mut next = Seen { owner: Owner::Group(id(7, 1)), ..Seen::new(id(7, 9), "ffmpeg") };
    let step = watch.see(s(5), 1, &mut next);
    assert_eq!(step.acts, [Act::Measure(id(7, 1))], "the first one has ended");
    let mut other = Seen::new(id(7, 12), "ffmpeg");
    let step = watch.see(s(6), 1, &mut other);
    assert!(matches!(&step.acts[..], [Act::Take(Id { pid: 7, started: 12 }, _)]), "{step:?}");
}

#[test]
fn exec_while_it_is_being_taken_starts_nothing_else() {
    let mut watch = Watch::new(policy([rule("a", "*")]));
    let mut seen = Seen::new(id(7, 1), "sh");
    assert_eq!(watch.see(s(0), 1, &mut seen).acts.len(), 1);
    seen.name = "ffmpeg".to_owned();
    assert_eq!(watch.see(s(0), 2, &mut seen), Step::default());
    assert_eq!(watch.gone(7), Step::default(), "the answer is still to come");
    let _governed = watch.taken(s(1), seen.id, Outcome::Taken, 0.0);
    assert!(watch.groups().contains_key(&seen.id));
    assert_eq!(watch.scanned(s(2), &BTreeSet::new()).acts, [Act::Measure(seen.id)]);
}

#[test]
fn who_left_its_group_is_counted_and_taken_back_but_not_for_ever() {
    let mut watch = governing();
    let there = BTreeSet::from([id(7, 1), id(8, 2)]);
    let mut stray = Seen { owner: Owner::Group(id(7, 1)), ..Seen::new(id(8, 2), "ffmpeg") };
    assert_eq!(watch.see(s(1), 1, &mut stray), Step::default());
    stray.owner = Owner::Nobody;
    for round in 1..=3 {
        let now = s(10 * round);
        let _both = watch.measured(now, id(7, 1), reading(&[7, 8]));
        assert_eq!(watch.scanned(now, &there), Step::default());
        let _one = watch.measured(now + s(1), id(7, 1), reading(&[7]));
        assert_eq!(watch.scanned(now, &there), Step::default(), "that look was older");
        let step = watch.scanned(now + s(2), &there);
        assert_eq!(step.notes, [Note::Strayed(id(8, 2), id(7, 1))]);
        assert!(watch.wants(now + s(3), id(8, 2), 1));
        let acts = watch.see(now + s(3), 1, &mut stray).acts;
        assert_eq!(acts.len(), usize::from(round < 3), "{round}: {acts:?}");
        let _back = watch.taken(now + s(3), id(8, 2), Outcome::Owned, 0.0);
    }
    assert_eq!(watch.groups()[&id(7, 1)].counts.of(Violation::Stray), 3);
    assert!(watch.failing().next().unwrap().why.contains("again and again"));
}

#[test]
fn who_ended_is_no_stray() {
    let mut watch = governing();
    let _seen = watch.see(s(1), 1, &mut Seen::new(id(8, 2), "sh"));
    let _both = watch.measured(s(2), id(7, 1), reading(&[7, 8]));
    let _one = watch.measured(s(3), id(7, 1), reading(&[7]));
    assert_eq!(watch.scanned(s(4), &BTreeSet::from([id(7, 1)])), Step::default());
    // Its number may be another's now.
    let there = BTreeSet::from([id(7, 1), id(8, 4)]);
    assert_eq!(watch.scanned(s(5), &there), Step::default());
}

#[test]
fn violations_are_told_once_a_look_and_summed() {
    let mut watch = governing();
    let with = |refused| Reading { tasks_refused: Some(refused), ..reading(&[7]).unwrap() };
    assert_eq!(
        watch.measured(s(10), id(7, 1), Some(with(5))),
        Step::default(),
        "the first look"
    );
    for (now, refused, told) in [(20, 9, 4), (30, 9, 0), (40, 10, 1)] {
        let step = watch.measured(s(now), id(7, 1), Some(with(refused)));
        let expected: Vec<_> = (told > 0)
            .then_some(Note::Violated(id(7, 1), Violation::Tasks, told))
            .into_iter()
            .collect();
        assert_eq!(step.notes, expected);
    }
    assert_eq!(watch.groups()[&id(7, 1)].counts.of(Violation::Tasks), 5);
}

#[test]
fn new_rules_change_and_release_what_is_governed() {
    let mut watch = governing();
    let mut seen = Seen { owner: Owner::Group(id(7, 1)), ..Seen::new(id(7, 1), "ffmpeg") };
    assert!(!watch.wants(s(2), seen.id, 1));
    watch.renew(policy([rule("b", "ff*")]));
    assert!(watch.wants(s(3), seen.id, 1));
    assert_eq!(
        watch.see(s(3), 1, &mut seen),
        Step::default(),
        "the same limits by another rule"
    );
    assert_eq!(watch.groups()[&seen.id].rule.label, "b");

    let mut tighter = rule("c", "ff*");
    tighter.limits.memory = Some(Bytes::mib(64));
    watch.renew(policy([tighter.clone()]));
    let step = watch.see(s(4), 1, &mut seen);
    assert_eq!(step.acts, [Act::Change(seen.id, Arc::new(tighter.clone()))]);
    let _failed = watch.changed(seen.id, Arc::new(tighter.clone()), Some("busy".to_owned()));
    assert!(watch.wants(s(5), seen.id, 1), "it is tried again");
    assert_eq!(watch.see(s(5), 1, &mut seen).acts.len(), 1);
    let _done = watch.changed(seen.id, Arc::new(tighter), None);
    assert_eq!(watch.groups()[&seen.id].rule.limits.memory, Some(Bytes::mib(64)));

    watch.renew(policy([rule("d", "gst-*")]));
    assert_eq!(watch.see(s(6), 1, &mut seen).acts, [Act::Release(seen.id)]);
    let step = watch.released(seen.id, None);
    assert_eq!(step.notes, [Note::Released(seen.id, None)]);
    assert!(watch.groups().is_empty());
}

#[test]
fn groups_of_an_earlier_life_are_gone_on_with() {
    let mut watch = Watch::new(policy([rule("a", "ffmpeg")]));
    watch.adopt(id(7, 1), Arc::new(rule("a", "ffmpeg")));
    watch.adopt(id(9, 1), Arc::new(rule("a", "ffmpeg")));
    let mut seen = Seen { owner: Owner::Group(id(7, 1)), ..Seen::new(id(7, 1), "ffmpeg") };
    assert!(watch.wants(s(1), seen.id, 1));
    assert_eq!(watch.see(s(1), 1, &mut seen), Step::default());
    // The first process of the other one is gone, and a child of it is not.
    let mut child = Seen { owner: Owner::Group(id(9, 1)), ..Seen::new(id(12, 3), "ffmpeg") };
    assert_eq!(watch.see(s(1), 1, &mut child), Step::default());
    let there = BTreeSet::from([seen.id, child.id]);
    assert_eq!(watch.scanned(s(1), &there), Step::default());
    assert_eq!(watch.measured(s(2), id(9, 1), reading(&[12])), Step::default());
    let ended = watch.measured(s(3), id(9, 1), None);
    let rule = Arc::new(rule("a", "ffmpeg"));
    assert_eq!(ended.notes, [Note::Ended(id(9, 1), rule, Counts::default())]);
}
