//! `ffleet feeds`: sources of live bytes.

use clap::Subcommand;
use ffleet_api::live::{Feed, Feeds};
use ffleet_types::live::Sort;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{declare, show, token};

/// `ffleet feeds …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List them
    List,
    /// Show everything about one
    Show {
        /// Its name
        feed: String,
    },
    /// Show what the commands of its last runs said
    Logs {
        /// Its name
        feed: String,
    },
    /// End its run and begin another; viewers stay
    Restart {
        /// Its name
        feed: String,
    },
    /// Make a token that opens feeds of `access: token` to whoever pushes, and print their addresses with it
    Token(token::Flags),
    /// Declare one, or say anew what it is; it is kept by the server
    #[command(after_help = "\
  ffleet feeds set cam1 --command 'ffmpeg -i rtsp://cam1.local/main -c copy -f mpegts -' --mode 10s
  ffleet feeds set studio --push http
  ffleet feeds set cam2 --file cam2.yaml

Feeds of the server's configuration are changed there.")]
    Set(Box<declare::Feed>),
    /// Remove one that was declared by `set`
    Remove {
        /// Its name
        feed: String,
    },
}

/// Does what was asked for.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let api = context.api()?;
    match command {
        Command::List => {
            let answer: Answer<Feeds> = api.read("/v1/feeds").await?;
            context.print(&answer.raw, || show::feeds::feeds(&answer.value.feeds, context))?;
        }
        Command::Show { feed } => {
            let answer: Answer<Feed> = api.named("feeds", &feed).await?;
            context.print(&answer.raw, || show::feeds::feed(&answer.value, context.now()))?;
        }
        Command::Logs { feed } => context.say(&api.text("feeds", &feed, "logs").await?)?,
        Command::Token(flags) => token::create(context, &api, "feeds", &flags).await?,
        Command::Restart { feed } => {
            let answer: Answer<Feed> = api.do_to("feeds", &feed, "restart").await?;
            context.print(&answer.raw, || format!("feed {feed} is started anew\n"))?;
        }
        Command::Set(feed) => return declare::set_feed(context, *feed).await,
        Command::Remove { feed } => return declare::remove(context, Sort::Feed, &feed).await,
    }
    Ok(Exit::Done)
}
