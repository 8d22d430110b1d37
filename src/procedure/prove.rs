//! The full proof: after a kept downgrade that compared only what was written since the snapshot,
//! everything is listed on both sides and compared, on clones, while the service runs.
//!
//! It is no procedure: nothing of the change depends on it but its result, which is written to the
//! journal. Whatever breaks it off costs a repeat. What it made is known by its role, and removed
//! by the next one, and before anything else is done with the change.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{ProcedureInputs, Settings, changes};
use crate::change::{Lock, LockError};
use crate::host::exec::{Interrupt, Runner};
use crate::host::files::{private_dir, write_atomic};
use crate::journal::{Journal, Proof, Side, StepId};
use crate::proof::inventory::{self, Ended};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::data::inventory::printed;
use crate::step::service::waiting::wait_ready;
use crate::step::zfs::copies::{CopyOf, clear, copies, make};
use crate::step::{Context, Record, State, TakeInventory};
use crate::strategy::{self, CopyServer};
use crate::zfs::{Dataset, Engine};

/// How many differing items are shown. The files have all of them.
const SHOWN: usize = 20;
/// How long a full proof may take to end when it is asked to.
const ENDS_WITHIN: Duration = Duration::from_secs(120);
/// How long its result waits for another run, such as a check or the start of a standby, to end.
const WRITTEN_WITHIN: Duration = Duration::from_secs(30 * 60);
/// Beside its lock: how far it is, or why it ended without a result.
const PROGRESS: &str = "progress";

/// What a full proof is made with.
pub struct FullProof {
    lock: Lock,
    state: State,
    inputs: ProcedureInputs,
}

/// The result of a full proof, for people.
#[derive(Debug)]
pub struct Compared {
    /// The comparison.
    pub proof: Proof,
    /// The lists, each with the number of items of the upgraded version.
    pub lists: Vec<(String, u64)>,
    /// The first items that differ.
    pub shown: Vec<String>,
    /// Where all of them are.
    pub folder: PathBuf,
}

/// The folder of the lock of a full proof: it does not exclude other commands.
fn lock_folder(settings: &Settings, state: &State) -> PathBuf {
    settings.layout(&state.manifest).folder().join("full-proof")
}

