//! `feeds set`, `streams set` and their `remove`: what is declared over the API.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use ffleet_config::config::live::declaration;
use ffleet_types::live::Sort;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// No declaration is longer; a name that leads to a film by mistake is not read to its end.
const LONGEST: u64 = 1 << 20;

/// What is said of a feed.
#[derive(Debug, Args)]
pub(crate) struct Feed {
    /// Its name
    name: String,
    /// A YAML file with its keys, as below `feeds: NAME:` in the configuration; `-` is standard input. Options
    /// count before it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The command whose output it is, split as a shell would; no shell reads it
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    command: Option<String>,
    /// It is what is sent to /ingest/NAME: `http`
    #[arg(long, value_name = "HOW")]
    push: Option<String>,
    /// The address that it is read from
    #[arg(long, value_name = "URL")]
    pull: Option<String>,
    /// The FIFO that it is read from
    #[arg(long, value_name = "PATH")]
    fifo: Option<String>,
    /// The feed that its command reads
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// When it runs: on-demand, autostart, continuous, or for how long it lingers, such as 10s
    #[arg(long)]
    mode: Option<String>,
    /// Without a byte for so long it is dead, such as 10s; or never
    #[arg(long, value_name = "TIME")]
    silence: Option<String>,
    /// What viewers get while it is dead, such as `hold 30s,end`
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    fallback: Vec<String>,
    /// What its end without a failure means: restart or end
    #[arg(long, value_name = "WORD")]
    at_end: Option<String>,
    /// What it holds for its readers, such as 8MiB
    #[arg(long, value_name = "SIZE")]
    ring_bytes: Option<String>,
    /// Who may push to it: open, key or token
    #[arg(long, value_name = "WORD")]
    access: Option<String>,
}

/// What is said of a stream.
#[derive(Debug, Args)]
pub(crate) struct Stream {
    /// Its name
    name: String,
    /// A YAML file with its keys, as below `streams: NAME:` in the configuration; `-` is standard input. Options
    /// count before it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The feed that it passes on, or that its command reads
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// The command whose output it is, split as a shell would; no shell reads it
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    command: Option<String>,
    /// What it says it is, such as video/mp2t
    #[arg(long, value_name = "TYPE")]
    mimetype: Option<String>,
    /// What viewers get: stream or shot
    #[arg(long = "type", value_name = "WORD")]
    kind: Option<String>,
    /// Who shares its command: shared or exclusive
    #[arg(long, value_name = "WORD")]
    client: Option<String>,
    /// The path of its address, beside /stream/NAME
    #[arg(long, value_name = "PATH")]
    url: Option<String>,
    /// How many may watch at once
    #[arg(long, value_name = "NUMBER")]
    viewers: Option<String>,
    /// Who may watch: open, key or token
    #[arg(long, value_name = "WORD")]
    access: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

/// How it is handed out.
#[derive(Debug, Args)]
struct Terms {
    /// What becomes of viewers that fall behind: skip or cut
    #[arg(long, value_name = "WORD")]
    slow: Option<String>,
    /// How long a viewer may be behind before it is cut off, such as 30s; or never
    #[arg(long, value_name = "TIME")]
    slow_after: Option<String>,
    /// What it holds for its viewers, such as 8MiB
    #[arg(long, value_name = "SIZE")]
    ring_bytes: Option<String>,
    /// How long a shot may take, such as 10s
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// How old a shot may be that is given to the next viewer, such as 1s
    #[arg(long, value_name = "TIME")]
    cache: Option<String>,
}

/// Declares a feed.
pub(crate) async fn set_feed(context: &Context, feed: Feed) -> Result<Exit, Failure> {
    let mut says = read(feed.file.as_deref())?;
    let said = [
        ("command", feed.command),
        ("push", feed.push),
        ("pull", feed.pull),
        ("fifo", feed.fifo),
        ("feed", feed.feed),
        ("mode", feed.mode),
        ("silence", feed.silence),
        ("at-end", feed.at_end),
        ("ring-bytes", feed.ring_bytes),
        ("access", feed.access),
    ];
    add(&mut says, said);
    if !feed.fallback.is_empty() {
        says.insert("fallback".to_owned(), json!(feed.fallback));
    }
    set::<ffleet_api::live::Feed>(context, (Sort::Feed, &feed.name), &says).await
}

/// Declares a stream.
pub(crate) async fn set_stream(context: &Context, stream: Stream) -> Result<Exit, Failure> {
    let mut says = read(stream.file.as_deref())?;
    let Terms { slow, slow_after, ring_bytes, timeout, cache } = stream.terms;
    let said = [
        ("feed", stream.feed),
        ("command", stream.command),
        ("mimetype", stream.mimetype),
        ("type", stream.kind),
        ("client", stream.client),
        ("url", stream.url),
        ("viewers", stream.viewers),
        ("access", stream.access),
        ("slow", slow),
        ("slow-after", slow_after),
        ("ring-bytes", ring_bytes),
        ("timeout", timeout),
        ("cache", cache),
    ];
    add(&mut says, said);
    set::<ffleet_api::live::Stream>(context, (Sort::Stream, &stream.name), &says).await
}

fn add<const N: usize>(says: &mut Map<String, Value>, said: [(&str, Option<String>); N]) {
    for (key, text) in said {
        if let Some(text) = text {
            says.insert(key.to_owned(), Value::String(text));
        }
    }
}

/// What the file says; nothing where none is named.
fn read(file: Option<&Path>) -> Result<Map<String, Value>, Failure> {
    let Some(file) = file else {
        return Ok(Map::new());
    };
    let is_input = file == Path::new("-");
    let shown = if is_input { Path::new("standard input") } else { file };
    let failed = |error: std::io::Error| {
        Failure::usage(format!("{} cannot be read: {error}", shown.display()))
    };
    let mut text = String::new();
    let read = if is_input {
        std::io::stdin().take(LONGEST + 1).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).map_err(failed)?;
        opened.take(LONGEST + 1).read_to_string(&mut text)
    };
    if read.map_err(failed)? as u64 > LONGEST {
        let message = format!("{} is larger than 1 MiB, which no declaration is", shown.display());
        return Err(Failure::usage(message));
    }
    declaration(&text, shown).map_err(|problems| Failure::usage(problems.to_string()))
}

async fn set<T: DeserializeOwned>(
    context: &Context,
    (sort, name): (Sort, &str),
    says: &Map<String, Value>,
) -> Result<Exit, Failure> {
    if says.is_empty() {
        return Err(Failure::usage(format!("nothing is said of the {sort} {name}")).hint(format!(
            "say its keys in --file FILE or by options: ffleet {sort}s set --help"
        )));
    }
    let (answer, is_new) = context.api()?.put::<T>(sort, name, says).await?;
    let what = if is_new { "declared" } else { "declared anew" };
    context.print(&answer.raw, || format!("{sort} {name} is {what}\n"))?;
    Ok(Exit::Done)
}

/// Takes a declaration back.
pub(crate) async fn remove(context: &Context, sort: Sort, name: &str) -> Result<Exit, Failure> {
    context.api()?.delete(sort, name).await?;
    if context.common.json {
        context.print_json(&json!({ "removed": name }))?;
    } else {
        context.say(&format!("{sort} {name} is no longer declared over the API\n"))?;
    }
    Ok(Exit::Done)
}
