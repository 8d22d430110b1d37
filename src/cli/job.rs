//! The result of a verb: it is finished, or a procedure is to be carried out and shown.

use std::cell::RefCell;

use super::render::{self, Watcher};
use super::{Exit, Global};
use crate::preflight::Severity;
use crate::procedure::background::{self, FullProofStart};
use crate::procedure::{Settings, Work, changes, way_back};
use crate::report::{CliError, Report, report_with};
use crate::step::State;

/// Work that is no procedure of a change.
pub type Otherwise = Box<dyn FnOnce(&Global) -> Result<Exit, CliError>>;

/// What a verb has decided, having changed nothing so far.
pub enum Job {
    /// There is nothing to carry out; the tool ends with this status.
    Ended(Exit),
    /// A procedure is to be carried out.
    Work {
        /// What.
        work: Box<Work>,
        /// What a delta proof leaves out is compared by itself afterwards.
        prove: bool,
    },
    /// Something else that changes this host.
    Other(Otherwise),
}

impl Job {
    /// A procedure is to be carried out.
    pub fn work(work: Work) -> Self {
        Self::Work { work: Box::new(work), prove: true }
    }

    /// The same, but everything is compared when a person says so, if `later`.
    #[must_use]
    pub fn proving_later(self, later: bool) -> Self {
        match self {
            Self::Work { work, .. } => Self::Work { work, prove: !later },
            other => other,
        }
    }

    /// Carries it out, and says how it ended.
    ///
    /// # Errors
    /// From here on something may have been changed, so errors say what is true.
    pub fn carry_out(self, global: &Global) -> Result<Exit, CliError> {
        let (work, prove) = match self {
            Self::Ended(exit) => return Ok(exit),
            Self::Work { work, prove } => (*work, prove),
            Self::Other(work) => return work(global),
        };
        let settings = &global.settings();
        let change = work.change().to_owned();
        let watcher =
            RefCell::new(Watcher::new(global, changes::story(settings, &change).as_ref()));
        let told = render::journald::Told {
            change: change.clone(),
            procedure: work.verb(),
            phase: work.standing(),
        };
        let watch = |event: &crate::change::event::Event<'_>| {
            told.event(event);
            watcher.borrow_mut().event(event);
        };
        let outer = global.clone();
        let ended = work.carry_out(settings, &watch, move |error| ends(&outer, error));
        told.ended(ended.as_ref().map(|it| it.state.as_str()).map_err(|it| it.what.as_str()));
        let report = ended?;
        drop(watcher);
        let report = with_full_proof(global, with_way_back(global, report), prove);
        render::finished(global, report, changes::story(settings, &change).as_ref());
        Ok(Exit::Done)
    }
}

/// Begins to compare everything where the procedure compared only a part.
fn with_full_proof(global: &Global, report: Report, wanted: bool) -> Report {
    let settings = &global.settings();
    let Some(state) = state_of(settings, &report) else { return report };
    match background::begin(settings, &state, wanted) {
        Some(FullProofStart::Began(unit)) => report.proving(&format!("it begins, as {unit}")),
        Some(FullProofStart::ByHand(why)) => report.proof_by_hand(&why),
        None => report,
    }
}

/// The state of the change that a report is of.
fn state_of(settings: &Settings, report: &Report) -> Option<State> {
    let found = changes::all(settings).ok()?;
    found.into_iter().find(|it| it.id == report.change)?.state.ok()
}

/// The same, with what is true of the way back, where a person is to decide about it now. What is in
/// its way is shown at once, and not at the day of the downgrade.
fn with_way_back(global: &Global, report: Report) -> Report {
    let settings = &global.settings();
    let state = state_of(settings, &report).filter(way_back::awaits_decision);
    let Some(state) = state else { return report };
    let Ok((_, mut findings, way_back)) = way_back::examine(settings, &state) else {
        return report;
    };
    findings.retain(|finding| finding.severity == Severity::Refuse);
    if !findings.is_empty() {
        render::findings(global, &report.change, &findings);
    }
    report_with(&state, Some(way_back))
}

/// This process waits for a pool that does not answer. It exits; the threads that wait in the
/// kernel end when the pool answers.
#[expect(
    clippy::disallowed_methods,
    reason = "the thread that could end in order waits in the kernel"
)]
fn ends(global: &Global, error: CliError) {
    let exit = Exit::from(error.kind);
    render::error(global, error);
    std::process::exit(i32::from(exit.status()));
}
