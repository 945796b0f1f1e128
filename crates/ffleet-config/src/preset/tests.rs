use super::*;

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        ffleet_base::write_atomic(&directory.path().join(name), text.as_bytes(), 0o600).unwrap();
    }
    directory
}

fn is_builtin(name: &str) -> bool {
    name == "720p-h264"
}

/// The problems with these files, a line each, without the directory.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let directory = directory(files);
    let problems = load(directory.path(), is_builtin).expect_err("problems");
    let prefix = format!("{}/", directory.path().display());
    problems
        .iter()
        .map(|problem| problem.to_string().replace(&prefix, ""))
        .collect()
}

const SMALL: &str = "description: small\nvideo:\n  encode:\n    codec: h264\n    size:\n      lines: 480\naudio: copy\n";

#[test]
fn preset_is_named_after_its_file() {
    let directory = directory(&[("small.yaml", SMALL), ("notes.txt", "x"), (".hidden.yaml", "x")]);
    let presets = load(directory.path(), is_builtin).unwrap();
    assert_eq!(presets.keys().collect::<Vec<_>>(), ["small"]);
    assert_eq!(presets["small"].description, "small");
    assert_eq!(recipe(&directory.path().join("small.yaml")).unwrap(), presets["small"]);
}

#[test]
fn directory_that_is_not_there_holds_none() {
    assert!(load(Path::new("/nowhere/at/all"), is_builtin).unwrap().is_empty());
}

#[test]
fn builtin_name_is_taken_unless_the_file_says_so() {
    let clash = problems(&[("720p-h264.yaml", SMALL)]);
    assert_eq!(
        clash,
        [
            "720p-h264.yaml: there is a built-in preset 720p-h264: rename the file, or write \
          `override: true` in it to replace the built-in one"
        ]
    );
    let text = format!("{SMALL}override: true\n");
    let directory = directory(&[("720p-h264.yaml", &text)]);
    assert_eq!(load(directory.path(), is_builtin).unwrap().len(), 1);
}

#[test]
fn misspelt_key_is_named_with_its_line() {
    let found = problems(&[("a.yaml", "description: x\nvidoe: copy\n")]);
    assert_eq!(found, ["a.yaml:2:1: vidoe: there is no such key: is `video` meant?"]);
    let found = problems(&[("a.yaml", "video:\n  encode:\n    codec: h264\n    fsp: 30\n")]);
    assert_eq!(found, ["a.yaml:4:5: fsp: there is no such key: is `fps` meant?"]);
}

#[test]
fn value_that_is_none_is_named_with_its_line() {
    let found = problems(&[("a.yaml", "video:\n  encode:\n    codec: h263\n")]);
    assert!(
        found[0].starts_with("a.yaml:3:12: `h263` is not possible here: is `h26"),
        "{found:?}"
    );
    let found = problems(&[("a.yaml", "duration: soon\n")]);
    assert!(
        found[0].starts_with("a.yaml:1:11: \"soon\" is not a length of time"),
        "{found:?}"
    );
}

#[test]
fn every_file_is_looked_at() {
    let found = problems(&[
        ("a.yaml", "- x"),
        ("b c.yaml", SMALL),
        ("d.yaml", "nope: 1"),
        ("e.yaml", SMALL),
    ]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found.iter().any(|line| line.contains("\"b c\" is no name of a preset")),
        "{found:?}"
    );
}

#[test]
fn two_files_of_one_name_are_refused() {
    assert_eq!(problems(&[("a.yaml", SMALL), ("a.yml", SMALL)]).len(), 1);
}
