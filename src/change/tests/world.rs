//! A host with the product, and procedures on it as the command line begins and resumes them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use super::engine::Struck;
use super::kind::Kind;
use super::product::Product;
use super::script::playbook;
use crate::change::{
    event::{Event, Outcome},
    run::Session,
};
use crate::host::exec::{Interrupt, Runner, StandIn};
use crate::host::failpoint::testing::{self, Hook, Killed};
use crate::host::files::private_dir;
use crate::host::pools;
use crate::journal::{
    self, ChangeManifest, FORMAT, Journal, Layout, MountedDataset, OpenQuestion, Output, Phase,
    Procedure, StepId,
};
use crate::playbook::{DataStrategy, Playbook};
use crate::step::{Plan, Record, State};
use crate::strategy::{self, DowngradeInput, Exchanged, ServedClients};
use crate::zfs::{
    CliEngine, Dataset, DatasetKind, Engine, FakeEngine, PROP_CHANGE, PROP_ROLE, is_newer,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Snapshot,
    Upgrade,
    Keep,
    InPlace,
    Abort,
    Undo,
    Commit,
}

/// A dataset of other use, in a place of its own.
pub(super) const EXPORTS: &str = "t/app/exports";
/// A dataset of other use, within the data.
pub(super) const DUMPS: &str = "t/app/dumps";

/// How one run of the tool ended.
#[derive(Debug, PartialEq)]
pub(super) enum Ended {
    Killed,
    Journal(String),
    Outcome(Outcome),
}

