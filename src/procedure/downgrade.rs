//! Plans a downgrade, kept or in place.

use super::{Prepared, ProcedureInputs, Settings, judge, stays};
use crate::journal::{ChangeManifest, Output, StepId};
use crate::playbook::site::RollbackChoice;
use crate::preflight::{self, Facts, Occasion};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::{Plan, Record, State};
use crate::strategy::{self, DowngradeInput, ServedClients, StandbyPart, SwitchInput};
use crate::zfs::{Guid, Snapshot};

/// What is compared before the service is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofKind {
    /// What was written since the snapshot, where the playbook can tell what that touched.
    Delta,
    /// Everything.
    Full,
}

/// The downgrade of this change. `choice`: the person's choice, which overrides the site's.
/// `proof`: what is compared. `switch`: how a standby takes over, if there is one; `None`: it ends.
/// `accepted`: the names that they accepted.
///
/// # Errors
/// When the state does not permit it, a check refuses, or the change's own files cannot be used.
pub fn prepare(
    settings: &Settings,
    state: State,
    choice: Option<RollbackChoice>,
    proof: Option<ProofKind>,
    switch: Option<SwitchInput>,
    accepted: &[String],
) -> Result<Prepared, CliError> {
    permit(&state, Command::Downgrade)?;
    if choice == Some(RollbackChoice::InPlace) && proof == Some(ProofKind::Delta) {
        let why = "in place, everything is compared: the upgraded data is destroyed";
        return Err(CliError::new(ErrorKind::Usage, why)
            .next("backout downgrade --in-place", "the same with the full proof"));
    }
    if choice.is_some() && !strategy::data_of(state.manifest.data_strategy).rolls_back() {
        let why = "nothing rolls back here: the data is not on ZFS, or there is none";
        return Err(CliError::new(ErrorKind::Usage, why)
            .next("backout downgrade", "bring the previous version back"));
    }
    let inputs = ProcedureInputs::of_change(settings, &state)?;
    let (in_place, facts) =
        choose(settings, &inputs, &state, choice.unwrap_or(inputs.place().rollback))?;
    let findings = judge(preflight::check(&facts), accepted)?;
    let snapshots = match state.outputs.get(&StepId::SNAPSHOT) {
        Some(Output::Snapshots { list }) => list.clone(),
        _ if !strategy::data_of(state.manifest.data_strategy).rolls_back() => Vec::new(),
        _ => {
            return Err(CliError::new(
                ErrorKind::Halted,
                "the journal names no snapshot to go back to",
            ));
        }
    };
    let opened = match (state.clients_could_write(), facts.is_unanswered()) {
        (false, _) => ServedClients::Never,
        (true, false) => ServedClients::Yes,
        // It was accepted by name.
        (true, true) => ServedClients::Unanswered,
    };
    let (consented, consented_bookmarks) =
        if in_place { preflight::newer::destroyed(&facts) } else { (Vec::new(), Vec::new()) };
    let input = DowngradeInput {
        keep: !in_place,
        delta: proof != Some(ProofKind::Full),
        served: opened,
        roots: inputs.roots(),
        snapshots,
        stays: if in_place { Vec::new() } else { facts.stays() },
        consented,
        consented_bookmarks,
        standby: state
            .has_standby()
            .then(|| StandbyPart::of(switch.filter(|_| !in_place && takes_over(&inputs, opened)))),
    };
    let plan = strategy::downgrade(inputs.product(), &state.manifest, &input)?;
    // A plan that the journal would refuse is found before any question is asked.
    state
        .permits(&Record::Planned { plan: plan.clone() })
        .map_err(|why| CliError::new(ErrorKind::Usage, why))?;
    Ok(Prepared { inputs, state, new: false, plan, findings })
}

/// The downgrade of an upgrade that has not run yet, for people who want to see the way back first.
pub fn foreseen(inputs: &ProcedureInputs, manifest: &ChangeManifest) -> anyhow::Result<Plan> {
    let mut snapshots = Vec::new();
    for mount in &manifest.datasets {
        snapshots.push((mount.dataset.at(&manifest.snapshot)?, Guid(0)));
    }
    let input = DowngradeInput {
        keep: inputs.place().rollback != RollbackChoice::InPlace,
        roots: inputs.roots(),
        snapshots,
        stays: stays::foreseen(manifest),
        ..DowngradeInput::default()
    };
    strategy::downgrade(inputs.product(), manifest, &input)
}

/// Whether a standby can take over: from a server that is dead it needs its logs.
fn takes_over(inputs: &ProcedureInputs, served: ServedClients) -> bool {
    let standby = inputs.product().standby.as_ref();
    standby.is_some_and(|standby| match served {
        ServedClients::Yes => true,
        ServedClients::Unanswered => standby.switch.rest.is_some(),
        ServedClients::Never => false,
    })
}

/// Whether it is in place, and the host's facts for it. The upgraded state is kept unless somebody
/// chose otherwise. If it cannot be kept, the checks refuse and name `--in-place`.
fn choose(
    settings: &Settings,
    inputs: &ProcedureInputs,
    state: &State,
    choice: RollbackChoice,
) -> Result<(bool, Facts), CliError> {
    if choice == RollbackChoice::None
        && strategy::data_of(state.manifest.data_strategy).rolls_back()
    {
        return Err(CliError::new(ErrorKind::Usage, "this change has snapshots to go back to"));
    }
    let in_place = choice == RollbackChoice::InPlace;
    Ok((in_place, inputs.facts(settings, Occasion::Downgrade { in_place }, Some(state), None)?))
}

/// Bytes written to the datasets since the snapshot, where that can be told.
pub fn written(prepared: &Prepared) -> Option<u64> {
    let Some(Output::Snapshots { list }) = prepared.state.outputs.get(&StepId::SNAPSHOT) else {
        return None;
    };
    let names: Vec<Snapshot> = list.iter().map(|(name, _)| name.clone()).collect();
    let each = prepared.inputs.engine.written_since_each(&names).ok()?;
    Some(each.into_iter().sum())
}
