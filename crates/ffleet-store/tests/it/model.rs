//! Random sequences of verbs, against a model made of [`Task`] and three facts beside it.

use ffleet_store::{
    Cancel, Canceled, Claim, Decline, Finish, Refusal, Reject, Requeue, Seal, Store,
};
use ffleet_types::job::Actor;
use ffleet_types::task::{Change, Event, Next, State, Task};
use ffleet_types::{Fence, JobId, JobRef, NodeId, Outcome, Reason, TaskId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::kit::{artifact, at, attempt, finish, job, only, open, report, submit, user};

/// A verb for one job, with the fence it carries.
#[derive(Clone, Debug)]
enum Verb {
    Claim(u64, NodeId),
    Start(u64),
    Decline(u64),
    Pause(u64),
    Resume(u64),
    Seal(u64),
    Finish(u64, Outcome, Next, bool),
    Requeue,
    Reject,
    Cancel,
}

/// What came of a verb, as far as the model says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Moved(State, State),
    Already,
    Asked,
    Refused,
}

/// One job, as it must be.
#[derive(Debug, Default)]
struct Model {
    task: Task,
    node: Option<NodeId>,
    asked: bool,
    sealed: bool,
    history: Vec<State>,
}

impl Model {
    fn apply(&mut self, event: &Event) -> Came {
        match self.task.apply(event) {
            Ok(Change::Moved { from, to }) => {
                self.history.push(to);
                Came::Moved(from, to)
            }
            Ok(Change::Already) => Came::Already,
            Err(_) => Came::Refused,
        }
    }

    /// A start that nobody has recorded comes before `event`, if that then moves.
    fn apply_started(&mut self, fence: Fence, event: &Event) -> Came {
        let mut trial = self.task;
        if trial.state == State::Assigned
            && trial.apply(&Event::Start { fence }).is_ok()
            && trial.apply(event).is_ok()
        {
            self.apply(&Event::Start { fence });
            return match self.apply(event) {
                Came::Moved(_, to) => Came::Moved(State::Assigned, to),
                other => other,
            };
        }
        self.apply(event)
    }

    fn perform(&mut self, verb: &Verb) -> Came {
        let fence = |number: &u64| Fence::from_u64(*number);
        let came = match verb {
            Verb::Claim(number, node) => {
                if fence(number) == self.task.fence && self.node != Some(*node) {
                    return Came::Refused;
                }
                let came = self.apply(&Event::Assign { fence: fence(number) });
                if matches!(came, Came::Moved(..)) {
                    self.node = Some(*node);
                }
                came
            }
            Verb::Start(number) => self.apply(&Event::Start { fence: fence(number) }),
            Verb::Decline(number) => self.apply(&Event::Decline { fence: fence(number) }),
            Verb::Pause(number) => self.apply(&Event::Pause { fence: fence(number) }),
            Verb::Resume(number) => self.apply(&Event::Resume { fence: fence(number) }),
            Verb::Seal(number) => return self.seal(fence(number)),
            Verb::Finish(number, outcome, next, started) => {
                let (outcome, next) = (outcome.clone(), *next);
                let event = Event::Finish { fence: fence(number), outcome, next };
                let mut trial = self.task;
                if !self.task.state.is_held() && trial.apply(&event) != Ok(Change::Already) {
                    return Came::Refused;
                }
                if *started {
                    self.apply_started(fence(number), &event)
                } else {
                    self.apply(&event)
                }
            }
            Verb::Requeue => self.apply(&Event::Requeue),
            Verb::Reject => self.apply(&Event::Reject),
            Verb::Cancel => return self.cancel(),
        };
        let Came::Moved(from, _) = came else {
            return came;
        };
        if !self.task.state.is_held() {
            self.sealed = false;
            if matches!(verb, Verb::Decline(_)) {
                self.node = None;
            }
            if self.asked && !self.task.state.is_terminal() {
                self.apply(&Event::Cancel);
            }
        }
        Came::Moved(from, self.task.state)
    }

    fn seal(&mut self, fence: Fence) -> Came {
        let from = self.task.state;
        match from {
            _ if fence != self.task.fence => Came::Refused,
            _ if self.sealed => Came::Already,
            State::Assigned | State::Running if !self.asked => {
                if from == State::Assigned {
                    self.apply(&Event::Start { fence });
                }
                self.sealed = true;
                Came::Moved(from, State::Running)
            }
            _ => Came::Refused,
        }
    }

    fn cancel(&mut self) -> Came {
        let from = self.task.state;
        if from.is_terminal() {
            Came::Already
        } else if self.sealed {
            Came::Refused
        } else if from.is_held() {
            self.asked = true;
            Came::Asked
        } else {
            self.asked = true;
            self.apply(&Event::Cancel)
        }
    }
}

fn came(answer: Vec<Result<Change, Refusal>>) -> Came {
    match only(answer) {
        Ok(Change::Moved { from, to }) => Came::Moved(from, to),
        Ok(Change::Already) => Came::Already,
        Err(_) => Came::Refused,
    }
}

