//! Room that is held back on a pool while there is some, for a way back in place when there is none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Action, Step};
use crate::journal::Opening;
use crate::zfs::{Dataset, ENDING_RESERVE};

/// See [`Action::Reserve`], [`Action::ReleaseReserve`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reserve {
    /// One for each pool, empty but for its `refreservation`: beside the first dataset of the pool.
    pub reserves: Vec<Dataset>,
    /// The datasets that the room is for.
    pub datasets: Vec<Dataset>,
}

fn of(opening: &Opening) -> Option<Reserve> {
    let mut pools = BTreeSet::new();
    let first = opening.datasets.iter().map(|mount| &mount.dataset).filter(|dataset| pools.insert(dataset.pool()));
    // Where its name would be too long, there is none.
    let reserves: Vec<Dataset> = first.filter_map(|dataset| dataset.with_suffix(ENDING_RESERVE).ok()).collect();
    let datasets = opening.datasets.iter().map(|mount| mount.dataset.clone()).collect();
    (opening.way.is_zfs() && !reserves.is_empty()).then_some(Reserve { reserves, datasets })
}

fn pools(reserve: &Reserve) -> String {
    reserve.reserves.iter().map(|dataset| dataset.pool().to_string()).collect::<Vec<_>>().join(", ")
}

/// The step that holds room back, where there are datasets.
pub(super) fn reserve(opening: &Opening) -> Option<Step> {
    of(opening).map(|it| {
        Step::new("reserve", format!("hold some room back on {}, for a pool that is full later", pools(&it)), Action::Reserve(it))
    })
}

/// The step that gives it back.
pub(super) fn release(opening: &Opening) -> Option<Step> {
    of(opening)
        .map(|it| Step::new("release-reserve", format!("give back the room held back on {}", pools(&it)), Action::ReleaseReserve(it)))
}
