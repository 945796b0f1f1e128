use std::collections::BTreeMap;
use std::path::PathBuf;

use ffleet_media::job::Make;
use ffleet_types::units::FrameSize;

use super::*;

/// A directory with a source in it, and a policy that allows it.
struct Place {
    dir: tempfile::TempDir,
    policy: Policy,
    presets: Presets,
    realm: Realm,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("ctl-").tempdir().unwrap();
        ffleet_base::write_atomic(&dir.path().join("in.mp4"), b"media", 0o644).unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        let policy = Policy::new(dir.path().join("state"), Vec::new());
        Self { dir, policy, presets: Presets::default(), realm: Realm::whole() }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn admit(&self, request: submit::Request) -> Result<Spec, Problem> {
        let rules = Rules { policy: &self.policy, presets: &self.presets, realm: &self.realm };
        let spec = rules.read(request)?;
        rules.look(&spec).map(|_size| spec)
    }

    /// A request that is taken, made different by `change`.
    fn asked(&self, change: impl FnOnce(&mut submit::Request)) -> Result<Spec, Problem> {
        let mut request = submit::Request {
            input: self.path("in.mp4"),
            outputs: vec![self.output("out.mp4")],
            ..submit::Request::default()
        };
        change(&mut request);
        self.admit(request)
    }

    fn output(&self, name: &str) -> submit::Output {
        submit::Output { target: self.path(name), ..submit::Output::default() }
    }

    /// Asserts that the changed request is refused with this code at this field.
    fn refuses(
        &self,
        code: Code,
        field: &str,
        change: impl FnOnce(&mut submit::Request),
    ) -> Problem {
        let problem = self.asked(change).expect_err(field);
        assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)), "{problem}");
        problem
    }
}

#[test]
fn target_without_a_preset_goes_by_its_extension() {
    let place = Place::new();
    let spec = place.asked(|_| {}).unwrap();
    let Make::Recipe { preset, .. } = &spec.outputs[0].make else {
        panic!("{spec:?}")
    };
    assert_eq!(preset.as_deref(), Some("source-h264"));
    let problem = place.refuses(Code::InvalidValue, "/outputs/0/target", |request| {
        request.outputs[0].target = place.path("out.xyz");
    });
    assert!(problem.hint.unwrap().contains("preset"));
}

#[test]
fn paths_with_strange_names_are_taken_as_they_are() {
    let place = Place::new();
    for name in ["a b.mp4", "it's.mp4", "new\nline.mp4", "-x.mp4", "50%d:1.mp4"] {
        let spec = place
            .asked(|request| request.outputs[0].target = place.path(name))
            .unwrap();
        assert_eq!(spec.outputs[0].target.to_string(), place.path(name));
    }
}

#[test]
fn input_that_is_no_file_with_something_in_it_is_refused() {
    let place = Place::new();
    ffleet_base::write_atomic(&place.dir.path().join("empty.mp4"), b"", 0o644).unwrap();
    std::fs::create_dir(place.dir.path().join("dir")).unwrap();
    for name in ["missing.mp4", "empty.mp4", "dir", "in.mp4/below"] {
        place.refuses(Code::InputUnusable, "/input", |r| r.input = place.path(name));
    }
    place.refuses(Code::InputUnusable, "/input", |r| r.input = "/dev/null".into());
    for text in ["", "in.mp4", "-i", "concat:/a", "ftp://h/x", "test:1p1", "/a\0b"] {
        place.refuses(Code::InvalidValue, "/input", |r| r.input = text.into());
    }
}

#[test]
fn target_that_cannot_be_written_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.dir.path().join("dir.mp4")).unwrap();
    std::os::unix::fs::symlink("/tmp/elsewhere", place.dir.path().join("link.mp4")).unwrap();
    for name in ["no-such-directory/out.mp4", "dir.mp4", "link.mp4", "in.mp4/out.mp4"] {
        place.refuses(Code::TargetUnusable, "/outputs/0/target", |request| {
            request.outputs[0].target = place.path(name);
        });
    }
    place.refuses(Code::TargetUnusable, "/outputs/0/target", |request| {
        request.outputs[0].target = place.path("a/");
    });
}

