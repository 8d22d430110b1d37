//! Space that is reserved on a pool while there is some, for a downgrade in place when there is
//! none.

use std::collections::BTreeSet;

use crate::journal::{ChangeManifest, StepId};
use crate::step::{Action, Reserve, Step};
use crate::zfs::{Dataset, ENDING_RESERVE};

fn of(manifest: &ChangeManifest) -> Option<Reserve> {
    let datasets: Vec<Dataset> =
        manifest.datasets.iter().map(|mount| mount.dataset.clone()).collect();
    let mut pools = BTreeSet::new();
    let reserves: Vec<Dataset> = datasets
        .iter()
        .filter_map(|dataset| beside(dataset, &datasets))
        .filter(|reserve| pools.insert(reserve.pool()))
        .collect();
    (!reserves.is_empty()).then_some(Reserve { reserves, datasets })
}

/// The name of its reserve. There is none beside the pool's own dataset, none below a dataset that
/// goes back (it would be one created after the snapshot), and none with a name that is too long.
fn beside(dataset: &Dataset, members: &[Dataset]) -> Option<Dataset> {
    let reserve = dataset.with_suffix(ENDING_RESERVE).ok()?;
    (reserve.pool() == dataset.pool() && !members.iter().any(|member| reserve.is_within(member)))
        .then_some(reserve)
}

fn pools(reserve: &Reserve) -> String {
    reserve.reserves.iter().map(|dataset| dataset.pool().to_string()).collect::<Vec<_>>().join(", ")
}

/// The step that reserves space, if there are datasets.
pub(super) fn reserve(manifest: &ChangeManifest) -> Option<Step> {
    of(manifest).map(|it| {
        Step::new(
            StepId::RESERVE,
            format!("hold some room back on {}, for a pool that is full later", pools(&it)),
            Action::Reserve(it),
        )
    })
}

/// The step that releases it.
pub(super) fn release(manifest: &ChangeManifest) -> Option<Step> {
    of(manifest).map(|it| {
        Step::new(
            StepId::RELEASE_RESERVE,
            format!("give back the room held back on {}", pools(&it)),
            Action::ReleaseReserve(it),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<String> {
        let members: Vec<Dataset> =
            names.iter().map(|name| name.parse().expect("a name")).collect();
        members
            .iter()
            .filter_map(|dataset| beside(dataset, &members))
            .map(|reserve| reserve.to_string())
            .collect()
    }

    #[test]
    fn a_reserve_is_beside_what_goes_back() {
        let long = format!("t/{}", "x".repeat(250));
        assert_eq!(found(&["t/app", "t/app/log", "u/index"]), ["t/app.reserve", "u/index.reserve"]);
        assert_eq!(found(&["t", "t/app"]), [""; 0], "the pool itself goes back");
        assert_eq!(found(&[&long]), [""; 0]);
    }
}
