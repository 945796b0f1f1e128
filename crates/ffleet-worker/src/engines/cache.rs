//! What engines have proven, on disk: `<data>/engines/<name>-<hash>.json`.
//!
//! It is only ever a shortcut: what cannot be read, or was written for another build or by
//! another version of ffleet, counts as not there.

use std::path::PathBuf;

use ffleet_types::node::Engine;
use serde::{Deserialize, Serialize};

/// What is proven, and how, changes with this number.
const FORM: u32 = 5;

/// The directory of proofs.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Proof {
    form: u32,
    /// All that the build says of itself, its libraries' versions among it.
    banner: String,
    engine: Engine,
}

impl Cache {
    /// Opens it, without what a life that was killed left half-written.
    pub(super) fn open(dir: PathBuf) -> Self {
        let swept = ffleet_base::files::create_private_dir(&dir)
            .and_then(|()| ffleet_base::files::sweep(&dir));
        if let Err(error) = swept {
            tracing::warn!(error = %ffleet_base::chain(&error), "proofs of engines are not kept");
        }
        Self { dir }
    }

    /// What the build with this hash has proven, if it says the same of itself as then.
    pub(super) fn read(&self, name: &str, hash: &str, banner: &str) -> Option<Engine> {
        let path = self.path(name, hash);
        let text = std::fs::read(&path).ok()?;
        let proof: Proof = serde_json::from_slice(&text)
            .inspect_err(
                |error| tracing::warn!(?path, %error, "a proof cannot be read; it is made anew"),
            )
            .ok()?;
        let holds = proof.form == FORM
            && proof.banner == banner
            && proof.engine.name == name
            && proof.engine.hash == hash;
        holds.then_some(proof.engine)
    }

    /// Keeps what `engine` has proven.
    pub(super) fn write(&self, engine: &Engine, banner: &str) -> Result<(), String> {
        let proof = Proof { form: FORM, banner: banner.to_owned(), engine: engine.clone() };
        let text = serde_json::to_vec_pretty(&proof).map_err(|error| error.to_string())?;
        ffleet_base::write_atomic(&self.path(&engine.name, &engine.hash), &text, 0o600)
            .map_err(|error| ffleet_base::chain(&error))
    }

    fn path(&self, name: &str, hash: &str) -> PathBuf {
        self.dir.join(format!("{name}-{hash}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Engine {
        Engine {
            name: "ffmpeg".to_owned(),
            path: "/usr/bin/ffmpeg".to_owned(),
            version: "5.1".to_owned(),
            hash: "ab12".to_owned(),
            encoders: vec!["libx264".to_owned()],
            decoders: vec!["h264".to_owned()],
            filters: Vec::new(),
            muxers: Vec::new(),
            listed: Vec::new(),
            unproven: std::collections::BTreeMap::new(),
            threads: std::collections::BTreeMap::new(),
            memory: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn proof_holds_for_the_same_build_only() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path().join("engines"));
        assert_eq!(cache.read("ffmpeg", "ab12", "banner"), None);
        cache.write(&engine(), "banner").unwrap();
        assert_eq!(cache.read("ffmpeg", "ab12", "banner"), Some(engine()));
        assert_eq!(cache.read("ffmpeg", "ab12", "another libx264"), None);
        assert_eq!(cache.read("ffprobe", "ab12", "banner"), None);
        assert_eq!(cache.read("ffmpeg", "ab13", "banner"), None);
    }

    #[test]
    fn corrupt_proof_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path().to_owned());
        cache.write(&engine(), "banner").unwrap();
        let path = cache.path("ffmpeg", "ab12");
        let whole = std::fs::read(&path).unwrap();
        for text in [&b""[..], b"null", b"{}", &whole[..whole.len() / 2]] {
            ffleet_base::write_atomic(&path, text, 0o600).unwrap();
            assert_eq!(cache.read("ffmpeg", "ab12", "banner"), None);
        }
    }

    #[test]
    fn half_of_a_proof_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let half = dir.path().join(".ffmpeg-ab12.json.x7.ffleet-part");
        ffleet_base::write_atomic(&half, b"{", 0o600).unwrap();
        let cache = Cache::open(dir.path().to_owned());
        assert!(!half.exists());
        cache.write(&engine(), "banner").unwrap();
        assert_eq!(cache.read("ffmpeg", "ab12", "banner"), Some(engine()));
    }
}
