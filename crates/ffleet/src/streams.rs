//! `ffleet streams`: what can be watched.

use std::io::{IsTerminal as _, Write as _};

use clap::Subcommand;
use ffleet_api::live::{Stream, Streams};
use ffleet_types::live::Sort;

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{declare, show, token};

/// `ffleet streams …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List them
    List,
    /// Show everything about one, and who watches it
    Show {
        /// Its name
        stream: String,
    },
    /// Show what its commands said
    Logs {
        /// Its name
        stream: String,
    },
    /// Write it to the standard output, as a viewer gets it: `ffleet streams watch cam1 | ffplay -`
    Watch {
        /// Its name
        stream: String,
    },
    /// Make a token that opens streams of `access: token`, and print their addresses with it
    Token(token::Flags),
    /// Void all tokens there are, for streams and for feeds; who watches or pushes goes on
    RevokeTokens,
    /// Declare one, or say anew what it is; it is kept by the server
    #[command(after_help = "\
  ffleet streams set cam1 --feed cam1 --mimetype video/mp2t
  ffleet streams set cam1-png --feed cam1 --type shot --mimetype image/png \\
      --command 'ffmpeg -i - -f image2pipe -c:v png -frames:v 1 -'

Streams of the server's configuration are changed there.")]
    Set(Box<declare::Stream>),
    /// Remove one that was declared by `set`
    Remove {
        /// Its name
        stream: String,
    },
}

/// Does what was asked for.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let api = context.api()?;
    match command {
        Command::List => {
            let answer: Answer<Streams> = api.read("/v1/streams").await?;
            context.print(&answer.raw, || show::feeds::streams(&answer.value.streams, context))?;
        }
        Command::Show { stream } => {
            let answer: Answer<Stream> = api.named("streams", &stream).await?;
            context.print(&answer.raw, || show::feeds::stream(&answer.value, context.now()))?;
        }
        Command::Logs { stream } => context.say(&api.text("streams", &stream, "logs").await?)?,
        Command::Token(flags) => token::create(context, &api, "streams", &flags).await?,
        Command::RevokeTokens => token::revoke(context, &api).await?,
        Command::Watch { stream } => return watch(context, &stream).await,
        Command::Set(stream) => return declare::set_stream(context, *stream).await,
        Command::Remove { stream } => return declare::remove(context, Sort::Stream, &stream).await,
    }
    Ok(Exit::Done)
}

async fn watch(context: &Context, name: &str) -> Result<Exit, Failure> {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        return Err(Failure::usage("a stream is bytes, and a terminal shows none")
            .hint(format!("ffleet streams watch {name} | ffplay -    or    > FILE")));
    }
    let api = context.api()?;
    let stream: Answer<Stream> = api.named("streams", name).await?;
    let mut body = api.watch(&stream.value.path).await?;
    while let Some(piece) = body.next().await.map_err(|error| api.failure(error))? {
        // Whoever reads may have seen enough.
        match out.write_all(&piece) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
            Err(error) => return Err(Failure::local(&error)),
        }
    }
    Ok(Exit::Done)
}