pub(super) struct World {
    pub engine: Struck,
    /// Works on the same datasets through the commands, when it is set.
    pub by_command: Option<CliEngine>,
    pub product: Product,
    pub layout: Layout,
    pub root: PathBuf,
    pub roots: Vec<Dataset>,
    pub playbook: Playbook,
    pub manifest: ChangeManifest,
    pub cloned: bool,
    runner: Runner,
    /// What others wrote to their datasets: where, what.
    pub(super) others: RefCell<Vec<(&'static str, String)>>,
    /// What the steps said.
    said: RefCell<Vec<String>>,
    /// A person answers for the differences.
    accepts: Cell<bool>,
    /// The state after the last run of the tool that came to an end.
    known: RefCell<Option<State>>,
    _dir: tempfile::TempDir,
}

impl World {
    /// Version 1.0 serves its clients, with some items.
    pub(super) fn new(kind: Kind) -> Self {
        let shm = std::path::Path::new("/dev/shm");
        let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }
            .expect("temp dir");
        let root = dir.path().join("root");
        for folder in ["proc/self", "etc"] {
            fs::create_dir_all(root.join(folder)).expect("folder");
        }
        fs::write(root.join("proc/self/mountinfo"), "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
            .expect("written");
        fs::write(root.join("etc/app.conf"), "for version 1").expect("written");
        let fake = FakeEngine::new();
        let name = |text: &str| text.parse::<Dataset>().expect("a name");
        fake.add_pool(&"t".parse().expect("a name")).expect("pool");
        fake.add_pool(&"u".parse().expect("a name")).expect("pool");
        let index = if kind.pools { "u/index" } else { "t/index" };
        let properties = [("mountpoint", "/srv/app"), ("compression", "lz4")];
        if kind.cloned {
            fake.create(&name("t/base"), DatasetKind::Filesystem, &[]).expect("dataset");
            let gold = "t/base@gold".parse().expect("a name");
            fake.snapshot(std::slice::from_ref(&gold), &[]).expect("snapshot");
            fake.clone_snapshot(&gold, &name("t/app"), &properties).expect("clone");
            fake.mount(&name("t/app")).expect("mounted");
        } else {
            fake.create(&name("t/app"), DatasetKind::Filesystem, &properties).expect("dataset");
        }
        fake.create(
            &name("t/app/log"),
            DatasetKind::Filesystem,
            &[("canmount", if kind.noauto { "noauto" } else { "on" }), ("recordsize", "16K")],
        )
        .expect("dataset");
        fake.mount(&name("t/app/log")).expect("mounted");
        fake.create(
            &name(index),
            DatasetKind::Filesystem,
            &[("mountpoint", "/srv/index"), ("canmount", "on")],
        )
        .expect("dataset");
        if kind.pools {
            // Goes with the dataset, and is never mounted.
            fake.create(&name("u/index/volume"), DatasetKind::Volume, &[]).expect("volume");
        }
        // Of other use: one in a place of its own, one within the data.
        if kind.data_strategy == DataStrategy::Zfs {
            let own = [("mountpoint", "/srv/exports")];
            fake.create(&name(EXPORTS), DatasetKind::Filesystem, &own).expect("dataset");
            fake.create(&name(DUMPS), DatasetKind::Filesystem, &[]).expect("dataset");
        }
        for child in 0..kind.children {
            let child = name(&format!("t/app/c{child:04}"));
            fake.create(&child, DatasetKind::Filesystem, &[("recordsize", "16K")]).expect("made");
            for number in 0..6 {
                fake.snapshot(&[child.at(&format!("auto{number}")).expect("a name")], &[])
                    .expect("snapshot");
            }
        }
        // Snapshots of somebody else's, older than ours.
        fake.snapshot(&["t/app@daily".parse().expect("a name")], &[]).expect("snapshot");
        let roots = if kind.data_strategy == DataStrategy::Zfs {
            vec![name("t/app"), name(index)]
        } else {
            Vec::new()
        };
        let product = Product::new(fake.clone(), &root, &kind);
        product.open();
        for _ in 0..2 {
            assert!(product.client());
        }
        let mut datasets = Vec::new();
        for dataset in &roots {
            for info in fake.tree(dataset).expect("tree") {
                let canmount = fake.local(&info.name, "canmount").expect("local");
                if [EXPORTS, DUMPS].contains(&info.name.as_str()) {
                    continue;
                }
                datasets.push(MountedDataset {
                    dataset: info.name,
                    guid: info.guid,
                    mountpoint: info.mountpoint,
                    canmount,
                    mounted: info.mounted,
                });
            }
        }
        let manifest = ChangeManifest {
            format: FORMAT,
            change: "app-1".into(),
            tool: "0".into(),
            host: "h".into(),
            playbook: "app".into(),
            playbook_sha256: String::new(),
            programs: Vec::new(),
            site_sha256: String::new(),
            from_version: "1.0".into(),
            upgrade_to: "2".into(),
            snapshot: "backout-app-1".into(),
            snapshot_time: "20260101:000000".into(),
            data_strategy: kind.data_strategy,
            beside: None,
            cluster: None,
            silent: Vec::new(),
            datasets,
            values: BTreeMap::new(),
            left: Vec::new(),
            other_files: Vec::new(),
            store: None,
        };
        let layout = Layout::new(&dir.path().join("state"), &manifest.change, None);
        private_dir(layout.folder()).expect("folder");
        layout.create().expect("folders");
        let mut journal = Journal::create(&layout.journal()).expect("journal");
        journal.append(Record::Opened(manifest.clone())).expect("appended");
        let mut runner = Runner::new(None, None, Interrupt::default());
        let answers = product.clone();
        runner.pools = pools::watched(
            &root.join("proc"),
            manifest.datasets.iter().map(|mount| mount.dataset.pool().to_string()),
        );
        runner.stand_in = StandIn(Some(Arc::new(move |command| answers.answer(command))));
        Self {
            engine: Struck { fake, method: kind.method },
            by_command: None,
            product,
            layout,
            playbook: playbook(kind, &root),
            root,
            roots,
            manifest,
            cloned: kind.cloned,
            runner,
            others: RefCell::default(),
            said: RefCell::default(),
            accepts: Cell::default(),
            known: RefCell::new(None),
            _dir: dir,
        }
    }

    pub(super) fn state(&self) -> State {
        if let Some(state) = self.known.borrow().as_ref() {
            return state.clone();
        }
        let reading = journal::file::read(&self.layout.journal()).expect("readable");
        State::fold(&reading.lines).expect("possible").expect("not empty")
    }

