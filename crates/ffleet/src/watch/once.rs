//! `ffleet watch --once`: what it would do, and nothing is done.

use ffleet_guard::events::{Held, Look, Scanner};
use ffleet_supervise::watch::{Owner, Rule, Rules, Sight as _, Verdict};
use serde_json::{Value, json};

use super::tell::{limits_json, limits_text};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::show::text::{push, visible};

/// Judges every process there is, and prints those that a rule fits.
pub(super) fn run(context: &Context, rules: &Rules) -> Result<Exit, Failure> {
    let unreadable = |error: std::io::Error| Failure::local(&error);
    let scanner = Scanner::open().map_err(unreadable)?;
    let held = Held::default();
    let seen = scanner.pass().map_err(unreadable)?;
    let mut found = Vec::new();
    for one in &seen {
        let Some(mut look) = scanner.look(one.id.pid, &held).filter(|look| look.id() == one.id)
        else {
            continue;
        };
        if let Some(one) = Judged::of(rules, &mut look) {
            found.push(one);
        }
    }
    if context.common.json {
        let all: Vec<_> = found.iter().map(Judged::json).collect();
        context.print_json(&json!({ "processes": all, "looked-at": seen.len() }))?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for one in &found {
        push!(text, "{}\n", visible(&one.text()));
    }
    let govern = found.iter().filter(|one| one.would == "govern").count();
    push!(text, "{} processes looked at, {govern} of them to be governed\n", seen.len());
    context.say(&text)?;
    Ok(Exit::Done)
}

/// A process that a rule fits, and what would be done.
struct Judged {
    pid: u32,
    started: u64,
    name: String,
    words: Vec<String>,
    rule: Option<std::sync::Arc<Rule>>,
    /// For programs.
    would: &'static str,
    /// For people.
    why: String,
}

impl Judged {
    fn of(rules: &Rules, look: &mut Look<'_>) -> Option<Self> {
        let (rule, would, why) = match rules.judge(look) {
            Verdict::Passed => return None,
            Verdict::Young(age) => {
                let left = age.saturating_sub(look.age());
                (None, "wait", format!("it is too young yet, by {:.1} s", left.as_secs_f64()))
            }
            Verdict::Barred(rule) => {
                (Some(rule), "pass", "its name is not to be governed".to_owned())
            }
            Verdict::Owned(rule, owner) => (Some(rule), "pass", whose(owner)),
            Verdict::Fits(rule) => {
                let limits = limits_text(&rule.limits);
                (Some(rule), "govern", limits)
            }
        };
        let id = look.id();
        Some(Self {
            pid: id.pid,
            started: id.started,
            name: look.name().to_owned(),
            words: look.words(),
            rule,
            would,
            why,
        })
    }

    fn json(&self) -> Value {
        json!({
            "pid": self.pid,
            "started": self.started,
            "name": self.name,
            "command": self.words,
            "rule": self.rule.as_ref().map(|rule| &rule.label),
            "would": self.would,
            "why": (self.would != "govern").then_some(&self.why),
            "limits": self.rule.as_ref().map(|rule| limits_json(&rule.limits)),
        })
    }

    fn text(&self) -> String {
        let by = self.rule.as_ref().map(|rule| format!(" by {}", rule.label));
        let by = by.unwrap_or_default();
        format!("{:>7} {:<15} {}{by}: {}", self.pid, self.name, self.would, self.why)
    }
}

fn whose(owner: Owner) -> String {
    match owner {
        Owner::Group(first) => format!("it is in the group of process {} already", first.pid),
        Owner::Ffleet => "it is governed by another ffleet".to_owned(),
        Owner::Ours => "this program descends from it".to_owned(),
        Owner::Nobody => String::new(),
    }
}
