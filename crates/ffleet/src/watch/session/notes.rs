//! What there is to tell, in words and for programs.

use ffleet_supervise::watch::{Id, Note, Rule, Violation};
use serde_json::{Map, Value, json};

use super::super::tell::{Process, limits_json, limits_text};
use super::super::totals::one_more;
use super::Session;
use crate::failure::Failure;
use crate::show::text::push;

impl Session<'_> {
    /// Tells of it, and counts it.
    pub(super) fn note(&mut self, note: Note) -> Result<(), Failure> {
        match note {
            Note::Governed(id, rule) => self.governed(id, &rule),
            Note::Failed(id, rule, why, wait) => {
                self.count_failure(&rule.label);
                let fields = json!({ "why": why, "again-ms": wait.as_millis() });
                let text = format!("{why}; it is tried again in {:.1} s", wait.as_secs_f64());
                self.say("failed", (id, &rule.label), fields, &text)
            }
            Note::GivenUp(id, rule, why) => {
                self.count_failure(&rule.label);
                self.say("given-up", (id, &rule.label), json!({ "why": why }), &why)
            }
            Note::Changed(id, rule, None) => {
                let limits = limits_text(&rule.limits);
                let fields = json!({ "limits": limits_json(&rule.limits) });
                self.say("changed", (id, &rule.label), fields, &limits)
            }
            Note::Changed(id, rule, Some(why)) => {
                self.say("not-changed", (id, &rule.label), json!({ "why": why }), &why)
            }
            Note::Released(id, None) => {
                let told = self.say("released", (id, "no rule"), json!({}), "it is where it was");
                self.names.remove(&id);
                told
            }
            Note::Released(id, Some(why)) => {
                self.say("not-released", (id, "no rule"), json!({ "why": why }), &why)
            }
            Note::Violated(id, violation, count) => {
                let rule = self.rule_of(id);
                *self.totals.violations.entry((rule.clone(), violation)).or_default() += count;
                let fields = json!({ "kind": violation.name(), "count": count });
                self.say("violation", (id, &rule), fields, &described(violation, count))
            }
            Note::Strayed(id, first) => {
                let rule = self.rule_of(first);
                one_more(&mut self.totals.violations, (rule.clone(), Violation::Stray));
                let fields = json!({ "kind": Violation::Stray.name(), "group": first.pid });
                let text = format!("it left the group of process {}", first.pid);
                self.say("violation", (id, &rule), fields, &text)
            }
            Note::Ended(id, rule, counts) => {
                let violations: Map<String, Value> = Violation::ALL
                    .into_iter()
                    .filter(|&violation| counts.of(violation) > 0)
                    .map(|violation| (violation.name().to_owned(), counts.of(violation).into()))
                    .collect();
                self.say(
                    "ended",
                    (id, &rule.label),
                    json!({ "violations": violations }),
                    "nobody of it is left",
                )
            }
        }
    }

    fn governed(&mut self, id: Id, rule: &Rule) -> Result<(), Failure> {
        one_more(&mut self.totals.taken, rule.label.clone());
        let (taken, after) = self.fresh.take().unwrap_or_default();
        let fields = json!({
            "limits": limits_json(&rule.limits),
            "processes": taken.processes,
            "lacks": taken.lacks,
            "after-ms": after.map(|after| after.as_secs_f64() * 1_000.0),
        });
        let mut text = limits_text(&rule.limits);
        if let Some(after) = after {
            push!(text, "; {:.1} ms after exec", after.as_secs_f64() * 1_000.0);
        }
        for lack in &taken.lacks {
            text.push_str("; ");
            text.push_str(lack);
        }
        self.say("governed", (id, &rule.label), fields, &text)
    }

    /// Tells of a process by its name, if it has been taken.
    fn say(
        &self,
        event: &str,
        (id, rule): (Id, &str),
        fields: Value,
        text: &str,
    ) -> Result<(), Failure> {
        let name = self.names.get(&id).map_or("", String::as_str);
        self.teller.of(event, &Process { id, name, rule }, fields, text)
    }

    fn rule_of(&self, first: Id) -> String {
        let group = self.watch.groups().get(&first);
        group.map(|group| group.rule.label.clone()).unwrap_or_default()
    }
}

fn described(violation: Violation, count: u64) -> String {
    match violation {
        Violation::Memory => format!("it met its limit on memory {count} times"),
        Violation::MemoryKill => format!("{count} processes were killed for want of memory"),
        Violation::Tasks => format!("{count} processes or threads were refused"),
        Violation::Burst => "it started many threads at once".to_owned(),
        Violation::Throttled => "its limit on CPU time held it up".to_owned(),
        Violation::Stray => "it left its group".to_owned(),
    }
}
