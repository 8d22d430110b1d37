//! Carries a procedure out: writes the change's files and its journal, runs the loop, and reports
//! the end.

use std::path::Path;
use std::sync::Arc;

use super::{Prepared, ProcedureInputs, Settings, changes, response_file};
use crate::change::Lock;
use crate::change::{
    event::{Event, Outcome},
    run::Session,
};
use crate::host::exec::{Interrupt, Runner, WatchedPool};
use crate::host::files::{stat_optional, write_atomic};
use crate::host::{pools, trust};
use crate::journal::{ChangeManifest, Journal, Layout, OpenQuestion, copies};
use crate::playbook::{Validated, ValidatedSite};
use crate::report::{CliError, ErrorKind, Report, Standing, report};
use crate::step::{Plan, Record, State};

/// What a person is told who presses Ctrl-C.
const CTRL_C: [&str; 2] = [
    "\nStopping: the command under way is asked to end. What is done is written down, and nothing \
     is lost. `backout status` then says how to go on. Ctrl-C again kills the command.\n",
    "\nThe command under way is killed. `backout status` then says how to go on.\n",
];

/// What is to be carried out.
enum Task {
    /// A new procedure.
    Begin(Plan),
    /// The procedure under way, continued, after a person's answer if there is one.
    Resume(Option<OpenQuestion>),
}

/// A procedure of a change, with all that it needs.
pub struct Work {
    /// One run at a time.
    lock: Lock,
    /// The change.
    state: State,
    /// What to do.
    task: Task,
    /// Makes the change's files, where the change is new.
    create: Option<Create>,
}

/// Makes the files of a new change.
struct Create {
    /// The title of the error, if it fails.
    failed: &'static str,
    make: Box<Make>,
}

type Make = dyn FnOnce(&Layout) -> anyhow::Result<()>;

impl Work {
    /// Begins a procedure of a change that is open.
    pub fn begin(lock: Lock, state: State, plan: Plan) -> Self {
        Self { lock, state, task: Task::Begin(plan), create: None }
    }

    /// Begins a procedure, after the change is opened if it is new.
    pub fn prepared(lock: Lock, prepared: Prepared) -> Self {
        let Prepared { inputs, state, new, plan, .. } = prepared;
        let create = new.then(|| Create {
            failed: "the change could not be opened",
            make: Box::new(opener(&inputs, &state.manifest)),
        });
        Self { lock, state, task: Task::Begin(plan), create }
    }

    /// Continues the procedure under way, after a person's answer if there is one.
    pub fn resume(lock: Lock, state: State, answer: Option<OpenQuestion>) -> Self {
        Self { lock, state, task: Task::Resume(answer), create: None }
    }

    /// Creates the change's files, the journal last: a folder without a journal is not a change.
    /// `failed`: the title of the error, if that fails.
    pub(super) fn create(
        self,
        failed: &'static str,
        make: impl FnOnce(&Layout) -> anyhow::Result<()> + 'static,
    ) -> Self {
        Self { create: Some(Create { failed, make: Box::new(make) }), ..self }
    }

    /// The change's id.
    pub fn change(&self) -> &str {
        &self.state.manifest.change
    }

    /// What is done: the verb of the procedure.
    pub fn verb(&self) -> &'static str {
        match (&self.task, self.state.current()) {
            (Task::Begin(plan), _) => plan.procedure.verb(),
            (Task::Resume(_), Some(run)) => run.plan.procedure.verb(),
            (Task::Resume(_), None) => "resume",
        }
    }

    /// Where the change stands before it.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.state)
    }

    /// Carries it out. `watch` gets the events. `hangs` is called, from a thread of its own, when
    /// this process waits for a pool that does not answer.
    ///
    /// # Errors
    /// From here on something may have been changed, so errors say what is true.
    pub fn carry_out(
        self,
        settings: &Settings,
        watch: &dyn Fn(&Event<'_>),
        hangs: impl Fn(CliError) + Send + 'static,
    ) -> Result<Report, CliError> {
        let Self { lock, state, task, create } = self;
        let layout = settings.layout(&state.manifest);
        if let Some(Create { failed, make }) = create {
            make(&layout).map_err(|error| not_created(settings, failed, &layout, &error))?;
        }
        let report = report(&state);
        carry_out(settings, lock, &state, task, watch, hangs).map_err(|mut error| {
            if error.now.is_empty() {
                error.now = report.now;
                error.next.extend(report.next);
            }
            error
        })
    }
}

