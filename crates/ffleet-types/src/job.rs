//! Jobs: what somebody asked for, as far as scheduling is concerned. The recipe is
//! `ffleet-media`'s.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;
use crate::placement::Wishes;
use crate::roles::RoleGroup;
use crate::task::State;
use crate::units::{Bytes, Cpu, ParseError, Span};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the wire and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.name() == text)
                    .ok_or_else(|| ParseError::new(text, $what))
            }
        }
    };
}

words!(
    /// The kind of hurry a job is in.
    Queue, "a queue: live, default or batch" {
        /// Has an audience waiting: admitted only where it fits with headroom.
        Live = "live",
        /// Ordered by its priority.
        #[default]
        Default = "default",
        /// Whenever there is room.
        Batch = "batch",
    }
);

words!(
    /// Which of the jobs of one queue goes first.
    Priority, "a priority: high, medium or low" {
        /// Before the others.
        High = "high",
        /// As most.
        #[default]
        Medium = "medium",
        /// After the others.
        Low = "low",
    }
);

words!(
    /// The scheduling class that queue and priority make: live > high > medium > low > batch.
    Class, "a class: live, high, medium, low or batch" {
        /// First.
        Live = "live",
        /// Second.
        High = "high",
        /// Third.
        #[default]
        Medium = "medium",
        /// Fourth.
        Low = "low",
        /// Last.
        Batch = "batch",
    }
);

impl Class {
    /// `--queue live` is class live, `--queue batch` class batch; else the priority is the class.
    #[must_use]
    pub const fn of(queue: Queue, priority: Priority) -> Self {
        match (queue, priority) {
            (Queue::Live, _) => Self::Live,
            (Queue::Batch, _) => Self::Batch,
            (Queue::Default, Priority::High) => Self::High,
            (Queue::Default, Priority::Medium) => Self::Medium,
            (Queue::Default, Priority::Low) => Self::Low,
        }
    }
}

/// What a job may use at most. What is not said is derived when its input has been probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory of all its processes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Temporary disk space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<Bytes>,
    /// Wall-clock time of one attempt, pauses not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Silence after which a living child counts as stalled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<Span>,
}

/// Everything about a job but its media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Terms {
    /// Who asked.
    pub tenant: TenantId,
    /// The kind of hurry.
    pub queue: Queue,
    /// Which goes first in that queue.
    pub priority: Priority,
    /// The role group that makes its results; by default `live` for what sends to live destinations, else
    /// `encode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_group: Option<RoleGroup>,
    /// Its limits.
    pub limits: Limits,
    /// How many failed attempts that are its own are tried again.
    pub retries: u32,
    /// Free words for finding it again. Up to 64, of up to 63 and 255 characters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What it asks of the labels of nodes. Up to 64 of each kind.
    #[serde(skip_serializing_if = "Wishes::is_empty")]
    pub placement: Wishes,
}

impl Terms {
    /// The retries of a job that does not say how many.
    pub const RETRIES: u32 = 3;

    /// Its scheduling class.
    #[must_use]
    pub const fn class(&self) -> Class {
        Class::of(self.queue, self.priority)
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            tenant: TenantId::default(),
            queue: Queue::default(),
            priority: Priority::default(),
            role_group: None,
            limits: Limits::default(),
            retries: Self::RETRIES,
            labels: BTreeMap::new(),
            placement: Wishes::default(),
        }
    }
}

/// Who moved a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A key's holder, by the key's name.
    User(String),
    /// The planner or a reconciler.
    Controller,
    /// A node, by its name.
    Node(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Controller => f.write_str("controller"),
            Self::Node(name) => write!(f, "node:{name}"),
        }
    }
}

impl FromStr for Actor {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once(':') {
            Some(("user", name)) => Ok(Self::User(name.to_owned())),
            Some(("node", name)) => Ok(Self::Node(name.to_owned())),
            None if text == "controller" => Ok(Self::Controller),
            _ => Err(ParseError::new(text, "an actor: user:NAME, node:NAME or controller")),
        }
    }
}

/// A job's state, folded from its tasks'. A job of one task is what its task is. Of several, a
/// bad end of any is the job's, once nothing of it is alive; a living task shows through before
/// that, the busiest first.
#[must_use]
pub fn state(tasks: &[State]) -> State {
    const ORDER: [State; 11] = [
        State::Running,
        State::Assigned,
        State::Paused,
        State::Retrying,
        State::Queued,
        State::Quarantined,
        State::Failed,
        State::TimedOut,
        State::Rejected,
        State::Canceled,
        State::Completed,
    ];
    ORDER
        .into_iter()
        .find(|state| tasks.contains(state))
        .unwrap_or(State::Queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_overrules_priority() {
        assert_eq!(Class::of(Queue::Batch, Priority::High), Class::Batch);
        assert_eq!(Class::of(Queue::Live, Priority::Low), Class::Live);
        assert_eq!(Class::of(Queue::Default, Priority::High), Class::High);
        assert!(Class::Live < Class::High && Class::Low < Class::Batch);
    }

    #[test]
    fn job_of_one_task_is_what_its_task_is() {
        for task in State::ALL {
            assert_eq!(state(&[task]), task);
        }
    }

    #[test]
    fn job_is_terminal_only_when_all_its_tasks_are() {
        for one in State::ALL {
            for other in State::ALL {
                let folded = state(&[one, other]);
                let both = one.is_terminal() && other.is_terminal();
                assert_eq!(folded.is_terminal(), both, "{one} and {other} made {folded}");
            }
        }
        assert_eq!(state(&[State::Completed, State::Failed]), State::Failed);
    }

    #[test]
    fn words_survive_their_text_form() {
        for &class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(class));
        }
        "urgent".parse::<Priority>().unwrap_err();
        for actor in [Actor::Controller, Actor::User("local".into()), Actor::Node("a:b".into())] {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
    }
}
