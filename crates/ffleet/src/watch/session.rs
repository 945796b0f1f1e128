//! One run of a watch: hears, looks, has things done, tells, until it is told to stop.

mod answers;
mod ears;
mod notes;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ffleet_base::files::write_whole;
use ffleet_base::{Clock as _, SystemClock, chain};
use ffleet_guard::events::{Event, Held, Scanner, Seen};
use ffleet_guard::foreign::Place;
use ffleet_supervise::watch::{Act, Id, Sight as _, Step, Watch};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::ears::{Ears, Scan, hear, listen, looked, tick};
use super::hands::Hands;
use super::take::{Adopted, Groups, Taken};
use super::tell::{Process, Teller, limits_text};
use super::totals::Totals;
use super::{Flags, Setting};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::serve::notify::{self, Message};
use crate::serve::signals::{Asked, Stop};

/// After events were lost all processes are looked at, but not more often than this.
const BREATH: Duration = Duration::from_secs(1);
/// Permissions of the file of metrics, which another user reads.
const READABLE: u32 = 0o644;

/// Watches until it is told to stop.
pub(super) async fn run(
    context: &Context,
    flags: &Flags,
    setting: Setting,
    place: Place,
) -> Result<Exit, Failure> {
    let local = |error: io::Error| Failure::local(&error);
    let mut stop = Stop::new().map_err(local)?;
    let scanner = Scanner::open().map_err(local)?;
    let mut session = Session::begin(context, flags, setting, place, scanner)?;
    session.serve(&mut stop).await?;
    session.end()
}

/// All that a run has.
#[derive(Debug)]
struct Session<'a> {
    context: &'a Context,
    flags: &'a Flags,
    setting: Setting,
    teller: Teller<'a>,
    watch: Watch,
    scanner: Scanner,
    ears: Option<Ears>,
    hands: Hands,
    scan: Scan,
    /// Whether another look is due as soon as this one is over, or a breath later.
    is_due: Option<Duration>,
    totals: Totals,
    /// What governed processes are called.
    names: BTreeMap<Id, String>,
    /// When those that are about to be taken became what they are.
    born: BTreeMap<Id, Duration>,
    /// What there is to tell of the one that was just taken, and how long that took from its exec on.
    fresh: Option<(Taken, Option<Duration>)>,
    is_ready: bool,
}

impl<'a> Session<'a> {
    fn begin(
        context: &'a Context,
        flags: &'a Flags,
        setting: Setting,
        place: Place,
        scanner: Scanner,
    ) -> Result<Self, Failure> {
        let teller = Teller::new(context);
        for warning in &setting.warnings {
            teller.tell("warning", json!({ "message": warning }), warning)?;
        }
        let ears = listen(&setting, &teller)?;
        let mut groups = Groups::new(place, scanner.clone());
        let mut watch = Watch::new(setting.policy());
        let mut names = BTreeMap::new();
        let Adopted { groups: adopted, troubles } = groups.adopt();
        for (first, rule, taken) in adopted {
            let process = Process { id: first, name: &taken.name, rule: &rule.label };
            let fields = json!({ "processes": taken.processes, "lacks": taken.lacks });
            teller.of("resumed", &process, fields, &limits_text(&rule.limits))?;
            watch.adopt(first, rule);
            names.insert(first, taken.name);
        }
        for trouble in troubles {
            teller.tell("warning", json!({ "message": trouble }), &trouble)?;
        }
        let hands = Hands::start(groups).map_err(|error| Failure::local(&error))?;
        Ok(Self {
            context,
            flags,
            setting,
            teller,
            watch,
            scanner,
            ears,
            hands,
            scan: Scan::Rests,
            is_due: None,
            totals: Totals::default(),
            names,
            born: BTreeMap::new(),
            fresh: None,
            is_ready: false,
        })
    }

