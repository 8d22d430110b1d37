//! Plans an upgrade: the snapshot, unless there is one, and the upgrade.

use super::{Prepared, ProcedureInputs, Settings, changes, judge};
use crate::journal::{ChangeManifest, Phase};
use crate::preflight::{self, Occasion};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::{Plan, State};
use crate::strategy;

/// What a person said in advance.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
    /// The names that they answered for.
    pub accepted: &'a [String],
    /// Values of the file that the vendor's installer reads, `KEY=VALUE`.
    pub silent: &'a [String],
}

/// The upgrade of the open change, or of a new one. `only`: the snapshot alone.
///
/// # Errors
/// When the state does not permit it, a check refuses, or a file cannot be used.
pub fn prepare(
    settings: &Settings,
    consent: Consent<'_>,
    only: bool,
) -> Result<Prepared, CliError> {
    let known = changes::open_one(settings)?;
    let (inputs, facts) = match &known {
        Some(state) => {
            permit(state, if only { Command::Snapshot } else { Command::Upgrade })?;
            let inputs = ProcedureInputs::of_change(settings, state)?;
            let facts = inputs.facts(settings, Occasion::Upgrade, Some(state), None)?;
            (inputs, facts)
        }
        None => {
            let inputs = ProcedureInputs::open(settings)?;
            if only && !strategy::data_of(inputs.data_strategy()).rolls_back() {
                let why = "there is nothing to take a snapshot of: \
                           the data is not on ZFS, or there is none";
                return Err(CliError::new(ErrorKind::Usage, why)
                    .next("backout upgrade", "upgrade, with the way back that there is"));
            }
            let name = inputs.snapshot_name(settings);
            let facts = inputs.facts(settings, Occasion::Upgrade, None, Some(name))?;
            (inputs, facts)
        }
    };
    let mut findings = judge(preflight::check(&facts), consent.accepted)?;
    if known.is_some() && !consent.silent.is_empty() {
        let why = "the change is open already: what its installer reads is settled";
        let same = "the same without --silent, and without [silent] in the answers file";
        return Err(CliError::new(ErrorKind::Usage, why).next("backout upgrade", same));
    }
    let silent = inputs.silent(consent.silent)?;
    let sections = inputs.product().response_file.iter();
    findings.extend(
        sections.flat_map(|section| preflight::response_file::unexpected(section, &silent)),
    );
    let new = known.is_none();
    let state = match known {
        Some(state) => state,
        None => State::opened(ChangeManifest { silent, ..inputs.manifest(settings, &facts)? }),
    };
    let plan = if only {
        strategy::snapshot_only(inputs.product(), &state.manifest)?
    } else {
        plan(&inputs, &state)?
    };
    Ok(Prepared { inputs, state, new, plan, findings })
}

/// The plan of an upgrade of this change, wherever it stands.
///
/// # Errors
/// When the playbook's texts cannot be filled.
pub fn plan(inputs: &ProcedureInputs, state: &State) -> Result<Plan, CliError> {
    let prepared = state.phase == Phase::Prepared;
    Ok(strategy::upgrade(inputs.product(), &state.manifest, prepared)?)
}
