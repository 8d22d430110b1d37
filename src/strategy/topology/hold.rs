//! Connections of clients are held while the service is closed, where the site can.

use anyhow::Result;

use crate::journal::{Action as _, ChangeManifest, Procedure, Role, StepId};
use crate::playbook::Playbook;
use crate::playbook::model::HoldDuring;
use crate::step::{Action, Connections, Plan, Step};
use crate::strategy::parts::Parts;

/// The plan with a step before each that closes the service, and one behind the step that opens it
/// again. An abort lets through in any case: the procedure that it takes back may have held them.
///
/// # Errors
/// When the site's texts cannot be filled in.
pub(super) fn arrange(plan: Plan, playbook: &Playbook, manifest: &ChangeManifest) -> Result<Plan> {
    let Some(hold) = &playbook.hold else { return Ok(plan) };
    let parts = Parts { playbook, manifest };
    let connections = Connections {
        start: parts.command(&hold.start)?,
        stop: parts.command(&hold.stop)?,
        held: parts.command(&hold.held)?,
    };
    let abort = plan.procedure == Procedure::Abort;
    let holds = hold.during == HoldDuring::All || plan.position(&StepId::STANDBY_SET_UP).is_some();
    let through = |id: &StepId| {
        let title = "let connections of clients through";
        Step::new(id.clone(), title, Action::LetThrough(connections.clone()))
    };
    let marks: Vec<Mark> = plan.steps.iter().map(mark).collect();
    let mut names = Connections::STEPS.iter();
    let (mut steps, mut until) = (Vec::new(), None);
    // Nothing is held at the beginning of an abort that we know of.
    let mut left = abort.then_some(&Connections::STEPS[0].1);
    for (at, mut step) in plan.steps.into_iter().enumerate() {
        if holds
            && marks[at] == Mark::Closes
            && until.is_none()
            && let Some((on, off)) = names.next()
        {
            let title = "hold connections of clients";
            let action = Action::HoldConnections(connections.clone());
            let mut first = Step::new(on.clone(), title, action).until(off);
            // Whoever is held waits already.
            first.deadline = step.deadline.take();
            steps.push(first);
            (until, left) = (Some(off), None);
        }
        steps.push(step);
        // Of several that open it together, the last one counts.
        let next = marks[at + 1..].iter().find(|mark| **mark != Mark::Other);
        if marks[at] == Mark::Opens
            && next != Some(&Mark::Opens)
            && let Some(off) = until.take().or(left.take())
        {
            steps.push(through(off));
        }
    }
    Ok(Plan { procedure: plan.procedure, steps })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Closes,
    Opens,
    Other,
}

fn mark(step: &Step) -> Mark {
    match &step.action {
        action if action.role() == Role::ClosesService => Mark::Closes,
        Action::Start(_) | Action::Serve(_) | Action::Allow(_) => Mark::Opens,
        _ => Mark::Other,
    }
}
