//! The configuration as it is in effect, section by section.

use maud::{Markup, html};
use serde_json::Value;

use super::page::{Part, frame};

/// The page. What it shows is without secrets.
pub(super) fn render(config: &Value) -> Markup {
    let sections = config.as_object().into_iter().flatten();
    let (parts, alone): (Vec<_>, Vec<_>) =
        sections.partition(|(_, value)| matches!(value, Value::Object(_) | Value::Array(_)));
    frame(
        "Configuration",
        Part::Config,
        None,
        &html! {
            h1 { "Configuration" }
            p .faint {
                "What is in effect, defaults included; " code { "***" } " stands for secrets. "
                a href="/v1/config" { "As JSON" } "."
            }
            section .card {
                h2 { "Server" }
                (terms(alone.iter().map(|(key, value)| (key.as_str(), *value))))
            }
            @for (name, value) in parts {
                section .card {
                    h2 { (name) }
                    (shown(value))
                }
            }
        },
    )
}

fn terms<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>) -> Markup {
    html! {
        dl .terms .config {
            @for (key, value) in entries { div { dt { (key) } dd { (shown(value)) } } }
        }
    }
}

fn shown(value: &Value) -> Markup {
    html! {
        @match value {
            Value::Null => span .faint { "not said" },
            Value::String(text) => code { (text) },
            Value::Bool(_) | Value::Number(_) => (value),
            Value::Array(items) if items.is_empty() => span .faint { "none" },
            Value::Object(entries) if entries.is_empty() => span .faint { "none" },
            Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
                @for (at, item) in items.iter().enumerate() {
                    @if at > 0 { " " }
                    (shown(item))
                }
            }
            Value::Array(items) => {
                @for item in items {
                    details {
                        summary { (item["name"].as_str().unwrap_or("…")) }
                        (shown(item))
                    }
                }
            }
            Value::Object(entries) => (terms(entries.iter().map(|(key, value)| (key.as_str(), value)))),
        }
    }
}
