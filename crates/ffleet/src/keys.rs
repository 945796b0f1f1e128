//! `ffleet keys`: who may call, as what, and what they have changed.

use clap::{Args, Subcommand};
use ffleet_api::key::{Created, Entries, Key, List, Request};
use ffleet_types::access::{Grant, KeyName, Role};
use ffleet_types::{Span, TenantId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

/// `ffleet keys …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make one; it is printed this once
    Create(Create),
    /// List them
    List,
    /// Refuse one from now on
    Revoke {
        /// Its name
        key: String,
    },
    /// Show what holders of keys have changed: the audit log
    Log(Log),
}

/// `ffleet keys create`
#[derive(Debug, Args)]
#[command(after_help = "\
admin     may everything: keys, tenants, machines
operator  runs the fleet: everybody's jobs, feeds and streams
tenant    has jobs done, and sees its own alone
reader    looks, and changes nothing")]
pub(crate) struct Create {
    /// What its holder is to the fleet: admin, operator, tenant or reader
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Whose work alone it is for; said for the role tenant, and may be for reader
    #[arg(long, value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// What it is called, as history shows it [default: the role and some letters]
    #[arg(long, value_name = "NAME")]
    name: Option<KeyName>,
    /// For how long it is good, such as 90d [default: for ever]
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
}

/// `ffleet keys log`
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Only what one has done: user:NAME or node:NAME
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// At most so many, the newest first: 1 to 500
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u32,
    /// Go on behind this number, which the page before names
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

/// Makes, lists or revokes keys, or shows the audit log.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let api = context.api()?;
    match command {
        Command::Create(Create { role, tenant, name, expires }) => {
            Grant::new(role, tenant.clone())
                .map_err(|unfit| Failure::usage(format!("--tenant: {unfit}")))?;
            let request = Request { role, tenant, name, expires };
            let made: Answer<Created> = api.post("/v1/keys", &request).await?;
            context.print(&made.raw, || show::keys::created(&made.value))?;
        }
        Command::List => {
            let answer: Answer<List> = api.read("/v1/keys").await?;
            context.print(&answer.raw, || {
                show::keys::table(&answer.value.keys, context.now()).render(context.width())
            })?;
        }
        Command::Revoke { key } => {
            let name = utf8_percent_encode(&key, NON_ALPHANUMERIC);
            let answer: Answer<Key> = api.remove(&format!("/v1/keys/{name}")).await?;
            context.print(&answer.raw, || format!("the key {} is revoked\n", answer.value.name))?;
        }
        Command::Log(Log { who, limit, after }) => {
            let who =
                who.map(|who| format!("&who={}", utf8_percent_encode(&who, NON_ALPHANUMERIC)));
            let after = after.map(|after| format!("&after={after}"));
            let (who, after) = (who.unwrap_or_default(), after.unwrap_or_default());
            let path = format!("/v1/audit-log?limit={limit}{who}{after}");
            let answer: Answer<Entries> = api.read(&path).await?;
            context.print(&answer.raw, || show::keys::log(&answer.value, context.width()))?;
        }
    }
    Ok(Exit::Done)
}
