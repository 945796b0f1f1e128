//! The engines of a node: found, identified, and proven to do what they say.
//!
//! A proof costs seconds and holds as long as the build is the same, so it is kept on disk by the
//! binary's hash, together with what the build says of itself: a library that was exchanged
//! beneath an unchanged binary shows in there. `find` looks for the programs, `prove` puts them
//! to the test, `cache` keeps what came of it.

mod cache;
mod find;
mod prove;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffleet_base::Clock;
use ffleet_guard::Node;
use ffleet_types::node::Engine;

use crate::config::Config;
use crate::gauges::Gauges;
use crate::sandbox::Walled;

/// The programs of a node. They may be of different builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Engines {
    pub(crate) ffmpeg: Engine,
    pub(crate) ffprobe: Engine,
    /// The files that both load, beyond the system's.
    pub(crate) libraries: Vec<PathBuf>,
}

/// Why a node has no engine. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Missing(String);

impl Engines {
    /// Finds both, and has them proven unless they are known. Some 100 ms where they are known.
    pub(crate) async fn find(
        node: &Arc<Node>,
        config: &Config,
        clock: &dyn Clock,
        gauges: &Arc<Gauges>,
    ) -> Result<Self, Missing> {
        let ffmpeg = find::find("ffmpeg", config.ffmpeg.as_deref(), &config.search)?;
        let ffprobe = find::find("ffprobe", config.ffprobe.as_deref(), &config.search)?;
        let mut prover = prove::Prover {
            node,
            clock,
            nice: config.nice,
            home: &config.home,
            walled: Walled::new(&config.sandboxes, Vec::new()),
            gauges,
        };
        let (one, other) = tokio::join!(prover.libraries(&ffmpeg), prover.libraries(&ffprobe));
        let libraries = [one, other].concat();
        prover.walled = Walled::new(&config.sandboxes, libraries.clone());
        let cache = cache::Cache::open(config.engines());
        let (ffmpeg, ffprobe) = tokio::join!(
            identify("ffmpeg", &ffmpeg, &prover, &cache),
            identify("ffprobe", &ffprobe, &prover, &cache),
        );
        Ok(Self { ffmpeg: ffmpeg?, ffprobe: ffprobe?, libraries })
    }
}

/// What the program at `path` is and can do.
async fn identify(
    name: &str,
    path: &Path,
    prover: &prove::Prover<'_>,
    cache: &cache::Cache,
) -> Result<Engine, Missing> {
    let (hash, banner) = tokio::join!(find::hash(path.to_owned()), prover.banner(name, path));
    let (hash, banner) = (hash?, banner?);
    let version = ffleet_engine::capability::version(&banner).ok_or_else(|| {
        Missing(format!(
            "{} does not say that it is {name}; it says: {}",
            path.display(),
            banner.lines().next().unwrap_or("nothing")
        ))
    })?;
    let path = path.to_string_lossy().into_owned();
    if let Some(known) = cache.read(name, &hash, &banner) {
        return Ok(Engine { path, ..known });
    }
    tracing::info!(name, path, version, "an engine is put to the test");
    let mut engine = Engine {
        name: name.to_owned(),
        path,
        version,
        hash,
        encoders: Vec::new(),
        decoders: Vec::new(),
        filters: Vec::new(),
        muxers: Vec::new(),
        listed: Vec::new(),
        unproven: std::collections::BTreeMap::new(),
        threads: std::collections::BTreeMap::new(),
        memory: std::collections::BTreeMap::new(),
    };
    if name == "ffmpeg" {
        prover.prove(&mut engine).await?;
        prover.weigh(&mut engine).await;
        prover.calibrate(&mut engine).await;
    }
    // A proof that cannot be kept is still a proof.
    if let Err(error) = cache.write(&engine, &banner) {
        tracing::warn!(name, %error, "what an engine has proven could not be kept");
    }
    Ok(engine)
}
