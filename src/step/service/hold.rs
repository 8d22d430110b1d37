//! Connections of clients wait before a closed service, where something stands before it that can
//! hold them.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::exec::ExecError;
use crate::journal::{Output, StepId, StepState};
use crate::playbook::CommandTemplate;
use crate::step::{Action, Context, Effect, Probe, Run, Step};

/// See [`crate::step::Action::HoldConnections`], [`crate::step::Action::LetThrough`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// Holds them.
    pub start: CommandTemplate,
    /// Lets them through.
    pub stop: CommandTemplate,
    /// Succeeds while they are held.
    pub held: CommandTemplate,
}

impl Connections {
    /// A question that could not be asked is not an answer: they may be held.
    fn are_held(&self, context: &Context<'_>) -> Result<bool> {
        match context.runner.run(&context.fill(&self.held, &[])?) {
            Ok(_) => Ok(true),
            Err(ExecError::Failed { .. }) => Ok(false),
            Err(error) => Err(error).context("it could not be asked whether connections are held"),
        }
    }

    /// The steps that do it, with their names: the second pair is for a second time in a plan.
    pub const STEPS: [(StepId, StepId); 2] = [
        (StepId::HOLD_CONNECTIONS, StepId::LET_THROUGH),
        (StepId::HOLD_CONNECTIONS_AGAIN, StepId::LET_THROUGH_AGAIN),
    ];
}

/// The step that lets connections through, if they may be held now: by this run, or by the one that
/// it aborts.
pub fn holding(run: &Run) -> Option<&Step> {
    Connections::STEPS.iter().find_map(|(hold, through)| {
        let (step, state) = run.step(through)?;
        let begun = run.plan.position(hold).is_none() || run.was_begun(hold);
        (begun && *state != StepState::Done).then_some(step)
    })
}

/// Lets them through when a run ends while the service is closed: nobody knows how long a person
/// takes, and waiting without an end is worse than a clear word. A run that goes on holds them again.
pub fn let_go(run: &Run, context: &Context<'_>) {
    let Some(Action::LetThrough(it)) = holding(run).map(|step| &step.action) else { return };
    let through = context.runner.shielded(|| {
        if it.are_held(context)? {
            context.command(&it.stop)?;
            (context.say)("connections of clients are not held any more: they are refused");
        }
        anyhow::Ok(())
    });
    if let Err(error) = through {
        let how = format!("to let them through: {}", it.stop);
        (context.say)(&format!("connections of clients may still be held: {error:#}\n{how}"));
    }
}

/// Holds them. It is a comfort: whatever is in its way is said, and stops nothing.
pub(in crate::step) struct HoldThem<'a>(pub &'a Connections);

impl Effect for HoldThem<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.start.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let held = self.0.are_held(context).unwrap_or(false);
        Ok(if held { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let asked = context.runner.run(&context.fill(&self.0.start, &[])?);
        let why = match asked {
            Err(error @ (ExecError::Interrupted { .. } | ExecError::Suspended { .. })) => {
                return Err(error.into());
            }
            Err(error) => error.to_string(),
            Ok(_) => format!("`{}` says that they are not", self.0.held),
        };
        // A pooler that waits for the end of a transaction holds all others.
        if self.0.are_held(context).unwrap_or(false) {
            return Ok(Output::Nothing);
        }
        (context.say)(&format!(
            "connections could not be held, so clients are refused meanwhile: {why}"
        ));
        Ok(Output::Nothing)
    }

    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

/// Lets them through.
pub(in crate::step) struct LetThrough<'a>(pub &'a Connections);

impl Effect for LetThrough<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.stop.to_string()]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let held = self.0.are_held(context)?;
        Ok(if held { Probe::Absent } else { Probe::Present(Output::Nothing) })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let failed = "the service is open, and connections of clients are still held";
        context.command(&self.0.stop).context(failed)?;
        if self.0.are_held(context)? {
            bail!("{failed}: `{}` succeeded, and so does `{}`", self.0.stop, self.0.held);
        }
        Ok(Output::Nothing)
    }
}
