//! What goes wrong, and when it is over.

use std::time::Duration;

use super::{Happens, World};
use crate::chance::Chance;
use crate::node::Link;
use crate::rows::{LEASE, MARGIN};
use crate::scenario::Fault;

impl World {
    pub(super) fn fault(&mut self) {
        if self.submitted >= self.scenario.jobs {
            return;
        }
        let pause = self.chance.lasting(self.trouble);
        self.agenda.after(pause, Happens::Fault);
        let all = self.scenario.faults.list().iter();
        let driven: Vec<Fault> = all
            .copied()
            .filter(|fault| !matches!(fault, Fault::Calls | Fault::Jobs))
            .collect();
        if driven.is_empty() {
            return;
        }
        let fault = driven[pick(&mut self.chance, driven.len())];
        *self.rows.tally.faults.entry(fault.name()).or_default() += 1;
        let node = u32::try_from(self.chance.below(u64::from(self.scenario.nodes))).unwrap_or(0);
        match fault {
            Fault::Controller => self.disturb(),
            Fault::Clock => self.leap(),
            Fault::Machine => self.crash(node),
            Fault::Worker => self.fall(node),
            Fault::Cut | Fault::OneWay | Fault::Slow => {
                let both = fault == Fault::Cut;
                let one = self.chance.happens(500_000);
                let slow = u32::try_from(2 + self.chance.below(5)).unwrap_or(2);
                let here = &mut self.nodes[node as usize];
                if fault == Fault::Slow {
                    here.slow = slow;
                } else {
                    here.link.hears &= !both && !one;
                    here.link.is_heard &= !both && one;
                }
                let pause = self.chance.span(Duration::ZERO, LEASE.term.mul_f64(2.5));
                self.agenda.after(pause, Happens::Heal { node, fault });
            }
            Fault::Calls | Fault::Jobs => {}
        }
    }

    pub(super) fn heal(&mut self, node: u32, fault: Fault) {
        let here = &mut self.nodes[node as usize];
        if fault == Fault::Slow {
            here.slow = 1;
        } else {
            here.link = Link::WHOLE;
        }
    }

    fn crash(&mut self, node: u32) {
        let here = &mut self.nodes[node as usize];
        here.crashes();
        let life = here.life;
        self.rows.watch.died(node);
        let gone: Vec<_> = self
            .children
            .range((node, 0)..=(node, u32::MAX))
            .map(|(&child, _)| child)
            .collect();
        for child in gone {
            self.children.remove(&child);
        }
        let pause = self.chance.lasting(Duration::from_secs(20));
        self.agenda.after(pause, Happens::Return { node, life });
    }

    fn fall(&mut self, node: u32) {
        let here = &mut self.nodes[node as usize];
        if !here.up {
            return;
        }
        here.falls();
        let life = here.life;
        self.agenda.after(LEASE.term, Happens::Orphans { node, life });
        let pause = self.chance.lasting(Duration::from_secs(6));
        self.agenda.after(pause, Happens::Return { node, life });
    }

    fn disturb(&mut self) {
        let controller = pick(&mut self.chance, self.controllers.len());
        let here = &mut self.controllers[controller];
        if !here.up {
            return;
        }
        if self.chance.happens(500_000) {
            here.dies();
        } else {
            here.up = false;
        }
        let pause = self.chance.lasting(Duration::from_secs(6));
        self.agenda.after(pause, Happens::Wake(controller));
    }

    /// The database's clock leaps: forward by the margin at most within a lease, back by anything.
    fn leap(&mut self) {
        let now = self.agenda.now();
        let is_back = self.chance.happens(300_000);
        if is_back {
            let back = self.chance.span(Duration::ZERO, Duration::from_secs(30));
            self.rows.ahead = self.rows.ahead.saturating_sub(back);
        } else if now.since(self.leapt) > (LEASE.term + MARGIN) * 2 {
            self.leapt = now;
            self.rows.ahead += self.chance.span(Duration::ZERO, MARGIN);
        }
    }
}

fn pick(chance: &mut Chance, of: usize) -> usize {
    usize::try_from(chance.below(u64::try_from(of).unwrap_or(1))).unwrap_or(0)
}
