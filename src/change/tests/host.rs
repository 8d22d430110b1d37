//! The host of the small product: which version is there, what runs, and what it does to the data
//! where that is mounted. Version 2.0 converts the data when it starts; version 1.0 cannot read
//! converted data.

use std::fs;
use std::path::{Path, PathBuf};

use crate::playbook::DataStrategy;
use crate::zfs::{Dataset, Engine, FakeEngine};

pub(super) const DATA: &str = "/srv/app";
pub(super) const LOG: &str = "/srv/app/log";
pub(super) const INDEX: &str = "/srv/index";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Down,
    Open,
    Maintenance,
}

/// What its unit does with a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stops {
    Obeys,
    /// It will refuse one.
    Refuses,
    /// It refused one; systemd asks no more.
    Refused,
}

#[derive(Debug)]
pub(super) struct Host {
    pub installed: Option<String>,
    /// A package command was cut off.
    pub broken: bool,
    pub mode: Mode,
    pub masked: bool,
    pub has_unit: bool,
    /// Version 2.0 does not start any more.
    pub dead: bool,
    /// It listens at a port; whether also without clients.
    pub port: Option<bool>,
    /// Whether a socket unit that starts the service is up; `None`: there is none.
    pub socket: Option<bool>,
    pub stops: Stops,
    /// See [`super::kind::Kind`].
    pub strict: bool,
    /// A restore needs the server stopped.
    pub loads: bool,
    pub from_files: bool,
    pub data_strategy: DataStrategy,
    /// What clients were told is stored.
    pub truth: Vec<String>,
    /// What must never happen, if it did.
    pub faults: Vec<String>,
    /// Operations that version 1.0 has no words for.
    pub rejects: Vec<String>,
    /// It cannot tell what a capture touched.
    pub forgets: bool,
    /// It does not see that the log lacks the even ones.
    pub overlooks: bool,
    /// Version 2.0 cannot write them out, or version 1.0 cannot load them.
    pub unwritable: bool,
    pub unloadable: bool,
    /// It is version 2.0, on the data below this folder.
    pub on_clone: Option<String>,
    pub next: usize,
    /// Version 1.0 beside it.
    pub beside: super::beside::Beside,
    /// Whether connections of clients are held; `None`: nothing can.
    pub held: Option<bool>,
    /// How often it was closed to clients that were not held.
    pub refusals: usize,
    pub engine: FakeEngine,
    pub root: PathBuf,
}

impl Host {
    /// The dataset that is mounted at a path, if one is.
    pub(super) fn dataset(&self, path: &str) -> Option<Dataset> {
        let path = &format!("{}{path}", self.on_clone.as_deref().unwrap_or_default());
        let dataset = self.engine.at(Path::new(path))?;
        let info = self.engine.dataset(&dataset).ok()??;
        (info.mountpoint.as_deref() == Some(Path::new(path))).then_some(dataset)
    }

    /// The file that holds the items of a path, where there are no datasets.
    fn file(&self, path: &str) -> PathBuf {
        self.root.join(&path[1..]).join("items")
    }

    pub(super) fn content(&self, path: &str) -> Vec<String> {
        if self.data_strategy != DataStrategy::Zfs {
            return fs::read_to_string(self.file(path))
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect();
        }
        self.dataset(path)
            .map(|dataset| self.engine.content(&dataset).expect("content"))
            .unwrap_or_default()
    }

    pub(super) fn write(&mut self, path: &str, item: &str) {
        if self.data_strategy != DataStrategy::Zfs {
            let text: String = self
                .content(path)
                .iter()
                .map(String::as_str)
                .chain([item])
                .map(|item| format!("{item}\n"))
                .collect();
            fs::write(self.file(path), text).expect("written");
            return;
        }
        match self.dataset(path) {
            Some(dataset) => self.engine.write(&dataset, item).expect("written"),
            None => {
                self.faults.push(format!("{item} was written to {path}, where nothing is mounted"))
            }
        }
    }

    pub(super) fn whole(&self) -> bool {
        match self.data_strategy {
            DataStrategy::Zfs => [DATA, LOG, INDEX].iter().all(|path| self.dataset(path).is_some()),
            DataStrategy::Full => {
                [DATA, INDEX].iter().all(|path| self.root.join(&path[1..]).is_dir())
            }
            DataStrategy::Packages | DataStrategy::Coexistent => true,
        }
    }

    /// One operation, as the log has it: all of it or nothing, as by a transaction.
    pub(super) fn apply(&mut self, operation: &str) {
        let (sign, name) = operation.split_at(1);
        if sign == "+" {
            self.write(DATA, &format!("item {name}"));
            self.write(INDEX, &format!("index {name}"));
        } else {
            for (path, kind) in [(DATA, "item"), (INDEX, "index")] {
                if self.data_strategy != DataStrategy::Zfs {
                    let gone = format!("{kind} {name}");
                    let text: String = self
                        .content(path)
                        .into_iter()
                        .filter(|item| *item != gone)
                        .map(|item| item + "\n")
                        .collect();
                    fs::write(self.file(path), text).expect("written");
                    continue;
                }
                if let Some(dataset) = self.dataset(path) {
                    self.engine.erase(&dataset, &format!("{kind} {name}")).expect("erased");
                }
            }
        }
        self.write(LOG, operation);
    }

