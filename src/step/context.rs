//! What a step may use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, Result};

use crate::host::exec::{Command, Printed, Runner};
use crate::host::files::stat_optional;
use crate::host::own_path;
use crate::journal::{FileEntry, Layout, Output, Procedure, Side, StepId, StepState};
use crate::playbook::CommandTemplate;
use crate::playbook::names::add_former;
use crate::step::{Action, Run, State};
use crate::zfs::{Engine, Guid, Snapshot};

/// What a step may use: the host through `engine` and `runner`, the past through `state`.
pub struct Context<'a> {
    /// ZFS.
    pub engine: &'a dyn Engine,
    /// Processes.
    pub runner: &'a Runner,
    /// What the journal says.
    pub state: &'a State,
    /// Where files are.
    pub layout: &'a Layout,
    /// Tells something to the person who watches.
    pub say: &'a dyn Fn(&str),
    /// How many items the step under way has read, for whoever watches.
    pub items: Arc<AtomicU64>,
    /// `/`, but in tests.
    pub root: PathBuf,
}

impl Context<'_> {
    /// The procedure under way.
    ///
    /// # Errors
    /// When there is none, which cannot happen while a step runs.
    pub fn run(&self) -> Result<&Run> {
        self.state.current().context("no procedure is under way")
    }

    /// The change's id.
    pub fn change(&self) -> &str {
        &self.state.manifest.change
    }

    /// The tag of our holds.
    pub fn tag(&self) -> String {
        crate::zfs::hold_tag(self.change())
    }

    /// The mark of a rollback. It differs for each procedure and round, so that a rollback that is
    /// repeated on purpose is not taken for done.
    pub fn rollback_mark(&self, step: &StepId) -> Result<String> {
        Ok(format!("{}/{}/{step}/{}", self.change(), self.state.runs.len(), self.run()?.rounds))
    }

    /// Whether a step was ever begun in this procedure.
    pub fn begun(&self, step: &StepId) -> bool {
        self.run().is_ok_and(|run| run.was_begun(step))
    }

    /// `/proc`, but in tests.
    pub fn proc(&self) -> PathBuf {
        self.root.join("proc")
    }

    /// Whether the step is running, was interrupted or failed, so that its effect may be partial.
    pub fn interrupted(&self, step: &StepId) -> bool {
        self.run().is_ok_and(|run| {
            matches!(run.step(step), Some((_, StepState::Started | StepState::Failed(_))))
        })
    }

    /// How often the step was started in this procedure.
    pub fn attempts(&self, step: &StepId) -> u32 {
        let tried = |run: &Run| Some(run.attempts[run.plan.position(step)?]);
        self.run().ok().and_then(tried).unwrap_or_default()
    }

    /// What a step left.
    pub fn output(&self, step: &StepId) -> Option<&Output> {
        self.state.outputs.get(step)
    }

    /// The snapshots that a step took.
    pub fn snapshots(&self, step: &StepId) -> Result<&[(Snapshot, Guid)]> {
        match self.output(step) {
            Some(Output::Snapshots { list }) => Ok(list),
            _ => anyhow::bail!("the journal does not say which snapshots step `{step}` took"),
        }
    }

    /// The files that a step listed.
    pub fn files(&self, step: &StepId) -> &[FileEntry] {
        match self.output(step) {
            Some(Output::Files { list }) => list,
            _ => &[],
        }
    }

    /// The number of this downgrade in the change, so that a second one does not find the files of
    /// the first. Its undo has files of its own.
    pub fn round(&self) -> String {
        let downgrades = self.state.runs.iter().filter(|run| run.plan.procedure.is_downgrade());
        let undo = self.run().is_ok_and(|run| run.plan.procedure == Procedure::Undo);
        format!("{}{}", downgrades.count(), if undo { "-undo" } else { "" })
    }

    /// Where this downgrade's capture is.
    pub fn capture_dir(&self) -> PathBuf {
        self.layout.capture().join(self.round())
    }

    /// Where this downgrade's inventories are.
    pub fn inventory_dir(&self) -> PathBuf {
        let (now, then) = (self.layout.inventory(), self.layout.inventory_of_0_1_0());
        let (now, then) = (now.join(self.round()), then.join(self.round()));
        match (stat_optional(&now), stat_optional(&then)) {
            (Ok(None), Ok(Some(_))) => then,
            _ => now,
        }
    }

    /// Where the backup and the lists of a batch of users are.
    pub fn batch_dir(&self, batch: &str) -> PathBuf {
        self.layout.capture().join(batch)
    }

    /// Where the items that a step of this downgrade noticed are written out whole.
    pub fn whole_dir(&self, noticed: &StepId) -> PathBuf {
        self.layout.whole().join(self.round()).join(noticed.as_str())
    }

    /// Where the upgraded version's programs are kept.
    pub fn upgraded_root(&self) -> PathBuf {
        self.layout.upgraded_root()
    }

    /// Where the programs of the version are that stands by.
    pub fn standby_programs(&self) -> PathBuf {
        match self.state.standby_side() {
            Side::Previous => self.layout.previous_root(),
            Side::Upgraded => self.layout.upgraded_root(),
        }
    }

    /// Below this each path of the standby's data is at its own place.
    pub fn standby_root(&self) -> PathBuf {
        self.root.join("run/backout-standby").join(self.change())
    }

    /// The file that names what the previous version rejected in this downgrade.
    pub fn rejects_file(&self) -> PathBuf {
        let round = self.round();
        self.layout.folder().join(if round == "1" {
            "rejects".to_owned()
        } else {
            format!("rejects-{round}")
        })
    }

    /// Fills in the names that have a value only now, and `more`.
    ///
    /// # Errors
    /// When a name has no value.
    pub fn fill(&self, command: &CommandTemplate, more: &[(&str, String)]) -> Result<Command> {
        self.fill_from(command, more, &StepId::CAPTURE)
    }

    /// The same with the files that another step captured.
    ///
    /// # Errors
    /// As [`Self::fill`].
    pub fn fill_with_capture(&self, command: &CommandTemplate, step: &StepId) -> Result<Command> {
        self.fill_from(command, &[], step)
    }

    fn fill_from(
        &self,
        command: &CommandTemplate,
        more: &[(&str, String)],
        capture: &StepId,
    ) -> Result<Command> {
        let values = self.values();
        let lookup = |name: &str| {
            let late = more.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            late.or_else(|| values.get(name).cloned())
        };
        let mut lists = BTreeMap::new();
        lists.insert("capture_files".to_owned(), self.absolute(capture, &self.capture_dir()));
        if command.stages.iter().flatten().any(|word| word.only_name() == Some("snapshot_files")) {
            lists.insert("snapshot_files".to_owned(), self.snapshot_files()?);
        }
        lists.insert(
            "installer_files".to_owned(),
            self.absolute(&StepId::SAVE_INSTALLER, &self.layout.installer()),
        );
        command
            .fill_with(&lookup, &lists)
            .with_context(|| format!("cannot fill in the command `{command}`"))
    }

    /// The files of the snapshot that the capture goes on from, but for those that it has itself.
    fn snapshot_files(&self) -> Result<Vec<String>> {
        let mut found = BTreeSet::new();
        for step in &self.run()?.plan.steps {
            if let Action::Capture(pass) = &step.action {
                found.extend(pass.then().ends(&pass.rule())?);
            }
        }
        let captured = self.files(&StepId::CAPTURE);
        found.retain(|path| !captured.iter().any(|file| file.path.file_name() == path.file_name()));
        Ok(found.into_iter().map(|path| path.display().to_string()).collect())
    }

    fn absolute(&self, step: &StepId, folder: &std::path::Path) -> Vec<String> {
        self.files(step).iter().map(|file| folder.join(&file.path).display().to_string()).collect()
    }

    fn values(&self) -> BTreeMap<String, String> {
        let manifest = &self.state.manifest;
        let mut values = manifest.values.clone();
        let to_version = match self.output(&StepId::UPGRADE) {
            Some(Output::Version { version }) => version.clone(),
            _ => manifest.upgrade_to.clone(),
        };
        let late = [
            ("change", manifest.change.clone()),
            ("snapshot", manifest.snapshot.clone()),
            ("snapshot_time", manifest.snapshot_time.clone()),
            ("from_version", manifest.from_version.clone()),
            ("to_version", to_version),
            ("upgrade_to", manifest.upgrade_to.clone()),
            ("capture_dir", self.capture_dir().display().to_string()),
            ("response_file", self.layout.silent().display().to_string()),
            ("installer_dir", self.layout.installer().display().to_string()),
            ("upgraded_root", self.upgraded_root().display().to_string()),
            ("previous_root", self.layout.previous_root().display().to_string()),
            ("standby_programs", self.standby_programs().display().to_string()),
            ("standby_root", self.standby_root().display().to_string()),
            ("feed_dir", self.layout.feed().display().to_string()),
            ("whole_dir", self.whole_dir(&StepId::WHOLE_NOTICE).display().to_string()),
            ("program_dir", self.layout.programs().display().to_string()),
            (
                "config_dir",
                self.layout.config(crate::journal::Side::Previous).display().to_string(),
            ),
        ];
        values.extend(late.map(|(name, value)| (name.to_owned(), value)));
        values.extend(own_path().map(|path| ("backout".to_owned(), path)));
        if let Some(Output::Text { text }) = self.output(&StepId::TARGET_POSITION) {
            values.insert("target_position".into(), text.clone());
        }
        // A plan of 0.1.0 has the former ones.
        add_former(&mut values);
        values
    }

    /// Fills in the names of a command, and runs it.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn command(&self, command: &CommandTemplate) -> Result<Printed> {
        Ok(self.runner.run(&self.fill(command, &[])?)?)
    }
}
