//! The previous version beside the upgraded one: its clones, its server, its feed, and the switch.

pub mod clones;
pub mod feed;
pub mod resume;
pub mod server;
pub mod switch;

use anyhow::Result;

use crate::host::exec::Command;
use crate::journal::{Output, StepId};
use crate::playbook::CommandTemplate;
use crate::step::Context;

/// A command of the playbook with what is known of the standby. `{position}`: what the upgraded
/// version printed while writes were refused.
fn filled(context: &Context<'_>, command: &CommandTemplate) -> Result<Command> {
    let mut more = Vec::new();
    if let Some(Output::Text { text }) = context.output(&StepId::SOURCE_POSITION) {
        more.push(("position", text.clone()));
    }
    context.fill(command, &more)
}

/// Runs it, and returns what it printed, trimmed.
///
/// # Errors
/// When a name has no value, or it fails.
pub fn run(context: &Context<'_>, command: &CommandTemplate) -> Result<String> {
    let printed = context.runner.run(&filled(context, command)?)?;
    Ok(printed.stdout.trim().to_owned())
}
