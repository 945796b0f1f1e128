//! `ffleet nodes`: the machines that do the work.

use clap::Subcommand;
use ffleet_api::node::{List, Node};

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

/// `ffleet nodes …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List them
    List,
    /// Show everything about one
    Show {
        /// Its name or id
        node: String,
    },
}

/// Lists nodes, or shows one.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List => {
            let answer: Answer<List> = context.api()?.read("/v1/nodes").await?;
            context.print(&answer.raw, || {
                show::node::table(&answer.value.nodes, context.now()).render(context.width())
            })?;
        }
        Command::Show { node } => {
            let answer: Answer<Node> = context.api()?.named("nodes", &node).await?;
            context.print(&answer.raw, || show::node::page(&answer.value, context.now()))?;
        }
    }
    Ok(Exit::Done)
}
