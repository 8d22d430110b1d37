//! Plans an undo: from a finished downgrade that kept the upgraded state back to that state. With a
//! standby of the upgraded version it takes over, with everything that was written since.

use std::collections::BTreeSet;

use anyhow::Context as _;

use super::mended::mended;
use super::{ProcedureInputs, Settings, standby};
use crate::host::quote::quote;
use crate::journal::{Procedure, StepId};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::{Plan, State};
use crate::strategy::{self, Exchanged, SwitchBack, SwitchInput};
use crate::zfs::{self, Dataset, Guid, Snapshot};

/// The yes to a switch from a previous version that does not answer.
const YES: &str = "previous-not-answering";

/// The plan back to the upgraded state. `switch`: how a standby takes over, if there is one; `None`:
/// it ends. `accepted`: the names of the answers.
///
/// # Errors
/// When the state does not permit it, or the change's own files cannot be used.
pub fn plan(
    settings: &Settings,
    state: &State,
    switch: Option<SwitchInput>,
    accepted: &[String],
) -> Result<Plan, CliError> {
    permit(state, Command::Undo)?;
    mended(state, Command::Undo, accepted)?;
    let run = state.last_run(Procedure::is_downgrade).context("the change has no downgrade")?;
    let inputs = ProcedureInputs::of_change(settings, state)?;
    // Without ZFS those that the downgrade left alone are known. Nothing runs without it.
    let stays = super::stays::now(&inputs, state).unwrap_or_else(|_| strategy::stays_of(run));
    let roots = inputs.roots();
    let exchanged = Exchanged { roots: &roots, stays: &stays };
    if let Some(switch) = switch.filter(|_| state.has_standby()) {
        let input = switch_back(settings, &inputs, state, switch, accepted)?;
        return Ok(strategy::switch_back(inputs.product(), state, run, exchanged, &input)?);
    }
    let mut plan = strategy::back(inputs.product(), state, run, exchanged, false)?;
    plan.steps.splice(0..0, standby::ended(&inputs, state)?);
    Ok(plan)
}

fn switch_back(
    settings: &Settings,
    inputs: &ProcedureInputs,
    state: &State,
    switch: SwitchInput,
    accepted: &[String],
) -> Result<SwitchBack, CliError> {
    let (roots, from) = (inputs.roots(), &state.manifest.from_version);
    let answers = standby::source(settings, inputs, state);
    if let Err(why) = &answers {
        let error = CliError::new(
            ErrorKind::Refused,
            format!("version {from} does not answer, and its standby takes over from it"),
        )
        .cause(why);
        if !standby::input(inputs, state, &roots).reads_logs()? {
            return Err(error.next(
                "backout undo --without-standby",
                "go back to the upgraded state: what was written since stays aside",
            ));
        }
        if !accepted.iter().any(|name| name == YES) {
            let next = format!("backout undo --accept {YES}");
            return Err(error
                .cause("Start it, if it can be started. Nothing can be compared without it.")
                .next(next, "take what it wrote since from its logs"));
        }
    }
    let engine = inputs.engine.as_ref();
    let read = || -> zfs::Result<_> { Ok((engine.datasets(&roots)?, others(inputs, state)?)) };
    let (found, others) = read().map_err(|error| standby::unseen(error.into()))?;
    if let Some(first) = others.datasets.first() {
        return Err(CliError::new(
            ErrorKind::Refused,
            format!("{first} stands below the upgraded data that was kept, and is not of it"),
        )
        .next(format!("zfs rename {} …", quote(first.as_str())), "move it, and undo again")
        .next("backout undo --without-standby", "it comes back with the upgraded state"));
    }
    let unnamed = |(name, _): &&(Snapshot, Guid)| !accepted.contains(&name.to_string());
    let unnamed: Vec<String> =
        others.snapshots.iter().filter(unnamed).map(|(name, _)| name.to_string()).collect();
    if !unnamed.is_empty() {
        let what = "snapshots that are not of this change were taken of the upgraded data that was \
                    kept, and would go with it";
        let mut error = CliError::new(ErrorKind::Refused, what);
        error.cause.extend(unnamed.iter().cloned());
        let accept = |name: &String| format!(" --accept {}", quote(name));
        let next = format!("backout undo{}", unnamed.iter().map(accept).collect::<String>());
        return Err(error.next(next, "destroy them too"));
    }
    let now = found.into_iter().map(|info| (info.name, info.guid)).collect();
    Ok(SwitchBack { switch, answers: answers.is_ok(), now, consented: others.snapshots })
}

/// What is not of this change on the upgraded data that was kept.
#[derive(Default)]
struct Others {
    datasets: Vec<Dataset>,
    /// Newest first.
    snapshots: Vec<(Snapshot, Guid)>,
}

fn others(inputs: &ProcedureInputs, state: &State) -> zfs::Result<Others> {
    let mut others = Others::default();
    let ending = strategy::aside_of(state);
    let taken = match state.outputs.get(&StepId::SNAPSHOT_UPGRADED) {
        Some(crate::journal::Output::Snapshots { list }) => list.as_slice(),
        _ => &[],
    };
    let last: BTreeSet<Guid> = taken.iter().map(|(_, guid)| *guid).collect();
    for root in inputs.roots() {
        let aside = root.with_suffix(ending)?;
        for (info, snapshots) in inputs.engine.history(&aside)? {
            let newer = snapshots.into_iter().skip_while(|it| !last.contains(&it.guid));
            let mut newer: Vec<_> = newer.collect();
            if newer.is_empty() {
                others.datasets.push(info.name);
                continue;
            }
            newer.reverse();
            newer.pop();
            others.snapshots.extend(newer.into_iter().map(|it| (it.name, it.guid)));
        }
    }
    Ok(others)
}
