//! The result of a verb: it is finished, or a procedure is to be carried out and shown.

use std::cell::RefCell;

use super::render::{self, Watcher};
use super::{Exit, Global};
use crate::preflight::Severity;
use crate::procedure::{Work, changes, way_back};
use crate::report::{CliError, Report, report_with};

/// What a verb has decided, having changed nothing so far.
pub enum Job {
    /// There is nothing to carry out; the tool ends with this status.
    Ended(Exit),
    /// A procedure is to be carried out.
    Work(Box<Work>),
}

impl Job {
    /// A procedure is to be carried out.
    pub fn work(work: Work) -> Self {
        Self::Work(Box::new(work))
    }

    /// Carries it out, and says how it ended.
    ///
    /// # Errors
    /// From here on something may have been changed, so errors say what is true.
    pub fn carry_out(self, global: &Global) -> Result<Exit, CliError> {
        let work = match self {
            Self::Ended(exit) => return Ok(exit),
            Self::Work(work) => *work,
        };
        let watcher = RefCell::new(Watcher::new(global));
        let watch = |event: &crate::change::event::Event<'_>| watcher.borrow_mut().event(event);
        let outer = global.clone();
        let report =
            work.carry_out(&global.settings(), &watch, move |error| ends(&outer, error))?;
        render::finished(global, with_way_back(global, report));
        Ok(Exit::Done)
    }
}

/// The same, with what is true of the way back, where a person is to decide about it now. What is in
/// its way is shown at once, and not at the day of the downgrade.
fn with_way_back(global: &Global, report: Report) -> Report {
    let settings = &global.settings();
    let Ok(found) = changes::all(settings) else { return report };
    let state = found.into_iter().find(|it| it.id == report.change).and_then(|it| it.state.ok());
    let Some(state) = state.filter(way_back::awaits_decision) else { return report };
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