    /// As the verbs of the command line make it.
    pub(super) fn plan(&self, verb: Verb, state: &State) -> Plan {
        let playbook = &self.playbook;
        match verb {
            Verb::Snapshot => strategy::snapshot_only(playbook, &state.manifest),
            Verb::Upgrade => {
                strategy::upgrade(playbook, &state.manifest, state.phase == Phase::Prepared)
            }
            Verb::Keep | Verb::InPlace => {
                let snapshots = match state.outputs.get(&StepId::SNAPSHOT) {
                    Some(Output::Snapshots { list }) => list.clone(),
                    _ if state.manifest.data_strategy != DataStrategy::Zfs => Vec::new(),
                    other => panic!("{other:?}"),
                };
                let opened = match (state.clients_could_write(), self.product.host().dead) {
                    (false, _) => ServedClients::Never,
                    (true, false) => ServedClients::Yes,
                    (true, true) => ServedClients::Unanswered,
                };
                let input = DowngradeInput {
                    keep: verb == Verb::Keep,
                    delta: verb == Verb::Keep,
                    served: opened,
                    roots: self.roots.clone(),
                    snapshots,
                    stays: self.stays(),
                    consented: Vec::new(),
                    consented_bookmarks: Vec::new(),
                };
                strategy::downgrade(playbook, &state.manifest, &input)
            }
            Verb::Abort => {
                let run = state.current().expect("something to abort");
                if run.plan.procedure.is_downgrade() {
                    let exchanged = Exchanged { roots: &self.roots, stays: &[] };
                    strategy::back(playbook, state, run, exchanged, true)
                } else {
                    strategy::reopen(playbook, state)
                }
            }
            Verb::Undo => {
                let run = state.last_run(Procedure::is_downgrade).expect("a downgrade");
                let stays = self.stays();
                let exchanged = Exchanged { roots: &self.roots, stays: &stays };
                strategy::back(playbook, state, run, exchanged, false)
            }
            Verb::Commit => Ok(self.commit(state)),
        }
        .expect("a plan")
    }

    fn commit(&self, state: &State) -> Plan {
        let engine = &self.engine.fake;
        let (mut promote, mut destroy, mut with) = (Vec::new(), Vec::new(), Vec::new());
        for root in &self.roots {
            for info in engine.tree(root).expect("tree") {
                if engine.local(&info.name, PROP_ROLE).expect("local").as_deref() == Some("active")
                {
                    promote.push(info.name);
                }
            }
            for ending in strategy::kept_endings(state) {
                let aside = root.with_suffix(&ending).expect("a name");
                if engine.dataset(&aside).expect("dataset").is_none() {
                    continue;
                }
                for info in engine.tree(&aside).expect("tree").into_iter().rev() {
                    assert_eq!(
                        engine.local(&info.name, PROP_CHANGE).expect("local").as_deref(),
                        Some("app-1"),
                        "{}",
                        info.name
                    );
                    let all = engine.snapshots(&info.name).expect("snapshots");
                    let origin = all
                        .iter()
                        .find(|other| other.name.short() == state.manifest.snapshot)
                        .cloned();
                    let newer = all.into_iter().rev().filter(|other| {
                        origin.as_ref().is_none_or(|origin| is_newer(other, origin))
                    });
                    for snapshot in newer {
                        // The command line asks the operator to answer for what the change does not
                        // know as its own.
                        assert!(
                            state.snapshots.iter().any(|(_, guid)| *guid == snapshot.guid),
                            "{} is not known",
                            snapshot.name
                        );
                        with.push((snapshot.name, snapshot.guid));
                    }
                    destroy.push((info.name, info.guid));
                }
            }
        }
        let procedure = if state.phase == Phase::BackedOut {
            Procedure::CommitDowngrade
        } else {
            Procedure::CommitUpgrade
        };
        let folders = strategy::remove_aside(&self.playbook, state, true).expect("a step");
        strategy::commit(state, procedure, promote, destroy, with, folders)
    }

    /// The journal was written to behind our back.
    pub(super) fn forget(&self) {
        *self.known.borrow_mut() = None;
    }

    /// A person's answer, as `backout resume --accept-...` writes it down.
    pub(super) fn answer(&self, question: OpenQuestion) {
        let (mut journal, _) =
            Journal::open::<crate::step::Action>(&self.layout.journal()).expect("readable");
        journal.append(Record::Answered { question }).expect("appended");
        *self.known.borrow_mut() = None;
    }

    /// The datasets of other use, wherever a procedure has them now.
    fn stays(&self) -> Vec<(Dataset, crate::zfs::Guid)> {
        let engine = &self.engine.fake;
        let names = [EXPORTS, DUMPS].map(|name| name.parse::<Dataset>().expect("a name"));
        let there = |name: Dataset| {
            let info = engine.dataset(&name).expect("dataset")?;
            Some((info.name, info.guid))
        };
        names.into_iter().filter_map(there).collect()
    }