/// What opens a change with the site and the playbook of these inputs.
fn opener(
    inputs: &ProcedureInputs,
    manifest: &ChangeManifest,
) -> impl FnOnce(&Layout) -> anyhow::Result<()> + 'static {
    let (playbook, site) = (inputs.playbook.clone(), inputs.site.clone());
    let manifest = manifest.clone();
    move |layout| open(layout, &playbook, &site, &manifest)
}

/// The files of a new change could not be created.
fn not_created(
    settings: &Settings,
    failed: &str,
    layout: &Layout,
    error: &anyhow::Error,
) -> CliError {
    let mut now =
        vec!["No change was opened. The service and its data were not touched.".to_owned()];
    if !matches!(stat_optional(layout.folder()), Ok(None)) {
        now.push(format!("What was made of its files is in {}.", layout.folder().display()));
    }
    let free = format!("df -h {}", crate::host::quote::quote(&settings.state));
    CliError::new(ErrorKind::Failed, failed)
        .because(error)
        .now(now)
        .next(free, "see what is wrong with the place of the journals; then the same command again")
}

/// Writes the files of a new change: the copies of playbook and site, and its journal with the
/// first line.
fn open(
    layout: &Layout,
    playbook: &Validated,
    site: &ValidatedSite,
    manifest: &ChangeManifest,
) -> anyhow::Result<()> {
    use anyhow::Context as _;
    let journal = layout.journal();
    let found =
        stat_optional(&journal).with_context(|| format!("cannot look at {}", journal.display()))?;
    anyhow::ensure!(found.is_none(), "{} is there already", journal.display());
    layout.create().with_context(|| format!("cannot make {}", layout.folder().display()))?;
    copies::write(layout, site, playbook)?;
    let mut journal = Journal::create(&layout.journal())?;
    if let Err(error) = journal.append(Record::Opened(manifest.clone())) {
        // A journal without a first line is not a change.
        let _ = std::fs::remove_file(layout.journal());
        return Err(error.into());
    }
    Ok(())
}

/// What is true when this process itself waits for a pool that does not answer.
fn hanging(journal: &Path, why: &anyhow::Error) -> CliError {
    let lines =
        crate::journal::file::read(journal).map(|reading| reading.lines).unwrap_or_default();
    let what = "this run waits for a pool that does not answer, and ends here";
    let error = match State::fold(&lines) {
        Ok(Some(state)) => CliError::of_change(ErrorKind::Failed, what, &report(&state)),
        _ => CliError::new(ErrorKind::Failed, what),
    };
    error.because(why)
}

