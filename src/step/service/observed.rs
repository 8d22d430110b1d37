//! What a plan needs to know of the running service, asked just before it begins: what else starts
//! its units, and where clients reach it. It stands in the journal before anything is stopped.

use std::collections::BTreeSet;
use std::path::Path;

use crate::host::exec::Runner;
use crate::host::identity::Identity;
use crate::host::processes;
use crate::host::sockets::{Listener, listening};
use crate::host::systemd::UnitState;
use crate::step::service::units::Service;
use crate::step::{Action, Plan, State};

/// The plan with what is so now. What the procedure that it takes the place of had stopped is
/// remembered.
pub(crate) fn observed(mut plan: Plan, state: &State, runner: &Runner, proc: &Path) -> Plan {
    let former = state.current().into_iter().flat_map(|run| &run.plan.steps);
    let former: Vec<&Service> = former
        .filter_map(|step| match &step.action {
            Action::Stop(service) => Some(service),
            _ => None,
        })
        .collect();
    let stops = |plan: &Plan| {
        plan.steps.iter().find_map(|step| match &step.action {
            Action::Stop(service) => Some(service.clone()),
            _ => None,
        })
    };
    let stopped = stops(&plan);
    let mut triggers =
        stopped.as_ref().map(|service| triggers(service, runner)).unwrap_or_default();
    for trigger in former.iter().flat_map(|service| &service.triggers) {
        if !triggers.contains(trigger) {
            triggers.push(trigger.clone());
        }
    }
    let mut listens = stopped.map(|service| listeners(&service, proc)).unwrap_or_default();
    listens.extend(former.iter().flat_map(|service| service.listens.iter().cloned()));
    for step in &mut plan.steps {
        match &mut step.action {
            Action::Stop(service) => {
                service.triggers.clone_from(&triggers);
                service.listens = listens.iter().cloned().collect();
            }
            Action::Start(service) => service.triggers.clone_from(&triggers),
            _ => {}
        }
    }
    plan
}

/// The active units that start one of the service's, such as `mariadb.socket`.
fn triggers(service: &Service, runner: &Runner) -> Vec<String> {
    let state = |unit: &str| {
        let printed = runner.run(&UnitState::command(unit)).ok()?;
        Some(UnitState::parse(&printed.stdout))
    };
    let mut found = Vec::new();
    for unit in &service.units {
        for trigger in state(unit).map(|state| state.triggered_by).unwrap_or_default() {
            let new = !found.contains(&trigger) && !service.units.contains(&trigger);
            if new && state(&trigger).is_some_and(|state| state.is_up()) {
                found.push(trigger);
            }
        }
    }
    found
}

/// Where clients reach the service now. What also runs without clients is not counted.
fn listeners(service: &Service, proc: &Path) -> BTreeSet<Listener> {
    let names: Vec<String> = service
        .processes
        .iter()
        .filter(|name| !service.in_maintenance.contains(name))
        .cloned()
        .collect();
    let identity = Identity::new(&service.units, []);
    let found = processes::named(proc, &names).unwrap_or_default();
    listening(proc, found.iter().filter(|it| identity.counts(it)).map(|it| it.pid))
}
