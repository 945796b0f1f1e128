//! The presets a server offers: its own and the operator's.

use std::collections::BTreeMap;

use ffleet_api::preset::{Origin, Preset};
use ffleet_media::{Recipe, preset};

/// The presets a server offers. An operator's preset shadows a builtin one of the same name.
#[derive(Clone, Debug, Default)]
pub struct Presets(BTreeMap<String, Recipe>);

impl Presets {
    /// The builtin presets and these.
    #[must_use]
    pub const fn new(own: BTreeMap<String, Recipe>) -> Self {
        Self(own)
    }

    /// The recipe that `name` means.
    ///
    /// # Errors
    ///
    /// [`preset::Unknown`], which names the nearest.
    pub fn find(&self, name: &str) -> Result<Recipe, preset::Unknown> {
        self.0
            .get(name)
            .cloned()
            .or_else(|| preset::builtin(name))
            .ok_or_else(|| preset::Unknown::new(name, self.0.keys().map(String::as_str)))
    }

    /// The preset with this name, with where it comes from.
    #[must_use]
    pub fn show(&self, name: &str) -> Option<Preset> {
        let (origin, recipe) = match self.0.get(name) {
            Some(recipe) => (Origin::User, recipe.clone()),
            None => (Origin::Builtin, preset::builtin(name)?),
        };
        let description = recipe.description.clone();
        Some(Preset { name: name.to_owned(), origin, description, recipe })
    }

    /// All of them: the operator's first, then the builtin ones in their own order.
    #[must_use]
    pub fn list(&self) -> Vec<Preset> {
        let builtin = preset::names().into_iter().filter(|name| !self.0.contains_key(name));
        self.0
            .keys()
            .cloned()
            .chain(builtin)
            .filter_map(|name| self.show(&name))
            .collect()
    }
}

/// The preset for a target that names none, by its extension; nothing where an extension means
/// no preset.
#[must_use]
pub(crate) fn by_extension(target: &str) -> Option<&'static str> {
    use ffleet_media::codec::Container as C;
    Some(match C::of_path(target)? {
        C::Mp4 | C::Mov | C::Mkv | C::Ts | C::Flv => "source-h264",
        C::Webm => "source-vp9",
        C::M4a => "aac-128k",
        C::Ogg | C::Opus => "opus-96k",
        C::Mp3 => "mp3-192k",
        C::Flac => "flac",
        C::Gif => "gif",
        C::Png | C::Jpg | C::Webp => "thumbnail",
        C::Wav => return None,
    })
}

/// The preset for a live target that names none.
pub(crate) const LIVE: &str = "live-720p";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_preset_exists() {
        for name in ["mp4", "mov", "mkv", "ts", "flv", "webm", "m4a", "ogg", "opus", "mp3"]
            .into_iter()
            .chain(["flac", "gif", "png", "jpg", "webp"])
        {
            let preset = by_extension(&format!("/a/b.{name}")).expect(name);
            assert!(preset::builtin(preset).is_some(), "{preset} for .{name}");
        }
        assert!(preset::builtin(LIVE).is_some());
        assert_eq!(by_extension("/a/b.wav"), None);
    }

    #[test]
    fn own_preset_shadows_the_builtin_one() {
        let own = Recipe { description: "ours".into(), ..Recipe::default() };
        let presets = Presets::new(BTreeMap::from([("copy".into(), own)]));
        assert_eq!(presets.show("copy").unwrap().origin, Origin::User);
        assert_eq!(presets.find("copy").unwrap().description, "ours");
        let listed = presets.list();
        assert_eq!(listed.iter().filter(|preset| preset.name == "copy").count(), 1);
    }

    #[test]
    fn misspelt_preset_names_the_nearest() {
        let error = Presets::default().find("720p-h246").unwrap_err();
        assert!(error.to_string().contains("720p-h264"), "{error}");
    }
}
