//! Makes the data of single steps from the playbook and the change's values. Pure.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::READY_WITHIN;
use crate::journal::{ChangeManifest, Family, MountedDataset, Side, StepId};
use crate::playbook::model::{CommandSpec, ServiceState};
use crate::playbook::value::TimeLimit;
use crate::playbook::{CommandTemplate, Playbook, Template};
use crate::step::{
    Action, CapturePass, Config, DropClones, FindTouched, KeepPrograms, LoadWhole, Maintenance,
    Mounts, NoticeDiffering, NoticeWhole, Package, PackageJob, Prove, RepairFrom, SaveInstaller,
    Service, Step, TakeInventory, TargetPosition, WriteFromClone, WriteWhole,
};
use crate::zfs::{Dataset, Guid, Snapshot};

/// What plans are made from.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) playbook: &'a Playbook,
    pub(crate) manifest: &'a ChangeManifest,
}

impl Parts<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.manifest.values.get(name).cloned()
    }

    /// The command with every value that is known by now; later ones stay as `{name}`.
    pub(in crate::strategy) fn command(&self, spec: &CommandSpec) -> Result<CommandTemplate> {
        Ok(spec.template().fill_known(&|name| self.value(name)))
    }

    /// A command of the cluster's, for one node.
    pub(in crate::strategy) fn command_of_node(
        &self,
        spec: &CommandSpec,
        node: &str,
    ) -> Result<CommandTemplate> {
        let value =
            |name: &str| if name == "node" { Some(node.to_owned()) } else { self.value(name) };
        Ok(spec.template().fill_known(&value))
    }

    pub(in crate::strategy) fn optional(
        &self,
        spec: Option<&CommandSpec>,
    ) -> Result<Option<CommandTemplate>> {
        spec.map(|spec| self.command(spec)).transpose()
    }

    fn texts(&self, texts: &[Template]) -> Result<Vec<String>> {
        let fill = |text: &Template| text.fill(&|name| self.value(name));
        let named = |text| fill(text).with_context(|| format!("in `{text}`"));
        texts.iter().map(named).collect()
    }

    fn patterns(&self, texts: &[Template]) -> Result<Vec<String>> {
        let fill = |text: &Template| text.fill_pattern(&|name| self.value(name));
        let named = |text| fill(text).with_context(|| format!("in `{text}`"));
        texts.iter().map(named).collect()
    }

    pub(in crate::strategy) fn paths(&self, texts: &[Template]) -> Result<Vec<PathBuf>> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for path in self.texts(texts)?.into_iter().map(PathBuf::from) {
            // Two variables may have the same value.
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    fn service(&self) -> Result<Service> {
        let service = &self.playbook.service;
        Ok(Service {
            units: self.texts(&service.units)?,
            stop_within: service
                .stop_within
                .map_or_else(crate::step::service::units::stop_within, |limit| limit.as_secs()),
            stop: self.optional(service.stop.as_ref())?,
            start: self.optional(service.start.as_ref())?,
            triggers: Vec::new(),
            listens: Vec::new(),
            processes: service.processes.clone(),
            in_maintenance: service
                .maintenance
                .as_ref()
                .map(|it| it.processes.clone())
                .unwrap_or_default(),
            paths: self.paths(&self.playbook.data.paths)?,
            ready: self.optional(service.ready.as_ref())?,
            ready_within: within(service.ready_within),
        })
    }

    pub(in crate::strategy) fn stop(&self) -> Result<Step> {
        Ok(Step::new(
            StepId::STOP,
            "close the service, and prove it stopped",
            Action::Stop(self.service()?),
        )
        .until(&StepId::START))
    }

    pub(in crate::strategy) fn start(&self) -> Result<Step> {
        Ok(Step::new(StepId::START, "open the service", Action::Start(self.service()?)))
    }

    fn maintenance(&self) -> Result<Maintenance> {
        let service = &self.playbook.service;
        let maintenance = service
            .maintenance
            .as_ref()
            .context("the playbook does not say how the server runs without its clients")?;
        Ok(Maintenance {
            start: self.command(&maintenance.start)?,
            stop: self.command(&maintenance.stop)?,
            ready: self.optional(maintenance.ready.as_ref())?,
            ready_within: within(maintenance.ready_within),
            processes: service.processes.clone(),
            units: self.texts(&service.units)?,
            own: maintenance.processes.clone(),
            paths: self.paths(&self.playbook.data.paths)?,
        })
    }

    /// Starts this version without clients, until its stop.
    pub(in crate::strategy) fn maintenance_start(&self, side: Side) -> Result<Step> {
        let (id, version, stop) = match side {
            Side::Upgraded => (StepId::MAINTENANCE_START, "upgraded", StepId::MAINTENANCE_STOP),
            Side::Previous => {
                (StepId::MAINTENANCE_START_PREVIOUS, "previous", StepId::MAINTENANCE_STOP_PREVIOUS)
            }
        };
        let title = format!("start the {version} version without clients");
        Ok(Step::new(id, title, Action::MaintenanceStart(self.maintenance()?)).until(&stop))
    }

    pub(in crate::strategy) fn maintenance_stop(&self, side: Side) -> Result<Step> {
        let (id, version) = match side {
            Side::Upgraded => (StepId::MAINTENANCE_STOP, "upgraded"),
            Side::Previous => (StepId::MAINTENANCE_STOP_PREVIOUS, "previous"),
        };
        self.stop_maintenance(id, version)
    }

    /// In an abort: whichever of the two runs.
    pub(in crate::strategy) fn maintenance_stop_any(&self) -> Result<Step> {
        self.stop_maintenance(StepId::MAINTENANCE_STOP, "running")
    }

    fn stop_maintenance(&self, id: StepId, version: &str) -> Result<Step> {
        let title = format!("stop the {version} version, and prove it stopped");
        Ok(Step::new(id, title, Action::MaintenanceStop(self.maintenance()?)))
    }

    /// Carries whole from the upgraded data what differs at the proof, if a person asks for it.
    /// `places`: the datasets of the site, and where the upgraded ones are. Nothing if the playbook
    /// does not say how.
    pub(in crate::strategy) fn repair(&self, places: Vec<(Dataset, Dataset)>) -> Result<Vec<Step>> {
        let serve = self.playbook.aside.as_ref().and_then(|aside| aside.serve.as_ref());
        let whole = self.playbook.whole.as_ref().filter(|whole| whole.differing.is_some());
        let (Some(whole), Some(serve)) = (whole, serve) else { return Ok(Vec::new()) };
        let write = WriteFromClone {
            places,
            start: self.command(&serve.upgraded)?,
            command: self.command(&whole.write)?,
            previous: self.maintenance()?,
        };
        let load = LoadWhole {
            items: StepId::REPAIR_NOTICE,
            written: StepId::REPAIR_WRITE,
            command: self.command(&whole.load)?,
            passes_over: true,
        };
        Ok(vec![
            Step::new(
                StepId::REPAIR_NOTICE,
                "see what is to be repaired: nothing, unless a proof found differences",
                Action::NoticeDiffering(NoticeDiffering {}),
            ),
            Step::new(
                StepId::REPAIR_WRITE,
                "write that out whole, from clones of the upgraded data",
                Action::WriteFromClone(write),
            ),
            Step::new(
                StepId::REPAIR_LOAD,
                "bring it into the previous version",
                Action::LoadWhole(load),
            ),
        ])
    }

    /// In an abort: no server on clones is left, and no clone.
    pub(in crate::strategy) fn drop_clones(&self, roots: &[Dataset]) -> Result<Step> {
        let maintenance = self.maintenance()?;
        let action = DropClones { roots: roots.to_vec(), stop: maintenance.stop };
        let title = "drop the clones that a repair was made from";
        Ok(Step::new(StepId::DROP_CLONES, title, Action::DropClones(action)))
    }

    /// What a repair is made from. `kept`: the plan has its steps.
    fn repair_from(&self, kept: bool) -> Result<Option<RepairFrom>> {
        let differing = self.playbook.whole.as_ref().and_then(|whole| whole.differing.as_ref());
        let Some(differing) = differing else { return Ok(None) };
        Ok(Some(if kept {
            RepairFrom::Kept { differing: Box::new(self.command(differing)?) }
        } else {
            RepairFrom::Nothing
        }))
    }

    /// Compares what the upgraded version held with what the previous one holds. `repairs`: the
    /// plan can repair what differs.
    pub(in crate::strategy) fn prove(&self, repairs: bool) -> Result<Step> {
        let inventories = self.playbook.inventories.iter();
        let inventories = inventories.map(|inventory| inventory.name.clone()).collect();
        let title = "compare the lists: nothing lost, nothing twice";
        let repair = self.repair_from(repairs)?;
        Ok(Step::new(StepId::PROVE, title, Action::Prove(Prove { inventories, repair })))
    }

    pub(in crate::strategy) fn save_installer(&self) -> Result<Step> {
        let installer = &self.playbook.installer;
        let action = SaveInstaller {
            save: self.optional(installer.save.as_ref())?,
            files: self.patterns(&installer.files)?,
            at_least: installer.at_least,
        };
        Ok(Step::new(
            StepId::SAVE_INSTALLER,
            "put the installed version's packages aside",
            Action::SaveInstaller(action),
        ))
    }

    /// Notices what is carried whole, and writes it out.
    pub(in crate::strategy) fn write_whole(&self) -> Result<Vec<Step>> {
        let Some(whole) = &self.playbook.whole else { return Ok(Vec::new()) };
        let notice = NoticeWhole { command: self.command(&whole.notice)? };
        let write =
            WriteWhole { items: StepId::WHOLE_NOTICE, command: self.command(&whole.write)? };
        Ok(vec![
            Step::new(
                StepId::WHOLE_NOTICE,
                "find what the capture cannot carry faithfully",
                Action::NoticeWhole(notice),
            ),
            Step::new(StepId::WHOLE_WRITE, "write that out whole", Action::WriteWhole(write)),
        ])
    }

    /// Loads what was written out whole.
    pub(in crate::strategy) fn load_whole(&self) -> Result<Option<Step>> {
        let Some(whole) = &self.playbook.whole else { return Ok(None) };
        let load = LoadWhole {
            items: StepId::WHOLE_NOTICE,
            written: StepId::WHOLE_WRITE,
            command: self.command(&whole.load)?,
            passes_over: false,
        };
        Ok(Some(Step::new(
            StepId::WHOLE_LOAD,
            "bring into the previous version what was written out whole",
            Action::LoadWhole(load),
        )))
    }

    /// Copies the upgraded version's programs; `None` if the playbook does not say which.
    pub(in crate::strategy) fn keep_programs(&self) -> Result<Option<Step>> {
        let Some(aside) = &self.playbook.aside else { return Ok(None) };
        let action =
            KeepPrograms { files: self.command(&aside.files)?, also: self.paths(&aside.also)? };
        Ok(Some(Step::new(
            StepId::KEEP_PROGRAMS,
            "put the upgraded version's programs aside",
            Action::KeepPrograms(action),
        )))
    }

    fn config(&self, side: Side) -> Result<Config> {
        Ok(Config { paths: self.paths(&self.playbook.data.config)?, side })
    }

    /// `None` if the product has no configuration of its own.
    pub(in crate::strategy) fn save_config(&self, side: Side) -> Result<Option<Step>> {
        let (id, title) = match side {
            Side::Previous => (StepId::SAVE_CONFIG, "save the configuration"),
            Side::Upgraded => {
                (StepId::SAVE_CONFIG_UPGRADED, "save the upgraded version's configuration")
            }
        };
        let config = self.config(side)?;
        Ok((!config.paths.is_empty()).then(|| Step::new(id, title, Action::SaveConfig(config))))
    }

    pub(in crate::strategy) fn put_config(&self, side: Side) -> Result<Option<Step>> {
        let title = match side {
            Side::Previous => "put the previous configuration back",
            Side::Upgraded => "put the upgraded version's configuration back",
        };
        let config = self.config(side)?;
        Ok((!config.paths.is_empty())
            .then(|| Step::new(StepId::PUT_CONFIG, title, Action::PutConfig(config))))
    }

    pub(in crate::strategy) fn package(
        &self,
        job: PackageJob,
        command: &CommandSpec,
        repair: Option<&CommandSpec>,
    ) -> Result<Package> {
        Ok(Package {
            job,
            command: self.command(command)?,
            repair: self.optional(repair)?,
            version: self.command(&self.playbook.version.command)?,
            pattern: self.playbook.version.pattern.clone(),
            previous: self.manifest.from_version.clone(),
            upgraded: self.manifest.upgrade_to.clone(),
            cut: false,
        })
    }

    pub(in crate::strategy) fn target_position(&self) -> Result<Option<Step>> {
        let Some(position) =
            self.playbook.restore.as_ref().and_then(|restore| restore.position.as_ref())
        else {
            return Ok(None);
        };
        let goal = TargetPosition { command: self.command(position)? };
        Ok(Some(Step::new(
            StepId::TARGET_POSITION,
            "ask the upgraded version how far its data has come",
            Action::TargetPosition(goal),
        )))
    }

    /// Whether a list can be of what the capture touched.
    pub(in crate::strategy) fn tells_touched(&self) -> bool {
        let aside = self.playbook.aside.as_ref();
        // Without a server on a copy, what is not compared now could not be compared later.
        aside.is_some_and(|aside| aside.serve.is_some())
            && self.playbook.inventories.iter().any(|inventory| inventory.touched.is_some())
    }

    /// Finds what the capture of this step touched.
    pub(in crate::strategy) fn touched(&self, capture: &StepId) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for inventory in &self.playbook.inventories {
            let Some(touched) = &inventory.touched else { continue };
            let action = FindTouched {
                name: inventory.name.clone(),
                capture: capture.clone(),
                command: self.command(&touched.find)?,
            };
            steps.push(Step::new(
                StepId::of(Family::Touched, &inventory.name),
                format!("find the {} that the capture touched", inventory.name),
                Action::FindTouched(action),
            ));
        }
        Ok(steps)
    }

    /// The same, from the files of the capture.
    pub(in crate::strategy) fn position_from_files(&self) -> Result<Option<Step>> {
        let Some(restore) = self.playbook.restore.as_ref().filter(|it| it.position.is_some())
        else {
            return Ok(None);
        };
        let position = restore.position_from_files.as_ref();
        let position = position.context("the playbook cannot tell a position from the files")?;
        let goal = TargetPosition { command: self.command(position)? };
        let title = "read from the captured files how far the data has come";
        Ok(Some(Step::new(StepId::TARGET_POSITION, title, Action::TargetPosition(goal))))
    }

    /// The lists; of what the capture touched with `delta`, where that is known.
    pub(in crate::strategy) fn inventories(&self, side: Side, delta: bool) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for inventory in &self.playbook.inventories {
            let (id, title) = match side {
                Side::Upgraded => (
                    StepId::of(Family::Inventory, &inventory.name),
                    format!("list the {} on the upgraded version", inventory.name),
                ),
                Side::Previous => (
                    StepId::of(Family::InventoryFound, &inventory.name),
                    format!("list the {} on the previous version", inventory.name),
                ),
            };
            let action = TakeInventory {
                name: inventory.name.clone(),
                side,
                command: self.command(&inventory.command)?,
                ignore: inventory.ignore.clone(),
                ends: inventory.ends.clone(),
                touched: match &inventory.touched {
                    Some(touched) if delta => Some(self.command(&touched.command)?),
                    _ => None,
                },
            };
            steps.push(Step::new(id, title, Action::Inventory(action)));
        }
        Ok(steps)
    }

    /// The passes of the capture for this state of the service. The last of all is called
    /// `capture`.
    pub(in crate::strategy) fn captures(&self, state: ServiceState) -> Result<Vec<Step>> {
        let passes = self.playbook.passes();
        let mut steps = Vec::new();
        for (index, pass) in passes.iter().enumerate().filter(|(_, pass)| pass.service == state) {
            let last = index + 1 == passes.len();
            let action = CapturePass {
                command: self.optional(pass.command.as_ref())?,
                new_files: self.patterns(&pass.new_files)?,
                grown_files: self.patterns(&pass.grown_files)?,
                numbered_files: self.patterns(&pass.numbered_files)?,
                new_file_at_start: pass.new_file_at_start,
                unchanged_files: self.patterns(&pass.unchanged_files)?,
                mounts: self.manifest.datasets.clone(),
                snapshot: self.manifest.snapshot.clone(),
                last,
            };
            let id = if last { StepId::CAPTURE } else { StepId::of(Family::Capture, index + 1) };
            steps.push(Step::new(
                id,
                format!("capture what was written: {}", pass.about),
                Action::Capture(action),
            ));
        }
        Ok(steps)
    }

    /// The passes for a stopped service, before it is started once more without clients: what was
    /// written is known then, and captured again when all is stopped for good.
    pub(in crate::strategy) fn early_captures(&self) -> Result<Vec<Step>> {
        let mut steps = self.captures(ServiceState::Stopped)?;
        for (index, step) in steps.iter_mut().enumerate() {
            step.id = StepId::of(Family::Capture, format_args!("early-{}", index + 1));
            if let Action::Capture(pass) = &mut step.action {
                pass.last = false;
            }
        }
        Ok(steps)
    }

    pub(in crate::strategy) fn unmount(&self, mounts: &[MountedDataset], until: &StepId) -> Step {
        let action = Action::Unmount(Mounts { mounts: mounts.to_vec() });
        Step::new(StepId::UNMOUNT, "take the datasets away from everybody", action).until(until)
    }

    pub(in crate::strategy) fn mount(&self, mounts: &[MountedDataset]) -> Step {
        Step::new(
            StepId::MOUNT,
            "give the datasets back",
            Action::Mount(Mounts { mounts: mounts.to_vec() }),
        )
    }
}

/// Seconds that a service may take to answer.
pub(in crate::strategy) fn within(limit: Option<TimeLimit>) -> u64 {
    limit.map_or(READY_WITHIN, |limit| *limit).as_secs()
}

/// The datasets that have the snapshot. One that was created after it does not, and stays with the
/// upgraded state.
pub(in crate::strategy) fn members(
    manifest: &ChangeManifest,
    snapshots: &[(Snapshot, Guid)],
) -> Vec<MountedDataset> {
    let has = |mount: &&MountedDataset| {
        snapshots.iter().any(|(snapshot, _)| snapshot.dataset() == mount.dataset)
    };
    manifest.datasets.iter().filter(has).cloned().collect()
}
