//! One life of a server: start, be found, be ready, be told to stop.

use std::collections::BTreeMap;
use std::time::Duration;

use ffleet_api::Moment;
use ffleet_media::Recipe;
use ffleet_worker::Left;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::registration::{self, Registration};
use crate::serve::Again;
use crate::serve::home::Home;
use crate::serve::notify::{self, Message};
use crate::serve::roles::Roles;
use crate::serve::setting::Setting;
use crate::serve::signals::{Asked, Stop};
use crate::show::text::push;

/// Between two looks at whether the server is ready.
const LOOK: Duration = Duration::from_millis(20);
/// Not being ready for so long is said.
const LONG: Duration = Duration::from_millis(500);

/// Serves until a signal says stop.
///
/// # Errors
///
/// Whatever keeps the roles from starting.
pub(super) async fn run(
    again: &Again,
    setting: &Setting,
    presets: BTreeMap<String, Recipe>,
    home: &Home,
) -> Result<Exit, Failure> {
    let context = &again.context;
    // From here on a signal finds us prepared.
    let mut stop = Stop::new()
        .map_err(|error| Failure::new(Exit::Local, format!("cannot listen to signals: {error}")))?;
    let roles = tokio::select! {
        roles = Roles::start(again, setting, presets, home) => roles?,
        signal = stop.stop() => {
            tracing::info!(signal, "stopped before it had started");
            return Ok(Exit::Done);
        }
    };
    let registered = announce(context, home, &roles);
    if let Err(failure) = &registered {
        // What it had taken over from an earlier life waits for the next.
        let _left = roles.stop().await;
        return Err(Failure::new(failure.exit(), failure.to_string()));
    }
    tokio::select! {
        () = greet(context, home, &roles) => {}
        signal = stop.stop() => return Ok(end(context, roles, stop, signal).await),
    }
    let pulse = notify::pulse(&context.env);
    let signal = loop {
        let asked = tokio::select! {
            asked = stop.asked() => asked,
            () = tokio::time::sleep(pulse.unwrap_or(Duration::MAX)) => {
                notify::tell(&context.env, Message::Alive);
                continue;
            }
        };
        match asked {
            Asked::Stop(signal) => break signal,
            // It may wait for a disk, and a signal to stop does not.
            Asked::Reload => roles.reload(),
        }
    };
    let exit = end(context, roles, stop, signal).await;
    drop(registered);
    Ok(exit)
}

/// Makes the server known to this user's other commands.
fn announce(
    context: &Context,
    home: &Home,
    roles: &Roles,
) -> Result<registration::Registered, Failure> {
    let pid = std::process::id();
    let started = registration::start_time(pid)
        .ok_or_else(|| Failure::new(Exit::Local, "/proc does not know this process"))?;
    let registration = Registration {
        address: roles.address.clone(),
        key: home.key.clone(),
        pid,
        started,
        data_dir: home.path.clone(),
    };
    registration
        .announce(&context.runtime_dir()?, roles.port)
        .map_err(|error| Failure::local(&error))
}

/// Waits until the server is ready, and says so to whoever started it.
async fn greet(context: &Context, home: &Home, roles: &Roles) {
    let mut waited = Duration::ZERO;
    let mut said = Vec::new();
    loop {
        let problems = roles.problems();
        if problems.is_empty() {
            break;
        }
        if waited >= LONG && problems != said {
            print(context, &format!("not ready yet: {}\n", problems.join("; ")));
            said = problems;
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
    tracing::info!(address = roles.address, "ready");
    let mut text = format!("ffleet is ready at {}\n", roles.address);
    if let Some(link) = roles.login_link() {
        push!(text, "  dashboard  {}  (opens once, until {})\n", link.url, link.expires_at);
    }
    if let Some(address) = roles.outside {
        push!(text, "  outside    https://{address}\n");
    }
    push!(text, "  data       {}\n", home.path.display());
    push!(text, "  try        ffleet submit test:720p30 -o /tmp/test.mp4 --wait\n");
    push!(text, "  stop       Ctrl-C\n");
    print(context, &text);
    notify::tell(&context.env, Message::Ready);
}

/// Stops; a second signal does not wait for what is under way.
async fn end(context: &Context, roles: Roles, mut stop: Stop, signal: &'static str) -> Exit {
    tracing::info!(signal, "stopping; a second signal leaves at once");
    notify::tell(&context.env, Message::Stopping);
    let (worker, gateway) = (roles.worker(), roles.gateway());
    let (exit, (left, feeds)) = tokio::select! {
        left = roles.stop() => (Exit::Done, left),
        signal = stop.stop() => {
            tracing::warn!(signal, "leaving at once; what was under way is settled at the next start");
            (Exit::Interrupted, tokio::join!(worker.stop_at_once(), gateway.leave()))
        }
    };
    if !feeds.is_empty() {
        let told = format!("left running: commands of {}", feeds.join(", "));
        tracing::info!("{told}");
        print(context, &format!("{told}\n"));
    }
    if let Some(told) = what_is_left(&left) {
        tracing::info!(count = left.jobs.len(), "{told}");
        print(context, &format!("{told}\n"));
    }
    exit
}

/// What goes on without the server, and for how long, if anything does.
fn what_is_left(left: &Left) -> Option<String> {
    let jobs: Vec<_> = left.jobs.iter().map(ToString::to_string).collect();
    let (noun, verb) = match jobs.len() {
        0 => return None,
        1 => ("job", "goes"),
        _ => ("jobs", "go"),
    };
    let count = jobs.len();
    let named = jobs.join(", ");
    Some(match left.until {
        Some(until) => format!(
            "left running: {count} {noun} ({named}); a server that starts before {} goes on with \
             what runs, later it has ended and is done again",
            Moment(until)
        ),
        None => {
            format!("left running: {count} {noun} ({named}), which {verb} on with the next server")
        }
    })
}

/// Prints for whoever is there; a server goes on when nobody is.
fn print(context: &Context, text: &str) {
    if let Err(failure) = context.say(text) {
        tracing::debug!("nobody reads the output: {failure}");
    }
}
