//! A small product on the in-memory datasets: it keeps items, an index of them, and a log of what
//! was done.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::host::{Host, INDEX, LOG, Mode, Stops};
use crate::playbook::DataStrategy;
use crate::zfs::FakeEngine;

/// A handle to it.
#[derive(Debug, Clone)]
pub(super) struct Product(Arc<Mutex<Host>>);

impl Product {
    pub(super) fn new(engine: FakeEngine, root: &Path, kind: &super::kind::Kind) -> Self {
        if kind.data_strategy == DataStrategy::Full {
            for path in [LOG, INDEX] {
                fs::create_dir_all(root.join(&path[1..])).expect("folder");
            }
        }
        let host = Host {
            installed: Some("1.0".into()),
            broken: false,
            mode: Mode::Down,
            masked: false,
            has_unit: kind.unit,
            socket: None,
            port: None,
            dead: false,
            stops: Stops::Obeys,
            strict: kind.strict,
            loads: kind.loads,
            from_files: kind.from_files,
            data_strategy: kind.data_strategy,
            truth: Vec::new(),
            faults: Vec::new(),
            rejects: Vec::new(),
            forgets: false,
            overlooks: false,
            unwritable: false,
            unloadable: false,
            on_clone: None,
            next: 0,
            beside: super::beside::Beside::default(),
            held: None,
            refusals: 0,
            engine,
            root: root.to_owned(),
        };
        Self(Arc::new(Mutex::new(host)))
    }

    pub(super) fn host(&self) -> MutexGuard<'_, Host> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self) {
        self.host().start(Mode::Open).expect("starts");
    }

    /// A client stores two items and deletes one, if the service is open. Whether it was.
    pub(super) fn client(&self) -> bool {
        let mut host = self.host();
        if host.mode != Mode::Open || host.beside.refused {
            return false;
        }
        if host.data_strategy == DataStrategy::Packages {
            return true;
        }
        host.next += 1;
        let number = host.next;
        for name in [format!("a{number}"), format!("b{number}")] {
            host.apply(&format!("+{name}"));
            host.truth.extend([format!("index {name}"), format!("item {name}")]);
        }
        if host.data_strategy == DataStrategy::Zfs && !host.from_files {
            // Two that the log does not know.
            for (kind, step) in [("odd", 1), ("even", 2)] {
                host.odd(kind, &[format!("{kind} {}", number / step)]);
                host.truth.retain(|item| !item.starts_with(kind));
                host.truth.push(format!("{kind} {}", number / step));
            }
        }
        if number > 1 {
            let name = format!("a{}", number - 1);
            host.apply(&format!("-{name}"));
            host.truth.retain(|item| !item.ends_with(&format!(" {name}")));
        }
        host.truth.sort();
        true
    }

    /// Every file below `/srv`, where there are no datasets.
    pub(super) fn folders(&self) -> Vec<String> {
        let (mut lines, mut folders) = (Vec::new(), vec![self.host().root.join("srv")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    lines.push(path.display().to_string());
                    folders.push(path);
                } else {
                    let text = fs::read_to_string(&path).expect("readable");
                    let mut items: Vec<&str> = text.lines().collect();
                    items.sort_unstable();
                    lines.push(format!("{}: {items:?}", path.display()));
                }
            }
        }
        let root = self.host().root.display().to_string();
        lines.iter_mut().for_each(|line| *line = line.replace(&root, ""));
        lines.sort();
        lines
    }

    /// Somebody opens the service while the server runs without clients.
    pub(super) fn watchdog(&self) {
        let mut host = self.host();
        host.mode = Mode::Open;
        host.process();
    }

    /// Everything stops; what starts by itself starts again.
    pub(super) fn reboot(&self) {
        let mut host = self.host();
        host.beside.boot();
        host.stop();
        host.engine.reboot();
        if !(host.has_unit && host.masked) && host.whole() {
            let _ = host.start(Mode::Open);
        }
    }
}