    /// Until a signal says stop.
    async fn serve(&mut self, stop: &mut Stop) -> Result<(), Failure> {
        let mut pulse = self.pulse();
        let mut alive = notify::pulse(&self.context.env).map(interval);
        loop {
            let next = self.next();
            tokio::select! {
                asked = stop.asked() => match asked {
                    Asked::Stop(signal) => {
                        return self.teller.tell("stopping", json!({ "signal": signal }), signal);
                    }
                    Asked::Reload => {
                        self.reload()?;
                        pulse = self.pulse();
                    }
                },
                heard = hear(&mut self.ears) => self.heard(heard)?,
                answer = self.hands.answer() => match answer {
                    Some(answer) => self.answered(answer)?,
                    None => return Err(Failure::new(Exit::Local, "the thread that governs has failed")),
                },
                found = looked(&mut self.scan) => self.found(found)?,
                _ = pulse.tick() => self.begin_scan(),
                () = sleep_until(next) => {
                    let now = SystemClock.monotonic();
                    if self.is_due.is_some_and(|due| due <= now) {
                        // Where a look is under way, it may have passed by what was lost.
                        self.is_due = (!matches!(self.scan, Scan::Rests)).then_some(now + BREATH);
                        self.begin_scan();
                    }
                    let step = self.watch.due(now);
                    self.step(step)?;
                },
                () = tick(&mut alive) => notify::tell(&self.context.env, Message::Alive),
            }
        }
    }

    fn pulse(&self) -> tokio::time::Interval {
        let mut pulse = interval(self.setting.wanted.scan_interval.0);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pulse
    }

    /// When there is something to do, if nothing happens before.
    fn next(&self) -> Instant {
        let now = SystemClock.monotonic();
        let at = [self.watch.next(), self.is_due].into_iter().flatten().min();
        let wait = at.map_or(Duration::from_secs(3_600), |at| at.saturating_sub(now));
        Instant::now() + wait
    }

    /// Has everything measured and then looked at, unless that is under way.
    fn begin_scan(&mut self) {
        if matches!(self.scan, Scan::Rests) {
            self.scan = Scan::Measures;
            self.hands.round(self.watch.groups().keys().copied());
        }
    }

    /// There were events, or there will be none any more.
    fn heard(&mut self, heard: io::Result<Vec<Event>>) -> Result<(), Failure> {
        let heard = match heard {
            Ok(heard) => heard,
            Err(error) => {
                self.ears = None;
                let text = format!("{error}: processes are found by scans alone from now on");
                return self.teller.tell("warning", json!({ "message": text }), &text);
            }
        };
        self.totals.events += heard.len() as u64;
        let held = self.hands.held();
        let now = SystemClock.monotonic();
        for event in heard {
            let step = match event {
                Event::Exec { pid, ago } => self.look(pid, &held, Some(now.saturating_sub(ago))),
                Event::Renamed(pid) | Event::User(pid) | Event::Forked(pid) => {
                    self.look(pid, &held, None)
                }
                Event::Ended(pid) => self.watch.gone(pid),
                Event::Lost => {
                    self.totals.lost += 1;
                    self.is_due.get_or_insert(now + BREATH);
                    Step::default()
                }
            };
            self.step(step)?;
        }
        Ok(())
    }

    /// Judges the process that has this number now.
    fn look(&mut self, pid: u32, held: &Held, born: Option<Duration>) -> Step {
        let Some(mut look) = self.scanner.look(pid, held) else {
            return Step::default();
        };
        let step = self.watch.see(SystemClock.monotonic(), look.print(), &mut look);
        if let (Some(born), [Act::Take(id, _)]) = (born, step.acts.as_slice()) {
            self.born.insert(*id, born);
        }
        step
    }

    /// Has something done, and tells what there is to tell.
    fn step(&mut self, step: Step) -> Result<(), Failure> {
        for note in step.notes {
            self.note(note)?;
        }
        for act in step.acts {
            match act {
                Act::Look(id) => {
                    let held = self.hands.held();
                    let is_it =
                        self.scanner.look(id.pid, &held).is_some_and(|look| look.id() == id);
                    let step = if is_it {
                        self.look(id.pid, &held, None)
                    } else {
                        self.watch.gone(id.pid)
                    };
                    // One look leads to no other.
                    step.acts.into_iter().for_each(|act| self.hands.order(act));
                }
                act => self.hands.order(act),
            }
        }
        Ok(())
    }

