//! Closes and opens the service, with and without its clients, and gives or takes its datasets.

use anyhow::{Context as _, Result};

use super::{Parts, within};
use crate::journal::{MountedDataset, Side, StepId};
use crate::playbook::Template;
use crate::step::{Action, Maintenance, Mounts, Service, Step};

impl Parts<'_> {
    /// The units of both versions.
    pub(super) fn units(&self) -> Result<Vec<String>> {
        let all: Vec<Template> = self.playbook.service.all_units().into_iter().cloned().collect();
        self.texts(&all)
    }

    /// Those that do not serve while this version does.
    fn idle(&self, side: Side) -> Result<Vec<String>> {
        let service = &self.playbook.service;
        let own = match side {
            _ if service.units_upgraded.is_empty() => return Ok(Vec::new()),
            Side::Previous => self.texts(&service.units)?,
            Side::Upgraded => self.texts(&service.units_upgraded)?,
        };
        Ok(self.units()?.into_iter().filter(|unit| !own.contains(unit)).collect())
    }

    fn service(&self) -> Result<Service> {
        let service = &self.playbook.service;
        Ok(Service {
            units: self.units()?,
            idle: Vec::new(),
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

    pub(in crate::strategy) fn start(&self, side: Side) -> Result<Step> {
        let service = Service { idle: self.idle(side)?, ..self.service()? };
        Ok(Step::new(StepId::START, "open the service", Action::Start(service)))
    }

    pub(super) fn maintenance(&self) -> Result<Maintenance> {
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
            units: self.units()?,
            own: maintenance.processes.clone(),
            paths: self.paths(&self.playbook.data.paths)?,
        })
    }

    /// Starts this version without clients, until its stop.
    pub(in crate::strategy) fn maintenance_start(&self, side: Side) -> Result<Step> {
        let (id, stop) = match side {
            Side::Upgraded => (StepId::MAINTENANCE_START, StepId::MAINTENANCE_STOP),
            Side::Previous => {
                (StepId::MAINTENANCE_START_PREVIOUS, StepId::MAINTENANCE_STOP_PREVIOUS)
            }
        };
        let title = format!("start the {} version without clients", side.word());
        Ok(Step::new(id, title, Action::MaintenanceStart(self.maintenance()?)).until(&stop))
    }

    pub(in crate::strategy) fn maintenance_stop(&self, side: Side) -> Result<Step> {
        let id = match side {
            Side::Upgraded => StepId::MAINTENANCE_STOP,
            Side::Previous => StepId::MAINTENANCE_STOP_PREVIOUS,
        };
        self.stop_maintenance(id, side.word())
    }

    /// In an abort: whichever of the two runs.
    pub(in crate::strategy) fn maintenance_stop_any(&self) -> Result<Step> {
        self.stop_maintenance(StepId::MAINTENANCE_STOP, "running")
    }

    fn stop_maintenance(&self, id: StepId, version: &str) -> Result<Step> {
        let title = format!("stop the {version} version, and prove it stopped");
        Ok(Step::new(id, title, Action::MaintenanceStop(self.maintenance()?)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::ChangeManifest;
    use crate::step::Plan;
    use crate::strategy::{self, DowngradeInput};

    fn manifest() -> ChangeManifest {
        let manifest = serde_json::json!({
            "format": 1, "change": "postgresql-1", "tool": "0", "host": "h",
            "playbook": "postgresql", "playbook_sha256": "", "site_sha256": "",
            "from_version": "15.18", "upgrade_to": "17", "snapshot": "backout-postgresql-1",
            "snapshot_time": "20261124:120000", "way": "zfs", "datasets": [],
            "values": {
                "datadir": "/var/lib/postgresql", "cluster": "main", "old": "15", "new": "17",
                "lib_dir": "/usr/lib/postgresql", "port": "5432", "superuser": "postgres",
                "socket_dir": "/var/run/postgresql", "mode": "link", "release": "trixie",
            },
            "store": null,
        });
        serde_json::from_value(manifest).expect("an opening")
    }

    /// The units that a plan stops, and those that it does not start.
    fn units(plan: &Plan) -> (Vec<String>, Vec<String>) {
        let stopped = plan.steps.iter().find_map(|step| match &step.action {
            Action::Stop(service) => Some(service.units.clone()),
            _ => None,
        });
        let idle = plan.steps.iter().find_map(|step| match &step.action {
            Action::Start(service) => Some(service.idle.clone()),
            _ => None,
        });
        (stopped.expect("a stop"), idle.expect("a start"))
    }

    #[test]
    fn s5_units_of_both_versions_are_closed_and_those_of_the_version_that_serves_are_opened() {
        let playbook = crate::playbook::library::find("postgresql", &[]).expect("built in");
        let [old, new] = ["15", "17"].map(|it| format!("postgresql@{it}-main.service"));
        let both = vec![old.clone(), new.clone()];
        let upgrade = strategy::upgrade(&playbook, &manifest(), false).expect("a plan");
        assert_eq!(units(&upgrade), (both.clone(), vec![old]));
        let snapshot = strategy::snapshot_only(&playbook, &manifest()).expect("a plan");
        assert_eq!(units(&snapshot), (both.clone(), vec![new.clone()]));
        let input = DowngradeInput { keep: false, delta: false, ..DowngradeInput::default() };
        let downgrade = strategy::downgrade(&playbook, &manifest(), &input).expect("a plan");
        assert_eq!(units(&downgrade), (both, vec![new]));
        let maintenance = downgrade.steps.iter().find_map(|step| match &step.action {
            Action::MaintenanceStart(maintenance) => Some(maintenance.units.len()),
            _ => None,
        });
        assert_eq!(maintenance, Some(2));
    }
}
