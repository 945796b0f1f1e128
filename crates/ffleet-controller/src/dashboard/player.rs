//! How a stream is shown: as a picture or in a player where a browser can do that by itself, else as an
//! address for a player.
//!
//! Moving pictures are fetched once somebody asks for them: a page that is only looked at starts no camera, and
//! counts nobody as a viewer. A browser opens six connections to a server, and a picture that moves keeps
//! one of them, so that a list shows shots alone, and those only of feeds that live.

use ffleet_api::live::Stream;
use ffleet_api::token::Token;
use maud::{Markup, html};

use super::base::at;
use super::format;

/// How long a link can be good, as a form sends it and as people read it.
const GOOD_FOR: [(&str, &str); 5] = [
    ("10m", "10 minutes"),
    ("1h", "an hour"),
    ("12h", "12 hours"),
    ("7d", "a week"),
    ("30d", "30 days"),
];

/// What a browser makes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// `<img>`, which moves if its parts do (`multipart/x-mixed-replace`).
    Picture,
    /// `<audio>`.
    Audio,
    /// `<video>`.
    Video,
    /// Nothing.
    Nothing,
}

impl Show {
    /// By what the stream says that it is.
    pub(super) fn of(stream: &Stream) -> Self {
        let kind = stream.mimetype.split(';').next().unwrap_or_default();
        let kind = kind.trim().to_ascii_lowercase();
        match kind.as_str() {
            "multipart/x-mixed-replace" => Self::Picture,
            "video/mp4" | "video/webm" => Self::Video,
            kind if kind.starts_with("image/") => Self::Picture,
            kind if kind.starts_with("audio/") => Self::Audio,
            _ => Self::Nothing,
        }
    }
}

/// The stream itself. `watch` says that somebody asked for it.
pub(super) fn player(stream: &Stream, origin: &str, watch: bool) -> Markup {
    let page = at(&format!("/streams/{}", stream.name));
    let name = &stream.name;
    html! {
        @match Show::of(stream) {
            Show::Picture if watch => {
                p .screen { img src=(stream.path) alt={ "What " (name) " shows now" }; }
                p {
                    @if stream.kind == "shot" { a .button href={ (page) "?watch" } { "Take another" } }
                    @else { a .button href={ (page) "#player" } { "Stop watching" } }
                }
            }
            Show::Picture => p {
                a .button href={ (page) "?watch#player" } {
                    @if stream.kind == "shot" { "Take a shot" } @else { "Watch here" }
                }
            }
            Show::Audio => p .screen { audio controls preload="none" src=(stream.path) {} },
            Show::Video => p .screen { video controls preload="none" src=(stream.path) {} },
            Show::Nothing => p .note { "Browsers do not play " code { (stream.mimetype) } "; players do." },
        }
        (address(stream, origin))
    }
}

/// What to paste elsewhere.
fn address(stream: &Stream, origin: &str) -> Markup {
    let token = if stream.access == "token" { "?token=TOKEN" } else { "" };
    let url = quoted(&format!("{origin}{}{token}", stream.path));
    let command = match (stream.kind.as_str(), stream.access.as_str()) {
        ("shot", "key") => format!("curl -H 'Authorization: Bearer KEY' -O '{url}'"),
        ("shot", _) => format!("curl -O '{url}'"),
        (_, "key") => format!("ffplay -headers 'Authorization: Bearer KEY' '{url}'"),
        _ => format!("ffplay '{url}'"),
    };
    html! {
        div .command {
            pre #play .block { (command) }
            button .copy type="button" data-copy="play" hidden { "Copy" }
        }
        @match stream.access.as_str() {
            "key" => p .faint { "KEY is a key of this server; in this browser your session opens it." },
            "token" => p .faint {
                "TOKEN is what the button makes, or " code { "ffleet streams token " (stream.name) }
                "; in this browser your session opens it."
            },
            _ => {}
        }
    }
}

/// A button that makes a link with a token, and the link, if one was made.
pub(super) fn link(stream: &Stream, token: Option<&Token>) -> Markup {
    let action = at(&format!("/streams/{}/token#player", stream.name));
    html! {
        form .mint method="post" action=(action) {
            label { span { "Link that is good for" }
                select name="expires" {
                    @for (span, words) in GOOD_FOR {
                        option value=(span) selected[span == "1h"] { (words) }
                    }
                }
            }
            button .button { "Make a link" }
        }
        @if let Some((token, url)) = token.and_then(|token| Some((token, token.urls.first()?))) {
            div .command {
                pre #link .block { (url) }
                button .copy type="button" data-copy="link" hidden { "Copy" }
            }
            p .note {
                "Opens it to whoever has it until " (format::clock(token.expires_at)) " UTC. It is shown this once. "
                code { "ffleet streams revoke-tokens" } " takes all there are back."
            }
        }
    }
}

/// For between single quotes of a shell.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}
