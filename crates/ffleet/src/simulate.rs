//! `ffleet simulate`: a fleet of any size on a virtual clock, with everything that goes wrong.
//!
//! Nothing is started and no server is needed: what decides is what decides in production, and the rest is a model
//! (docs/simulate.md).

use clap::{Args, value_parser};
use ffleet_sim::{Faults, Scenario, run as simulate};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// `ffleet simulate`
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Flags {
    /// How many nodes there are
    #[arg(long, value_name = "N", default_value = "100", value_parser = value_parser!(u32).range(1..=100_000))]
    nodes: u32,
    /// How many jobs come
    #[arg(long, value_name = "N", default_value = "10000", value_parser = value_parser!(u32).range(1..=10_000_000))]
    jobs: u32,
    /// What decides all that is left to chance: the same seed gives the same report
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// CPU that jobs ask for while they come, in percent of what there is
    #[arg(long, value_name = "PERCENT", default_value = "110", value_parser = value_parser!(u32).range(1..=10_000))]
    load: u32,
    /// What goes wrong: all, none, or some of machine, worker, cut, one-way, slow, controller, calls, clock and
    /// jobs, with commas between them
    #[arg(long, value_name = "FAULTS", default_value = "all")]
    faults: Faults,
}

const MORE: &str = "\
  ffleet simulate
  ffleet simulate --nodes 10000 --jobs 1000000 --faults machine,cut --seed 7
  ffleet simulate --load 200 --faults none --json

The exit code is 0 where everything held that must, and 1 where something did not: that is a bug of ffleet, and
the report says what to type to have it again. docs/simulate.md says what is simulated and what is checked.";

/// Simulates, and says what came of it.
pub(crate) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let Flags { nodes, jobs, seed, load, ref faults } = *flags;
    let scenario = Scenario { nodes, jobs, seed, load, faults: faults.clone(), broken: None };
    let report = simulate(&scenario);
    if context.common.json {
        context.print_json(&report)?;
    } else {
        context.say(&report.to_string())?;
    }
    Ok(if report.holds() { Exit::Done } else { Exit::VIOLATED })
}
