//! The whole of a job as it was accepted: media and terms. Resolved: presets have become
//! recipes, so that a preset that changes later does not change what is queued.

use ffleet_types::job::Terms;
use ffleet_types::{RoleGroup, Span, units::ParseError};
use serde::{Deserialize, Serialize};

use crate::place::{Source, Target};
use crate::recipe::Recipe;

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spec {
    /// Where the media comes from.
    pub input: Source,
    /// What is to be made of it; at least one.
    pub outputs: Vec<Output>,
    /// No more than this much of the input. Required for a live target fed by a test picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// Which engine.
    #[serde(default)]
    pub engine: EngineChoice,
    /// Whether files that are in the way are replaced.
    #[serde(default)]
    pub overwrite: bool,
    /// How results are checked before they are published; by default `packets` where everything
    /// is copied and `full` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
    /// Everything but the media.
    #[serde(default)]
    pub terms: Terms,
}

impl Spec {
    /// The role group that makes its results.
    #[must_use]
    pub fn role_group(&self) -> RoleGroup {
        let own = if self.is_live() {
            RoleGroup::LIVE
        } else {
            RoleGroup::ENCODE
        };
        self.terms.role_group.clone().unwrap_or_else(|| RoleGroup::named(own))
    }

    /// Whether it sends to a live destination: restarted, not verified, ended by its duration or
    /// by cancel.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.outputs
            .iter()
            .any(|output| matches!(output.target, Target::Live(_)))
    }
}

/// One result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Output {
    /// Where it goes.
    pub target: Target,
    /// How it is made.
    pub make: Make,
}

/// How a result is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Make {
    /// By a recipe.
    Recipe {
        /// The preset it came from, if it did; for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preset: Option<String>,
        /// What to do.
        recipe: Recipe,
    },
    /// By FFmpeg output options, checked (`ffleet_engine::raw`).
    Raw {
        /// The options, as arguments.
        args: Vec<String>,
    },
}

/// Which engine runs a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// Whichever suits.
    #[default]
    Auto,
    /// FFmpeg.
    Ffmpeg,
}

impl std::str::FromStr for EngineChoice {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "auto" => Ok(Self::Auto),
            "ffmpeg" => Ok(Self::Ffmpeg),
            _ => Err(ParseError::new(text, "an engine: auto or ffmpeg")),
        }
    }
}

/// How a result is checked before it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// Decoded to the end; frames and duration compared with the plan.
    Full,
    /// Its packets read to the end; tracks and duration compared with the plan.
    Packets,
    /// Not at all.
    None,
}

impl std::str::FromStr for Verify {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "full" => Ok(Self::Full),
            "packets" => Ok(Self::Packets),
            "none" => Ok(Self::None),
            _ => Err(ParseError::new(text, "a way to verify: full, packets or none")),
        }
    }
}
