//! Accepting: what was kept for the other way is destroyed.

use anyhow::Result;

use super::input::snapshots;
use super::reserve::release;
use crate::journal::{Layout, Procedure, StepId};
use crate::playbook::Playbook;
use crate::step::{Action, Destroy, DropSnapshots, Plan, Promote, RemoveAside, State, Step};
use crate::zfs::{Dataset, Guid, Snapshot};

/// The step that removes what was kept for the other version and is no dataset, if anything was.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn remove_aside(playbook: &Playbook, state: &State, downgraded: bool) -> Result<Option<Step>> {
    super::data::of(state.manifest.data_strategy).remove_aside(playbook, state, downgraded)
}

/// The step that removes the upgraded version's programs and what was carried whole, if there may
/// be any of it. It is of no use without the upgraded data, and may be as large. Captures and lists
/// stay.
pub fn remove_kept(state: &State, layout: &Layout) -> Option<Step> {
    const MADE_BY: [StepId; 4] = [
        StepId::KEEP_PROGRAMS,
        StepId::KEEP_PROGRAMS_PREVIOUS,
        StepId::WHOLE_NOTICE,
        StepId::REPAIR_NOTICE,
    ];
    let made = state.runs.iter().any(|run| MADE_BY.iter().any(|step| run.was_begun(step)));
    let folders = vec![layout.upgraded_programs(), layout.previous_programs(), layout.whole()];
    let title = "remove the programs that were kept, and what was carried whole";
    made.then(|| {
        Step::new(StepId::REMOVE_KEPT, title, Action::RemoveAside(RemoveAside { folders }))
    })
}

/// Accepts the upgrade or the downgrade. `promote`: the clones that took the place, parents first.
/// `destroy`: what was kept for the other way, children first; `with`: its snapshots, ours and
/// those that the operator accepted to lose. `folders`: the steps for folders.
pub fn commit(
    state: &State,
    procedure: Procedure,
    promote: Vec<Dataset>,
    destroy: Vec<(Dataset, Guid)>,
    with: Vec<(Snapshot, Guid)>,
    folders: Vec<Step>,
) -> Plan {
    let mut steps = folders;
    if !promote.is_empty() {
        let title = "make the restored datasets independent of the upgraded ones";
        steps.push(Step::new(
            StepId::PROMOTE,
            title,
            Action::Promote(Promote { datasets: promote }),
        ));
    }
    if !destroy.is_empty() {
        let title = format!("destroy what was kept for the other way: {}", some(&destroy));
        steps.push(Step::new(
            StepId::DESTROY,
            title,
            Action::Destroy(Destroy { datasets: destroy, snapshots: with }),
        ));
    }
    steps.extend(release(&state.manifest));
    // The newest first.
    let mut drop = snapshots(state, &StepId::SNAPSHOT_RESTORED);
    drop.extend(snapshots(state, &StepId::SNAPSHOT_BASE));
    drop.extend(snapshots(state, &StepId::SNAPSHOT));
    let title = if drop.is_empty() {
        "close the change; it has no snapshots"
    } else {
        "release and destroy the snapshots of this change"
    };
    steps.push(Step::new(
        StepId::DROP_SNAPSHOT,
        title,
        Action::DropSnapshots(DropSnapshots { snapshots: drop, marked: Vec::new() }),
    ));
    Plan { procedure, steps }
}

/// The names of a few; of many, how many there are.
fn some(datasets: &[(Dataset, Guid)]) -> String {
    const FEW: usize = 8;
    let mut names = datasets.iter().map(|(dataset, _)| dataset.as_str());
    if datasets.len() <= FEW {
        return names.collect::<Vec<_>>().join(", ");
    }
    // Children come first: the last is at the top.
    let top = names.next_back().unwrap_or_default();
    format!("{top} and {} more", datasets.len() - 1)
}