#[test]
fn file_in_the_way_is_replaced_only_if_asked_for() {
    let place = Place::new();
    ffleet_base::write_atomic(&place.dir.path().join("out.mp4"), b"old", 0o644).unwrap();
    let problem = place.refuses(Code::TargetExists, "/outputs/0/target", |_| {});
    assert_eq!(problem.status, 409);
    place.asked(|request| request.overwrite = true).unwrap();
}

#[test]
fn source_is_never_its_own_target() {
    let place = Place::new();
    std::fs::hard_link(place.path("in.mp4"), place.path("same.mp4")).unwrap();
    for name in ["in.mp4", "state/../in.mp4", "same.mp4"] {
        let problem = place.refuses(Code::InvalidValue, "/outputs/0/target", |request| {
            request.outputs[0].target = place.path(name);
            request.overwrite = true;
        });
        assert!(problem.detail.contains("the input itself"), "{problem}");
    }
}

#[test]
fn two_outputs_alike_are_refused() {
    let place = Place::new();
    place.refuses(Code::InvalidValue, "/outputs/1/target", |request| {
        request.outputs.push(place.output("x/../out.mp4"));
    });
    place.refuses(Code::InvalidValue, "/outputs", |request| request.outputs.clear());
    place.refuses(Code::InvalidValue, "/outputs", |request| {
        request.outputs = (0..33).map(|n| place.output(&format!("{n}.mp4"))).collect();
    });
}

#[test]
fn paths_stay_inside_the_roots_also_through_links() {
    let mut place = Place::new();
    let root = place.dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    ffleet_base::write_atomic(&root.join("in.mp4"), b"media", 0o644).unwrap();
    std::os::unix::fs::symlink(place.dir.path(), root.join("out-of-here")).unwrap();
    place.policy.roots = vec![root];
    let inside = |r: &mut submit::Request| {
        r.input = place.path("root/in.mp4");
        r.outputs[0].target = place.path("root/out.mp4");
    };
    place.asked(inside).unwrap();
    for name in ["in.mp4", "root/../in.mp4", "root/out-of-here/in.mp4"] {
        place.refuses(Code::OutsideRoots, "/input", |request| {
            inside(request);
            request.input = place.path(name);
        });
    }
    place.refuses(Code::OutsideRoots, "/outputs/0/target", |request| {
        inside(request);
        request.outputs[0].target = place.path("root/out-of-here/out.mp4");
    });
}

#[test]
fn servers_own_directory_is_not_for_media() {
    let place = Place::new();
    let problem = place.refuses(Code::OutsideRoots, "/outputs/0/target", |request| {
        request.outputs[0].target = place.path("state/out.mp4");
    });
    assert!(problem.detail.contains("own directory"), "{problem}");
}

#[test]
fn one_way_to_make_an_output_is_enough() {
    let place = Place::new();
    place.refuses(Code::InvalidValue, "/outputs/0/preset", |request| {
        request.outputs[0].preset = Some("720p-h264".into());
        request.outputs[0].raw = Some(vec!["-c:v".into(), "libx264".into()]);
    });
    let problem = place.refuses(Code::UnknownPreset, "/outputs/0/preset", |request| {
        request.outputs[0].preset = Some("720p-h246".into());
    });
    assert!(problem.detail.contains("720p-h264"), "{problem}");
}

#[test]
fn raw_options_that_reach_elsewhere_are_refused() {
    let place = Place::new();
    let raw = |args: &[&str]| Some(args.iter().map(|&arg| arg.to_owned()).collect());
    place
        .asked(|r| r.outputs[0].raw = raw(&["-c:v", "libx264", "-crf", "23"]))
        .unwrap();
    for args in [&["-i", "/etc/passwd"][..], &["/tmp/other.mp4"], &["-vf", "movie=/etc/passwd"]] {
        place.refuses(Code::OptionRefused, "/outputs/0/raw", |r| r.outputs[0].raw = raw(args));
    }
    place.refuses(Code::InvalidValue, "/overrides", |request| {
        request.outputs[0].raw = raw(&["-c:v", "libx264"]);
        request.overrides.crf = Some(20);
    });
}

#[test]
fn overrides_change_the_recipe_or_are_refused() {
    let place = Place::new();
    let size = Some(FrameSize { width: 640, height: 360 });
    let spec = place.asked(|request| request.overrides.size = size).unwrap();
    assert!(format!("{spec:?}").contains("640"));
    place.refuses(Code::InvalidValue, "/overrides", |request| request.overrides.crf = Some(99));
    place.refuses(Code::InvalidValue, "/overrides", |request| {
        request.outputs[0].preset = Some("copy".into());
        request.overrides.size = size;
    });
}

