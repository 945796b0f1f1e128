//! `ffleet nodes`: the machines that do the work.

use clap::{Args, Subcommand};
use ffleet_api::enrol::{Invitation, Request};
use ffleet_api::node::{List, Node};
use ffleet_types::Span;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

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
    /// Print a line that lets one machine join
    Invite(Invite),
    /// Remove one that has joined: what it shows is refused from now on
    Remove {
        /// Its name or id
        node: String,
    },
}

/// `ffleet nodes invite`
#[derive(Debug, Args)]
#[command(after_help = "\
The line holds a secret that is good once. Hand it over as you would a password; `ffleet worker --join` takes it.")]
pub(crate) struct Invite {
    /// For how long it is good, up to 30d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires: Span,
    /// Which machine it is for, for people
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where the machine is to call [default: the first of `names`, or the address that the server listens at]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
}

/// Lists, shows, invites or removes nodes.
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
        Command::Invite(Invite { expires, name, address }) => {
            let request = Request { expires: Some(expires), name, address };
            let made: Answer<Invitation> = context.api()?.post("/v1/invitations", &request).await?;
            context.print(&made.raw, || {
                let Invitation { join, expires_at, .. } = &made.value;
                format!("{join}\n  good once, until {expires_at}\n")
            })?;
        }
        Command::Remove { node } => {
            let path = format!("/v1/nodes/{}", utf8_percent_encode(&node, NON_ALPHANUMERIC));
            let gone: Answer<Option<Node>> = context.api()?.remove(&path).await?;
            context.print(&gone.raw, || {
                format!(
                    "{node} is no machine of the fleet any more; what it holds goes to others\n"
                )
            })?;
        }
    }
    Ok(Exit::Done)
}
