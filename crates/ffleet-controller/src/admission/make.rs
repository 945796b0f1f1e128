//! Outputs: where each goes and how it is made.

use ffleet_api::{Code, Problem, submit};
use ffleet_media::job::{Make, Output};
use ffleet_media::recipe::Overrides;
use ffleet_media::{Recipe, Target};

use super::{Rules, check_duration, invalid, place};
use crate::presets;

/// The output that `output` asks for; its target is looked at later, when all are known.
pub(super) fn output(
    rules: Rules<'_>,
    output: submit::Output,
    index: usize,
    overrides: &Overrides,
) -> Result<Output, Problem> {
    let at = |key: &str| format!("/outputs/{index}/{key}");
    let target = target(rules, &output.target, &at("target"))?;
    let make = match (output.preset, output.recipe, output.raw) {
        (None, None, Some(args)) => raw(args, overrides, &at("raw"))?,
        (Some(name), None, None) => preset(rules, name, overrides, &at("preset"))?,
        (None, Some(own), None) => recipe(None, own, overrides, &at("recipe"))?,
        (None, None, None) => match by_target(&target) {
            Some(name) => preset(rules, name.to_owned(), overrides, &at("target"))?,
            None => {
                let detail = format!("nothing says what is to be made of {target}");
                return Err(invalid(&at("target"), detail).hint(
                    "name a preset, such as 720p-h264, or give the target an extension that \
                     means one, such as .mp4, .webm, .m4a or .png",
                ));
            }
        },
        _ => {
            return Err(invalid(&at("preset"), "more than one of preset, recipe and raw is given")
                .hint("give one of them"));
        }
    };
    Ok(Output { target, make })
}

fn target(rules: Rules<'_>, text: &str, field: &str) -> Result<Target, Problem> {
    let target = text.parse().map_err(|error| invalid(field, format!("{error}")))?;
    let Target::File(path) = target else {
        return Ok(target);
    };
    if path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..") {
        return Err(Problem::new(Code::TargetUnusable, format!("{path} names a directory"))
            .at(field)
            .hint("name the file to be made in it"));
    }
    let path = place::normalise(&path);
    place::check_room(rules, &path, field)?;
    Ok(Target::File(path))
}

/// The preset that goes with a target that names none.
fn by_target(target: &Target) -> Option<&'static str> {
    match target {
        Target::Live(_) => Some(presets::LIVE),
        Target::File(path) => presets::by_extension(path),
    }
}

fn preset(
    rules: Rules<'_>,
    name: String,
    overrides: &Overrides,
    field: &str,
) -> Result<Make, Problem> {
    let found = rules
        .presets
        .find(&name)
        .map_err(|error| Problem::new(Code::UnknownPreset, error.to_string()).at(field))?;
    recipe(Some(name), found, overrides, field)
}

fn recipe(
    preset: Option<String>,
    recipe: Recipe,
    overrides: &Overrides,
    field: &str,
) -> Result<Make, Problem> {
    recipe.check().map_err(|error| invalid(field, error.to_string()))?;
    check_duration(recipe.duration, field)?;
    let recipe = recipe
        .with(overrides)
        .map_err(|error| invalid("/overrides", error.to_string()))?;
    Ok(Make::Recipe { preset, recipe })
}

fn raw(args: Vec<String>, overrides: &Overrides, field: &str) -> Result<Make, Problem> {
    if *overrides != Overrides::default() {
        return Err(invalid("/overrides", "raw options cannot be changed by overrides")
            .hint("write what you want into the options"));
    }
    check_raw(&args).map_err(|error| Problem::new(Code::OptionRefused, error).at(field))?;
    Ok(Make::Raw { args })
}

/// What is wrong with these options, for a person.
fn check_raw(args: &[String]) -> Result<(), String> {
    ffleet_engine::raw::check(args)
        .map(|_checked| ())
        .map_err(|error| error.to_string())
}