#[test]
fn live_target_stands_alone_and_is_not_verified() {
    let place = Place::new();
    let live = || submit::Output { target: "rtmp://127.0.0.1/live/x".into(), ..Default::default() };
    let spec = place.asked(|request| request.outputs = vec![live()]).unwrap();
    assert!(spec.is_live() && spec.verify == Some(Verify::None));
    place.refuses(Code::InvalidValue, "/outputs/0/target", |r| r.outputs.push(live()));
    place.refuses(Code::InvalidValue, "/verify", |request| {
        request.outputs = vec![live()];
        request.verify = Some(Verify::Full);
    });
}

#[test]
fn absurd_amounts_are_refused() {
    let place = Place::new();
    let limits = |change: fn(&mut Limits)| move |r: &mut submit::Request| change(&mut r.limits);
    let invalid = Code::InvalidValue;
    place.refuses(invalid, "/limits/memory", limits(|l| l.memory = Some(Bytes(1))));
    place.refuses(invalid, "/limits/memory", limits(|l| l.memory = Some(Bytes(u64::MAX))));
    place.refuses(invalid, "/limits/scratch", limits(|l| l.scratch = Some(Bytes(0))));
    place.refuses(invalid, "/limits/cpu", limits(|l| l.cpu = Some(Cpu(u32::MAX))));
    place.refuses(invalid, "/limits/timeout", limits(|l| l.timeout = Some(Span::default())));
    place.refuses(invalid, "/limits/stall", limits(|l| l.stall = Some(Span::secs(u64::MAX))));
    place.refuses(invalid, "/retries", |r| r.retries = Some(101));
    place.refuses(invalid, "/duration", |r| r.duration = Some(Span::default()));
    place.refuses(invalid, "/labels", |r| {
        r.labels = (0..65).map(|n| (n.to_string(), String::new())).collect();
    });
    place.refuses(invalid, "/labels/a", |r| {
        r.labels = BTreeMap::from([("a".into(), "x".repeat(256))]);
    });
    place.refuses(invalid, "/labels/", |r| {
        r.labels = BTreeMap::from([(String::new(), String::new())]);
    });
}

#[test]
fn tenant_uses_its_own_directories_alone_also_through_links() {
    let mut place = Place::new();
    let own = place.dir.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::copy(place.dir.path().join("in.mp4"), own.join("in.mp4")).unwrap();
    std::os::unix::fs::symlink(place.dir.path().join("in.mp4"), own.join("link.mp4")).unwrap();
    let ask = |place: &Place, input: &str, output: &str| {
        place.asked(|request| {
            request.input = place.path(input);
            request.outputs[0].target = place.path(output);
        })
    };
    let tenant = || "acme".parse().unwrap();
    place.realm = Realm { tenant: tenant(), roots: Some([own].into()) };
    let spec = ask(&place, "own/in.mp4", "own/out.mp4").unwrap();
    assert_eq!(spec.terms.tenant, tenant());
    for (input, output) in [
        ("in.mp4", "own/out.mp4"),
        ("own/in.mp4", "out.mp4"),
        ("own/../in.mp4", "own/out.mp4"),
        ("own/link.mp4", "own/out.mp4"),
        ("own/in.mp4", "ownother/out.mp4"),
    ] {
        let told = ask(&place, input, output).unwrap_err();
        assert_eq!(told.code, Code::OutsideRoots, "{input} {output}");
        assert!(told.to_string().contains("tenant acme"), "{told}");
    }
    place.realm = Realm { tenant: tenant(), roots: Some([].into()) };
    let told = ask(&place, "own/in.mp4", "own/out.mp4").unwrap_err();
    assert!(told.to_string().contains("may use none"), "{told}");
    place.realm = Realm { tenant: tenant(), roots: Some([PathBuf::from("/")].into()) };
    place.policy.roots = vec![place.dir.path().join("own")];
    let told = ask(&place, "in.mp4", "own/out.mp4").unwrap_err();
    assert_eq!(told.code, Code::OutsideRoots, "the server's own bound holds for all");
}

#[test]
fn policy_has_roots_that_allow_everything_by_default() {
    assert_eq!(Policy::new(PathBuf::from("/x"), Vec::new()).roots, [PathBuf::from("/")]);
}
