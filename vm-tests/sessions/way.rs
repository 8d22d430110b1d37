//! The tool's own way forward and back, over a simulated ZFS whose snapshot and clone are copies of
//! folders.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use backout::change::event::{Event, Outcome};
use backout::change::run::Session;
use backout::host::exec::{Interrupt, Runner};
use backout::host::files::private_dir;
use backout::journal::{
    ChangeManifest, FORMAT, Journal, Layout, MountedDataset, OpenQuestion, Output, StepId,
};
use backout::playbook::{DataStrategy, Validated, library};
use backout::step::{Action, Plan, Record, State};
use backout::strategy::{self, DowngradeInput};
use backout::zfs::{Dataset, DatasetKind, Engine, FakeEngine};
use toml::{Table, Value};

use crate::world::{DATASETS, STATE, copy_content, move_content};

/// The snapshot before the upgrade.
pub const SNAPSHOT: &str = "backout-session";

/// What the test puts in the place of systemd's units and of the packages.
pub struct Host {
    /// Starts the service: the words of a command.
    pub start: Vec<String>,
    /// Stops it.
    pub stop: Vec<String>,
    /// Makes the new version the installed one; `install-version new` where that is all.
    pub upgrade: Option<Vec<String>>,
    /// The values of the playbook's variables, where they are not the defaults.
    pub values: Vec<(&'static str, String)>,
}

/// A change, from its beginning.
pub struct Change {
    playbook: Validated,
    layout: Layout,
    engine: FakeEngine,
    runner: Runner,
    datasets: Vec<Dataset>,
    /// Looks whether the server without clients is closed to them, while it runs.
    pub closed: fn() -> Result<()>,
    /// What the steps said.
    said: RefCell<Vec<String>>,
}

fn command(words: &[&str]) -> Value {
    let words = words.iter().map(|word| Value::from(*word)).collect();
    Value::Table(Table::from_iter([("argv".to_owned(), Value::Array(words))]))
}

fn section<'a>(playbook: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    playbook.get_mut(name).and_then(Value::as_table_mut).with_context(|| format!("no [{name}]"))
}

/// The playbook as it ships, but for what systemd and apt do.
fn playbook(name: &str, host: &Host) -> Result<Validated> {
    let shipped = library::find(name, &[])?;
    let mut table: Table = toml::from_str(shipped.text())?;
    let words = |words: &[String]| command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    section(&mut table, "data")?.insert("config".into(), Value::Array(Vec::new()));
    let service = section(&mut table, "service")?;
    service.insert("units".into(), Value::Array(Vec::new()));
    service.remove("units_upgraded");
    service.remove("stop_within");
    service.insert("start".into(), words(&host.start));
    service.insert("stop".into(), words(&host.stop));
    let version = section(&mut table, "version")?;
    version.insert("command".into(), command(&["cat", "/srv/version"]));
    version.insert("pattern".into(), "^(old|new)$".into());
    let installer = section(&mut table, "installer")?;
    installer.insert("save".into(), command(&["cp", "/srv/version", "{installer_dir}/"]));
    installer.insert("at_least".into(), 1.into());
    let upgrade = section(&mut table, "upgrade")?;
    let install = host.upgrade.as_ref().map(|text| words(text));
    let install = install.unwrap_or_else(|| command(&["install-version", "new"]));
    upgrade.insert("command".into(), install);
    let downgrade = section(&mut table, "downgrade")?;
    downgrade.insert("install".into(), command(&["install-version", "old"]));
    let text = toml::to_string(&table)?;
    Ok(Validated::with_programs(name, None, &text, shipped.programs().to_vec())?)
}

impl Change {
    /// The service serves its clients, with its data on [`DATASETS`].
    pub fn open(name: &str, host: &Host) -> Result<Self> {
        let playbook = playbook(name, host)?;
        let engine = FakeEngine::new();
        engine.add_pool(&"tank".parse()?)?;
        let (mut datasets, mut mounts) = (Vec::new(), Vec::new());
        for (name, mountpoint) in DATASETS {
            let dataset: Dataset = name.parse()?;
            engine.create(&dataset, DatasetKind::Filesystem, &[("mountpoint", mountpoint)])?;
            let info = engine.dataset(&dataset)?.context("it was made just now")?;
            mounts.push(MountedDataset {
                dataset: dataset.clone(),
                guid: info.guid,
                mountpoint: Some(mountpoint.into()),
                canmount: None,
                mounted: true,
            });
            datasets.push(dataset);
        }
        let given = host.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let mut values: BTreeMap<String, String> = given.collect();
        for (name, variable) in &playbook.variables {
            if let Some(value) = &variable.default {
                values.entry(name.clone()).or_insert(value.clone());
            }
        }
        for (name, variable) in &playbook.variables {
            let other = variable.same_as.as_ref().and_then(|other| values.get(other).cloned());
            if let Some(value) = other {
                values.entry(name.clone()).or_insert(value);
            }
        }
        values.insert("upgrade_to".into(), "new".into());
        values.insert("from_version".into(), "old".into());
        let manifest = ChangeManifest {
            format: FORMAT,
            change: format!("{name}-session"),
            tool: env!("CARGO_PKG_VERSION").into(),
            host: "session".into(),
            playbook: name.into(),
            playbook_sha256: playbook.sha256().into(),
            programs: backout::journal::copies::entries(&playbook),
            site_sha256: String::new(),
            from_version: "old".into(),
            upgrade_to: "new".into(),
            snapshot: SNAPSHOT.into(),
            snapshot_time: "20260101:000000".into(),
            data_strategy: DataStrategy::Zfs,
            beside: None,
            cluster: None,
            standby_on_host: false,
            silent: Vec::new(),
            datasets: mounts,
            values,
            left: Vec::new(),
            other_files: Vec::new(),
            store: None,
            stands_back: false,
            edition: 0,
        };
        let layout = Layout::new(Path::new(STATE), &manifest.change, None);
        private_dir(layout.folder())?;
        layout.create()?;
        private_dir(&layout.programs())?;
        for program in playbook.programs() {
            fs::write(layout.programs().join(program.name()), program.bytes())?;
        }
        let mut journal = Journal::create(&layout.journal())?;
        journal.append::<Action>(Record::Opened(manifest))?;
        let runner = Runner::new(Some(layout.log()), None, Interrupt::default());
        let said = RefCell::default();
        let closed = || Ok(());
        Ok(Self { playbook, layout, engine, runner, datasets, closed, said })
    }

