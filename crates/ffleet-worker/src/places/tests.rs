use std::os::unix::fs::symlink;

use super::*;

fn bounds() -> Bounds {
    Bounds::new(&[PathBuf::from("/")], Path::new("/nowhere/home"))
}

fn refused(path: &Path, bounds: &Bounds) -> (Reason, String) {
    match Input::look(path, bounds) {
        Err(Halt::Failed { reason, message }) => (reason, message),
        other => panic!("{path:?} was {other:?}"),
    }
}

#[test]
fn input_that_cannot_be_read_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    File::create(at("empty")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    let fifo = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, fifo, 0).unwrap();
    for (path, said) in [
        (at("missing\n"), "no such file"),
        (at("dangling"), "no such file"),
        (dir.path().to_owned(), "a directory"),
        (at("empty"), "is empty"),
        (at("pipe"), "a pipe"),
        ("/dev/zero".into(), "a device"),
    ] {
        let (reason, message) = refused(&path, &bounds());
        assert_eq!(reason, Reason::InputError);
        assert!(message.contains(said) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn input_that_changes_or_vanishes_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in");
    ffleet_base::write_atomic(&path, b"one", 0o600).unwrap();
    let input = Input::look(&path, &bounds()).unwrap();
    input.look_again().unwrap();
    ffleet_base::write_atomic(&path, b"two", 0o600).unwrap();
    assert!(format!("{:?}", input.look_again()).contains("was changed"));
    fs::remove_file(&path).unwrap();
    assert!(format!("{:?}", input.look_again()).contains("vanished"));
}

#[test]
fn bounds_are_for_where_a_path_leads() {
    let dir = tempfile::tempdir().unwrap();
    let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
    for dir in [&inside, &outside] {
        fs::create_dir(dir).unwrap();
        ffleet_base::write_atomic(&dir.join("file"), b"x", 0o600).unwrap();
    }
    symlink(&outside, inside.join("way-out")).unwrap();
    let bounds = Bounds::new(std::slice::from_ref(&inside), Path::new("/nowhere/home"));
    Input::look(&inside.join("file"), &bounds).unwrap();
    for path in [
        outside.join("file"),
        inside.join("way-out/file"),
        inside.join("../outside/file"),
    ] {
        let (reason, message) = refused(&path, &bounds);
        assert_eq!(reason, Reason::UserError);
        assert!(message.contains("outside of the directories"), "{message}");
        bounds.hold_target(&path).unwrap_err();
    }
}

#[test]
fn data_directory_is_nobody_elses() {
    let home = tempfile::tempdir().unwrap();
    let bounds = Bounds::new(&[PathBuf::from("/")], home.path());
    bounds.hold_target(&home.path().join("work.mp4")).unwrap_err();
}
