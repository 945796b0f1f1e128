//! What a watch tells as it happens: a line for each thing, for people or as an object.

use ffleet_base::clock::rfc3339;
use ffleet_supervise::watch::{Id, Limits};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::show::text::visible;

/// Prints them.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    context: &'a Context,
}

impl<'a> Teller<'a> {
    pub(super) const fn new(context: &'a Context) -> Self {
        Self { context }
    }

    /// Tells of `event`: with `fields` to programs, and `text` to people.
    ///
    /// # Errors
    ///
    /// If nobody reads what is printed.
    pub(super) fn tell(&self, event: &str, fields: Value, text: &str) -> Result<(), Failure> {
        let at = rfc3339(self.context.now());
        if !self.context.common.json {
            return self.context.say(&format!("{at} {event}: {}\n", visible(text)));
        }
        let mut line = Map::from_iter([
            ("at".to_owned(), Value::from(at)),
            ("event".to_owned(), Value::from(event)),
        ]);
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        self.context.print_json(&line)
    }

    /// Tells of `event` of a process.
    pub(super) fn of(
        &self,
        event: &str,
        process: &Process<'_>,
        fields: Value,
        text: &str,
    ) -> Result<(), Failure> {
        let Process { id, name, rule } = process;
        let mut all = json!({ "pid": id.pid, "started": id.started, "name": name, "rule": rule });
        if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
            all.extend(fields);
        }
        let who = match *name {
            "" => format!("process {}", id.pid),
            name => format!("{name} ({})", id.pid),
        };
        let by = if rule.is_empty() {
            String::new()
        } else {
            format!(" by {rule}")
        };
        let text = if text.is_empty() {
            format!("{who}{by}")
        } else {
            format!("{who}{by}: {text}")
        };
        self.tell(event, all, &text)
    }
}

/// A process, and the rule that fits it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process<'a> {
    pub(super) id: Id,
    pub(super) name: &'a str,
    pub(super) rule: &'a str,
}

/// Limits as an object.
pub(super) fn limits_json(limits: &Limits) -> Value {
    let Limits { cpu, cpu_weight, memory, tasks, io_weight, nice } = limits;
    let all = json!({
        "cpu": cpu.map(|cpu| cpu.to_string()),
        "cpu-weight": cpu_weight,
        "memory": memory.map(|memory| memory.to_string()),
        "tasks": tasks,
        "io-weight": io_weight,
        "nice": nice,
    });
    match all {
        Value::Object(all) => all.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}

/// Limits in words: `cpu 200%, memory 4GiB`.
pub(super) fn limits_text(limits: &Limits) -> String {
    let Value::Object(all) = limits_json(limits) else {
        return String::new();
    };
    let word = |(name, value): (String, Value)| match value {
        Value::String(text) => format!("{name} {text}"),
        number => format!("{name} {number}"),
    };
    all.into_iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Bytes, Cpu};

    use super::*;

    #[test]
    fn limits_that_are_not_said_are_not_shown() {
        let limits = Limits {
            cpu: Some(Cpu(2_000)),
            memory: Some(Bytes::gib(4)),
            nice: Some(-5),
            ..Limits::default()
        };
        assert_eq!(limits_text(&limits), "cpu 200%, memory 4GiB, nice -5");
        assert_eq!(limits_json(&limits), json!({"cpu": "200%", "memory": "4GiB", "nice": -5}));
        assert_eq!(limits_text(&Limits::default()), "");
    }
}
