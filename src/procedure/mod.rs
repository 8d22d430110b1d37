//! What each procedure decides before it begins. From a change's state, the site, the playbook and
//! the host's facts it makes a plan, or a refusal with its reason. Nothing is printed or asked
//! here, and nothing is changed before [`Work::carry_out`], or [`prove::FullProof::carry_out`].

pub mod abort;
pub mod adopt;
pub mod asking;
pub mod background;
mod carry_out;
pub mod changes;
pub mod commit;
pub mod downgrade;
pub mod fix;
pub mod init;
mod inputs;
mod judge;
pub mod look;
mod manifest;
mod mended;
pub mod migrate;
pub mod package_hook;
mod plan_again;
pub mod prove;
pub mod replace;
pub mod response_file;
pub mod room;
pub mod scaffold;
pub mod standby;
mod stays;
pub mod try_out;
pub mod undo;
pub mod upgrade;
pub mod watch;
pub mod way_back;

use std::path::PathBuf;

use chrono::{DateTime, Local};

pub use carry_out::Work;
pub use inputs::ProcedureInputs;
pub use judge::judge;
pub use mended::{mended, not_opened};

use crate::host::exec::Runner;
use crate::journal::{ChangeManifest, Layout};
use crate::playbook::library;
use crate::preflight::Finding;
use crate::report::{CliError, ErrorKind};
use crate::step::{Plan, State};
use crate::zfs::{self, Engine, EngineName};

/// The paths that the tool works with, and the time of the call.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The site file.
    pub site: PathBuf,
    /// Folders of playbooks that come before the usual ones.
    pub playbooks: Vec<PathBuf>,
    /// Where the journals of the changes are.
    pub state: PathBuf,
    /// The change that was named, if one was.
    pub change: Option<String>,
    /// The name of the host that changes are opened for.
    pub host: String,
    /// Where the lock is, if not in its usual place.
    pub run_dir: Option<PathBuf>,
    /// The engine for ZFS, if one was chosen.
    pub engine: Option<EngineName>,
    /// When the tool was called: part of a new change's name.
    pub now: DateTime<Local>,
}

impl Settings {
    /// The folders of playbooks, in their order.
    pub fn playbook_dirs(&self) -> Vec<PathBuf> {
        self.playbooks.iter().cloned().chain(library::default_dirs()).collect()
    }

    /// Where the files of a change are.
    fn layout(&self, manifest: &ChangeManifest) -> Layout {
        Layout::new(&self.state, &manifest.change, manifest.store.as_deref())
            .with_edition(manifest.edition)
    }

    /// The engine of this host.
    fn engine(&self, runner: &Runner) -> Result<Box<dyn Engine>, CliError> {
        zfs::open(runner.clone(), self.engine).map_err(|error| {
            let what = "the engine that was asked for cannot be used";
            CliError::new(ErrorKind::Usage, what).because(&error.into())
        })
    }
}

/// A procedure that may begin.
pub struct Prepared {
    /// What it was planned from.
    pub inputs: ProcedureInputs,
    /// The change.
    pub state: State,
    /// Whether the change is to be opened first.
    pub new: bool,
    /// The plan.
    pub plan: Plan,
    /// What the checks found.
    pub findings: Vec<Finding>,
}
