//! Closing the service to its clients and opening it again. An exit status proves nothing here, so
//! units, processes and open files are checked.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::exec::{Command, ExecError};
use crate::host::identity::Identity;
use crate::host::sockets::Listener;
use crate::host::systemd::UnitState;
use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::step::service::maintenance;
use crate::step::service::waiting::{named, remaining, wait_gone, wait_ready};
use crate::step::zfs::mounts::needed;
use crate::step::{Context, Effect, Probe, Step};

/// See [`crate::step::Action::Stop`], [`crate::step::Action::Start`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// systemd units, of both versions.
    pub units: Vec<String>,
    /// Those of them that are not started: the other version's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<String>,
    /// Limit for stopping one, in seconds.
    #[serde(default = "stop_within", skip_serializing_if = "is_usual")]
    pub stop_within: u64,
    /// Stop command for products without units.
    pub stop: Option<CommandTemplate>,
    /// Start command for products without units.
    pub start: Option<CommandTemplate>,
    /// Active units that start one of them, such as a socket: stopped before them, and started
    /// again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// Where clients reached the service when the procedure began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<Listener>,
    /// Process names that must be gone after a stop.
    pub processes: Vec<String>,
    /// Those of them that run without clients, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_maintenance: Vec<String>,
    /// Paths that no process may use after a stop.
    pub paths: Vec<PathBuf>,
    /// Answers when the service serves its clients.
    pub ready: Option<CommandTemplate>,
    /// Limit for that, in seconds.
    pub ready_within: u64,
}

/// The default.
pub(crate) fn stop_within() -> u64 {
    900
}

fn is_usual(seconds: &u64) -> bool {
    *seconds == stop_within()
}

/// How long systemd may take for a unit, except for stopping it.
const UNIT_LIMIT: Duration = Duration::from_secs(900);

/// Closes it.
pub(in crate::step) struct Stop<'a>(pub &'a Service);
/// Opens it.
pub(in crate::step) struct Start<'a>(pub &'a Service);

impl Service {
    /// The units that serve, in the order in which they are started.
    fn serving(&self) -> impl Iterator<Item = &String> {
        self.units.iter().rev().filter(|unit| !self.idle.contains(unit))
    }
}

impl Stop<'_> {
    fn stop_units(&self, context: &Context<'_>) -> Result<()> {
        let units = &self.0.units;
        let stop =
            |unit: &String| stop_unit(context, unit, Duration::from_secs(self.0.stop_within));
        // Masked on disk first, not only until the next boot: after a power cut, nothing may open
        // the service before the procedure is done.
        mask(context, units)?;
        // Masked units cannot be started by them, but a client would get an answer of systemd.
        for trigger in &self.0.triggers {
            systemctl(context, "stop", trigger)?;
        }
        for unit in units {
            ask_again(context, unit)?;
        }
        // systemd is told after the stop: a masked unit has no ExecStop, TimeoutStopSec and
        // SendSIGKILL=no any more.
        for unit in units {
            match stop(unit) {
                // Something starts it again and again. The mask will end that.
                Err(error)
                    if error.chain().any(|cause| {
                        matches!(cause.downcast_ref(), Some(ExecError::Failed { .. }))
                    }) => {}
                stopped => stopped?,
            }
        }
        if !units.is_empty() {
            run_systemctl(context, &["daemon-reload"], "systemd could not be told of the masks")?;
        }
        for unit in units {
            if unit_state(context, unit)?.is_up() {
                stop(unit)?;
            }
        }
        Ok(())
    }
}

/// Masks units on the disk. systemd is not told.
pub(in crate::step) fn mask(context: &Context<'_>, units: &[String]) -> Result<()> {
    for unit in units {
        let words = ["mask", "--no-reload", "--", unit];
        run_systemctl(context, &words, &format!("could not mask {unit}"))?;
    }
    Ok(())
}

