//! `ffleet config`: the configuration file.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};
use ffleet_api::declare::Reload;
use ffleet_config::config::Live;
use ffleet_config::voyandz::{self, Voyandz};
use ffleet_config::{Config, Inputs, Loaded, Problems};
use ffleet_guard::machine;
use ffleet_types::{Bytes, RoleGroup};
use serde_json::json;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;
use crate::show::text::count;

/// `ffleet config …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong with the configuration, each thing with its line
    Check {
        /// The file [default: the one that `ffleet serve` would read]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Have the server read its file again: what stays the same is not touched
    #[command(after_help = "\
Feeds and streams change at once; other keys take effect at the next start. A file with a mistake changes
nothing. It is what SIGHUP does.")]
    Reload,
}

/// What was found to be right.
struct Report {
    /// What was read, in a person's words.
    what: String,
    file: Option<PathBuf>,
    /// Whose configuration it is.
    format: &'static str,
    live: Live,
    /// The memory that jobs and rings may have, where it is said; and what their role group may.
    memory: Option<Bytes>,
    of_group: Option<Bytes>,
    warnings: Vec<String>,
}

/// Has the server read its file again.
pub(crate) async fn reload(context: &Context) -> Result<Exit, Failure> {
    let answer: Answer<Reload> = context.api()?.create("/v1/config/reload").await?;
    context.print(&answer.raw, || show::live::reload(&answer.value))?;
    Ok(Exit::Done)
}

/// Checks the configuration, presets included; or that of voyandz, if it is one.
pub(crate) fn check_file(context: &Context, file: Option<PathBuf>) -> Result<Exit, Failure> {
    let theirs = file.as_ref().map(|file| context.here.join(file));
    let checked = match theirs.filter(|path| voyandz::is_one(path)) {
        Some(path) => check_voyandz(path),
        None => check(&inputs(context, file)),
    };
    let Report { what, file, format, live, memory, of_group, mut warnings } = match checked {
        Ok(report) => report,
        Err(problems) => return refuse(context, &problems),
    };
    let memory = match memory {
        Some(memory) => memory,
        None => {
            machine::capacity(&context.here)
                .map_err(|error| Failure::local(&error))?
                .memory
        }
    };
    let memory = of_group.map_or(memory, |most| most.min(memory));
    let (rings, too_much) = show::live::memory(&live, memory);
    warnings.extend(too_much);
    if context.common.json {
        context.print_json(&json!({
            "file": file, "format": format, "problems": [], "warnings": warnings,
            "live": show::live::json(&live),
        }))?;
        return Ok(Exit::Done);
    }
    let warnings: String = warnings.iter().map(|text| format!("warning: {text}\n")).collect();
    let page = show::live::page(&live, context.width());
    let encoders = show::live::encoders(&live);
    context.say(&format!("ok: {what}\n{rings}{encoders}{warnings}{page}"))?;
    Ok(Exit::Done)
}

fn check(inputs: &Inputs) -> Result<Report, Problems> {
    let loaded = ffleet_config::load(inputs)?;
    let builtin = |name: &str| ffleet_media::preset::builtin(name).is_some();
    let presets = ffleet_config::preset::load(&loaded.config.presets_dir, builtin)?;
    let source = match &loaded.file {
        Some(file) => file.display().to_string(),
        None => "no file, all defaults".to_owned(),
    };
    let Loaded { config: Config { live, worker, role_groups, .. }, file, mut warnings, .. } =
        loaded;
    warnings.extend(show::live::unknown_presets(&live, &presets));
    let presets = count(presets.len() as u64, "preset");
    let what = format!("{source}; {presets} of your own; {}", show::live::tally(&live));
    let group = role_groups.get(&RoleGroup::named(RoleGroup::LIVE));
    let of_group = group.and_then(|rules| rules.most.memory);
    let memory = worker.memory;
    Ok(Report { what, file, format: "ffleet", live, memory, of_group, warnings })
}

fn check_voyandz(path: PathBuf) -> Result<Report, Problems> {
    let Voyandz { live, warnings, .. } = voyandz::load(&path)?;
    let tally = show::live::tally(&live);
    let what = format!("{}; a configuration of voyandz; {tally}", path.display());
    Ok(Report {
        what,
        file: Some(path),
        format: "voyandz",
        live,
        memory: None,
        of_group: None,
        warnings,
    })
}

fn refuse(context: &Context, problems: &Problems) -> Result<Exit, Failure> {
    if context.common.json {
        context.print_json(&json!({ "problems": problems, "warnings": [] }))?;
        return Ok(Exit::Usage);
    }
    context.say(&format!("{problems}\n"))?;
    let number = problems.iter().count() as u64;
    Err(Failure::usage(format!("the configuration has {}", count(number, "problem"))))
}

/// What the configuration is made from.
pub(crate) fn inputs(context: &Context, file: Option<PathBuf>) -> Inputs {
    Inputs {
        file,
        env: context.env.clone(),
        uid: context.uid(),
        directory: context.here.clone(),
        ..Inputs::default()
    }
}
