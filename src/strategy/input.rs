//! What a downgrade is planned from, and the names under which it keeps what was there.

use anyhow::Result;

use crate::journal::{Output, Procedure, StepId};
use crate::step::{Action, Run, State, Step};
use crate::zfs::{Dataset, ENDING_ASIDE_OF_0_1_0 as ASIDE_OF_0_1_0, Guid, Snapshot};

pub use crate::zfs::{ENDING_ASIDE as ASIDE, ENDING_UNDONE as UNDONE};

/// Whether clients could write since the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedClients {
    /// The service was open. What was written is captured and restored.
    Yes,
    /// The service was open, and the new version does not answer any more. What was written is
    /// captured from the files; nothing is listed, so nothing is proved.
    Unanswered,
    /// The upgrade never opened the service, so there is nothing to capture.
    Never,
}

/// What a downgrade is planned from, apart from playbook and opening.
#[derive(Debug, Clone)]
pub struct DowngradeInput {
    /// Keep the upgraded state beside the restored one, or destroy it.
    pub keep: bool,
    /// Compare only what the capture touched, where the playbook can, before the service is opened.
    /// For a kept downgrade: what was not compared is still there then.
    pub delta: bool,
    /// Whether there is something to capture.
    pub served: ServedClients,
    /// The site's datasets, without those below them.
    pub roots: Vec<Dataset>,
    /// The snapshots before the upgrade.
    pub snapshots: Vec<(Snapshot, Guid)>,
    /// The datasets of other use below the roots, without those below them: they neither go back
    /// nor aside.
    pub stays: Vec<(Dataset, Guid)>,
    /// Newer snapshots that the operator accepted to lose (in place only).
    pub consented: Vec<(Snapshot, Guid)>,
    /// Newer bookmarks that the operator accepted to lose (in place only).
    pub consented_bookmarks: Vec<String>,
    /// What becomes of the standby, if there is one.
    pub standby: Option<StandbyPart>,
}

impl Default for DowngradeInput {
    /// Of a service that was open, with the upgraded state kept; and nothing else that is special.
    fn default() -> Self {
        Self {
            keep: true,
            delta: true,
            served: ServedClients::Yes,
            roots: Vec::new(),
            snapshots: Vec::new(),
            stays: Vec::new(),
            consented: Vec::new(),
            consented_bookmarks: Vec::new(),
            standby: None,
        }
    }
}

/// What a downgrade does with a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandbyPart {
    /// It ends first.
    Ends,
    /// It takes over.
    TakesOver(SwitchInput),
}

impl StandbyPart {
    /// It takes over in this way, if there is one; otherwise it ends.
    pub fn of(switch: Option<SwitchInput>) -> Self {
        switch.map_or(Self::Ends, Self::TakesOver)
    }
}

/// How a standby takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchInput {
    /// Seconds from the refusal of writes to the exchange.
    pub deadline: u64,
    /// Seconds that the standby may take to catch up before that.
    pub catch_up: u64,
    /// Compare everything while clients still write, where the playbook can.
    pub ahead: bool,
}

/// What a switch compares while writes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::strategy) enum Compares {
    /// Everything.
    All,
    /// What was fed, where the playbook can tell.
    Fed,
    /// What was written since everything was compared, where the playbook can tell; or else what was
    /// fed. The standby may take so many seconds to catch up after everything was compared.
    Since { within: u64 },
}

/// How the upgraded version takes over again.
#[derive(Debug, Clone)]
pub struct SwitchBack {
    /// How long it may take.
    pub switch: SwitchInput,
    /// Whether the previous version answers. If not, what it wrote is taken from its logs.
    pub answers: bool,
    /// The site's datasets as they are now, with their identities.
    pub now: Vec<(Dataset, Guid)>,
    /// Snapshots of others on the upgraded data that was kept, which a person answered for; newest
    /// first.
    pub consented: Vec<(Snapshot, Guid)>,
}

impl SwitchInput {
    /// What it compares. `delta`: not everything, while writes are refused.
    pub(in crate::strategy) fn compares(&self, delta: bool) -> Compares {
        match (delta, self.ahead) {
            (false, _) => Compares::All,
            (true, false) => Compares::Fed,
            (true, true) => Compares::Since { within: self.catch_up },
        }
    }

    /// Where nobody says otherwise.
    pub fn usual() -> Self {
        Self { deadline: 30, catch_up: 60, ahead: true }
    }
}

/// The datasets that a kept downgrade exchanged, for the way back from it.
#[derive(Debug, Clone, Copy)]
pub struct Exchanged<'a> {
    /// The site's datasets, without those below them.
    pub roots: &'a [Dataset],
    /// As in [`DowngradeInput::stays`], as they are now. Of no use for an abort, which knows them
    /// from its downgrade.
    pub stays: &'a [(Dataset, Guid)],
}

/// The suffix for what the undo with this number (from 1) leaves aside. For a second one, the name
/// of the first is taken.
pub fn undone(number: usize) -> String {
    if number < 2 { UNDONE.to_owned() } else { format!("{UNDONE}-{number}") }
}

/// The suffixes under which a change may keep datasets.
pub fn kept_endings(state: &State) -> Vec<String> {
    (1..=left_aside(state).max(1))
        .map(undone)
        .chain([ASIDE, ASIDE_OF_0_1_0].map(str::to_owned))
        .collect()
}

/// The suffix under which the last downgrade keeps the upgraded state: its plan says it.
pub fn aside_of(state: &State) -> &'static str {
    let run = state.last_run(Procedure::is_downgrade);
    let former = run.into_iter().flat_map(|run| &run.plan.steps).any(|step| match &step.action {
        Action::SetAside(it) => it.aside.as_str().ends_with(ASIDE_OF_0_1_0),
        Action::MoveAside(it) => {
            it.moves.iter().any(|(_, aside)| aside.to_string_lossy().ends_with(ASIDE_OF_0_1_0))
        }
        _ => false,
    });
    if former { ASIDE_OF_0_1_0 } else { ASIDE }
}

/// The ending of what the next undo of this change leaves aside.
pub(super) fn undone_of(state: &State) -> String {
    undone(1 + left_aside(state))
}

/// How often the data of the previous version was left aside: by an undo, or by the abort of a
/// switch whose server did not open.
fn left_aside(state: &State) -> usize {
    let keeps = |step: &Step| matches!(&step.action, Action::PutBack(it) if it.keep_as.is_some());
    let left =
        |run: &&Run| run.plan.procedure == Procedure::Undo || run.plan.steps.iter().any(keeps);
    state.runs.iter().filter(left).count()
}

/// The names of the snapshots that a step took or was about to take.
pub(super) fn marked(run: &Run, step: &StepId) -> Result<Vec<Snapshot>> {
    let Some((Step { action: Action::Snapshot(take), .. }, _)) = run.step(step) else {
        return Ok(Vec::new());
    };
    take.datasets.iter().map(|dataset| Ok(dataset.at(&take.name)?)).collect()
}

/// The snapshots that a step took.
pub(super) fn snapshots(state: &State, step: &StepId) -> Vec<(Snapshot, Guid)> {
    match state.outputs.get(step) {
        Some(Output::Snapshots { list }) => list.clone(),
        _ => Vec::new(),
    }
}
