//! Folds records into a state. Pure, and the only place that knows which record may follow which:
//! appending and reading both use [`State::apply`].

use std::collections::BTreeMap;

use super::StepId;
use super::manifest::ChangeManifest;
use super::output::{Output, Proof};
use super::plan::{Action, Plan, Procedure, Role};
use super::record::{Line, OpenQuestion, Record, Replacement};
use super::run::{Run, StepState};
use crate::playbook::DataStrategy;
use crate::zfs::{Guid, Snapshot};

/// Where a change stands between procedures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was done yet.
    Opened,
    /// The snapshot is taken and held.
    Prepared,
    /// The new version runs; a decision is awaited.
    Upgraded,
    /// The previous version runs with everything that was written; a decision is awaited.
    BackedOut,
    /// Two hosts serve, and users move between them.
    Coexisting,
    /// The upgrade or the downgrade was accepted, or the change was given up before anything was
    /// upgraded. Nothing follows.
    Closed,
}

/// Everything that a journal says: the fold of its records.
#[derive(Debug, Clone)]
pub struct State<A> {
    /// How the change began.
    pub manifest: ChangeManifest,
    /// Where it stands between procedures.
    pub phase: Phase,
    /// The procedures, oldest first; only the last may be unfinished.
    pub runs: Vec<Run<A>>,
    /// What the steps of all procedures left for later ones. A step of a later procedure replaces
    /// that of an earlier step with the same id.
    pub outputs: BTreeMap<StepId, Output>,
    /// Every snapshot that this change ever took, oldest first, with its identity. An undo leaves
    /// some whose names a later downgrade uses again.
    pub snapshots: Vec<(Snapshot, Guid)>,
    /// The full proof that was made since the last downgrade.
    pub full_proof: Option<Proof>,
    /// Its lists, each with its number of items.
    pub full_lists: Vec<(String, u64)>,
    /// The outputs before an undo that is not finished.
    before_undo: Option<BTreeMap<StepId, Output>>,
}

/// A record that is not allowed in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} of the journal cannot stand there: {why}")]
pub struct FoldError {
    /// Its number.
    pub seq: u64,
    /// Why not.
    pub why: String,
}

impl<A: Action> State<A> {
    /// A change that was just opened.
    pub fn opened(manifest: ChangeManifest) -> Self {
        Self {
            manifest,
            phase: Phase::Opened,
            runs: Vec::new(),
            outputs: BTreeMap::new(),
            snapshots: Vec::new(),
            full_proof: None,
            full_lists: Vec::new(),
            before_undo: None,
        }
    }

