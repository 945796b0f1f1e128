//! `ffleet tenants`: who owns work, and what bounds it.

use std::str::FromStr;

use clap::{Args, Subcommand};
use ffleet_api::tenant::{Change, List, Tenant};
use ffleet_types::{Bytes, Cpu, ParseError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::Answer;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show;

/// `ffleet tenants …`
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create one
    Create {
        /// Its name: lower-case letters, digits and '-'
        tenant: String,
        #[command(flatten)]
        said: Said,
    },
    /// List them
    List,
    /// Show everything about one
    Show {
        /// Its name
        tenant: String,
    },
    /// Change what is said of one; the rest stays as it is
    Set {
        /// Its name
        tenant: String,
        #[command(flatten)]
        said: Said,
    },
    /// Remove one that has neither keys nor jobs that have not ended
    Remove {
        /// Its name
        tenant: String,
    },
}

/// What bounds a tenant.
#[derive(Debug, Args)]
pub(crate) struct Said {
    /// Its share where there is too little for all, relative to others' [1 to 1000; default: 100]
    #[arg(long, value_name = "WEIGHT")]
    weight: Option<u32>,
    /// Jobs that may wait; none lifts the quota
    #[arg(long, value_name = "COUNT")]
    queued: Option<Quota<u64>>,
    /// Jobs that may run at once; none lifts the quota
    #[arg(long, value_name = "COUNT")]
    running: Option<Quota<u64>>,
    /// CPU that those may have together, such as 800%; none lifts the quota
    #[arg(long, value_name = "CPU")]
    cpu: Option<Quota<Cpu>>,
    /// Memory that those may have together, such as 16GiB; none lifts the quota
    #[arg(long, value_name = "BYTES")]
    memory: Option<Quota<Bytes>>,
    /// A directory of the server that its jobs may read from and write to; may be given several times, and takes
    /// the place of those of before
    #[arg(long, value_name = "DIR")]
    root: Vec<String>,
}

/// An amount, or none.
#[derive(Clone, Copy, Debug)]
struct Quota<T>(Option<T>);

impl<T: FromStr> FromStr for Quota<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let wrong = |_why| ParseError::new(text, "an amount of this, or none").to_string();
        text.parse().map(|amount| Self(Some(amount))).map_err(wrong)
    }
}

impl Said {
    fn change(self) -> Change {
        Change {
            weight: self.weight,
            queued: self.queued.map(|quota| quota.0),
            running: self.running.map(|quota| quota.0),
            cpu: self.cpu.map(|quota| quota.0),
            memory: self.memory.map(|quota| quota.0),
            roots: Some(self.root).filter(|roots| !roots.is_empty()),
        }
    }
}

fn path(tenant: &str) -> String {
    format!("/v1/tenants/{}", utf8_percent_encode(tenant, NON_ALPHANUMERIC))
}

/// Creates, lists, shows, changes or removes tenants.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let api = context.api()?;
    let answer: Answer<Tenant> = match command {
        Command::List => {
            let answer: Answer<List> = api.read("/v1/tenants").await?;
            context.print(&answer.raw, || {
                show::tenants::table(&answer.value.tenants).render(context.width())
            })?;
            return Ok(Exit::Done);
        }
        Command::Remove { tenant } => {
            let answer: Answer<Tenant> = api.remove(&path(&tenant)).await?;
            context.print(&answer.raw, || format!("the tenant {} is gone\n", answer.value.name))?;
            return Ok(Exit::Done);
        }
        Command::Show { tenant } => api.read(&path(&tenant)).await?,
        Command::Create { tenant, said } => api.post(&path(&tenant), &said.change()).await?,
        Command::Set { tenant, said } => {
            let change = said.change();
            if change == Change::default() {
                return Err(Failure::usage("nothing is to change").hint("see `--help`"));
            }
            api.patch(&path(&tenant), &change).await?
        }
    };
    context.print(&answer.raw, || show::tenants::page(&answer.value))?;
    Ok(Exit::Done)
}
