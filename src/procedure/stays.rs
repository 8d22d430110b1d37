//! Which datasets below the service's are left alone by a procedure that exchanges these.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::ProcedureInputs;
use crate::journal::{ChangeManifest, MountedDataset};
use crate::proof::coverage;
use crate::step::State;
use crate::zfs::{self, Dataset, Guid};

/// The datasets that hold the product's data: what was captured and compared.
pub(super) fn of_product(
    inputs: &ProcedureInputs,
    state: &State,
    mounts: &[MountedDataset],
) -> BTreeSet<Dataset> {
    let value = |name: &str| state.manifest.values.get(name).cloned();
    let paths = inputs.product().data.paths.iter().filter_map(|path| path.fill(&value).ok());
    let real = paths.map(|path| std::fs::canonicalize(&path).unwrap_or_else(|_| path.into()));
    let owner = |path: &Path| path.metadata().ok().map(|found| found.uid());
    coverage::of_product(mounts, &real.collect::<Vec<_>>(), &owner)
}

/// Those that are there now, with all that is below them.
///
/// # Errors
/// When the datasets cannot be read.
pub(super) fn now(inputs: &ProcedureInputs, state: &State) -> zfs::Result<Vec<(Dataset, Guid)>> {
    let mut there = Vec::new();
    for root in inputs.roots() {
        there.extend(inputs.engine.tree(&root)?);
    }
    let mounts: Vec<MountedDataset> = there
        .iter()
        .map(|info| MountedDataset {
            dataset: info.name.clone(),
            guid: info.guid,
            mountpoint: info.mountpoint.clone(),
            canmount: None,
            mounted: info.mounted,
        })
        .collect();
    let members = members(&state.manifest);
    let mut goes = of_product(inputs, state, &mounts);
    goes.extend(members.iter().cloned());
    let others = coverage::of_others(there.iter().map(|info| &info.name), &goes);
    let kept: BTreeSet<&Dataset> =
        coverage::directly_below(&others, &members).into_iter().collect();
    let stay = there.iter().filter(|info| kept.contains(&info.name));
    Ok(stay.map(|info| (info.name.clone(), info.guid)).collect())
}

/// Those that a change which has not begun yet would leave alone.
pub(super) fn foreseen(manifest: &ChangeManifest) -> Vec<(Dataset, Guid)> {
    let names: Vec<&Dataset> = manifest.left.iter().map(|left| &left.dataset).collect();
    let kept = coverage::directly_below(&names, &members(manifest));
    let left = manifest.left.iter().filter(|left| kept.contains(&&left.dataset));
    left.map(|left| (left.dataset.clone(), left.guid)).collect()
}

fn members(manifest: &ChangeManifest) -> BTreeSet<Dataset> {
    manifest.datasets.iter().map(|mount| mount.dataset.clone()).collect()
}