async fn perform(store: &Store, job: JobId, before: State, verb: &Verb) -> Came {
    let actor = Actor::Node("n1".into());
    let task = TaskId::whole(job);
    let answer = match verb.clone() {
        Verb::Claim(fence, node) => {
            store
                .claim(vec![Claim { attempt: attempt(job, fence), node, at: at(1), why: None }])
                .await
        }
        Verb::Start(fence) => store.start(vec![report(job, fence)]).await,
        Verb::Pause(fence) => store.pause(vec![report(job, fence)]).await,
        Verb::Resume(fence) => store.resume(vec![report(job, fence)]).await,
        Verb::Decline(fence) => {
            let why = "no room".to_owned();
            store
                .decline(vec![Decline { attempt: attempt(job, fence), at: at(2), actor, why }])
                .await
        }
        Verb::Seal(fence) => {
            let (attempt, artifacts) = (attempt(job, fence), vec![artifact("/out")]);
            store
                .seal(vec![Seal { attempt, at: at(3), actor, started: None, artifacts }])
                .await
        }
        Verb::Finish(fence, outcome, next, started) => {
            let started = started.then(|| at(2));
            store
                .finish(vec![Finish { started, ..finish(job, fence, outcome, next) }])
                .await
        }
        Verb::Requeue => store.requeue(vec![Requeue { task, at: at(4) }]).await,
        Verb::Reject => {
            store
                .reject(vec![Reject { task, at: at(5), message: "too big".to_owned() }])
                .await
        }
        Verb::Cancel => {
            let cancel = Cancel { job: JobRef::Id(job), at: at(6), actor: user() };
            return match only(store.cancel(vec![cancel]).await.unwrap()) {
                Ok(Canceled::Done { .. }) => Came::Moved(before, State::Canceled),
                Ok(Canceled::Asked { .. }) => Came::Asked,
                Ok(Canceled::Already { .. }) => Came::Already,
                Err(_) => Came::Refused,
            };
        }
    };
    came(answer.unwrap())
}

fn verb() -> impl Strategy<Value = Verb> {
    // Fences near the one that is current after a few attempts.
    let fence = || 1..4_u64;
    let outcome = prop_oneof![
        Just(Outcome::Completed),
        Just(Outcome::Canceled),
        prop::sample::select(Reason::ALL).prop_map(|reason| Outcome::failed(reason, "why")),
    ];
    let next = prop::sample::select(
        &[Next::End, Next::RetryCharged, Next::RetryFree, Next::Quarantine][..],
    );
    let node = (1..3_u128).prop_map(|number| NodeId::from_parts(1, number));
    prop_oneof![
        4 => (fence(), node).prop_map(|(fence, node)| Verb::Claim(fence, node)),
        3 => fence().prop_map(Verb::Start),
        1 => fence().prop_map(Verb::Decline),
        1 => fence().prop_map(Verb::Pause),
        1 => fence().prop_map(Verb::Resume),
        1 => fence().prop_map(Verb::Seal),
        3 => (fence(), outcome, next, any::<bool>())
            .prop_map(|(fence, outcome, next, started)| Verb::Finish(fence, outcome, next, started)),
        2 => Just(Verb::Requeue),
        1 => Just(Verb::Reject),
        1 => Just(Verb::Cancel),
    ]
}

/// Takes one job through `verbs`, each of them twice, and compares at every step.
async fn compare(store: &Store, number: u64, verbs: &[Verb]) -> JobId {
    let new = job(number);
    let id = new.id;
    submit(store, new).await;
    let mut model = Model::default();
    for verb in verbs {
        let before = model.task.state;
        let expected = model.perform(verb);
        assert_eq!(perform(store, id, before, verb).await, expected, "{verb:?} on {model:?}");
        let entries = model.history.len();
        let again = model.perform(verb);
        assert_eq!(perform(store, id, before, verb).await, again, "{verb:?} again on {model:?}");
        assert_eq!(model.history.len(), entries, "{verb:?} twice did something twice");
    }
    let row = store.job(JobRef::Id(id)).await.unwrap().unwrap();
    let summary = &row.summary;
    let task = Task { state: summary.state, fence: summary.fence, charged: summary.charged };
    assert_eq!(task, model.task);
    assert_eq!(summary.cancel_requested.is_some(), model.asked);
    assert_eq!(summary.finished.is_some(), task.state.is_terminal());
    let mut state = State::Queued;
    for (edge, &to) in row.history[1..].iter().zip(&model.history) {
        assert_eq!((edge.from, edge.to), (Some(state), to), "the history explains the state");
        assert!(state.may_become(to), "{state} to {to} is no edge");
        state = to;
    }
    assert_eq!(row.history.len(), model.history.len() + 1);
    let living = row.attempts.iter().filter(|attempt| attempt.outcome.is_none()).count();
    assert_eq!(living, usize::from(task.state.is_held()));
    id
}

#[test]
fn random_sequences_of_repeated_verbs_agree_with_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(400) });
    let number = std::cell::Cell::new(0);
    runner
        .run(&prop::collection::vec(verb(), 1..30), |verbs| {
            number.set(number.get() + 1);
            runtime.block_on(compare(&store, number.get(), &verbs));
            Ok(())
        })
        .unwrap();
    let counts = store.counts();
    runtime.block_on(store.close()).unwrap();
    // Kept in memory while it was open, counted from the rows now.
    let store = open(dir.path());
    assert_eq!(store.counts(), counts);
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), number.get());
    runtime.block_on(store.close()).unwrap();
}
