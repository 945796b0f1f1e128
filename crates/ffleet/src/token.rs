//! `ffleet streams token`, `ffleet feeds token`: what opens `access: token` to those who have no key.

use std::net::IpAddr;

use clap::Args;
use ffleet_api::token::{Request, Revoked, Token};
use ffleet_types::Span;
use ffleet_types::live::token::Scope;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::{Answer, Api};
use crate::context::Context;
use crate::failure::Failure;

/// What a token is to be good for.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// The names of what it opens, or `cam*` for all names that begin so
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// For how long it is good, up to 366d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires: Span,
    /// The one address that it is good from, as the server sees it
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
}

/// Prints the addresses that a new token opens in `collection`.
pub(crate) async fn create(
    context: &Context,
    api: &Api,
    collection: &str,
    flags: &Flags,
) -> Result<(), Failure> {
    let (first, more) = flags.names.split_first().ok_or_else(|| Failure::usage("name one"))?;
    let also = more.iter().map(|name| name.parse::<Scope>()).collect::<Result<_, _>>();
    let also = also.map_err(|error| Failure::usage(error.to_string()))?;
    let request = Request { expires: Some(flags.expires), address: flags.address, also };
    let name = utf8_percent_encode(first, NON_ALPHANUMERIC);
    let made: Answer<Token> =
        api.post(&format!("/v1/{collection}/{name}/tokens"), &request).await?;
    context.print(&made.raw, || text(&made.value))
}

/// Voids all tokens.
pub(crate) async fn revoke(context: &Context, api: &Api) -> Result<(), Failure> {
    let answer: Answer<Revoked> = api.remove("/v1/stream-tokens").await?;
    context.print(&answer.raw, || {
        "all tokens are void; who watches or pushes goes on\n".to_owned()
    })
}

fn text(token: &Token) -> String {
    let from = token.address.map(|address| format!(" from {address} alone"));
    let urls: String = token.urls.iter().map(|url| format!("{url}\n")).collect();
    format!("{urls}  good{} until {}\n", from.unwrap_or_default(), token.expires_at)
}
