//! Plans the start and the end of a standby.

use std::sync::Arc;
use std::time::Duration;

use super::{ProcedureInputs, Settings};
use crate::host::exec::quoted;
use crate::journal::{Output, StepId};
use crate::playbook::CommandTemplate;
use crate::playbook::model::CommandSpec;
use crate::report::{CliError, Command, ErrorKind, StandbyCondition, StandbyReport, permit};
use crate::step::standby::run;
use crate::step::{Context, Plan, State, Step};
use crate::strategy::StandbyInput;
use crate::zfs::{Dataset, DatasetInfo, Guid, Snapshot};

/// The snapshots before the upgrade.
pub(super) fn snapshots(state: &State) -> &[(Snapshot, Guid)] {
    match state.outputs.get(&StepId::SNAPSHOT) {
        Some(Output::Snapshots { list }) => list,
        _ => &[],
    }
}

/// What the standby of this change is made from.
pub(super) fn input<'a>(
    inputs: &'a ProcedureInputs,
    state: &'a State,
    roots: &'a [Dataset],
) -> StandbyInput<'a> {
    let (playbook, manifest) = (inputs.product(), &state.manifest);
    StandbyInput { playbook, manifest, roots, snapshots: snapshots(state) }
}

/// With less room than this, in bytes, no standby is begun: a full pool stops the service, too.
const ROOM: u64 = 256 << 20;

fn unseen(error: anyhow::Error) -> CliError {
    CliError::new(ErrorKind::Failed, "the datasets of this change could not be looked at")
        .because(&error)
}

/// The snapshots are there that the standby is cloned from, and there is room for what is written.
fn possible(inputs: &ProcedureInputs, state: &State) -> Result<(), CliError> {
    let refuse = |why: String| CliError::new(ErrorKind::Refused, why);
    let taken = snapshots(state);
    let names: Vec<Snapshot> = taken.iter().map(|(name, _)| name.clone()).collect();
    let found = inputs.engine.snapshot_infos(&names).map_err(|error| unseen(error.into()))?;
    let same = |(name, guid): &&(Snapshot, Guid)| {
        !found.iter().any(|info| info.name == *name && info.guid == *guid)
    };
    if let Some((name, _)) = taken.iter().find(same) {
        let dataset = name.dataset();
        return Err(refuse(format!(
            "the snapshot {name} is gone: there is nothing to clone. If somebody promoted a clone \
             of it, `zfs promote {dataset}` takes that back"
        )));
    }
    let roots = inputs.engine.datasets(&inputs.roots()).map_err(|error| unseen(error.into()))?;
    match no_room(&roots) {
        Some(why) => Err(refuse(why)),
        None => Ok(()),
    }
}

/// Why there is no room beside these datasets.
fn no_room(roots: &[DatasetInfo]) -> Option<String> {
    let root = roots.iter().find(|root| root.available < ROOM)?;
    let free = humansize::format_size(root.available, humansize::BINARY);
    let least = humansize::format_size(ROOM, humansize::BINARY);
    Some(format!(
        "there is no room for a standby: {free} are free to {}, and it needs {least} and what will \
         be written. The usual way back stays as it is",
        root.name
    ))
}

/// Makes a standby, or starts what of it does not run. `wait`: until it has caught up.
///
/// # Errors
/// When the state does not permit it, or the change's own files cannot be used.
pub fn start(settings: &Settings, state: &State, wait: bool) -> Result<Plan, CliError> {
    permit(state, Command::StandbyStart)?;
    let inputs = ProcedureInputs::of_change(settings, state)?;
    possible(&inputs, state)?;
    Ok(input(&inputs, state, &inputs.roots()).start(wait)?)
}

/// Rehearses the switch: all of it but the exchange. `full`: everything is compared.
///
/// # Errors
/// As [`start`].
pub fn rehearse(
    settings: &Settings,
    state: &State,
    full: bool,
    deadline: u64,
) -> Result<Plan, CliError> {
    permit(state, Command::Rehearse)?;
    let inputs = ProcedureInputs::of_change(settings, state)?;
    possible(&inputs, state)?;
    Ok(input(&inputs, state, &inputs.roots()).rehearse(full, state.has_standby(), deadline)?)
}