impl Effect for Stop<'_> {
    fn preview(&self) -> Vec<String> {
        let units =
            self.0.units.iter().map(|unit| format!("systemctl mask {unit}; systemctl stop {unit}"));
        let triggers = self.0.triggers.iter().map(|unit| format!("systemctl stop {unit}"));
        units.chain(triggers).chain(self.0.stop.iter().map(ToString::to_string)).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for unit in &self.0.units {
            let state = unit_state(context, unit)?;
            if state.is_up() || !state.is_masked() {
                return Ok(Probe::Absent);
            }
        }
        for trigger in &self.0.triggers {
            if unit_state(context, trigger)?.is_up() {
                return Ok(Probe::Absent);
            }
        }
        // The server without clients is not the service. Without units, only their processes
        // distinguish the two, if anything does.
        let without_clients = maintenance::running(context).is_some();
        let stopped = if without_clients && !self.0.units.is_empty() {
            true
        } else if without_clients && !self.0.in_maintenance.is_empty() {
            !open(self.0, context)?
        } else {
            still_there(self.0, context)?.is_empty()
        };
        Ok(if stopped { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        self.stop_units(context)?;
        if let Some(maintenance) = maintenance::running(context)
            && let Err(error) = context.command(&maintenance.stop)
        {
            // What runs may be the service itself, which this does not stop.
            (context.say)(&format!("the server without clients could not be stopped: {error:#}"));
        }
        if let Some(command) = &self.0.stop
            && (!self.0.units.is_empty() || !still_there(self.0, context)?.is_empty())
        {
            context.command(command).context("the service could not be stopped")?;
        }
        wait_gone(context, || still_there(self.0, context))?;
        Ok(Output::Nothing)
    }
}

impl Effect for Start<'_> {
    fn preview(&self) -> Vec<String> {
        let idle = self.0.idle.iter().map(|unit| format!("systemctl unmask {unit}"));
        let units =
            self.0.serving().map(|unit| format!("systemctl unmask {unit}; systemctl start {unit}"));
        idle.chain(units).chain(self.0.start.iter().map(ToString::to_string)).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for unit in &self.0.units {
            let state = unit_state(context, unit)?;
            if (!state.is_up() && !self.0.idle.contains(unit)) || state.is_masked() {
                return Ok(Probe::Absent);
            }
        }
        if self.0.units.is_empty() && !open(self.0, context)? {
            return Ok(Probe::Absent);
        }
        let ready = match &self.0.ready {
            Some(command) => context.command(command).is_ok(),
            None => true,
        };
        Ok(if ready { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        needed(context)?;
        for unit in self.0.units.iter().rev() {
            systemctl(context, "unmask", unit)?;
        }
        // systemd does not start the socket of a service that runs.
        for trigger in &self.0.triggers {
            let state = unit_state(context, trigger)?;
            if state.is_up() || !state.is_known() {
                continue;
            }
            if let Err(error) = systemctl(context, "start", trigger) {
                let mut units = self.0.units.iter().map(|unit| unit_state(context, unit));
                if !units.any(|state| state.is_ok_and(|state| state.is_up())) {
                    return Err(error);
                }
                (context.say)(&format!("{error:#}; start it when the service is down"));
            }
        }
        for unit in self.0.serving() {
            systemctl(context, "start", unit)?;
        }
        if let Some(command) = &self.0.start {
            context.command(command).context("the service could not be started")?;
        }
        wait_ready(context, self.0.ready.as_ref(), self.0.ready_within)?;
        Ok(Output::Nothing)
    }
}

/// Allows others to start it again.
pub(in crate::step) struct Release<'a>(pub &'a Service);

impl Effect for Release<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.units.iter().map(|unit| format!("systemctl unmask {unit}")).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        for unit in &self.0.units {
            if unit_state(context, unit)?.is_masked() {
                return Ok(Probe::Absent);
            }
        }
        Ok(Probe::Present(Output::Nothing))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        for unit in &self.0.units {
            systemctl(context, "unmask", unit)?;
        }
        Ok(Output::Nothing)
    }
}

fn unit_state(context: &Context<'_>, unit: &str) -> Result<UnitState> {
    let printed = context.runner.run(&UnitState::command(unit));
    Ok(UnitState::parse(
        &printed.with_context(|| format!("the state of {unit} could not be asked"))?.stdout,
    ))
}

fn systemctl(context: &Context<'_>, verb: &str, unit: &str) -> Result<()> {
    run_systemctl(context, &[verb, "--", unit], &format!("could not {verb} {unit}"))
}

fn run_systemctl(context: &Context<'_>, words: &[&str], otherwise: &str) -> Result<()> {
    let command = Command::new(["systemctl"].iter().chain(words).copied()).timeout(UNIT_LIMIT);
    context.runner.run(&command).with_context(|| otherwise.to_owned())?;
    Ok(())
}

/// Asks a unit that is stopping already once more. systemd sends SIGTERM once, and none to a server
/// that announced its stop by itself (`STOPPING=1`, sd_notify(3)). Redis may refuse in both cases
/// while it cannot save, and keeps running.
fn ask_again(context: &Context<'_>, unit: &str) -> Result<()> {
    if !unit_state(context, unit)?.is_asked_to_stop() {
        return Ok(());
    }
    (context.say)(&format!(
        "{unit} is stopping already, and its process is still there: it is asked once more"
    ));
    let words = ["kill", "--kill-who=main", "--signal=TERM", "--", unit];
    match run_systemctl(context, &words, &format!("could not ask {unit} once more")) {
        // It has just ended.
        Err(_) if !unit_state(context, unit)?.is_asked_to_stop() => Ok(()),
        asked => asked,
    }
}

/// A hanging stop continues in systemd when we stop waiting. Only a person can decide to end it as
/// a crash would.
fn stop_unit(context: &Context<'_>, unit: &str, limit: Duration) -> Result<()> {
    let command = Command::new(["systemctl", "stop", "--", unit]).timeout(limit);
    context.runner.run(&command).map(|_| ()).map_err(|error| match error {
        ExecError::TimedOut { .. } => {
            let way = format!(
                "{unit} does not stop, and systemd goes on waiting: see `systemctl status {unit}` and its log. `backout resume` asks it \
                 once more; `systemctl kill --signal=KILL {unit}` ends it, as a crash would"
            );
            anyhow::Error::new(error).context(way)
        }
        error => anyhow::Error::new(error).context(format!("could not stop {unit}")),
    })
}

/// Whether a process exists that serves clients; any process, if the playbook does not distinguish
/// them.
fn open(service: &Service, context: &Context<'_>) -> Result<bool> {
    let serving: Vec<String> = service
        .processes
        .iter()
        .filter(|name| !service.in_maintenance.contains(name))
        .cloned()
        .collect();
    Ok(!named(context, &serving, &identity(service, context))?.is_empty())
}

fn still_there(service: &Service, context: &Context<'_>) -> Result<Vec<String>> {
    remaining(context, &service.processes, &identity(service, context), &service.paths)
}

/// What tells its processes from others of the same name.
fn identity(service: &Service, context: &Context<'_>) -> Identity {
    let commands =
        maintenance::running(context).map(|it| [it.start.to_string(), it.stop.to_string()]);
    Identity::new(&service.units, commands.into_iter().flatten())
}