    /// The state after all lines; `Ok(None)` if there are none.
    ///
    /// # Errors
    /// When this tool would not have written this history.
    pub fn fold<'a>(lines: impl IntoIterator<Item = &'a Line<A>>) -> Result<Option<Self>, FoldError>
    where
        A: 'a,
    {
        let mut state: Option<Self> = None;
        for line in lines {
            match (&mut state, &line.record) {
                (None, Record::Opened(manifest)) => {
                    state = Some(Self::opened(manifest.clone()));
                }
                (None, _) => {
                    return Err(FoldError {
                        seq: line.seq,
                        why: "the change was not opened".into(),
                    });
                }
                (Some(state), record) => {
                    state.apply(record).map_err(|why| FoldError { seq: line.seq, why })?
                }
            }
        }
        Ok(state)
    }

    /// The procedure that is not finished.
    pub fn current(&self) -> Option<&Run<A>> {
        self.runs.last().filter(|run| !run.finished)
    }

    /// The last finished or unfinished run of one of these procedures.
    pub fn last_run(&self, which: impl Fn(Procedure) -> bool) -> Option<&Run<A>> {
        self.runs.iter().rev().find(|run| which(run.plan.procedure))
    }

    /// Applies a record, if it may follow now. One that may not changes nothing.
    ///
    /// # Errors
    /// Why it may not follow.
    pub fn apply(&mut self, record: &Record<A>) -> Result<(), String> {
        self.permits(record)?;
        self.advance(record);
        Ok(())
    }

    /// Whether a record may follow now.
    ///
    /// # Errors
    /// Why it may not.
    pub fn permits(&self, record: &Record<A>) -> Result<(), String> {
        if let Record::Opened(_) = record {
            return Err("the change is open already".into());
        }
        if let Record::Planned { plan } = record {
            return self.may_begin(plan);
        }
        if let Record::Proved { .. } = record {
            return self.permits_full_proof().map_err(|why| format!("no full proof: {why:?}"));
        }
        if let Record::Replaced(new) = record {
            return self.may_replace(new);
        }
        let run = self.current().ok_or("no procedure is under way")?;
        let at = |step: &StepId| {
            run.plan.position(step).ok_or_else(|| format!("step `{step}` is not in the plan"))
        };
        match record {
            Record::Started { step, attempt } => {
                let at = at(step)?;
                // A step that is done may be started again, if its effect got lost.
                if run.next().is_some_and(|next| at > next) {
                    return Err(format!("step `{step}` cannot start before the ones ahead of it"));
                }
                if *attempt != run.attempts[at] + 1 {
                    return Err(format!(
                        "attempt {attempt} of step `{step}` does not follow attempt {}",
                        run.attempts[at]
                    ));
                }
            }
            Record::Done { step, .. } | Record::Failed { step, .. } => {
                if run.steps[at(step)?] != StepState::Started {
                    return Err(format!("step `{step}` was not started"));
                }
            }
            Record::Rewound { to, .. } => {
                let at = at(to)?;
                if run.next().is_none_or(|next| at > next) {
                    return Err(format!("step `{to}` is not behind us"));
                }
            }
            Record::Halted { step, .. } => {
                at(step)?;
            }
            Record::Finished => {
                if let Some(next) = run.next() {
                    return Err(format!("step `{}` is not done", run.plan.steps[next].id));
                }
            }
            Record::Answered { question: OpenQuestion::Repair } => {
                if !run.asks_for_repair() {
                    return Err("nothing waits to be repaired".into());
                }
            }
            Record::Opened(_)
            | Record::Planned { .. }
            | Record::Interrupted
            | Record::Proved { .. }
            | Record::Replaced(_)
            | Record::Answered { .. } => {}
        }
        Ok(())
    }

    /// The state after a record that it permits ([`Self::permits`]); after another, as before.
    pub fn advance(&mut self, record: &Record<A>) {
        if let Record::Planned { plan } = record {
            self.runs.push(Run::new(plan.clone()));
            match plan.procedure {
                // An undo that is given up leaves everything as it was.
                Procedure::Undo => self.before_undo = Some(self.outputs.clone()),
                Procedure::StandbyStart | Procedure::StandbyStop | Procedure::Abort => {}
                _ => self.forget_full_proof(),
            }
            return;
        }
        if let Record::Proved { proof, lists } = record {
            self.full_proof = Some(*proof);
            self.full_lists.clone_from(lists);
            return;
        }
        if let Record::Replaced(new) = record {
            let manifest = &mut self.manifest;
            manifest.edition = new.edition;
            manifest.playbook_sha256.clone_from(&new.playbook_sha256);
            manifest.programs.clone_from(&new.programs);
            manifest.site_sha256.clone_from(&new.site_sha256);
            manifest.values.extend(new.values.clone());
            manifest.stands_back = new.stands_back;
            let run = self.runs.last_mut().filter(|run| !run.finished);
            if let (Some(run), Some(plan)) = (run, &new.plan) {
                run.go_on_with(plan.clone());
            }
            return;
        }
        let Some(run) = self.runs.last_mut().filter(|run| !run.finished) else { return };
        match record {
            Record::Opened(_)
            | Record::Planned { .. }
            | Record::Proved { .. }
            | Record::Replaced(_) => {}
            Record::Started { step, attempt } => {
                let Some(at) = run.plan.position(step) else { return };
                run.attempts[at] = *attempt;
                run.begun[at] = true;
                run.undone[at] |= run.steps[at] == StepState::Done;
                run.steps[at] = StepState::Started;
                run.halted = None;
                run.interrupted = false;
            }
            Record::Done { step, output, .. } => {
                let Some(at) = run.plan.position(step) else { return };
                run.steps[at] = StepState::Done;
                run.attempts[at] = 0;
                run.answered_attempts[at] = 0;
                if run.plan.steps[at].action.role() == Role::ProvesUsers {
                    // The answer was about these users.
                    run.differences_accepted = false;
                }
                if let Output::Snapshots { list } = output {
                    let new: Vec<_> = list
                        .iter()
                        .filter(|taken| !self.snapshots.contains(taken))
                        .cloned()
                        .collect();
                    self.snapshots.extend(new);
                }
                if let Output::Datasets { list } = output {
                    for mount in &mut self.manifest.datasets {
                        let now = list.iter().find(|(name, _)| *name == mount.dataset);
                        mount.guid = now.map_or(mount.guid, |(_, guid)| *guid);
                    }
                }
                self.outputs.insert(step.clone(), output.clone());
            }
            Record::Failed { step, error } => {
                let Some(at) = run.plan.position(step) else { return };
                run.steps[at] = StepState::Failed(error.clone());
            }
            Record::Rewound { to, .. } => {
                let Some(at) = run.plan.position(to) else { return };
                for state in &mut run.steps[at..] {
                    *state = StepState::Pending;
                }
                run.undone.fill(false);
                run.rounds += 1;
            }
            Record::Halted { step, why, kind } => {
                run.halted = Some(why.clone());
                run.halt = kind.of(step, why);
            }
            Record::Interrupted => run.interrupted = true,
            Record::Answered { question } => {
                run.halted = None;
                match question {
                    OpenQuestion::Differences => run.differences_accepted = true,
                    OpenQuestion::Rejects => run.rejects_accepted = true,
                    OpenQuestion::TryAgain => run.attempts.fill(0),
                    OpenQuestion::Repair => {
                        run.repair = true;
                        let from = run.plan.position(&StepId::REPAIR_NOTICE);
                        run.steps.iter_mut().skip(from.unwrap_or(usize::MAX)).for_each(|state| {
                            *state = StepState::Pending;
                        });
                    }
                }
                // The limit of attempts counts from the last answer.
                run.answered_attempts.clone_from(&run.attempts);
            }
            Record::Finished => {
                run.finished = true;
                let procedure = run.plan.procedure;
                self.phase = self.after(procedure);
                match self.before_undo.take() {
                    Some(outputs) if procedure == Procedure::Abort => self.outputs = outputs,
                    Some(_) => self.forget_full_proof(),
                    None => {}
                }
            }
        }
    }

    /// Whether clients could write since the snapshot before the upgrade, so that a downgrade has
    /// something to bring back.
    pub fn clients_could_write(&self) -> bool {
        match self.phase {
            Phase::Opened => {
                self.runs.iter().any(|run| run.was_begun(&StepId::START) || run.was_reopened())
            }
            Phase::Prepared
            | Phase::Upgraded
            | Phase::BackedOut
            | Phase::Coexisting
            | Phase::Closed => true,
        }
    }

    fn forget_full_proof(&mut self) {
        self.full_proof = None;
        self.full_lists.clear();
    }

    fn may_begin(&self, plan: &Plan<A>) -> Result<(), String> {
        if self.permits_procedure(plan.procedure).is_err() {
            let unfinished = self.current().map(|run| run.plan.procedure);
            let now = unfinished.map_or(String::new(), |procedure| {
                format!(" with a {} under way", procedure.verb())
            });
            return Err(format!(
                "a {} cannot begin in phase {:?}{now}",
                plan.procedure.verb(),
                self.phase
            ));
        }
        if plan.steps.is_empty() {
            return Err("the plan has no steps".into());
        }
        let captures = plan.steps.iter().any(|step| step.action.role() == Role::Captures);
        let data = self.manifest.data_strategy != DataStrategy::Packages;
        if plan.procedure.is_downgrade() && data && !captures && self.clients_could_write() {
            return Err(
                "clients could write since the snapshot, and the plan captures nothing".into()
            );
        }
        let mut ids: Vec<&StepId> = plan.steps.iter().map(|step| &step.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("two steps of the plan have the same name".into());
        }
        Ok(())
    }

    /// Whether mended files may take the place of the copies.
    fn may_replace(&self, new: &Replacement<A>) -> Result<(), String> {
        if self.phase == Phase::Closed {
            return Err("the change is closed".into());
        }
        if new.edition != self.manifest.edition + 1 {
            let now = self.manifest.edition;
            return Err(format!("edition {} does not follow edition {now}", new.edition));
        }
        match (self.current(), &new.plan) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err("no procedure is under way".into()),
            (Some(_), None) => Err("the procedure under way has no new plan".into()),
            (Some(run), Some(plan)) => run.may_go_on_with(plan),
        }
    }

    fn after(&self, procedure: Procedure) -> Phase {
        match procedure {
            Procedure::Snapshot => Phase::Prepared,
            Procedure::Upgrade | Procedure::Undo => Phase::Upgraded,
            Procedure::DowngradeKeep | Procedure::DowngradeInPlace => Phase::BackedOut,
            Procedure::CommitUpgrade | Procedure::CommitDowngrade => Phase::Closed,
            Procedure::Migrate => Phase::Coexisting,
            Procedure::StandbyStart | Procedure::StandbyStop | Procedure::Rehearse => self.phase,
            Procedure::Abort if self.manifest.data_strategy == DataStrategy::Coexistent => {
                Phase::Coexisting
            }
            // An aborted downgrade returns to the upgraded service, although the upgrade may never
            // have finished. An aborted snapshot, or an upgrade that did not upgrade anything yet,
            // leaves nothing to keep.
            Procedure::Abort => {
                let aborted = self.runs.iter().rev().nth(1).map(|run| run.plan.procedure);
                if aborted.is_some_and(|it| it.is_beside() || it == Procedure::Undo) {
                    self.phase
                } else if aborted.is_some_and(Procedure::is_downgrade) {
                    Phase::Upgraded
                } else {
                    Phase::Closed
                }
            }
        }
    }
}
