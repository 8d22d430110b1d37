//! A host with the small product, its datasets, and a change of it. Procedures on it:
//! [`super::procedures`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::engine::Struck;
use super::kind::Kind;
use super::product::Product;
use super::script::playbook;
use crate::host::exec::{Interrupt, Runner, StandIn};
use crate::host::files::private_dir;
use crate::host::pools;
use crate::journal::{self, ChangeManifest, FORMAT, Journal, Layout, MountedDataset};
use crate::playbook::{DataStrategy, Playbook};
use crate::step::{Record, State};
use crate::zfs::{CliEngine, Dataset, DatasetKind, Engine, FakeEngine};

/// A dataset of other use, in a place of its own.
pub(super) const EXPORTS: &str = "t/app/exports";
/// A dataset of other use, within the data.
pub(super) const DUMPS: &str = "t/app/dumps";

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
    pub(super) runner: Runner,
    /// What others wrote to their datasets: where, what.
    pub(super) others: RefCell<Vec<(&'static str, String)>>,
    /// What the steps said.
    pub(super) said: RefCell<Vec<String>>,
    /// Why switches were given up.
    pub(super) given_up: RefCell<Vec<String>>,
    /// A person answers for the differences.
    pub(super) accepts: Cell<bool>,
    /// The state after the last run of the tool that came to an end.
    pub(super) known: RefCell<Option<State>>,
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
            standby_on_host: false,
            silent: Vec::new(),
            datasets,
            values: BTreeMap::new(),
            left: Vec::new(),
            other_files: Vec::new(),
            store: None,
            stands_back: kind.standby,
            edition: 0,
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
            given_up: RefCell::default(),
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

    /// The journal was written to behind our back.
    pub(super) fn forget(&self) {
        *self.known.borrow_mut() = None;
    }

    /// The datasets of other use, wherever a procedure has them now.
    pub(super) fn stays(&self) -> Vec<(Dataset, crate::zfs::Guid)> {
        let engine = &self.engine.fake;
        let names = [EXPORTS, DUMPS].map(|name| name.parse::<Dataset>().expect("a name"));
        let there = |name: Dataset| {
            let info = engine.dataset(&name).expect("dataset")?;
            Some((info.name, info.guid))
        };
        names.into_iter().filter_map(there).collect()
    }

    /// Others write where they always do. The one in a place of its own is there at every moment.
    pub(super) fn others_write(&self) {
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

    /// The journal's bytes.
    pub(super) fn journal(&self) -> Vec<u8> {
        fs::read(self.layout.journal()).expect("readable")
    }

    /// What the steps said.
    pub(super) fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    pub(super) fn client(&self) {
        assert!(self.product.client(), "the service is closed");
    }
}