    /// All processes were looked at.
    fn found(&mut self, found: (Duration, io::Result<Vec<Seen>>)) -> Result<(), Failure> {
        self.scan = Scan::Rests;
        let (begun, seen) = found;
        let seen = match seen {
            Ok(seen) => seen,
            Err(error) => {
                let text = format!("processes cannot be looked at: {}", chain(&error));
                return self.teller.tell("warning", json!({ "message": text }), &text);
            }
        };
        let held = self.hands.held();
        let mut there = BTreeSet::new();
        for Seen { id, print } in seen {
            there.insert(id);
            if self.watch.wants(SystemClock.monotonic(), id, print) {
                let step = self.look(id.pid, &held, None);
                self.step(step)?;
            }
        }
        let step = self.watch.scanned(begun, &there);
        self.step(step)?;
        self.totals.scans += 1;
        self.totals.scan = SystemClock.monotonic().saturating_sub(begun);
        self.write_metrics()?;
        if !self.is_ready {
            self.is_ready = true;
            self.teller.tell(
                "ready",
                json!({ "processes": there.len() }),
                "everybody was looked at once",
            )?;
            notify::tell(&self.context.env, Message::Ready);
        }
        Ok(())
    }

    /// Reads the configuration again; a mistake changes nothing.
    fn reload(&mut self) -> Result<(), Failure> {
        notify::tell(&self.context.env, Message::Reloading);
        match Setting::load(self.context, self.flags) {
            Ok(setting) => {
                self.watch.renew(setting.policy());
                let rules = setting.wanted.rules.len();
                self.setting = setting;
                self.teller.tell(
                    "reloaded",
                    json!({ "rules": rules }),
                    &format!("{rules} rules"),
                )?;
                // What is wanted of the kernel may be other events.
                self.ears = listen(&self.setting, &self.teller)?;
            }
            Err(failure) => {
                let text = format!("nothing is changed: {failure}");
                self.teller.tell("warning", json!({ "message": text }), &text)?;
            }
        }
        notify::tell(&self.context.env, Message::Ready);
        Ok(())
    }

    fn write_metrics(&self) -> Result<(), Failure> {
        let Some(file) = &self.flags.metrics else {
            return Ok(());
        };
        let page = self.totals.page(&self.watch, self.ears.is_some());
        let path: PathBuf = self.context.here.join(file);
        match write_whole(&path, page.as_bytes(), READABLE) {
            Ok(()) => Ok(()),
            Err(error) => {
                let text = format!("there are no metrics: {}", chain(&error));
                self.teller.tell("warning", json!({ "message": text }), &text)
            }
        }
    }

    /// Leaves everything as it is, or lets go of it.
    fn end(self) -> Result<Exit, Failure> {
        notify::tell(&self.context.env, Message::Stopping);
        self.write_metrics()?;
        for failing in self.watch.failing().filter(|failing| failing.is_given_up) {
            let process = Process { id: failing.id, name: "", rule: &failing.rule.label };
            self.teller.of(
                "not-governed",
                &process,
                json!({ "why": failing.why }),
                &failing.why,
            )?;
        }
        let firsts: Vec<Id> = self.watch.groups().keys().copied().collect();
        let detach = self.setting.wanted.detach_on_stop;
        let Some(mut groups) = self.hands.end() else {
            return Err(Failure::new(Exit::Local, "the thread that governs has failed"));
        };
        let mut kept = 0;
        for first in firsts {
            if !detach {
                kept += 1;
                continue;
            }
            if let Err(why) = groups.release(first) {
                kept += 1;
                let fields = json!({ "pid": first.pid, "started": first.started, "why": why });
                self.teller.tell(
                    "still-governed",
                    fields,
                    &format!("process {}: {why}", first.pid),
                )?;
            }
        }
        let text = format!("{kept} groups keep their limits");
        self.teller.tell("stopped", json!({ "kept": kept }), &text)?;
        Ok(Exit::Done)
    }
}