    /// Items of this kind that the log does not know, in place of those that are there.
    pub(super) fn odd(&mut self, kind: &str, items: &[String]) {
        let gone = self.content(DATA).into_iter().filter(|item| item.starts_with(kind));
        let gone: Vec<String> = gone.collect();
        if let Some(dataset) = self.dataset(DATA) {
            for item in gone {
                self.engine.erase(&dataset, &item).expect("erased");
            }
        }
        for item in items {
            self.write(DATA, item);
        }
    }

    /// Items and index entries, sorted.
    pub(super) fn items(&self) -> Vec<String> {
        let mut items: Vec<String> = [DATA, INDEX]
            .iter()
            .flat_map(|path| self.content(path))
            .filter(|item| !item.starts_with("format"))
            .collect();
        items.sort();
        items
    }

    /// `appd` runs with and without clients, `appfront` serves them.
    pub(super) fn process(&self) {
        self.beside.process(&self.root);
        for (pid, name, runs) in
            [(4242, "appd", self.mode != Mode::Down), (4243, "appfront", self.mode == Mode::Open)]
        {
            let folder = self.root.join(format!("proc/{pid}"));
            if !runs {
                let _ = fs::remove_dir_all(&folder);
                continue;
            }
            fs::create_dir_all(folder.join("fd")).expect("folder");
            fs::write(
                folder.join("stat"),
                format!(
                    "{pid} ({name}) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12300 1 1 0 0 0 0 \
                    0 0 0 0 0 0 0 0 0\n"
                ),
            )
            .expect("written");
            fs::write(folder.join("comm"), format!("{name}\n")).expect("written");
            fs::write(folder.join("maps"), "").expect("written");
            if name == "appd" && (self.mode == Mode::Open || self.port == Some(true)) {
                self.listen(&folder);
            }
        }
    }

    /// A TLS port beside the plain one: 6380.
    fn listen(&self, folder: &Path) {
        if self.port.is_none() {
            return;
        }
        fs::create_dir_all(folder.join("net")).expect("folder");
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
                    uid  timeout inode\n";
        let line = "   0: 00000000:18EC 00000000:0000 0A 00000000:00000000 00:00000000 00000000   \
                    106        0 77 1 0000000000000000 100 0 0 10 0\n";
        fs::write(folder.join("net/tcp"), format!("{head}{line}")).expect("written");
        let _ = std::os::unix::fs::symlink("socket:[77]", folder.join("fd/5"));
    }

    pub(super) fn start(&mut self, mode: Mode) -> Result<(), String> {
        if self.beside.serving {
            return Err("its port is taken".into());
        }
        if self.mode == mode {
            return Ok(());
        }
        if self.mode != Mode::Down {
            return Err("it runs already".into());
        }
        if self.broken {
            return Err("the package is broken".into());
        }
        let version = self.installed.clone().ok_or("it is not installed")?;
        if !self.whole() {
            self.faults.push(format!("version {version} was started without all of its data"));
        }
        if self.data_strategy == DataStrategy::Full {
            fs::create_dir_all(self.root.join(&LOG[1..])).expect("folder");
        }
        if self.dead && version == "2.0" {
            return Err("it crashes".into());
        }
        let converted = self.data_strategy == DataStrategy::Packages
            || self.content(DATA).contains(&"format 2".to_owned());
        match (version.as_str(), converted) {
            ("1.0", true) if self.data_strategy != DataStrategy::Packages => {
                return Err("the data is of a later version".into());
            }
            ("2.0", false) => self.write(DATA, "format 2"),
            _ => {}
        }
        self.mode = mode;
        self.process();
        Ok(())
    }

    /// Version 2.0 runs without clients, on clones of its data below a folder.
    pub(super) fn start_on_clone(&mut self, root: &str) -> Result<(), String> {
        if self.mode != Mode::Down {
            return Err("it runs already".into());
        }
        if self.dead {
            return Err("it crashes".into());
        }
        self.on_clone = Some(root.to_owned());
        if !self.whole() || !self.content(DATA).contains(&"format 2".to_owned()) {
            self.on_clone = None;
            return Err("the data is not there".into());
        }
        self.mode = Mode::Maintenance;
        self.process();
        Ok(())
    }

    /// It is closed to its clients now.
    pub(super) fn refuses(&mut self) {
        self.refusals += usize::from(self.held == Some(false));
    }

    pub(super) fn stop(&mut self) {
        if self.mode == Mode::Open {
            self.refuses();
        }
        self.on_clone = None;
        self.beside.refused = false;
        self.beside.serving = false;
        self.mode = Mode::Down;
        self.process();
    }
}
