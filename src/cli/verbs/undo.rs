//! `backout undo`: from a finished downgrade that kept the upgraded state back to that.

use clap::Args;

use super::standby::SwitchTimes;
use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::{Work, changes, undo};
use crate::report::CliError;
use crate::step::State;
use crate::strategy;

/// How to go back to the upgraded state.
#[derive(Debug, Args)]
pub struct UndoArgs {
    /// Although there is a standby, end it, and leave aside what was written since the downgrade.
    #[arg(long)]
    without_standby: bool,
    #[command(flatten)]
    times: SwitchTimes,
    #[command(flatten)]
    answers: Answers,
}

/// Goes back to the upgraded state.
pub fn run(global: &Global, arguments: &UndoArgs) -> Result<Job, CliError> {
    let settings = &global.settings();
    let answers = &arguments.answers.with_file("undo")?;
    let lock = changes::lock(settings, "undo")?;
    let state = changes::state(settings)?;
    let switch = (!arguments.without_standby).then(|| arguments.times.input());
    let plan = undo::plan(settings, &state, switch, &answers.accept)?;
    render::plan(global, &state.manifest.change, &plan, answers.commands);
    let data = strategy::data_of(state.manifest.data_strategy);
    if !global.json && data.has_data() {
        render::line("");
        let switches = switch.is_some() && state.has_standby();
        render::line(&if switches { taken_along(&state) } else { left_behind(&state) });
    }
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_name(&state.manifest.change, answers, "backout undo")?;
    Ok(Job::work(Work::begin(lock, state, plan)))
}

fn taken_along(state: &State) -> String {
    format!(
        "The standby of version {} takes over, with everything that was written since the \
            downgrade. What version {} had stays on datasets whose names end in `{}` (or that and \
            a number).",
        state.manifest.upgrade_to,
        state.manifest.from_version,
        strategy::UNDONE
    )
}

fn left_behind(state: &State) -> String {
    let from = &state.manifest.from_version;
    let mut text = format!(
        "What was written on version {from} since the downgrade is not in the upgraded state. It \
            stays {} whose names end in `{}` (or that and a number).",
        strategy::data_of(state.manifest.data_strategy).kept_in(),
        strategy::UNDONE
    );
    if !state.has_standby() && state.may_have_standby().is_ok() {
        text += " With a standby it comes along: `backout standby start`, then undo.";
    }
    text
}
