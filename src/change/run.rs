//! The loop: probe, decide, act, record. One path for the first start and for every resume.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::decide::{Action, decide};
use super::event::{Event, Outcome};
use crate::host::exec::{ExecError, Runner};
use crate::host::{disk, failpoint, flush, orphans, pools, snapshot_view};
use crate::journal::{Deadline, Journal, Layout, OpenQuestion, Output, StepId, StepState};
use crate::step::{self, Context, NeedsDecision, Plan, Record, Run, State, Step};
use crate::zfs::Engine;

/// A change that is being worked on.
pub struct Session<'a> {
    /// Its journal.
    pub journal: Journal,
    /// The fold of its journal.
    pub state: State,
    /// Its files.
    pub layout: Layout,
    /// ZFS.
    pub engine: &'a dyn Engine,
    /// Processes.
    pub runner: &'a Runner,
    /// Who watches.
    pub watch: &'a dyn Fn(&Event<'_>),
    /// `/`, but in tests.
    pub root: std::path::PathBuf,
    /// Time that has passed since some moment, whatever the clock on the wall says.
    pub clock: &'a dyn Fn() -> Duration,
    /// When this run began a step with a deadline.
    pub since: Option<Duration>,
    /// How many items the step under way has read.
    pub items: Arc<AtomicU64>,
}

