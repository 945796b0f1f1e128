//! What went wrong, in the form of RFC 9457 (`application/problem+json`).
//!
//! Programs go by `code`, which never changes its meaning; people read `detail` and `hint`,
//! which may be reworded. `field` names the part of the request that is to blame.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// What kind of thing went wrong. Stable.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
        )]
        #[schema(as = ErrorCode)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status it goes with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// What it means, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    MalformedJson = "malformed-json", 400, "The body is not valid JSON";
    /// The body has a key that means nothing.
    UnknownField = "unknown-field", 400, "A key that means nothing";
    /// The body lacks a key.
    MissingField = "missing-field", 400, "A key is missing";
    /// The query string has a key or value that means nothing.
    InvalidQuery = "invalid-query", 400, "The query means nothing";
    /// A value is of the wrong kind or out of its range.
    InvalidValue = "invalid-value", 422, "A value that cannot be taken";
    /// The preset is not known.
    UnknownPreset = "unknown-preset", 422, "No such preset";
    /// A raw option would read, write or listen elsewhere, or is not known.
    OptionRefused = "option-refused", 422, "An engine option that is not taken";
    /// A path lies outside the directories that this server may use.
    OutsideRoots = "outside-roots", 422, "A path outside the allowed directories";
    /// The input is missing, is a directory, or cannot be read.
    InputUnusable = "input-unusable", 422, "The input cannot be used";
    /// The target's directory is missing or cannot be written, or the target is no plain file.
    TargetUnusable = "target-unusable", 422, "The target cannot be used";
    /// The target exists, and replacing it was not asked for.
    TargetExists = "target-exists", 409, "The target exists";
    /// The node cannot do it: it could not be probed or planned.
    EngineRefused = "engine-refused", 422, "The engine refuses the work";
    /// The configuration's file cannot be used as it is now; the server goes on with what it read before.
    ConfigurationInvalid = "configuration-invalid", 422, "The configuration cannot be used";
    /// No key, or a wrong one.
    Unauthorized = "unauthorized", 401, "A key is needed";
    /// The stream token is none of this server's, or has expired.
    TokenInvalid = "token-invalid", 401, "The token is not valid";
    /// The request comes from another site's page.
    CrossOrigin = "cross-origin", 403, "Requests from other sites are refused";
    /// The key's role does not go so far.
    Forbidden = "forbidden", 403, "The key does not go so far";
    /// The stream token is for something else, or for somebody else.
    TokenRefused = "token-refused", 403, "The token does not open this";
    /// The invitation was used, has expired, or was none of this fleet's.
    InvitationInvalid = "invitation-invalid", 403, "The invitation is not valid";
    /// The one-time link was used, or is too old.
    LinkExpired = "link-expired", 403, "The link is no longer valid";
    /// The configuration has no such page (`ffleet voyandz`).
    PageOff = "page-off", 403, "The page is off";
    /// No such route.
    NotFound = "not-found", 404, "Nothing is here";
    /// No such job.
    JobNotFound = "job-not-found", 404, "No such job";
    /// No such attempt, or it has no log.
    LogNotFound = "log-not-found", 404, "No such log";
    /// No such node.
    NodeNotFound = "node-not-found", 404, "No such node";
    /// No such key.
    KeyNotFound = "key-not-found", 404, "No such key";
    /// No such tenant.
    TenantNotFound = "tenant-not-found", 404, "No such tenant";
    /// No such preset.
    PresetNotFound = "preset-not-found", 404, "No such preset";
    /// No such feed.
    FeedNotFound = "feed-not-found", 404, "No such feed";
    /// No such stream.
    StreamNotFound = "stream-not-found", 404, "No such stream";
    /// The route exists, the method does not.
    MethodNotAllowed = "method-not-allowed", 405, "The method is not allowed here";
    /// The request took too long to arrive.
    RequestTimeout = "request-timeout", 408, "The request took too long";
    /// The job's state does not allow it.
    WrongState = "wrong-state", 409, "The job's state does not allow that";
    /// The idempotency key was used for something else.
    KeyReused = "idempotency-key-reused", 409, "The idempotency key was used for another request";
    /// Another key or tenant has the name.
    NameTaken = "name-taken", 409, "The name is taken";
    /// The tenant has keys, or jobs that have not ended.
    TenantInUse = "tenant-in-use", 409, "The tenant is in use";
    /// As many are kept as can be.
    TooMany = "too-many", 409, "No more can be kept";
    /// Somebody else pushes to the feed.
    FeedTaken = "feed-taken", 409, "The feed is pushed to by somebody else";
    /// The configuration's file declares it, and that is not changed over the API.
    DeclaredInFile = "declared-in-file", 409, "The configuration's file declares it";
    /// A feed or a stream is made of it.
    StillNeeded = "still-needed", 409, "Something is made of it";
    /// The body is larger than the server takes.
    BodyTooLarge = "body-too-large", 413, "The body is too large";
    /// The address is longer than the server takes.
    UriTooLong = "uri-too-long", 414, "The address is too long";
    /// The body is not declared as JSON.
    UnsupportedMediaType = "unsupported-media-type", 415, "The body must be JSON";
    /// The `Host` header names another server.
    WrongHost = "wrong-host", 421, "This server does not go by that name";
    /// Too many requests, or too many failed logins.
    TooManyRequests = "too-many-requests", 429, "Too many requests";
    /// The tenant has as much as it may.
    QuotaExceeded = "quota-exceeded", 429, "The tenant's quota is used up";
    /// The headers are larger than the server takes.
    HeadersTooLarge = "headers-too-large", 431, "The headers are too large";
    /// A bug.
    Internal = "internal", 500, "The server failed";
    /// What makes a stream has failed.
    StreamFailed = "stream-failed", 502, "The stream cannot be made";
    /// As many watch as may.
    TooManyViewers = "too-many-viewers", 503, "As many watch as may";
    /// The store cannot be written or read.
    StoreUnavailable = "store-unavailable", 503, "The store is unavailable";
    /// The file system that a path lies on does not answer.
    PlaceUnavailable = "place-unavailable", 503, "A file system does not answer";
    /// The server is starting or stopping.
    Unavailable = "unavailable", 503, "The server is unavailable";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:ffleet:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong, and where.
    pub detail: String,
    /// What programs go by.
    pub code: Code,
    /// The part of the request that is to blame, as a JSON pointer (`/outputs/0/target`) or the
    /// name of a header or query key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub field: Option<Box<str>>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub hint: Option<Box<str>>,
}

impl Problem {
    /// It on the wire.
    ///
    /// # Panics
    ///
    /// Never: it is strings and a number.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a problem is strings and a number")
    }

    /// A problem: `detail` says what was wrong and where.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:ffleet:error:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            field: None,
            hint: None,
        }
    }

    /// Names the part of the request that is to blame.
    #[must_use]
    pub fn at(mut self, field: impl Into<Box<str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Box<str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    /// For a person, in one line: where, what, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{}: ", field.trim_start_matches('/').replace('/', "."))?;
        }
        f.write_str(&self.detail)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_kebab_case_words_and_errors() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.name().bytes().all(|c| c.is_ascii_lowercase() || c == b'-'), "{code}");
            assert!((400..600).contains(&code.status()), "{code}");
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
    }

    #[test]
    fn problem_reads_as_a_sentence() {
        let problem = Problem::new(Code::InvalidValue, "\"-1\" is not an amount of bytes")
            .at("/limits/memory")
            .hint("write 2GiB");
        assert_eq!(
            problem.to_string(),
            "limits.memory: \"-1\" is not an amount of bytes (write 2GiB)"
        );
        assert_eq!(problem.kind, "urn:ffleet:error:invalid-value");
        assert_eq!(problem.status, 422);
    }
}