    /// Others write where they always do. The one in a place of its own is there at every moment.
    fn others_write(&self) {
        if self.roots.is_empty() {
            return;
        }
        let engine = &self.engine.fake;
        for (place, name) in [("/srv/exports", "exports"), ("/srv/app/dumps", "dumps")] {
            let there = engine.at(place.as_ref()).filter(|it| it.as_str().ends_with(name));
            let Some(dataset) = there else {
                assert_eq!(name, "dumps", "{name} is not at {place}");
                continue;
            };
            let item = format!("{name} {}", self.others.borrow().len());
            // Not on a full pool.
            if engine.write(&dataset, &item).is_ok() {
                self.others.borrow_mut().push((name, item));
            }
        }
    }

    /// One run of the tool: begins the procedure, or goes on with the one under way.
    pub(super) fn once(&self, begin: Option<Plan>, hook: Option<Hook>) -> Ended {
        self.others_write();
        testing::set(hook);
        let known = self.known.take();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let (journal, lines) = Journal::open(&self.layout.journal()).expect("readable");
            let state =
                known.unwrap_or_else(|| State::fold(&lines).expect("possible").expect("not empty"));
            let mut session = Session {
                journal,
                state,
                layout: self.layout.clone(),
                engine: match &self.by_command {
                    Some(engine) => engine,
                    None => &self.engine,
                },
                runner: &self.runner,
                watch: &|event| {
                    if let Event::Said(text) = event {
                        self.said.borrow_mut().push((*text).to_owned());
                    }
                },
                root: self.root.clone(),
            };
            let ended = match begin {
                Some(plan) => session.begin(plan),
                None => {
                    let capped = session
                        .state
                        .current()
                        .and_then(|run| run.halted.as_ref())
                        .is_some_and(|why| why.starts_with("it was tried"));
                    if capped {
                        session.answer(OpenQuestion::TryAgain).and_then(|()| session.go())
                    } else if self.accepts.get() {
                        session.answer(OpenQuestion::Differences).and_then(|()| session.go())
                    } else {
                        session.go()
                    }
                }
            };
            *self.known.borrow_mut() = Some(session.state);
            ended
        }));
        testing::set(None);
        match result {
            Ok(Ok(outcome)) => Ended::Outcome(outcome),
            Ok(Err(error)) => Ended::Journal(format!("{error:#}")),
            Err(payload) if payload.is::<Killed>() => Ended::Killed,
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Begins the procedure if it is not begun, and goes on until it is finished. `hook` makes the
    /// strikes of each run of the tool; `between` is done after each that did not finish.
    pub(super) fn finish(
        &self,
        verb: Verb,
        hook: &mut dyn FnMut() -> Option<Hook>,
        between: &mut dyn FnMut(&Ended),
    ) {
        let runs = self.state().runs.len();
        let mut last = Vec::new();
        for _ in 0..2000 {
            let state = self.state();
            let begun = state.runs.len() > runs;
            if begun && state.current().is_none() {
                return;
            }
            let plan = if begun { None } else { Some(self.plan(verb, &state)) };
            let ended = self.once(plan, hook());
            match &ended {
                Ended::Outcome(Outcome::Finished) => {}
                Ended::Outcome(Outcome::Halted { why, .. }) if !why.starts_with("it was tried") => {
                    panic!("{verb:?} halted: {why}")
                }
                ended => between(ended),
            }
            last.push(format!("{ended:?}"));
            if last.len() > 12
                && last[last.len() - 12..].windows(2).all(|pair| pair[0] == pair[1])
                && !last[last.len() - 1].contains("Killed")
            {
                panic!("{verb:?} does not come to an end: {}", last[last.len() - 1]);
            }
        }
        panic!("{verb:?} does not come to an end: {:?}", &last[last.len() - 20..]);
    }

    /// The journal's bytes.
    pub(super) fn journal(&self) -> Vec<u8> {
        fs::read(self.layout.journal()).expect("readable")
    }

    /// The procedure under way to its end, without any strike.
    pub(super) fn go_on(&self) {
        let ended = self.once(None, None);
        assert_eq!(ended, Ended::Outcome(Outcome::Finished));
    }

    /// The same, with an answer for the differences.
    pub(super) fn accept(&self) {
        self.accepts.set(true);
        self.go_on();
    }

    /// What the steps said.
    pub(super) fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    /// Without any strike.
    pub(super) fn run(&self, verb: Verb) {
        let plan = self.plan(verb, &self.state());
        assert_eq!(self.once(Some(plan), None), Ended::Outcome(Outcome::Finished), "{verb:?}");
    }

    pub(super) fn client(&self) {
        assert!(self.product.client(), "the service is closed");
    }
}
