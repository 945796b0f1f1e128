//! What is served, as it was read: from our configuration, or from that of voyandz.

use std::path::{Path, PathBuf};

use ffleet_config::config::Live;
use ffleet_config::config::live::Written;
use ffleet_config::{Config, Inputs, Loaded, Problems, voyandz};
use ffleet_controller::dashboard::voyandz::{Pages, Voyandz};

use crate::config;
use crate::context::Context;
use crate::failure::Failure;
use crate::serve::Origin;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The configuration.
    pub(super) config: Config,
    /// Its feeds and streams as they are written, to which others can be added; nothing in voyandz's place.
    pub(super) written: Option<Written>,
    /// The file that was read; nothing where there is none.
    pub(super) file: Option<PathBuf>,
    /// What is odd but no error.
    pub(super) warnings: Vec<String>,
    /// What voyandz's pages say, where its place is taken.
    pub(super) voyandz: Option<Voyandz>,
}

impl Setting {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once.
    pub(super) fn load(context: &Context, origin: &Origin) -> Result<Self, Failure> {
        match origin {
            Origin::Ours(flags) => {
                let inputs = config::inputs(context, flags.config.clone());
                let inputs = with(inputs, "data", "--data", flags.data.as_ref());
                ours(&with(inputs, "listen", "--listen", flags.listen.as_ref()))
            }
            Origin::Voyandz(flags) => {
                let inputs = config::inputs(context, None);
                let inputs = with(inputs, "data", "--data", flags.data.as_ref());
                theirs(&inputs, &context.here.join(&flags.file))
            }
        }
    }
}

fn with(inputs: Inputs, key: &str, flag: &str, said: Option<&String>) -> Inputs {
    match said {
        Some(said) => inputs.with_flag(key, flag, said.as_str()),
        None => inputs,
    }
}

fn ours(inputs: &Inputs) -> Result<Setting, Failure> {
    let loaded = ffleet_config::load(inputs).map_err(|problems| {
        let named = inputs.env.var("FFLEET_CONFIG").map(PathBuf::from);
        let file = inputs.file.clone().or(named);
        let file = file.map(|file| inputs.directory.join(file));
        match file.filter(|file| voyandz::is_one(file)) {
            Some(file) => is_voyandz(&file),
            None => refused(&problems),
        }
    })?;
    let Loaded { config, written, file, warnings } = loaded;
    Ok(Setting { config, written: Some(written), file, warnings, voyandz: None })
}

/// Its feeds, streams and address, and for the rest what ours says.
fn theirs(inputs: &Inputs, path: &Path) -> Result<Setting, Failure> {
    let Loaded { mut config, mut warnings, .. } =
        ffleet_config::load(inputs).map_err(|problems| refused(&problems))?;
    let read = voyandz::load(path).map_err(|problems| refused(&problems))?;
    let voyandz::Voyandz { listen, logdir, pages, live, warnings: more } = read;
    if !listen.ip().is_loopback() {
        let message = format!("{}: {listen} can be reached from other machines", path.display());
        return Err(Failure::usage(message).hint(
            "ffleet does not listen there without TLS: write `listenaddr: 127.0.0.1`, and let others come by TLS \
             (FFLEET_TLS_LISTEN, FFLEET_TLS_CERTIFICATE, FFLEET_TLS_KEY) or by a proxy such as nginx or Caddy; \
             the name that they use belongs into FFLEET_NAMES",
        ));
    }
    warnings.extend(more);
    config.listen = listen;
    config.live = Live { gateway: config.live.gateway, ..live };
    let voyandz::Pages { home, stat, config: shown } = pages;
    let pages = Pages { home, stat, config: shown };
    let voyandz = Some(Voyandz { listen, logdir, pages });
    Ok(Setting { config, written: None, file: Some(path.to_owned()), warnings, voyandz })
}

fn refused(problems: &Problems) -> Failure {
    Failure::usage(format!("the configuration cannot be used:\n{problems}"))
}

fn is_voyandz(file: &Path) -> Failure {
    let file = file.display();
    Failure::usage(format!("{file} is a configuration of voyandz"))
        .hint(format!("`ffleet voyandz -f {file}` serves it; docs/migrating.md says more"))
}
