//! Calls of nodes to controllers, and their answers: each may be lost, repeated and late.

use std::time::Duration;

use ffleet_types::Fence;

use super::{Happens, World};
use crate::rows::{Heard, LEASE, Reply, Report};
use crate::scenario::Fault;

/// The longest pause between two tries of a report.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) enum Call {
    Hello { number: u32, has: Vec<(u32, Fence)> },
    Say { job: u32, ask: u32, fence: Fence, report: Report },
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Hello { number: u32, heard: Box<Heard> },
    Say { job: u32, ask: u32, reply: Reply },
}

impl World {
    /// Whether a call or an answer is lost.
    pub(super) fn is_lost(&mut self) -> bool {
        self.has(Fault::Calls) && self.chance.happens(5_000)
    }

    /// How long one takes.
    pub(super) fn delay(&mut self) -> Duration {
        let late = self.has(Fault::Calls) && self.chance.happens(3_000);
        let longest = if late { LEASE.term * 4 } else { Duration::from_millis(5) };
        self.chance.span(Duration::from_millis(1), longest)
    }

    /// Sends something on its way: not at all, once, or twice.
    fn send(&mut self, through: bool, what: impl Fn() -> Happens) {
        if !through || self.is_lost() {
            return;
        }
        let pause = self.delay();
        self.agenda.after(pause, what());
        if self.has(Fault::Calls) && self.chance.happens(3_000) {
            let pause = self.delay() + self.chance.span(Duration::ZERO, LEASE.term * 3);
            self.agenda.after(pause, what());
        }
    }

    pub(super) fn beat(&mut self, node: u32, life: u32) {
        let here = &mut self.nodes[node as usize];
        if here.life != life || !here.up {
            return;
        }
        here.call += 1;
        let call = Call::Hello { number: here.call, has: here.has() };
        let through = here.link.is_heard;
        self.agenda.after(LEASE.term / 3, Happens::Beat { node, life });
        self.send(through, || Happens::Call { node, life, call: call.clone() });
    }

    /// Makes a report, and again until it is answered.
    pub(super) fn say(&mut self, node: u32, job: u32, ask: u32, wait: Duration) {
        let here = &self.nodes[node as usize];
        let Some((fence, report)) = here.report(job, ask).filter(|_| here.up) else {
            return;
        };
        let (life, through) = (here.life, here.link.is_heard);
        let call = Call::Say { job, ask, fence, report };
        self.send(through, || Happens::Call { node, life, call: call.clone() });
        let pause = self.chance.span(wait / 2, wait);
        let wait = (wait * 2).min(LONGEST);
        self.agenda.after(pause, Happens::Again { node, life, job, ask, wait });
    }

    pub(super) fn call(&mut self, node: u32, life: u32, call: Call) {
        if !self.controllers.iter().any(|controller| controller.up) {
            return;
        }
        let answer = match call {
            Call::Hello { number, has } => {
                let heard = Box::new(self.rows.hear(node, &has));
                Answer::Hello { number, heard }
            }
            Call::Say { job, ask, fence, report } => {
                let reply = self.rows.report(node, job, fence, report);
                if reply == Reply::Stale {
                    self.rows.tally.stale += 1;
                }
                Answer::Say { job, ask, reply }
            }
        };
        let through = self.nodes[node as usize].link.hears;
        self.send(through, || Happens::Answer { node, life, answer: answer.clone() });
    }

    pub(super) fn answer(&mut self, node: u32, life: u32, answer: Answer) {
        let here = &mut self.nodes[node as usize];
        if here.life != life || !here.up {
            return;
        }
        let acts = match answer {
            // Another call was made since: nobody waits for this one.
            Answer::Hello { number, .. } if number != here.call => return,
            Answer::Hello { heard, .. } => {
                let mut acts = here.heard(&heard);
                for (job, fence) in heard.begin {
                    acts.extend(here.begin(job, fence, self.rows.row(job).job.recipe));
                }
                acts
            }
            Answer::Say { job, ask, reply } => here.answered(job, ask, reply),
        };
        acts.into_iter().for_each(|act| self.act(node, act));
    }

    pub(super) fn tell(&mut self, node: u32, job: u32, fence: Fence) {
        let here = &mut self.nodes[node as usize];
        if here.up {
            let acts = here.begin(job, fence, self.rows.row(job).job.recipe);
            acts.into_iter().for_each(|act| self.act(node, act));
        }
    }
}
