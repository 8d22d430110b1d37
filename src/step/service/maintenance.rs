//! The server without its clients.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::identity::Identity;
use crate::host::sockets::{Listener, listening};
use crate::journal::{Output, Procedure, StepState};
use crate::playbook::CommandTemplate;
use crate::step::service::waiting::{named, remaining, wait_gone, wait_ready};
use crate::step::zfs::mounts::needed;
use crate::step::{Action, Context, Effect, Probe, Step};

/// See [`crate::step::Action::MaintenanceStart`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Starts the server without clients.
    pub start: CommandTemplate,
    /// Stops it.
    pub stop: CommandTemplate,
    /// Succeeds when it answers.
    pub ready: Option<CommandTemplate>,
    /// Limit for that, in seconds.
    pub ready_within: u64,
    /// Process names that must be gone after a stop.
    pub processes: Vec<String>,
    /// systemd units of the service: its processes are known by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<String>,
    /// Those of them that run without clients; empty if the playbook does not distinguish them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// Paths that no process may use after a stop.
    pub paths: Vec<PathBuf>,
}

impl Maintenance {
    /// What tells its processes from others of the same name.
    pub(in crate::step) fn identity(&self) -> Identity {
        Identity::new(&self.units, [self.start.to_string(), self.stop.to_string()])
    }
}

/// Starts it.
pub(in crate::step) struct Start<'a>(pub &'a Maintenance);
/// Stops it.
pub(in crate::step) struct Stop<'a>(pub &'a Maintenance);

impl Effect for Start<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.start.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let own = if self.0.own.is_empty() { &self.0.processes } else { &self.0.own };
        if named(context, own, &self.0.identity())?.is_empty() {
            return Ok(Probe::Absent);
        }
        Ok(match &self.0.ready {
            Some(command) if context.command(command).is_err() => {
                Probe::Partial("the server is there and does not answer".into())
            }
            _ => match open_to_clients(self.0, context)? {
                Some(why) => Probe::Partial(why),
                None => Probe::Present(Output::Nothing),
            },
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        needed(context)?;
        context
            .command(&self.0.start)
            .context("the server could not be started for maintenance")?;
        wait_ready(context, self.0.ready.as_ref(), self.0.ready_within)?;
        if let Some(why) = open_to_clients(self.0, context)? {
            bail!(
                "{why}: clients can reach it there. Close it in the command \
                 `service.maintenance.start` of the playbook"
            );
        }
        Ok(Output::Nothing)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        halt(self.0, context)
    }
}

impl Effect for Stop<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.stop.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let left = remaining(context, &self.0.processes, &self.0.identity(), &self.0.paths)?;
        Ok(if left.is_empty() { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        halt(self.0, context)?;
        Ok(Output::Nothing)
    }
}

/// Where the server without clients listens as the open service did, if it does.
fn open_to_clients(maintenance: &Maintenance, context: &Context<'_>) -> Result<Option<String>> {
    let was: Vec<&Listener> = context
        .run()?
        .plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Stop(service) => Some(&service.listens),
            _ => None,
        })
        .flatten()
        .collect();
    if was.is_empty() {
        return Ok(None);
    }
    let found = named(context, &maintenance.processes, &maintenance.identity())?;
    let now = listening(&context.proc(), found.iter().map(|process| process.pid));
    let open: Vec<String> =
        now.iter().filter(|it| was.contains(it)).map(ToString::to_string).collect();
    Ok((!open.is_empty()).then(|| {
        format!("the server without clients listens at {}, as the service did", open.join(", "))
    }))
}

fn halt(maintenance: &Maintenance, context: &Context<'_>) -> Result<()> {
    let identity = maintenance.identity();
    let left = || remaining(context, &maintenance.processes, &identity, &maintenance.paths);
    if left()?.is_empty() {
        return Ok(());
    }
    context
        .command(&maintenance.stop)
        .context("the server could not be stopped after maintenance")?;
    wait_gone(context, left)
}

/// The server without clients, if it may be running: its start was begun, and it is not known
/// to be stopped. In an abort, this includes the procedure that is aborted.
pub(in crate::step) fn running<'a>(context: &'a Context<'_>) -> Option<&'a Maintenance> {
    let runs = &context.state.runs;
    let run = context.run().ok()?;
    let aborted = if run.plan.procedure == Procedure::Abort {
        runs.len().checked_sub(2).and_then(|at| runs.get(at))
    } else {
        None
    };
    let mut running = None;
    for (step, state) in
        aborted.into_iter().chain([run]).flat_map(|run| run.plan.steps.iter().zip(&run.steps))
    {
        match &step.action {
            Action::MaintenanceStart(it) if *state != StepState::Pending => running = Some(it),
            Action::MaintenanceStop(_) if *state == StepState::Done => running = None,
            _ => {}
        }
    }
    running
}