/// Carries it out under the lock. An error without `now` occurred before anything was changed.
fn carry_out(
    settings: &Settings,
    lock: Lock,
    state: &State,
    task: Task,
    watch: &dyn Fn(&Event<'_>),
    hangs: impl Fn(CliError) + Send + 'static,
) -> Result<Report, CliError> {
    let change = state.manifest.change.clone();
    let layout = settings.layout(&state.manifest);
    let (journal, lines) = Journal::open(&layout.journal())
        .map_err(|error| changes::unreadable(&change, &error.to_string()))?;
    let state = State::fold(&lines)
        .map_err(|error| error.to_string())
        .and_then(|state| state.ok_or_else(|| "it is empty".to_owned()))
        .map_err(|why| changes::unreadable(&change, &why))?;
    // Their content is run or restored (S9). The change's own folder was checked when its journal
    // was read.
    for folder in [layout.capture(), layout.installer()]
        .iter()
        .filter(|folder| !matches!(stat_optional(folder), Ok(None)))
    {
        trust::check_path(folder).map_err(|distrust| {
            CliError::new(ErrorKind::Halted, format!("the files of change {change} cannot be used"))
                .cause(distrust.to_string())
        })?;
    }
    let manifest = &state.manifest;
    if !manifest.silent.is_empty() {
        // The journal is what counts.
        let text = response_file::text(&manifest.change, &manifest.silent);
        write_atomic(&layout.silent(), text.as_bytes()).map_err(|error| {
            CliError::new(
                ErrorKind::Failed,
                "the file for the vendor's installer could not be written",
            )
            .because(&error.into())
        })?;
    }
    let interrupt = Interrupt::on_signals(&CTRL_C).map_err(|error| {
        CliError::new(ErrorKind::Failed, format!("cannot listen to signals: {error}"))
    })?;
    let mut runner = Runner::new(Some(layout.log()), Some(change.clone()), interrupt);
    let quiet = runner.quiet();
    let found = pools::watched(
        "/proc".as_ref(),
        state.manifest.datasets.iter().map(|mount| mount.dataset.pool().to_string()),
    );
    let pools: Vec<WatchedPool> =
        found.into_iter().map(|pool| pool.with_failmode(&quiet)).collect();
    runner.pools.clone_from(&pools);
    let journal_at = layout.journal();
    let stuck = move |suspended: pools::Suspended| hangs(hanging(&journal_at, &suspended.into()));
    let _watch = pools::Watch::over(pools, stuck);
    // `zfs` leaves no processes behind, so the engine's many commands need no control group.
    let engine = settings.engine(&runner)?;
    let runner = runner.contained();
    // A standby runs on clones of its own, and a full proof goes on beside it.
    if let Task::Begin(plan) = &task
        && !plan.procedure.is_beside()
        && state.permits_full_proof().is_ok()
    {
        super::prove::give_way(settings, &state, engine.as_ref(), &runner).map_err(|error| {
            CliError::new(ErrorKind::Failed, "the full proof that is under way could not be ended")
                .because(&error)
        })?;
    }
    let begin = std::time::Instant::now();
    let since_begin = move || begin.elapsed();
    let mut session = Session {
        journal,
        state,
        layout,
        engine: engine.as_ref(),
        runner: &runner,
        watch,
        root: "/".into(),
        clock: &since_begin,
        since: None,
        items: Arc::default(),
    };
    let ended = match task {
        Task::Begin(plan) => session.begin(plan),
        Task::Resume(answer) => {
            answer.map_or(Ok(()), |question| session.answer(question)).and_then(|()| session.go())
        }
    };
    let mut given_up = None;
    let ended = match ended {
        Ok(Outcome::GivenUp { why }) => {
            watch(&Event::Said(&format!("the switch is given up: {why}")));
            given_up = Some(why);
            // Clients wait.
            runner.interrupt.heard();
            let plan = super::abort::plan(settings, &session.state, &[])?;
            session.begin(plan)
        }
        ended => ended,
    };
    drop(lock);
    let report = report(&session.state);
    let of_change = |kind, what: String| {
        let mut error = CliError::of_change(kind, what, &report);
        let why = given_up.iter().map(|why| format!("the switch was given up: {why}"));
        error.cause.extend(why);
        error
    };
    match ended {
        Ok(Outcome::Finished) if given_up.is_some() => {
            let what = "the switch did not come to its end, and was taken back";
            Err(of_change(ErrorKind::Failed, what.into()))
        }
        Ok(Outcome::Finished) => Ok(report),
        // An abort has no deadline.
        Ok(Outcome::GivenUp { why }) => {
            Err(of_change(ErrorKind::Failed, "the procedure was given up".into()).cause(why))
        }
        Ok(Outcome::Interrupted) => {
            let what = "stopped, as asked; what is done is written down";
            Err(of_change(ErrorKind::Awaiting, what.into()))
        }
        Ok(Outcome::Halted { step, why, .. }) => {
            let what = format!("halted at step `{step}`: a person must decide");
            Err(of_change(ErrorKind::Halted, what).cause(why))
        }
        // Output of a package's maintainer scripts goes to apt's standard output, not to its
        // standard error.
        Ok(Outcome::Failed { step, error }) => {
            Err(of_change(ErrorKind::Failed, format!("step `{step}` failed"))
                .cause(error)
                .next("backout log --commands", "read what the commands printed"))
        }
        Err(error) => {
            let what = "the journal could not be written".into();
            Err(of_change(ErrorKind::Failed, what).because(&error))
        }
    }
}