/// Ends it, and leaves nothing of it.
///
/// # Errors
/// As [`start`].
pub fn stop(settings: &Settings, state: &State) -> Result<Plan, CliError> {
    permit(state, Command::StandbyStop)?;
    let inputs = ProcedureInputs::of_change(settings, state)?;
    inputs.engine.datasets(&inputs.roots()).map_err(|error| unseen(error.into()))?;
    Ok(input(&inputs, state, &inputs.roots()).stop()?)
}

/// The steps that end it before something else; none if there is no standby.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub(super) fn ended(inputs: &ProcedureInputs, state: &State) -> Result<Vec<Step>, CliError> {
    if !state.has_standby() {
        return Ok(Vec::new());
    }
    Ok(input(inputs, state, &inputs.roots()).ended()?)
}

/// How long each command of a look may take.
const LOOK: Duration = Duration::from_secs(10);

/// What is true of the standby now; `None` if there is none, or the change's own files cannot be
/// used. It changes nothing.
pub fn look(settings: &Settings, state: &State) -> Option<StandbyReport> {
    if !state.has_standby() {
        return None;
    }
    let inputs = ProcedureInputs::of_change(settings, state).ok()?;
    let layout = settings.layout(&state.manifest);
    let context = Context {
        engine: inputs.engine.as_ref(),
        runner: &inputs.runner,
        state,
        layout: &layout,
        say: &|_| {},
        items: Arc::default(),
        root: "/".into(),
    };
    let mut report = asked(&inputs, &context)?;
    let roots = inputs.roots();
    let clones = input(&inputs, state, &roots).tops().ok()?;
    let found = inputs.engine.datasets(&clones).ok();
    report.used = found.map(|found| found.iter().map(|info| info.used).sum());
    Some(report)
}

fn asked(inputs: &ProcedureInputs, context: &Context<'_>) -> Option<StandbyReport> {
    let standby = inputs.product().standby.as_ref()?;
    let command = |spec: &CommandSpec| {
        let values = &context.state.manifest.values;
        let template = spec.template().fill_known(&|name| values.get(name).cloned());
        let timeout = template.timeout.min(LOOK);
        CommandTemplate { timeout, ..template }
    };
    let ask = |spec: &CommandSpec| {
        run(context, &command(spec)).map_err(|error| quoted(&format!("{error:#}")))
    };
    let mut report = StandbyReport {
        condition: StandbyCondition::CaughtUp,
        why: None,
        position: None,
        source: None,
        lag_seconds: None,
        lag_transactions: None,
        used: None,
    };
    match ask(&standby.feed.position) {
        Ok(position) => report.position = Some(position),
        Err(why) => {
            return Some(StandbyReport {
                condition: StandbyCondition::Down,
                why: Some(why),
                ..report
            });
        }
    }
    match ask(&standby.feed.source) {
        Ok(source) => report.source = Some(source),
        Err(why) => {
            return Some(StandbyReport {
                condition: StandbyCondition::NoSource,
                why: Some(why),
                ..report
            });
        }
    }
    if let Some(Ok(lag)) = standby.feed.lag.as_ref().map(ask) {
        report.set_lag(&lag);
    }
    if let Some(Err(why)) = standby.feed.watch.as_ref().map(ask) {
        report.condition = StandbyCondition::NotFed;
        report.why = Some(why);
    } else if report.position != report.source && report.lag_seconds.is_none_or(|lag| lag > 1.0) {
        report.condition = StandbyCondition::Behind;
    }
    Some(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::{DatasetKind, Engine as _, FakeEngine};

    #[test]
    fn a_standby_on_a_pool_without_room_is_refused_with_numbers() {
        let fake = FakeEngine::new();
        fake.add_pool(&"t".parse().unwrap()).unwrap();
        let root: Dataset = "t/app".parse().unwrap();
        fake.create(&root, DatasetKind::Filesystem, &[]).unwrap();
        let mut found = fake.datasets(std::slice::from_ref(&root)).unwrap();
        found[0].available = ROOM;
        assert_eq!(no_room(&found), None);
        found[0].available = 7 << 20;
        let why = no_room(&found).unwrap();
        assert!(why.contains("7 MiB are free to t/app, and it needs 256 MiB"), "{why}");
    }
}
