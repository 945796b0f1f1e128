//! Presets, as the API shows them.

use ffleet_media::Recipe;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema;

/// A named recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Preset {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it does, in a line.
    pub description: String,
    /// What it does.
    #[schema(schema_with = schema::recipe)]
    pub recipe: Recipe,
}

/// Where a preset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PresetOrigin)]
pub enum Origin {
    /// It is part of ffleet.
    Builtin,
    /// It was read from the presets directory.
    User,
}

/// All presets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = PresetList)]
pub struct List {
    /// By name.
    pub presets: Vec<Preset>,
}
