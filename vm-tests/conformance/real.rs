//! A pool on a file of its own for each case.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use backout::host::exec::Runner;
use backout::zfs::{CliEngine, Dataset, DatasetKind, Engine, Pool, Snapshot};

use crate::world::World;

/// Small: half of it is what ZFS keeps back (`spa_slop_shift`), and filling it takes a moment.
const VDEV_BYTES: u64 = 160 << 20;

/// How long another process may hold a pool before it counts as a fault.
const BUSY: Duration = Duration::from_secs(30);

type Open = fn() -> Box<dyn Engine>;

/// The engines that work on real pools, and how they are opened.
pub const ENGINES: &[(&str, Open)] = &[
    ("cli", || Box::new(CliEngine::new(Runner::default()))),
    #[cfg(feature = "lzc")]
    ("lzc", || {
        Box::new(
            backout::zfs::LzcEngine::new(CliEngine::new(Runner::default()))
                .expect("libzfs_core opens"),
        )
    }),
];

pub struct RealWorld {
    engine: Box<dyn Engine>,
    pool: Pool,
    keep: bool,
    dir: Option<tempfile::TempDir>,
    open: RefCell<BTreeMap<Dataset, File>>,
}

/// Runs a command; cases do not start if this fails.
fn run(argv: &[&str]) {
    let output = Command::new(argv[0]).args(&argv[1..]).output().expect("starts");
    assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl RealWorld {
    /// `keep`: when the case fails, the pool stays.
    pub fn new(engine: Box<dyn Engine>, pool_dir: &Path, keep: bool) -> Self {
        let dir =
            tempfile::Builder::new().prefix("conformance-").tempdir_in(pool_dir).expect("a folder");
        let name = format!(
            "b{}",
            dir.path().file_name().expect("name").to_string_lossy().replace('.', "-")
        );
        let vdev = dir.path().join("vdev");
        File::create(&vdev).and_then(|file| file.set_len(VDEV_BYTES)).expect("a vdev");
        let root = dir.path().join("root");
        let (root, vdev) = (root.display().to_string(), vdev.display().to_string());
        run(&[
            "zpool",
            "create",
            "-o",
            "cachefile=none",
            "-O",
            "compression=off",
            "-m",
            &root,
            &name,
            &vdev,
        ]);
        Self {
            engine,
            pool: name.parse().expect("a name"),
            keep,
            dir: Some(dir),
            open: RefCell::default(),
        }
    }

    /// Destroys the pool. It is tried again while the pool is busy: a `zfs list` of another process
    /// looks at all pools, and holds this one for a moment.
    fn destroy_pool(&self) -> Result<(), String> {
        let until = Instant::now() + BUSY;
        loop {
            let output = Command::new("zpool")
                .args(["destroy", "-f", self.pool.as_str()])
                .output()
                .map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stderr);
            if output.status.success() {
                return Ok(());
            }
            if !said.contains("is busy") || Instant::now() >= until {
                return Err(said.trim().to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn path(&self, dataset: &Dataset) -> PathBuf {
        let info = self.engine.dataset(dataset).expect("readable").expect("there");
        assert!(info.mounted, "{dataset} is not mounted");
        info.mountpoint.expect("a mountpoint")
    }
}

impl Drop for RealWorld {
    #[expect(clippy::print_stderr, reason = "a pool that is kept has to be found again")]
    fn drop(&mut self) {
        self.open.borrow_mut().clear();
        if std::thread::panicking() && self.keep {
            let dir = self.dir.take().map(tempfile::TempDir::keep);
            eprintln!("kept: pool {} in {dir:?}", self.pool);
            return;
        }
        let destroyed = self.destroy_pool();
        // A panic while another one unwinds would end all of the cases.
        if !std::thread::panicking() {
            destroyed.expect("destroys its pool");
        }
    }
}

impl World for RealWorld {
    fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    fn pool(&self) -> Pool {
        self.pool.clone()
    }

    fn create(&self, dataset: &Dataset, kind: DatasetKind) {
        match kind {
            DatasetKind::Filesystem => run(&["zfs", "create", dataset.as_str()]),
            DatasetKind::Volume => run(&["zfs", "create", "-s", "-V", "8M", dataset.as_str()]),
        }
    }

    fn write(&self, dataset: &Dataset, item: &str) {
        File::create(self.path(dataset).join(item))
            .and_then(|mut file| file.write_all(item.as_bytes()))
            .expect("write");
    }

    fn write_big(&self, dataset: &Dataset, item: &str) {
        let big = vec![b'x'; 4 << 20];
        File::create(self.path(dataset).join(item))
            .and_then(|mut file| file.write_all(&big))
            .expect("write");
    }

    fn erase(&self, dataset: &Dataset, item: &str) {
        std::fs::remove_file(self.path(dataset).join(item)).expect("erase");
        run(&["zpool", "sync", self.pool.as_str()]);
    }

    fn content(&self, dataset: &Dataset) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(dataset)).expect("readable");
        let files = entries
            .map(|entry| entry.expect("entry"))
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut names: Vec<String> =
            files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn receive(&self, snapshot: &Snapshot, dataset: &Dataset) {
        run(&[
            "sh",
            "-c",
            "zfs send -p \"$1\" | zfs receive -u \"$2\"",
            "sh",
            snapshot.as_str(),
            dataset.as_str(),
        ]);
    }

    fn bookmark(&self, snapshot: &Snapshot, short: &str) {
        run(&["zfs", "bookmark", snapshot.as_str(), &format!("{}#{short}", snapshot.dataset())]);
    }

    fn occupy(&self, dataset: &Dataset, on: bool) {
        if on {
            let info = self.engine.dataset(dataset).expect("readable").expect("there");
            let file = match info.kind {
                DatasetKind::Filesystem => {
                    File::create(self.path(dataset).join("open")).expect("a file")
                }
                DatasetKind::Volume => {
                    run(&["udevadm", "settle"]);
                    File::open(PathBuf::from("/dev/zvol").join(dataset.as_str())).expect("a device")
                }
            };
            self.open.borrow_mut().insert(dataset.clone(), file);
        } else {
            self.open.borrow_mut().remove(dataset);
        }
    }

    fn fill(&self, dataset: &Dataset) {
        let path = self.path(dataset);
        // Freed space comes back over several transaction groups, so smaller and smaller files
        // until not one byte fits.
        for (round, size) in [1 << 20, 1 << 17, 1 << 13, 1 << 9, 1, 1].into_iter().enumerate() {
            let block = vec![b'x'; size];
            for number in 0.. {
                let mut file = match File::create(path.join(format!("fill-{round}-{number}"))) {
                    Ok(file) => file,
                    Err(_) => break,
                };
                if file.write_all(&block).and_then(|()| file.sync_all()).is_err() {
                    break;
                }
            }
            run(&["zpool", "sync", self.pool.as_str()]);
        }
    }
}
