//! Carrying a procedure out: the lock, the journal, the loop, and what is said at its end.

use std::cell::RefCell;

use super::desk::Desk;
use super::render::Watcher;
use super::verbs::status::report;
use super::{Exit, Global, Trouble, changes};
use crate::change::run::{Outcome, Session};
use crate::change::{Layout, Lock};
use crate::host::exec::{Interrupt, Runner, Storage};
use crate::host::files::stat_optional;
use crate::host::files::write_atomic;
use crate::host::pools;
use crate::host::trust;
use crate::journal::{Journal, Opening, Question, Record, State};
use crate::plan::Plan;

/// What is to be carried out.
pub enum Task {
    /// A new procedure.
    Begin(Plan),
    /// The one under way, after a person's answer if there is one.
    Resume(Option<Question>),
}

/// Opens a new change: its folder, the copies of site and playbook, its journal with the first line.
pub fn open(global: &Global, desk: &Desk, opening: &Opening) -> Result<(), Trouble> {
    let layout = Layout::new(&global.state, &opening.change, opening.store.as_deref());
    let work = || -> anyhow::Result<()> {
        use anyhow::Context as _;
        let journal = layout.journal();
        let found = stat_optional(&journal).with_context(|| format!("cannot look at {}", journal.display()))?;
        anyhow::ensure!(found.is_none(), "{} is there already", journal.display());
        layout.create().with_context(|| format!("cannot make {}", layout.folder().display()))?;
        write_atomic(&layout.playbook(), desk.playbook.text().as_bytes()).context("cannot copy the playbook")?;
        write_atomic(&layout.site(), desk.site.text().as_bytes()).context("cannot copy the site file")?;
        let mut journal = Journal::create(&layout.journal())?;
        if let Err(error) = journal.append(Record::Opened(opening.clone())) {
            // A journal without a first line is no change.
            let _ = std::fs::remove_file(layout.journal());
            return Err(error.into());
        }
        Ok(())
    };
    work().map_err(|error| {
        let look = format!("df -h {}", crate::host::quote::quote(&global.state.display().to_string()));
        let trouble = Trouble::new(Exit::Failed, "the change could not be opened").because(&error);
        trouble.next(look, "see what is wrong with the place of the journals; then the same command again")
    })
}

/// What is said when this process itself waits for a pool that does not answer. It ends; what waits in the kernel is gone when the pool answers.
#[expect(clippy::disallowed_methods, reason = "the thread that could end in order waits in the kernel")]
fn hangs(global: &Global, journal: &std::path::Path, why: &anyhow::Error) {
    let lines = crate::journal::file::read(journal).map(|reading| reading.lines).unwrap_or_default();
    let mut trouble = Trouble::new(Exit::Failed, "this run waits for a pool that does not answer, and ends here").because(why);
    if let Ok(Some(state)) = State::fold(&lines) {
        let report = report(&state);
        trouble = trouble.now(report.now);
        trouble.next = report.next;
    }
    super::render::trouble(global, &trouble);
    std::process::exit(i32::from(Exit::Failed.status()));
}

/// Carries it out under the lock, and says how it ended.
pub fn carry_out(global: &Global, lock: Lock, state: &State, task: Task) -> Result<Exit, Trouble> {
    let change = state.opening.change.clone();
    let layout = Layout::new(&global.state, &change, state.opening.store.as_deref());
    let (journal, lines) = Journal::open(&layout.journal()).map_err(|error| changes::unreadable(&change, &error.to_string()))?;
    let state = State::fold(&lines)
        .map_err(|error| error.to_string())
        .and_then(|state| state.ok_or_else(|| "it is empty".to_owned()))
        .map_err(|why| changes::unreadable(&change, &why))?;
    // What lies in them is run, or restored (S9); the change's own folder was looked at when its journal was read.
    for folder in [layout.capture(), layout.installer()].iter().filter(|folder| !matches!(stat_optional(folder), Ok(None))) {
        trust::whole_way(folder).map_err(|distrust| changes::unreadable(&change, &distrust.to_string()))?;
    }
    let opening = &state.opening;
    if !opening.silent.is_empty() {
        // The journal is what counts.
        let text = super::prompt::answers::vendors_text(&opening.change, &opening.silent);
        write_atomic(&layout.silent(), text.as_bytes()).map_err(|error| {
            Trouble::new(Exit::Failed, "the file for the vendor's installer could not be written").because(&error.into())
        })?;
    }
    let interrupt = Interrupt::on_signals().map_err(|error| Trouble::new(Exit::Failed, format!("cannot listen to signals: {error}")))?;
    let mut runner = Runner::new(Some(layout.log()), Some(change.clone()), interrupt);
    let quiet = runner.quiet();
    let found = pools::of("/proc".as_ref(), state.opening.datasets.iter().map(|mount| mount.dataset.pool().to_string()));
    let pools: Vec<Storage> = found.into_iter().map(|pool| pool.asked(&quiet)).collect();
    runner.pools.clone_from(&pools);
    let (outer, journal_at) = (global.clone(), layout.journal());
    let _watch = pools::Watch::over(pools, move |suspended| hangs(&outer, &journal_at, &suspended.into()));
    // What `zfs` starts ends with it: the engine's many commands need no control group.
    let engine = global.engine(&runner)?;
    let runner = runner.contained();
    let watcher = RefCell::new(Watcher::new(global));
    let watch = |event: &crate::change::run::Event<'_>| watcher.borrow_mut().event(event);
    let mut session = Session { journal, state, layout, engine: engine.as_ref(), runner: &runner, watch: &watch, root: "/".into() };
    let ended = match task {
        Task::Begin(plan) => session.begin(plan),
        Task::Resume(answer) => answer.map_or(Ok(()), |question| session.answer(question)).and_then(|()| session.go()),
    };
    drop(lock);
    let report = report(&session.state);
    let trouble = |exit, what: String| {
        let mut trouble = Trouble::new(exit, what).now(report.now.clone());
        trouble.next.clone_from(&report.next);
        trouble
    };
    match ended {
        Ok(Outcome::Finished) => {
            super::render::finished(global, &report);
            Ok(Exit::Done)
        }
        Ok(Outcome::Interrupted) => Err(trouble(Exit::Awaiting, "stopped, as asked; what is done is written down".into())),
        Ok(Outcome::Halted { step, why }) => {
            let mut trouble = trouble(Exit::Halted, format!("halted at step `{step}`: a person must decide"));
            trouble.cause.push(why);
            Err(trouble)
        }
        Ok(Outcome::Failed { step, error }) => {
            let mut trouble = trouble(Exit::Failed, format!("step `{step}` failed"));
            trouble.cause.push(error);
            // What a package's script says goes where apt's progress goes, not to its standard error.
            Err(trouble.next("backout log --commands", "read what the commands printed"))
        }
        Err(error) => Err(trouble(Exit::Failed, "the journal could not be written".into()).because(&error)),
    }
}
