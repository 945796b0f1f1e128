//! FFmpeg's phrases and what they mean. The first entry that is found anywhere decides.

use ffleet_types::Reason;

/// Which side of a job a phrase must speak of to mean what the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Any,
    Input,
    Output,
    Url,
}

/// One phrase.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) phrase: &'static str,
    pub(super) side: Side,
    pub(super) reason: Reason,
}

const fn entry(phrase: &'static str, side: Side, reason: Reason) -> Entry {
    Entry { phrase, side, reason }
}

/// Causes before consequences: a full disk also makes a muxer fail, a refused connection also makes
/// an input invalid.
pub(super) const TABLE: &[Entry] = &[
    // The node.
    entry("No space left on device", Side::Any, Reason::ResourceError),
    entry("Disk quota exceeded", Side::Any, Reason::ResourceError),
    entry("Too many open files", Side::Any, Reason::ResourceError),
    entry("Resource temporarily unavailable", Side::Any, Reason::ResourceError),
    entry("pthread_create failed", Side::Any, Reason::ResourceError),
    entry("File too large", Side::Output, Reason::ResourceError),
    entry("Cannot allocate memory", Side::Any, Reason::OutOfMemory),
    entry("malloc of size", Side::Any, Reason::OutOfMemory),
    entry("Memory allocation", Side::Any, Reason::OutOfMemory),
    // The network.
    entry("Connection refused", Side::Any, Reason::NetworkError),
    entry("Connection reset", Side::Any, Reason::NetworkError),
    entry("Connection timed out", Side::Any, Reason::NetworkError),
    entry("Operation timed out", Side::Any, Reason::NetworkError),
    entry("Network is unreachable", Side::Any, Reason::NetworkError),
    entry("No route to host", Side::Any, Reason::NetworkError),
    entry("Broken pipe", Side::Any, Reason::NetworkError),
    entry("Temporary failure in name resolution", Side::Any, Reason::NetworkError),
    entry("Failed to resolve hostname", Side::Any, Reason::NetworkError),
    entry("Server returned 5XX", Side::Any, Reason::NetworkError),
    entry("HTTP error 429", Side::Any, Reason::NetworkError),
    entry("HTTP error 408", Side::Any, Reason::NetworkError),
    // Unless what ended had been asked for out of order: see `web::cannot_seek`.
    entry("Stream ends prematurely", Side::Url, Reason::NetworkError),
    entry("TLS fatal alert", Side::Any, Reason::NetworkError),
    entry("Error in the pull function", Side::Any, Reason::NetworkError),
    entry("Server returned 4", Side::Any, Reason::InputError),
    entry("Protocol not found", Side::Any, Reason::UserError),
    entry("not on whitelist", Side::Any, Reason::InputError),
    // The target.
    entry("No such file or directory", Side::Output, Reason::UserError),
    entry("Permission denied", Side::Output, Reason::UserError),
    entry("Is a directory", Side::Output, Reason::UserError),
    entry("Not a directory", Side::Output, Reason::UserError),
    entry("Read-only file system", Side::Any, Reason::UserError),
    entry("File name too long", Side::Output, Reason::UserError),
    // The input.
    entry("No such file or directory", Side::Input, Reason::InputError),
    entry("Permission denied", Side::Input, Reason::InputError),
    entry("Is a directory", Side::Input, Reason::InputError),
    entry("moov atom not found", Side::Any, Reason::InputError),
    entry("Invalid data found when processing input", Side::Any, Reason::InputError),
    entry("End of file", Side::Input, Reason::InputError),
    entry("Stale file handle", Side::Any, Reason::InputError),
    entry("could not find codec parameters", Side::Any, Reason::InputError),
    entry("does not contain any stream", Side::Any, Reason::InputError),
    entry("Decoder (codec none) not found", Side::Any, Reason::InputError),
    entry("Output file is empty, nothing was encoded", Side::Any, Reason::InputError),
    // The engine's build.
    entry("Unknown encoder", Side::Any, Reason::CapabilityMismatch),
    entry("Unknown decoder", Side::Any, Reason::CapabilityMismatch),
    entry("No such filter", Side::Any, Reason::CapabilityMismatch),
    entry("Requested output format", Side::Any, Reason::CapabilityMismatch),
    entry("Encoder not found", Side::Any, Reason::CapabilityMismatch),
    entry("Decoder not found", Side::Any, Reason::CapabilityMismatch),
    entry("Cannot load libcuda", Side::Any, Reason::CapabilityMismatch),
    // What was asked for.
    entry("Unrecognized option", Side::Any, Reason::UserError),
    entry("Option not found", Side::Any, Reason::UserError),
    entry("Error splitting the argument list", Side::Any, Reason::UserError),
    entry("Error parsing options", Side::Any, Reason::UserError),
    entry("Unable to parse option value", Side::Any, Reason::UserError),
    entry("Undefined constant or missing", Side::Any, Reason::UserError),
    entry("matches no streams", Side::Any, Reason::UserError),
    entry("Invalid stream specifier", Side::Any, Reason::UserError),
    entry("maybe incorrect parameters", Side::Any, Reason::UserError),
    entry("incorrect codec parameters", Side::Any, Reason::UserError),
    entry("Could not find tag for codec", Side::Any, Reason::UserError),
    entry("not currently supported in container", Side::Any, Reason::UserError),
    entry("Error setting option", Side::Any, Reason::UserError),
    entry("Error initializing filter", Side::Any, Reason::UserError),
    entry("Automatic encoder selection failed", Side::Any, Reason::UserError),
];