    /// What is true of it.
    pub fn state(&self) -> Result<State> {
        let reading = backout::journal::file::read(&self.layout.journal())?;
        State::fold(&reading.lines).map_err(|error| anyhow::anyhow!("{error}"))?.context("empty")
    }

    /// Where its files are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the steps said so far.
    pub fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    /// Snapshot, new version, service open.
    ///
    /// # Errors
    /// When that fails.
    pub fn upgrade(&self) -> Result<()> {
        let plan = strategy::upgrade(&self.playbook, &self.state()?.manifest, false)?;
        match self.go(Some(plan), None)? {
            Outcome::Finished => Ok(()),
            other => bail!("the upgrade: {other:?}"),
        }
    }

    /// The way back, until it is finished or a person must decide. `delta`: before the opening, only
    /// what was written since is compared.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn downgrade(&self, delta: bool) -> Result<Outcome> {
        let state = self.state()?;
        let snapshots = match state.outputs.get(&StepId::SNAPSHOT) {
            Some(Output::Snapshots { list }) => list.clone(),
            other => bail!("no snapshot: {other:?}"),
        };
        let input = DowngradeInput {
            delta,
            roots: self.datasets.clone(),
            snapshots,
            ..DowngradeInput::default()
        };
        self.go(Some(strategy::downgrade(&self.playbook, &state.manifest, &input)?), None)
    }

    /// As `backout resume` with this answer.
    ///
    /// # Errors
    /// As [`Self::downgrade`].
    pub fn resume(&self, answer: Option<OpenQuestion>) -> Result<Outcome> {
        self.go(None, answer)
    }

    fn go(&self, plan: Option<Plan>, answer: Option<OpenQuestion>) -> Result<Outcome> {
        let (journal, lines) = Journal::open(&self.layout.journal())?;
        let state = State::fold(&lines).map_err(|error| anyhow::anyhow!("{error}"))?;
        let trouble = RefCell::new(None);
        let watch = |event: &Event<'_>| match event {
            Event::Said(text) => self.said.borrow_mut().push((*text).to_owned()),
            Event::Done { step, .. } => {
                let closed = match &step.action {
                    Action::MaintenanceStart(_) => (self.closed)(),
                    _ => Ok(()),
                };
                if let Err(error) = moved(&step.id).and(closed) {
                    trouble.borrow_mut().get_or_insert(error);
                }
            }
            _ => {}
        };
        let mut session = Session {
            journal,
            state: state.context("the journal is empty")?,
            layout: self.layout.clone(),
            engine: &self.engine,
            runner: &self.runner,
            watch: &watch,
            clock: &std::time::Duration::default,
            since: None,
            items: std::sync::Arc::default(),
            root: "/srv/root".into(),
        };
        if let Some(question) = answer {
            session.answer(question)?;
        }
        let outcome = match plan {
            Some(plan) => session.begin(plan)?,
            None => session.go()?,
        };
        match trouble.into_inner() {
            Some(error) => Err(error.context("in a step of the way back")),
            None => Ok(outcome),
        }
    }
}

/// What ZFS does to the folders in this step.
fn moved(step: &StepId) -> Result<()> {
    for (name, mountpoint) in DATASETS {
        let data = Path::new(mountpoint);
        let snapshot = data.join(".zfs/snapshot").join(SNAPSHOT);
        if *step == StepId::SNAPSHOT {
            copy_content(data, &snapshot)?;
        }
        if *step == StepId::MOUNT {
            let upgraded = Path::new("/srv/upgraded").join(name);
            if upgraded.is_dir() {
                // The restore begins again, from a clone as it was.
                let begun = tempfile::tempdir_in("/srv")?;
                move_content(data, begun.path())?;
            } else {
                move_content(data, &upgraded)?;
            }
            copy_content(&snapshot, data)?;
        }
    }
    Ok(())
}
