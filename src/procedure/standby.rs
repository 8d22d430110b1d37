//! Plans the start and the end of a standby.

use std::sync::Arc;
use std::time::Duration;

use super::{ProcedureInputs, Settings};
use crate::host::exec::quoted;
use crate::journal::{Layout, Output, Side, StepId};
use crate::playbook::CommandTemplate;
use crate::playbook::model::{BEING_FILLED, CommandSpec, Standby};
use crate::report::{CliError, Command, ErrorKind, StandbyCondition, StandbyReport, permit};
use crate::step::standby::run;
use crate::step::{Context, Plan, State, Step};
use crate::strategy::StandbyInput;
use crate::zfs::{Dataset, DatasetInfo, Guid, Snapshot};

/// What the standby of this change is made from.
pub(super) fn input<'a>(
    inputs: &'a ProcedureInputs,
    state: &'a State,
    roots: &'a [Dataset],
) -> StandbyInput<'a> {
    StandbyInput { playbook: inputs.product(), state, roots }
}

/// With less room than this, in bytes, no standby is begun: a full pool stops the service, too.
const ROOM: u64 = 256 << 20;

pub(super) fn unseen(error: anyhow::Error) -> CliError {
    CliError::new(ErrorKind::Failed, "the datasets of this change could not be looked at")
        .because(&error)
}

/// The snapshots are there that the standby is cloned from, and there is room for what is written.
fn possible(inputs: &ProcedureInputs, state: &State) -> Result<(), CliError> {
    let refuse = |why: String| CliError::new(ErrorKind::Refused, why);
    let taken = input(inputs, state, &inputs.roots()).origins()?;
    let names: Vec<Snapshot> = taken.iter().map(|(name, _)| name.clone()).collect();
    let found = inputs.engine.snapshot_infos(&names).map_err(|error| unseen(error.into()))?;
    let gone = |(name, guid): &&(Snapshot, Guid)| {
        !found.iter().any(|info| info.name == *name && info.guid == *guid)
    };
    if let Some((name, _)) = taken.iter().find(gone) {
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
    let copies = inputs.product().standby.as_ref().and_then(|it| it.back.as_ref());
    let left_out = match state.outputs.get(&StepId::RESTORE) {
        Some(Output::Rejects { count, .. }) => *count,
        _ => 0,
    };
    if state.standby_side() == Side::Upgraded
        && copies.is_some_and(|back| back.copies)
        && let Some(error) =
            dropped(left_out, &state.manifest.from_version, &state.manifest.upgrade_to.to_string())
    {
        return Err(error);
    }
    Ok(input(&inputs, state, &inputs.roots()).start(wait)?)
}

/// The refusal of a standby that would be a copy without what the downgrade left out.
fn dropped(left_out: u64, from: &str, to: &str) -> Option<CliError> {
    let items = match left_out {
        0 => return None,
        1 => "1 item that version".to_owned(),
        several => format!("{several} items that version"),
    };
    let what = format!(
        "as a standby, version {to} would become a copy of version {from}, and lose {items} {from} \
         rejected"
    );
    let error = CliError::new(ErrorKind::Refused, what).next(
        "backout undo",
        "go back to the upgraded state, which has them; what was written since stays aside",
    );
    Some(error)
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

/// How far the version has come that serves.
///
/// # Errors
/// Why it does not say so.
pub(super) fn source(
    settings: &Settings,
    inputs: &ProcedureInputs,
    state: &State,
) -> Result<String, String> {
    let layout = settings.layout(&state.manifest);
    let context = context(inputs, state, &layout);
    let standby = of_side(inputs, state).ok_or("the playbook has no standby of this version")?;
    ask(&context, &standby.feed.source)
}

/// The standby of the version that stands by now, or would.
fn of_side(inputs: &ProcedureInputs, state: &State) -> Option<Standby> {
    let standby = inputs.product().standby.as_ref()?;
    match state.standby_side() {
        Side::Previous => Some(standby.clone()),
        Side::Upgraded => standby.other_way(),
    }
}

/// For a look.
fn context<'a>(inputs: &'a ProcedureInputs, state: &'a State, layout: &'a Layout) -> Context<'a> {
    Context {
        engine: inputs.engine.as_ref(),
        runner: &inputs.runner,
        state,
        layout,
        say: &|_| {},
        items: Arc::default(),
        root: "/".into(),
    }
}

/// What a command of the standby prints, or why not.
fn ask(context: &Context<'_>, spec: &CommandSpec) -> Result<String, String> {
    let values = &context.state.manifest.values;
    let template = spec.template().fill_known(&|name| values.get(name).cloned());
    let timeout = template.timeout.min(LOOK);
    let command = CommandTemplate { timeout, ..template };
    run(context, &command).map_err(|error| quoted(&format!("{error:#}")))
}

/// What is true of the standby now; `None` if there is none, or the change's own files cannot be
/// used. It changes nothing.
pub fn look(settings: &Settings, state: &State) -> Option<StandbyReport> {
    if !state.has_standby() {
        return None;
    }
    let inputs = ProcedureInputs::of_change(settings, state).ok()?;
    let layout = settings.layout(&state.manifest);
    let context = context(&inputs, state, &layout);
    let mut report = asked(&inputs, &context)?;
    let roots = inputs.roots();
    let clones = input(&inputs, state, &roots).tops().ok()?;
    let found = inputs.engine.datasets(&clones).ok();
    report.used = found.map(|found| found.iter().map(|info| info.used).sum());
    Some(report)
}

fn asked(inputs: &ProcedureInputs, context: &Context<'_>) -> Option<StandbyReport> {
    let standby = of_side(inputs, context.state)?;
    let ask = |spec: &CommandSpec| ask(context, spec);
    let mut report = StandbyReport {
        side: context.state.standby_side(),
        condition: StandbyCondition::CaughtUp,
        why: None,
        position: None,
        source: None,
        lag_seconds: None,
        lag_transactions: None,
        used: None,
    };
    match ask(&standby.feed.position) {
        Ok(position) => report.position = Some(position).filter(|it| it != BEING_FILLED),
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

    /// What 2.0 alone has would be gone, without a word.
    #[test]
    fn a_copy_does_not_stand_by_after_a_downgrade_that_left_something_out() {
        assert!(dropped(0, "1.0", "2.0").is_none());
        let error = dropped(3, "1.0", "2.0").expect("refused");
        assert!(error.what.ends_with("and lose 3 items that version 1.0 rejected"), "{error:?}");
        assert_eq!(error.next[0].command, "backout undo");
    }

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
