//! `ffleet presets`: named recipes.

use clap::{Args, Subcommand};
use ffleet_api::preset::{List, Origin, Preset};

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show::table::{Side, Table};

/// `ffleet presets`
#[derive(Debug, Args)]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them; so does `ffleet presets` alone
    List,
    /// Show what one does
    Show {
        /// Its name
        name: String,
    },
}

/// Lists presets, or shows one.
pub(crate) async fn run(context: &Context, flags: Flags) -> Result<Exit, Failure> {
    match flags.command {
        None | Some(Command::List) => {
            let answer: Answer<List> = context.api()?.read("/v1/presets").await?;
            context.print(&answer.raw, || table(&answer.value).render(context.width()))?;
        }
        Some(Command::Show { name }) => {
            let answer: Answer<Preset> = context.api()?.named("presets", &name).await?;
            context.print(&answer.raw, || page(&answer.value))?;
        }
    }
    Ok(Exit::Done)
}

fn table(list: &List) -> Table {
    let mut table = Table::new(&[("PRESET", Side::Left), ("WHAT IT DOES", Side::Left)]);
    for preset in &list.presets {
        let origin = match preset.origin {
            Origin::Builtin => "",
            Origin::User => " (yours)",
        };
        table.row(&[preset.name.clone(), format!("{}{origin}", preset.description)]);
    }
    table
}

/// The recipe as a `--recipe` file would have it: YAML, of which JSON is a part.
fn page(preset: &Preset) -> String {
    let recipe = serde_json::to_string_pretty(&preset.recipe)
        .unwrap_or_else(|error| format!("the recipe cannot be shown: {error}"));
    let origin = match preset.origin {
        Origin::Builtin => "built in",
        Origin::User => "from the presets directory",
    };
    format!("# {}, {origin}; this is a recipe for --recipe as well\n{recipe}\n", preset.name)
}
