//! Makes the data of single steps from the playbook and the change's values. Pure.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::READY_WITHIN;
use crate::journal::Opening;
use crate::journal::{Mount, Side};
use crate::playbook::model::{CommandSpec, Order, ServiceState};
use crate::playbook::{CommandTemplate, Playbook, Template};
use crate::step::{
    Action, CapturePass, Config, Goal, Maintenance, Mounts, Package, PackageJob, SaveInstaller, Service, Step, Switch, TakeInventory,
};

/// What plans are made from.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub playbook: &'a Playbook,
    pub opening: &'a Opening,
}

impl Parts<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.opening.values.get(name).cloned()
    }

    /// The command with every value that is known so far. Others stay as `{name}`.
    pub(super) fn command(&self, spec: &CommandSpec) -> Result<CommandTemplate> {
        Ok(spec.template().fill_known(&|name| self.value(name)))
    }

    /// A command of the cluster for one node.
    pub(super) fn command_of_node(&self, spec: &CommandSpec, node: &str) -> Result<CommandTemplate> {
        let value = |name: &str| if name == "node" { Some(node.to_owned()) } else { self.value(name) };
        Ok(spec.template().fill_known(&value))
    }

    pub(super) fn optional(&self, spec: Option<&CommandSpec>) -> Result<Option<CommandTemplate>> {
        spec.map(|spec| self.command(spec)).transpose()
    }

    fn texts(&self, texts: &[String]) -> Result<Vec<String>> {
        let fill = |text: &String| text.parse::<Template>()?.fill(&|name| self.value(name));
        let named = |text| fill(text).with_context(|| format!("in {text:?}"));
        texts.iter().map(named).collect()
    }

    fn patterns(&self, texts: &[String]) -> Result<Vec<String>> {
        let fill = |text: &String| text.parse::<Template>()?.fill_pattern(&|name| self.value(name));
        let named = |text| fill(text).with_context(|| format!("in {text:?}"));
        texts.iter().map(named).collect()
    }

    pub(super) fn paths(&self, texts: &[String]) -> Result<Vec<PathBuf>> {
        Ok(self.texts(texts)?.into_iter().map(PathBuf::from).collect())
    }

    fn service(&self) -> Result<Service> {
        let service = &self.playbook.service;
        Ok(Service {
            units: self.texts(&service.units)?,
            stop_within: service
                .stop_within
                .as_deref()
                .map_or(Ok(crate::step::service::units::stop_within()), |text| within(Some(text)))?,
            stop: self.optional(service.stop.as_ref())?,
            start: self.optional(service.start.as_ref())?,
            processes: service.processes.clone(),
            in_maintenance: service.maintenance.as_ref().map(|it| it.processes.clone()).unwrap_or_default(),
            paths: self.paths(&self.playbook.data.paths)?,
            ready: self.optional(service.ready.as_ref())?,
            ready_within: within(service.ready_within.as_deref())?,
        })
    }

    pub(super) fn stop(&self) -> Result<Step> {
        Ok(Step::new("stop", "close the service, and prove it stopped", Action::Stop(self.service()?)).until("start"))
    }

    pub(super) fn start(&self) -> Result<Step> {
        Ok(Step::new("start", "open the service", Action::Start(self.service()?)))
    }

    fn maintenance(&self) -> Result<Maintenance> {
        let service = &self.playbook.service;
        let maintenance = service.maintenance.as_ref().context("the playbook does not say how the server runs without its clients")?;
        Ok(Maintenance {
            start: self.command(&maintenance.start)?,
            stop: self.command(&maintenance.stop)?,
            ready: self.optional(maintenance.ready.as_ref())?,
            ready_within: within(maintenance.ready_within.as_deref())?,
            processes: service.processes.clone(),
            own: maintenance.processes.clone(),
            paths: self.paths(&self.playbook.data.paths)?,
        })
    }

    pub(super) fn maintenance_start(&self, id: &str, version: &str, until: &str) -> Result<Step> {
        let title = format!("start the {version} version without clients");
        Ok(Step::new(id, title, Action::MaintenanceStart(self.maintenance()?)).until(until))
    }

    pub(super) fn maintenance_stop(&self, id: &str, version: &str) -> Result<Step> {
        let title = format!("stop the {version} version, and prove it stopped");
        Ok(Step::new(id, title, Action::MaintenanceStop(self.maintenance()?)))
    }

    pub(super) fn save_installer(&self) -> Result<Step> {
        let installer = &self.playbook.installer;
        let action = SaveInstaller {
            save: self.optional(installer.save.as_ref())?,
            files: self.patterns(&installer.files)?,
            at_least: installer.at_least,
        };
        Ok(Step::new("save-installer", "put the installed version's packages aside", Action::SaveInstaller(action)))
    }

    fn config(&self, side: Side) -> Result<Config> {
        Ok(Config { paths: self.paths(&self.playbook.data.config)?, side })
    }

    /// `None` if the product has no configuration of its own.
    pub(super) fn save_config(&self, side: Side) -> Result<Option<Step>> {
        let (id, title) = match side {
            Side::Previous => ("save-config", "save the configuration"),
            Side::Upgraded => ("save-config-upgraded", "save the upgraded version's configuration"),
        };
        let config = self.config(side)?;
        Ok((!config.paths.is_empty()).then(|| Step::new(id, title, Action::SaveConfig(config))))
    }

    pub(super) fn put_config(&self, side: Side) -> Result<Option<Step>> {
        let title = match side {
            Side::Previous => "put the previous configuration back",
            Side::Upgraded => "put the upgraded version's configuration back",
        };
        let config = self.config(side)?;
        Ok((!config.paths.is_empty()).then(|| Step::new("put-config", title, Action::PutConfig(config))))
    }

    pub(super) fn package(&self, job: PackageJob, command: &CommandSpec, repair: Option<&CommandSpec>) -> Result<Package> {
        Ok(Package {
            job,
            command: self.command(command)?,
            repair: self.optional(repair)?,
            version: self.command(&self.playbook.version.command)?,
            pattern: self.playbook.version.pattern.clone(),
            previous: self.opening.from_version.clone(),
            upgraded: self.opening.upgrade_to.clone(),
            cut: false,
        })
    }

    /// Installs the new version beside the old one while that serves; `None` if it takes the old
    /// one's place.
    pub(super) fn install_beside(&self) -> Result<Option<Step>> {
        let (Some(beside), Some(places)) = (&self.playbook.side_by_side, &self.opening.beside) else { return Ok(None) };
        let install = beside.upgrade.as_ref().filter(|_| places.there.is_some()).unwrap_or(&beside.install);
        let action = Package {
            job: PackageJob::Upgrade,
            command: self.command(&install.command)?,
            repair: self.optional(install.repair.as_ref())?,
            version: self.command(&beside.version)?,
            pattern: self.playbook.version.pattern.clone(),
            previous: places.there.clone().unwrap_or_default(),
            upgraded: self.opening.upgrade_to.clone(),
            cut: false,
        };
        let title = format!("install version {} in {}, beside the active one", self.opening.upgrade_to, places.new.display());
        Ok(Some(Step::new("install-beside", title, Action::Package(action))))
    }

    /// Exchanges the link; `None` if versions take each other's place.
    fn switch(&self, id: &str, side: Side) -> Result<Option<Step>> {
        let (Some(beside), Some(places)) = (&self.playbook.side_by_side, &self.opening.beside) else { return Ok(None) };
        let up = side == Side::Upgraded;
        let (from, to) = if up { (&places.old, &places.new) } else { (&places.new, &places.old) };
        let wanted = if up { &self.opening.upgrade_to } else { &self.opening.from_version };
        let action = Switch {
            link: places.link.clone(),
            from: from.clone(),
            to: to.clone(),
            data_links: beside.data_links.clone(),
            use_config: if up { self.optional(beside.use_config.as_ref())? } else { None },
            version: self.command(&self.playbook.version.command)?,
            pattern: self.playbook.version.pattern.clone(),
            wanted: wanted.clone(),
        };
        let title = format!("make version {wanted} the active one: {} -> {}", places.link.display(), to.display());
        Ok(Some(Step::new(id, title, Action::Switch(action))))
    }

    pub(super) fn upgrade(&self, id: &str) -> Result<Step> {
        if let Some(switch) = self.switch(id, Side::Upgraded)? {
            return Ok(switch);
        }
        let upgrade = &self.playbook.upgrade;
        let package = self.package(PackageJob::Upgrade, &upgrade.command, upgrade.repair.as_ref())?;
        let title = format!("install version {}", self.opening.upgrade_to);
        Ok(Step::new(id, title, Action::Package(package)))
    }

    /// Whether the data goes back before the program. Side by side, the previous version is found
    /// intact before anything is destroyed.
    pub(super) fn rollback_first(&self) -> bool {
        self.playbook.downgrade.order == Order::RollbackFirst && self.opening.beside.is_none()
    }

    pub(super) fn reinstall(&self) -> Result<Vec<Step>> {
        if let Some(switch) = self.switch("reinstall", Side::Previous)? {
            return Ok(vec![switch]);
        }
        let downgrade = &self.playbook.downgrade;
        let mut steps = Vec::new();
        if let Some(command) = &downgrade.uninstall {
            let package = self.package(PackageJob::Uninstall, command, downgrade.repair.as_ref())?;
            steps.push(Step::new("uninstall", format!("remove version {}", self.opening.upgrade_to), Action::Package(package)));
        }
        let package = self.package(PackageJob::Reinstall, &downgrade.install, downgrade.repair.as_ref())?;
        let title = format!("install version {} again, from the packages put aside", self.opening.from_version);
        steps.push(Step::new("reinstall", title, Action::Package(package)));
        Ok(steps)
    }

    pub(super) fn goal(&self) -> Result<Option<Step>> {
        let Some(position) = self.playbook.restore.as_ref().and_then(|restore| restore.position.as_ref()) else { return Ok(None) };
        let goal = Goal { command: self.command(position)? };
        Ok(Some(Step::new("goal", "ask the upgraded version how far its data has come", Action::Goal(goal))))
    }

    pub(super) fn inventories(&self, side: Side) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for inventory in &self.playbook.inventories {
            let (id, title) = match side {
                Side::Upgraded => (format!("inventory:{}", inventory.name), format!("list the {} on the upgraded version", inventory.name)),
                Side::Previous => {
                    (format!("inventory-found:{}", inventory.name), format!("list the {} on the previous version", inventory.name))
                }
            };
            let action = TakeInventory {
                name: inventory.name.clone(),
                side,
                command: self.command(&inventory.command)?,
                ignore: inventory.ignore.clone(),
            };
            steps.push(Step::new(id, title, Action::Inventory(action)));
        }
        Ok(steps)
    }

    /// The passes of the capture for this state of the service. The last of all is called
    /// `capture`.
    pub(super) fn captures(&self, state: ServiceState) -> Result<Vec<Step>> {
        let passes = self.playbook.passes();
        let mut steps = Vec::new();
        for (index, pass) in passes.iter().enumerate().filter(|(_, pass)| pass.service == state) {
            let last = index + 1 == passes.len();
            let action = CapturePass {
                command: self.optional(pass.command.as_ref())?,
                new_files: self.patterns(&pass.new_files)?,
                grown_files: self.patterns(&pass.grown_files)?,
                mounts: self.opening.datasets.clone(),
                snapshot: self.opening.snapshot.clone(),
                last,
            };
            let id = if last { "capture".to_owned() } else { format!("capture:{}", index + 1) };
            steps.push(Step::new(id, format!("capture what was written: {}", pass.about), Action::Capture(action)));
        }
        Ok(steps)
    }

    pub(super) fn unmount(&self, mounts: &[Mount], until: &str) -> Step {
        let action = Action::Unmount(Mounts { mounts: mounts.to_vec() });
        Step::new("unmount", "take the datasets away from everybody", action).until(until)
    }

    pub(super) fn mount(&self, mounts: &[Mount]) -> Step {
        Step::new("mount", "give the datasets back", Action::Mount(Mounts { mounts: mounts.to_vec() }))
    }
}

/// Seconds of a duration such as `2m`.
pub(super) fn within(text: Option<&str>) -> Result<u64> {
    let Some(text) = text else { return Ok(READY_WITHIN.as_secs()) };
    Ok(humantime::parse_duration(text).with_context(|| format!("{text:?} is no duration"))?.as_secs())
}
