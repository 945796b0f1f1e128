//! `ffleet config`: the configuration file.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};
use ffleet_config::Inputs;
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
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
}

/// Checks the configuration, presets included.
pub(crate) fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let Command::Check { file } = command;
    let inputs = inputs(context, file);
    let checked = ffleet_config::load(&inputs).and_then(|loaded| {
        let dir = &loaded.config.presets_dir;
        let builtin = |name: &str| ffleet_media::preset::builtin(name).is_some();
        let presets = ffleet_config::preset::load(dir, builtin)?;
        Ok((loaded, presets.len()))
    });
    match checked {
        Ok((loaded, presets)) => {
            if context.common.json {
                let report = json!({
                    "file": loaded.file, "problems": [], "warnings": loaded.warnings,
                });
                context.print_json(&report)?;
                return Ok(Exit::Done);
            }
            let source = match &loaded.file {
                Some(file) => file.display().to_string(),
                None => "no file, all defaults".to_owned(),
            };
            let presets = count(presets as u64, "preset");
            let warnings: String = loaded
                .warnings
                .iter()
                .map(|warning| format!("warning: {warning}\n"))
                .collect();
            context.say(&format!("ok: {source}; {presets} of your own\n{warnings}"))?;
            Ok(Exit::Done)
        }
        Err(problems) => {
            if context.common.json {
                context.print_json(&json!({ "problems": problems, "warnings": [] }))?;
                return Ok(Exit::Usage);
            }
            context.say(&format!("{problems}\n"))?;
            let number = problems.iter().count() as u64;
            Err(Failure::usage(format!("the configuration has {}", count(number, "problem"))))
        }
    }
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
