//! Schemas of types of the lower levels, which know nothing of OpenAPI.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};

/// An object whose keys are not spelt out, with what it is.
pub(crate) fn object(description: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .description(Some(description))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .build()
}

fn text(description: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .description(Some(description))
        .examples([serde_json::Value::from(example)])
        .build()
}

fn word(description: &str, words: &[&str]) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .description(Some(description))
        .enum_values(Some(words.iter().copied()))
        .build()
}

/// `ffleet_types::task::State`.
pub(crate) fn state() -> Object {
    let words: Vec<_> = ffleet_types::task::State::ALL.iter().map(|s| s.name()).collect();
    word("Where a job is in its life.", &words)
}

/// `ffleet_types::Reason`.
pub(crate) fn reason() -> Object {
    let words: Vec<_> = ffleet_types::Reason::ALL.iter().map(|r| r.name()).collect();
    word("Why an attempt failed.", &words)
}

/// `ffleet_types::sample::Phase`.
pub(crate) fn phase() -> Object {
    let words = ffleet_types::sample::Phase::ALL.map(ffleet_types::sample::Phase::name);
    word("What a child does in its attempt.", &words)
}

/// `ffleet_types::job::Queue`.
pub(crate) fn queue() -> Object {
    word("The kind of hurry.", &["live", "default", "batch"])
}

/// `ffleet_types::job::Priority`.
pub(crate) fn priority() -> Object {
    word("Which of the jobs of one queue goes first.", &["high", "medium", "low"])
}

/// `ffleet_types::RoleGroup`.
pub(crate) fn role_group() -> Object {
    text("A role group: up to 32 lower-case letters, digits and `-`.", "thumbnail")
}

/// `ffleet_types::job::Class`.
pub(crate) fn class() -> Object {
    word("The scheduling class.", &["live", "high", "medium", "low", "batch"])
}

/// `ffleet_types::attempt::Tally`.
pub(crate) fn tally() -> Object {
    word(
        "How the most threads are known: the kernel counted them, or they were looked at once a second.",
        &["counted", "sampled", "unknown"],
    )
}

/// `ffleet_types::node::Order`.
pub(crate) fn order() -> Object {
    word("What is wanted of the node.", &["accept", "drain", "quarantine"])
}

/// `ffleet_types::node::State`.
pub(crate) fn node_state() -> Object {
    word("What the node is, as far as is known.", &["active", "suspect", "gone"])
}

/// `ffleet_media::job::Verify`.
pub(crate) fn verify() -> Object {
    word(
        "How results are checked before they are published.",
        &["full", "packets", "none"],
    )
}

/// `ffleet_media::job::EngineChoice`.
pub(crate) fn engine() -> Object {
    word("Which engine runs the job.", &["auto", "ffmpeg"])
}

/// `ffleet_types::Span`.
pub(crate) fn span() -> Object {
    text("A length of time; a bare number is seconds.", "1h30m")
}

/// `ffleet_types::job::Limits`.
pub(crate) fn limits() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .description(Some("What a job may use at most. What is not said is derived."))
        .property("cpu", text("CPU: 100% is one core.", "200%"))
        .property("memory", text("Memory of all its processes together.", "2GiB"))
        .property("scratch", text("Temporary disk space.", "5GiB"))
        .property("timeout", text("Wall-clock time of one attempt, pauses not counted.", "1h"))
        .property("stall", text("Silence after which a living child counts as stalled.", "1m"))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
}

/// `ffleet_media::recipe::Overrides`.
pub(crate) fn overrides() -> Object {
    let crf = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .description(Some("Constant quality, on the codec's own scale."))
        .minimum(Some(0))
        .maximum(Some(63));
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .description(Some("What is changed in the recipe of every output."))
        .property("bitrate", text("Instead of the recipe's rate.", "5M"))
        .property("crf", crf)
        .property("size", text("Instead of the recipe's size.", "1280x720"))
        .property("fps", text("Instead of the recipe's frame rate.", "30"))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
}

/// `ffleet_media::Recipe`.
pub(crate) fn recipe() -> Object {
    object(
        "What to do with media: `container`, `video` (`copy`, `drop`, `encode`, `thumbnail`, \
         `gif`), `audio` (`copy`, `drop`, `encode`), `subtitles` (`keep`, `drop`), `duration`, \
         `live`. `GET /v1/presets` shows complete ones.",
    )
}

/// `ffleet_types::node::Capacity`.
pub(crate) fn capacity() -> Object {
    let count = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .description(Some("Tasks at once."))
        .minimum(Some(0));
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .description(Some("An amount of everything a node has."))
        .property("cpu", text("CPU: 100% is one core.", "800%"))
        .property("memory", text("Memory.", "16GiB"))
        .property("scratch", text("Temporary disk space.", "100GiB"))
        .property("tasks", count)
        .build()
}

/// `ffleet_types::node::GuardLevel`.
pub(crate) fn guard() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .description(Some("How far limits hold on the node."))
        .property("level", word("The level.", &["full", "partial", "monitor"]))
        .property("missing", texts())
        .build()
}

/// A list of texts.
fn texts() -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    RefOr::T(Schema::Array(ArrayBuilder::new().items(text).build()))
}

/// A list of `ffleet_types::node::Engine`.
pub(crate) fn engines() -> RefOr<Schema> {
    let engine = object(
        "An engine: `name`, `path`, `version`, `hash`, and what it has proven to do: `encoders`, \
         `decoders`, `filters`, `muxers`, `unproven`; `listed` is every encoder and codec it lists.",
    );
    RefOr::T(Schema::Array(ArrayBuilder::new().items(engine).build()))
}