/// Prepares the full proof of the change.
///
/// # Errors
/// When the state does not permit one, or one is under way.
pub fn prepare(settings: &Settings, state: State) -> Result<FullProof, CliError> {
    permit(&state, Command::Prove)?;
    let inputs = ProcedureInputs::of_change(settings, &state)?;
    // Nothing is written before it is known that there is something to compare.
    for side in [Side::Upgraded, Side::Previous] {
        side_copies(&state, &inputs.roots(), inputs.engine.as_ref(), side).map_err(|error| {
            CliError::new(ErrorKind::Failed, "what is to be compared could not be looked at")
                .because(&error)
        })?;
    }
    let lock = match Lock::take(&lock_folder(settings, &state), "prove") {
        Ok(lock) => lock,
        Err(LockError::Held { holder }) => {
            let mut error = CliError::new(ErrorKind::Awaiting, "a full proof is under way");
            error.cause.extend(holder);
            return Err(error.next("backout status", "see how far it is"));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(FullProof { lock, state, inputs })
}

/// How far a full proof is that is under way.
pub fn under_way(settings: &Settings, state: &State) -> Option<String> {
    let folder = lock_folder(settings, state);
    Lock::holder(&folder)?;
    let said = fs::read_to_string(folder.join(PROGRESS)).unwrap_or_default();
    Some(if said.is_empty() { "it begins".to_owned() } else { said })
}

/// How far the last one came that ended without a result, if everything is still to be compared.
pub fn broken_off(settings: &Settings, state: &State) -> Option<String> {
    if !state.awaits_full_proof() || state.full_proof.is_some() {
        return None;
    }
    let folder = lock_folder(settings, state);
    let said = fs::read_to_string(folder.join(PROGRESS)).unwrap_or_default();
    (!said.is_empty() && Lock::holder(&folder).is_none()).then_some(said)
}

/// Waits for the end of a full proof that is under way; `say` is told how far it is.
pub fn wait(settings: &Settings, state: &State, say: &dyn Fn(&str)) {
    let mut last = String::new();
    while let Some(said) = under_way(settings, state) {
        if said != last {
            say(&said);
            last = said;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

impl FullProof {
    /// Carries it out, and writes the result to the journal.
    ///
    /// # Errors
    /// When something of it fails. It can be repeated.
    pub fn carry_out(self, settings: &Settings, say: &dyn Fn(&str)) -> Result<Compared, CliError> {
        let Self { lock, state, inputs } = self;
        let failed = |error: anyhow::Error| {
            CliError::new(ErrorKind::Failed, "the full proof could not be made")
                .because(&error)
                .now(vec!["The service was not touched.".to_owned()])
                .next("backout prove", "make it again")
        };
        let layout = settings.layout(&state.manifest);
        let interrupt = Interrupt::on_signals(&[
            "\nStopping: the clones are dropped. The service is not touched.\n",
        ])
        .context("cannot listen to signals")
        .map_err(failed)?;
        let runner = Runner::new(Some(layout.log()), None, interrupt);
        let engine = settings.engine(&runner)?;
        let progress = lock_folder(settings, &state).join(PROGRESS);
        let told = |text: &str| {
            say(text);
            // Only for those who ask.
            let _ = write_atomic(&progress, text.as_bytes());
        };
        let context = Context {
            engine: engine.as_ref(),
            runner: &runner,
            state: &state,
            layout: &layout,
            say: &told,
            items: Arc::default(),
            root: "/".into(),
        };
        let copies = Copies {
            server: strategy::copy_server(inputs.product(), &state.manifest).map_err(failed)?,
            lists: strategy::full_lists(inputs.product(), &state.manifest).map_err(failed)?,
            folder: layout.inventory().join(format!("{}-full", context.round())),
            roots: inputs.roots(),
            context,
        };
        let made = copies.compare();
        let cleared = copies.clear();
        let ended = made.and_then(|compared| cleared.map(|()| compared)).map_err(failed);
        let ended = ended.and_then(|compared| {
            record(settings, &state, &compared)?;
            Ok(compared)
        });
        match &ended {
            Ok(_) => drop(fs::remove_file(&progress)),
            Err(error) => {
                let why = error.cause.first().unwrap_or(&error.what);
                let _ = write_atomic(&progress, format!("it failed: {why}").as_bytes());
            }
        }
        drop(lock);
        ended
    }
}

/// Writes the result to the journal.
fn record(settings: &Settings, state: &State, compared: &Compared) -> Result<(), CliError> {
    let begin = Instant::now();
    let _lock = loop {
        match changes::lock(settings, "prove") {
            Err(error) if error.kind == ErrorKind::Locked && begin.elapsed() < WRITTEN_WITHIN => {
                std::thread::sleep(Duration::from_millis(500));
            }
            other => break other?,
        }
    };
    let layout = settings.layout(&state.manifest);
    let failed = |why: String| {
        CliError::new(ErrorKind::Failed, "the result could not be written to the journal")
            .cause(why)
            .next("backout prove", "make it again")
    };
    let (mut journal, lines) =
        Journal::open(&layout.journal()).map_err(|error| failed(error.to_string()))?;
    let now: State = State::fold(&lines)
        .map_err(|error| failed(error.to_string()))?
        .ok_or_else(|| failed("it is empty".into()))?;
    let record = Record::Proved { proof: compared.proof, lists: compared.lists.clone() };
    if rounds(&now) != rounds(state) || now.permits(&record).is_err() {
        return Err(failed("the change went on meanwhile: this proof is of no use".into()));
    }
    journal.append(record).map(drop).map_err(|error| failed(error.to_string()))
}

/// How often something was begun after which this proof is of no use. A standby is none.
fn rounds(state: &State) -> usize {
    state.runs.iter().filter(|run| !run.plan.procedure.is_beside()).count()
}

/// Ends a full proof that is under way, and removes what one left: something else is to be done with
/// the change.
///
/// # Errors
/// When it does not end, or something cannot be removed.
pub(super) fn give_way(
    settings: &Settings,
    state: &State,
    engine: &dyn Engine,
    runner: &Runner,
) -> Result<()> {
    let inputs = ProcedureInputs::of_change(settings, state)
        .map_err(|error| anyhow::anyhow!("{}", error.what))?;
    let folder = lock_folder(settings, state);
    let begin = Instant::now();
    let lock = loop {
        match Lock::take(&folder, "give way") {
            Ok(lock) => break lock,
            Err(LockError::Held { holder }) => {
                let pid = holder.as_deref().and_then(|text| {
                    text.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse().ok())
                });
                if let Some(pid) = pid {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
                }
                ensure!(begin.elapsed() < ENDS_WITHIN, "the full proof does not end");
                std::thread::sleep(Duration::from_millis(500));
            }
            Err(error) => return Err(error.into()),
        }
    };
    let Ok(server) = strategy::copy_server(inputs.product(), &state.manifest) else {
        return Ok(());
    };
    let layout = settings.layout(&state.manifest);
    let context = Context {
        engine,
        runner,
        state,
        layout: &layout,
        say: &|_| {},
        items: Arc::default(),
        root: "/".into(),
    };
    clear(&context, &inputs.roots(), &server.stop)?;
    drop(lock);
    Ok(())
}

/// The clones of a side that are to be made.
fn side_copies(
    state: &State,
    roots: &[Dataset],
    engine: &dyn Engine,
    side: Side,
) -> Result<Vec<CopyOf>> {
    let (step, ending) = match side {
        Side::Upgraded => (StepId::SNAPSHOT_UPGRADED, strategy::aside_of(state)),
        Side::Previous => (StepId::SNAPSHOT_RESTORED, ""),
    };
    let place = |root: &Dataset| Ok((root.clone(), root.with_suffix(ending)?));
    let places: Vec<_> = roots.iter().map(place).collect::<Result<_>>()?;
    copies(state, engine, &places, &step)
}

/// The clones of both sides, one after the other.
struct Copies<'a> {
    context: Context<'a>,
    server: CopyServer,
    lists: Vec<TakeInventory>,
    folder: PathBuf,
    roots: Vec<Dataset>,
}

impl Copies<'_> {
    fn compare(&self) -> Result<Compared> {
        private_dir(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        self.clear()?;
        for side in [Side::Upgraded, Side::Previous] {
            self.list(side)?;
            self.clear()?;
        }
        (self.context.say)("comparing the lists");
        let mut all = Compared {
            proof: Proof::default(),
            lists: Vec::new(),
            shown: Vec::new(),
            folder: self.folder.clone(),
        };
        for list in &self.lists {
            let ended = list.ends.as_ref().map(Ended::by_now);
            let (proof, shown) = inventory::prove(&self.folder, &list.name, SHOWN, ended, None)?;
            all.proof += proof;
            all.lists.push((list.name.clone(), proof.expected));
            all.shown.extend(shown);
        }
        all.shown.truncate(SHOWN);
        Ok(all)
    }

    /// Lists everything of one side.
    fn list(&self, side: Side) -> Result<()> {
        let version = side.word();
        (self.context.say)(&format!("cloning the data of the {version} version"));
        let (state, engine) = (self.context.state, self.context.engine);
        let copies = side_copies(state, &self.roots, engine, side)?;
        let mounts = make(&self.context, &copies, &self.server.data)?;
        (self.context.say)(&format!("starting the {version} version on the clone"));
        let start = match side {
            Side::Upgraded => &self.server.upgraded,
            Side::Previous => &self.server.previous,
        };
        let root = [("proof_root", mounts.display().to_string())];
        let start = self.context.fill(start, &root)?;
        self.context.runner.run(&start).context("the server could not be started on the clone")?;
        wait_ready(&self.context, self.server.ready.as_ref(), self.server.ready_within)
            .context("the server on the clone does not answer")?;
        for list in &self.lists {
            (self.context.say)(&format!("listing the {} of the {version} version", list.name));
            let command = self.context.fill(&list.command, &[])?;
            let what = || format!("the {} could not be listed", list.name);
            let lines =
                printed(&self.context, command, &list.ignore, &self.folder).with_context(what)?;
            inventory::keep(&inventory::path(&self.folder, &list.name, side), lines)?;
        }
        Ok(())
    }

    /// Stops the server, and destroys the clones.
    fn clear(&self) -> Result<()> {
        clear(&self.context, &self.roots, &self.server.stop)
    }
}