impl Session<'_> {
    /// Appends a record and applies it to the state. A record that the state does not allow is not
    /// written.
    fn record(&mut self, record: Record) -> Result<()> {
        let fault = "this is a fault in backout: it wanted to write an impossible record";
        self.state.permits(&record).map_err(anyhow::Error::msg).context(fault)?;
        let line = self.journal.append(record)?;
        self.state.advance(&line.record);
        Ok(())
    }

    /// Records a plan and carries it out.
    ///
    /// # Errors
    /// When the journal cannot be written, or the plan may not begin now.
    pub fn begin(&mut self, plan: Plan) -> Result<Outcome> {
        let plan = step::service::observed::observed(
            plan,
            &self.state,
            self.runner,
            &self.root.join("proc"),
        );
        self.since = None;
        self.record(Record::Planned { plan })?;
        failpoint::point("planned");
        self.go()
    }

    /// Records a person's answer.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn answer(&mut self, question: OpenQuestion) -> Result<()> {
        self.record(Record::Answered { question })
    }

    fn run(&self) -> Result<&Run> {
        self.state.current().context("no procedure is under way")
    }

    /// Continues the current procedure to its end.
    ///
    /// # Errors
    /// When the journal cannot be written. A step that fails is an [`Outcome`].
    pub fn go(&mut self) -> Result<Outcome> {
        if let Some(outcome) = self.suspended()? {
            return Ok(outcome);
        }
        let packages = |run: &Run| {
            run.next()
                .is_some_and(|at| matches!(run.plan.steps[at].action, step::Action::Package(_)))
        };
        if self.state.current().is_some_and(packages) {
            let (hurry, say) = (
                || self.runner.interrupt.requested(),
                |text: &str| (self.watch)(&Event::Said(text)),
            );
            orphans::let_finish(
                &self.root.join("proc"),
                &self.state.manifest.change,
                &hurry,
                &say,
            )?;
        }
        for process in orphans::end(&self.root.join("proc"), &self.state.manifest.change)? {
            (self.watch)(&Event::Said(&format!("ended a command of an earlier run: {process}")));
        }
        let ended = self.steps();
        self.runner.limit(None);
        let unfinished = match &ended {
            Ok(Outcome::Failed { step, error }) => format!("step `{step}` failed: {error}"),
            Ok(Outcome::Halted { step, why, .. }) => format!("at step `{step}`: {why}"),
            Ok(Outcome::Interrupted) => "it was asked to stop".to_owned(),
            _ => return ended,
        };
        Ok(match self.deadline() {
            Some(_) => Outcome::GivenUp { why: unfinished },
            None => {
                if let Some(run) = self.state.current() {
                    self.with(|context| {
                        step::let_go(run, context);
                        Ok(())
                    })?;
                }
                ended?
            }
        })
    }

    /// The deadline under which the procedure is now.
    fn deadline(&self) -> Option<Deadline> {
        self.state.current()?.under_deadline().cloned()
    }

    /// Why the procedure is given up, if its time is over.
    fn given_up(&self) -> Option<String> {
        let Deadline { seconds, until } = self.deadline()?;
        let Some(since) = self.since else {
            return Some("it was broken off, and nobody knows for how long".to_owned());
        };
        let spent = (self.clock)().saturating_sub(since);
        (spent > Duration::from_secs(seconds))
            .then(|| format!("the deadline of {seconds} s passed before step `{until}`"))
    }

    /// The time for commands, from a step with a deadline on.
    fn limit(&mut self, at: usize) -> Result<()> {
        let (clock, run) = (self.clock, self.run()?);
        let begins = run.plan.steps.get(at).and_then(|step| step.deadline.clone());
        if begins.is_some() && self.since.is_none() {
            self.since = Some(clock());
        }
        let deadline = begins.or_else(|| self.deadline());
        let spent = self.since.map(|since| clock().saturating_sub(since)).unwrap_or_default();
        let until = deadline.as_ref().and_then(|it| self.state.current()?.plan.position(&it.until));
        // What changes datasets is not cut off.
        let left = deadline.filter(|_| until.is_some_and(|until| at < until));
        let left = left.map(|it| Duration::from_secs(it.seconds).saturating_sub(spent));
        self.runner.limit(left);
        Ok(())
    }

    fn steps(&mut self) -> Result<Outcome> {
        let mut checked = false;
        // This run has found or made the effects of the steps before this one.
        let mut seen = 0;
        loop {
            if let Some(why) = self.given_up() {
                return Ok(Outcome::GivenUp { why });
            }
            if self.runner.interrupt.requested() {
                self.record(Record::Interrupted)?;
                return Ok(Outcome::Interrupted);
            }
            let run = self.run()?;
            let Some(at) = run.next() else {
                // The service may have gone down since it was opened, for example with the host.
                let start = run
                    .plan
                    .steps
                    .iter()
                    .position(|step| matches!(step.action, step::Action::Start(_)));
                if let Some(start) = start.filter(|_| !checked) {
                    checked = true;
                    if let Some(outcome) = self.step(start)? {
                        return Ok(outcome);
                    }
                    continue;
                }
                self.record(Record::Finished)?;
                failpoint::point("finished");
                return Ok(Outcome::Finished);
            };
            if let Some((to, why)) = run.renewal() {
                if let Some(outcome) = self.rewind(at, &to, &why)? {
                    return Ok(outcome);
                }
                continue;
            }
            let destroys = step::effect(&run.plan.steps[at].action).destroys();
            // A step that is repeated in this run may undo a later one: a second stop also ends the
            // server without clients.
            if !checked || destroys || seen < at {
                if let Some(outcome) = self.recheck(at)? {
                    return Ok(outcome);
                }
                checked = true;
                seen = at;
                if self.run()?.renewal().is_some() {
                    continue;
                }
            }
            self.limit(at)?;
            if let Some(outcome) = self.step(at)? {
                return Ok(outcome);
            }
            seen = at + 1;
        }
    }

    /// Checks that the effects of earlier steps still exist: is the service still stopped, is the
    /// dataset still unmounted?
    fn recheck(&mut self, before: usize) -> Result<Option<Outcome>> {
        for at in 0..before {
            let run = self.run()?;
            let holds =
                run.plan.steps[at].holds_until.as_ref().is_some_and(|until| run.is_pending(until));
            if holds && let Some(outcome) = self.step(at)? {
                return Ok(Some(outcome));
            }
        }
        Ok(None)
    }

    fn pools_answer(&self) -> Result<(), pools::Suspended> {
        pools::none_suspended(&self.runner.pools)
    }

    /// Nothing begins on a pool that does not answer.
    fn suspended(&mut self) -> Result<Option<Outcome>> {
        let Err(suspended) = self.pools_answer() else { return Ok(None) };
        let run = self.run()?;
        // When all steps are done, only the last one is checked again.
        let at = run.next().unwrap_or(run.plan.steps.len().saturating_sub(1));
        let step = run.plan.steps.get(at).context("a plan has steps")?.clone();
        self.failed(&step, &suspended.into(), false).map(Some)
    }

    /// One step; `None` means continue.
    fn step(&mut self, at: usize) -> Result<Option<Outcome>> {
        if let Some(outcome) = self.suspended()? {
            return Ok(Some(outcome));
        }
        let run = self.run()?;
        let (step, before, attempts, tries) =
            (run.plan.steps[at].clone(), run.steps[at].clone(), run.attempts[at], run.tries(at));
        let effect = step::effect(&step.action);
        let probe = match self.with(|context| effect.probe(&step, context)) {
            Ok(probe) => probe,
            // Nothing was begun. The journal stays as it is, and the next resume probes again.
            Err(error) => return Ok(Some(self.failed(&step, &error, false)?)),
        };
        match decide(&before, probe, tries) {
            Action::Skip => Ok(None),
            Action::Halt(kind, why) => {
                self.record(Record::Halted { step: step.id.clone(), why: why.clone(), kind })?;
                Ok(Some(Outcome::Halted { step: step.id, why, kind }))
            }
            Action::Adopt(output) => {
                self.record(Record::Started { step: step.id.clone(), attempt: attempts + 1 })?;
                if let Err(error) = self.keep(at) {
                    return Ok(Some(self.failed(&step, &error, true)?));
                }
                self.done(&step, true, output, Duration::ZERO)?;
                Ok(None)
            }
            Action::Rewind(why) => match &step.rewind_to {
                Some(to) => self.rewind(at, to, &why),
                None => self.apply(at, &step, attempts, Some(&why)),
            },
            Action::Apply => self.apply(at, &step, attempts, None),
        }
    }

    fn apply(
        &mut self,
        at: usize,
        step: &Step,
        attempts: u32,
        rewind: Option<&str>,
    ) -> Result<Option<Outcome>> {
        let total = self.run()?.plan.steps.len();
        let begin = Instant::now();
        self.record(Record::Started { step: step.id.clone(), attempt: attempts + 1 })?;
        let effect = step::effect(&step.action);
        self.items.store(0, Ordering::Relaxed);
        let measure = self.with(|context| Ok(effect.measure(context)))?;
        let attempt = attempts + 1;
        (self.watch)(&Event::Started { step, number: at + 1, total, attempt, measure });
        failpoint::point(&format!("{}:started", step.id));
        let result = self.with(|context| {
            if let Some(why) = rewind {
                (context.say)(&format!("taking back what is half done: {why}"));
                effect.rewind(step, context)?;
                failpoint::point(&format!("{}:rewound", step.id));
            }
            let output = effect.apply(step, context)?;
            failpoint::point(&format!("{}:applied", step.id));
            effect.confirm(step, context, output)
        });
        match result.and_then(|output| self.keep(at).map(|()| output)) {
            Ok(output) => {
                self.done(step, false, output, begin.elapsed())?;
                Ok(None)
            }
            Err(error) => Ok(Some(self.failed(step, &error, true)?)),
        }
    }

    fn done(&mut self, step: &Step, adopted: bool, output: Output, took: Duration) -> Result<()> {
        self.record(Record::Done { step: step.id.clone(), adopted, output: output.clone() })?;
        (self.watch)(&Event::Done { step, adopted, output: &output, took });
        failpoint::point(&format!("{}:done", step.id));
        Ok(())
    }

    fn failed(&mut self, step: &Step, error: &anyhow::Error, begun: bool) -> Result<Outcome> {
        let mut text = format!("{error:#}");
        if error.chain().any(|cause| {
            matches!(cause.downcast_ref::<ExecError>(), Some(ExecError::Interrupted { .. }))
        }) {
            self.record(Record::Interrupted)?;
            return Ok(Outcome::Interrupted);
        }
        for beside in self.storage_trouble(error) {
            text = format!("{text}\n{beside}");
        }
        if begun
            && let Err(error) =
                self.record(Record::Failed { step: step.id.clone(), error: text.clone() })
        {
            // The reason matters more than its record: a step without a record counts as
            // interrupted.
            text = format!("{text}\nand this could not be written down: {error:#}");
        }
        (self.watch)(&Event::Failed { step, error: &text });
        if let Some(decision) =
            error.chain().find_map(|cause| cause.downcast_ref::<NeedsDecision>())
        {
            let kind = decision.kind;
            self.record(Record::Halted { step: step.id.clone(), why: text.clone(), kind })?;
            return Ok(Outcome::Halted { step: step.id.clone(), why: text, kind });
        }
        Ok(Outcome::Failed { step: step.id.clone(), error: text })
    }

    /// Problems of pools and disks that the error itself does not mention.
    fn storage_trouble(&self, error: &anyhow::Error) -> Vec<String> {
        if let Err(suspended) = self.pools_answer() {
            let said =
                error.chain().any(|cause| cause.downcast_ref::<pools::Suspended>().is_some());
            // Its file systems are not asked: that could block.
            return if said { Vec::new() } else { vec![suspended.to_string()] };
        }
        let system = ["", "var", "var/tmp", "tmp", "run"].map(|folder| self.root.join(folder));
        let data =
            self.state.manifest.datasets.iter().filter_map(|mount| mount.mountpoint.as_deref());
        let (capture, installer) = (self.layout.capture(), self.layout.installer());
        let own = [self.layout.folder(), capture.as_path(), installer.as_path()];
        disk::full_file_systems(
            system.iter().map(std::path::PathBuf::as_path).chain(own).chain(data),
        )
    }

    /// Takes back the effects from `at` down to the step `to`, newest first, and records that they
    /// must be made again.
    fn rewind(&mut self, at: usize, to: &StepId, why: &str) -> Result<Option<Outcome>> {
        let run = self.run()?;
        let first = run
            .plan
            .position(to)
            .with_context(|| format!("the plan has no step `{to}` to go back to"))?;
        if first > at {
            anyhow::bail!("the step `{to}` to go back to is not behind us");
        }
        let step_at = run.plan.steps[at].clone();
        let steps: Vec<(Step, StepState)> = run
            .plan
            .steps
            .iter()
            .cloned()
            .zip(run.steps.iter().cloned())
            .skip(first)
            .rev()
            .collect();
        (self.watch)(&Event::Rewound { to, why });
        for (step, state) in steps {
            if state == StepState::Pending {
                continue;
            }
            let effect = step::effect(&step.action);
            if let Err(error) = self.with(|context| effect.rewind(&step, context)) {
                return Ok(Some(self.failed(&step, &error, false)?));
            }
            failpoint::point(&format!("{}:rewound", step.id));
        }
        if let Err(error) = self.flush() {
            return Ok(Some(self.failed(&step_at, &error, false)?));
        }
        self.record(Record::Rewound { to: to.clone(), why: why.to_owned() })?;
        failpoint::point("rewound");
        Ok(None)
    }

    /// Flushes what a step did, if that is to be.
    fn keep(&self, at: usize) -> Result<()> {
        if step::flushes(self.run()?, at) { self.flush() } else { Ok(()) }
    }

    /// Flushes, so that a power cut takes nothing of what is done. Not in tests, whose host is a
    /// folder.
    fn flush(&self) -> Result<()> {
        if self.root != Path::new("/") {
            return Ok(());
        }
        let data =
            self.state.manifest.datasets.iter().filter_map(|mount| mount.mountpoint.as_deref());
        let (capture, installer) = (self.layout.capture(), self.layout.installer());
        flush::flush(
            self.runner,
            [self.layout.folder(), capture.as_path(), installer.as_path()].into_iter(),
            data,
        )
    }

    fn with<T>(&self, work: impl FnOnce(&Context<'_>) -> Result<T>) -> Result<T> {
        let say = |text: &str| (self.watch)(&Event::Said(text));
        let result = work(&Context {
            engine: self.engine,
            runner: self.runner,
            state: &self.state,
            layout: &self.layout,
            say: &say,
            items: Arc::clone(&self.items),
            root: self.root.clone(),
        });
        self.runner.notes().iter().for_each(|note| say(note));
        // The next step may destroy it.
        snapshot_view::close();
        result
    }
}
