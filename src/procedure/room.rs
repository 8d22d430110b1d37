//! What the way back takes on the pools, and how it grows: for `status`.

use super::{ProcedureInputs, Settings, changes};
use crate::host::files::write_atomic;
use crate::journal::{Output, Phase, StepId};
use crate::report::{Observed, Room, Seen, Timeline};
use crate::step::State;
use crate::strategy;
use crate::zfs::{self, Dataset, ENDING_STANDBY, Snapshot};

/// Whether it can go either way, and nothing is under way.
fn both_ways_are_open(state: &State) -> bool {
    matches!(state.phase, Phase::Upgraded | Phase::BackedOut) && state.current().is_none()
}

/// What the way back takes; `None` if no decision is awaited, or it cannot be seen. It keeps two
/// observations in the change's folder, where it can.
pub fn room(settings: &Settings, state: &State) -> Option<Room> {
    if !both_ways_are_open(state) || !state.manifest.data_strategy.is_zfs() {
        return None;
    }
    let inputs = ProcedureInputs::of_change(settings, state).ok()?;
    let mut room = taken(&inputs, state).ok()?;
    let path = settings.layout(&state.manifest).room();
    let before = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let now = Seen { at: settings.now.timestamp(), bytes: room.all() };
    let (kept, growth) = Observed::with(before, now);
    room.growth = growth;
    if before != Some(kept)
        && let Ok(text) = serde_json::to_vec(&kept)
    {
        // Only for those who ask; and a change that an ordinary user looks at is not theirs.
        let _ = write_atomic(&path, &text);
    }
    Some(room)
}

fn taken(inputs: &ProcedureInputs, state: &State) -> zfs::Result<Room> {
    let (engine, roots) = (inputs.engine.as_ref(), inputs.roots());
    let used = |names: &[Dataset]| -> zfs::Result<u64> {
        Ok(engine.datasets(names)?.iter().map(|info| info.used).sum())
    };
    let named = |ending: &str| -> zfs::Result<Vec<Dataset>> {
        roots.iter().map(|root| Ok(root.with_suffix(ending)?)).collect()
    };
    let snapshots: Vec<Snapshot> = match state.outputs.get(&StepId::SNAPSHOT) {
        Some(Output::Snapshots { list }) => list.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    };
    let mut kept = 0;
    for ending in strategy::kept_endings(state) {
        kept += used(&named(&ending)?)?;
    }
    Ok(Room {
        snapshots: engine.snapshot_infos(&snapshots)?.iter().map(|info| info.used).sum(),
        standby: used(&named(ENDING_STANDBY)?)?,
        kept,
        free: engine.datasets(&roots)?.iter().map(|info| info.available).min().unwrap_or_default(),
        growth: None,
    })
}

/// The story of a change that awaits a decision.
pub fn story(settings: &Settings, state: &State) -> Option<Timeline> {
    both_ways_are_open(state).then(|| changes::story(settings, &state.manifest.change)).flatten()
}
