//! Presets of one's own: a directory of YAML files, each a recipe, named after its file.
//!
//! A file is what `--recipe` takes as well, with one more key that is allowed here: `override:
//! true` says that the preset takes the place of a built-in one of the same name. Without it
//! that is an error, so that nobody's `1080p60-h264` changes its meaning by accident.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use ffleet_media::Recipe;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde_saphyr::Error;

use crate::nearest::nearest;
use crate::problem::{Place, Problem, Problems};
use crate::{file, tree};

/// The longest name of a preset, in bytes.
const LONGEST_NAME: usize = 63;
/// More than these in one directory is another directory.
const MOST: usize = 1_000;

/// Reads every `*.yaml` and `*.yml` in `directory`, in the order of their names; `builtin` knows
/// which names are taken. A directory that is not there holds no presets.
///
/// # Errors
///
/// Everything that is wrong with any of them, at once.
pub fn load(
    directory: &Path,
    builtin: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Recipe>, Problems> {
    let mut presets = BTreeMap::new();
    let mut problems = Vec::new();
    match list(directory) {
        Ok(files) => {
            for path in files {
                match read(&path, &builtin) {
                    Ok((name, recipe)) => {
                        if presets.insert(name, recipe).is_some() {
                            let message = "there is a .yaml and a .yml of this name".to_owned();
                            problems.push(problem(&path, message, Some("keep one")));
                        }
                    }
                    Err(found) => problems.push(found),
                }
            }
        }
        Err(message) => problems.push(problem(directory, message, None)),
    }
    match Problems::new(problems) {
        None => Ok(presets),
        Some(problems) => Err(problems),
    }
}

/// Reads one recipe, as `--recipe FILE.yaml` names it.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn recipe(path: &Path) -> Result<Recipe, Problem> {
    let text = file::text(path).map_err(|message| problem(path, message, None))?;
    serde_saphyr::from_str(&text).map_err(|error| explain(path, &error))
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
        let yaml = path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml");
        if yaml && !hidden {
            files.push(path);
        }
        if files.len() > MOST {
            return Err(format!("holds more than {MOST} presets: is it the right directory?"));
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, builtin: impl Fn(&str) -> bool) -> Result<(String, Recipe), Problem> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let legal = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(legal) {
        let hint = "a preset is named by 1 to 63 lower-case letters, digits and `-`";
        return Err(problem(path, format!("{name:?} is no name of a preset"), Some(hint)));
    }
    let text = file::text(path).map_err(|message| problem(path, message, None))?;
    let Preset { replaces, recipe } =
        serde_saphyr::from_str(&text).map_err(|error| explain(path, &error))?;
    if builtin(name) && !replaces {
        let hint = "rename the file, or write `override: true` in it to replace the built-in one";
        return Err(problem(path, format!("there is a built-in preset {name}"), Some(hint)));
    }
    Ok((name.to_owned(), recipe))
}

fn problem(path: &Path, message: String, hint: Option<&str>) -> Problem {
    Problem {
        place: Place::File { path: path.to_path_buf(), line: 0, column: 0 },
        key: String::new(),
        message,
        hint: hint.map(str::to_owned),
    }
}

/// What a YAML error means for the one who wrote the file.
fn explain(path: &Path, error: &Error) -> Problem {
    let tree::Fault { at, message } = tree::fault(error);
    let place = Place::File { path: path.to_path_buf(), line: at.line, column: at.column };
    let suggest = |text: &str, words: &[&'static str]| match nearest(text, words.iter().copied()) {
        Some(near) => format!("is `{near}` meant?"),
        None => format!("known here: {}", words.join(", ")),
    };
    let (key, message, hint) = match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => {
            (field.clone(), "there is no such key".to_owned(), Some(suggest(field, expected)))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let message = format!("`{variant}` is not possible here");
            (String::new(), message, Some(suggest(variant, expected)))
        }
        _ => (String::new(), message, None),
    };
    Problem { place, key, message, hint }
}

/// A recipe, and whether it replaces a built-in one.
struct Preset {
    replaces: bool,
    recipe: Recipe,
}

impl<'de> Deserialize<'de> for Preset {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Document)
    }
}

struct Document;

impl<'de> Visitor<'de> for Document {
    type Value = Preset;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a recipe: `video:`, `audio:` and so on")
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<Preset, A::Error> {
        let mut replaces = None;
        let entries = WithoutOverride { inner, replaces: &mut replaces };
        let recipe = Recipe::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(Preset { replaces: replaces.unwrap_or(false), recipe })
    }
}

/// A mapping whose key `override` is kept aside, so that the rest is exactly a recipe. Serde's own
/// `flatten` would do that by giving up on unknown keys and on line numbers.
struct WithoutOverride<'a, A> {
    inner: A,
    replaces: &'a mut Option<bool>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutOverride<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.inner.next_key::<String>()? {
            if key != "override" {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            if self.replaces.replace(self.inner.next_value()?).is_some() {
                return Err(A::Error::custom("the key `override` is there twice"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests;
