//! The program's own log, as the configuration wants it.

use std::path::Path;

use ffleet_config::Config;
use ffleet_telemetry::log::{self, Setup};

use ffleet_config::config::Format;

use crate::failure::Failure;

/// Starts it: on standard error and in `logs` of the data directory.
///
/// # Errors
///
/// If the file cannot be written.
pub(super) fn start(config: &Config, home: &Path) -> Result<(), Failure> {
    let wanted = &config.log;
    let areas = wanted
        .areas
        .iter()
        .map(|(area, level)| (area.clone(), level.name().to_owned()));
    log::start(&Setup {
        level: wanted.level.name().to_owned(),
        areas: areas.collect(),
        json: wanted.format == Format::Json,
        directory: Some(home.join("logs")),
        file_size: wanted.file_size,
    })
    .map_err(|error| Failure::local(&error))
}
