//! `backout undo`: from a finished downgrade that kept the upgraded state back to that.

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::{Work, changes, undo};
use crate::report::CliError;
use crate::strategy;

/// Goes back to the upgraded state.
pub fn run(global: &Global, answers: &Answers) -> Result<Job, CliError> {
    let settings = &global.settings();
    let lock = changes::lock(settings, "undo")?;
    let state = changes::state(settings)?;
    let plan = undo::plan(settings, &state, &answers.accept)?;
    render::plan(global, &state.manifest.change, &plan, answers.commands);
    let data = strategy::data_of(state.manifest.data_strategy);
    if !global.json && data.has_data() {
        render::line("");
        render::line(&format!(
            "What was written on version {} since the downgrade is not in the upgraded state. It \
                stays {} whose names end in `{}` (or that and a number).",
            state.manifest.from_version,
            data.kept_in(),
            strategy::UNDONE
        ));
    }
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_name(&state.manifest.change, answers, "backout undo")?;
    Ok(Job::work(Work::begin(lock, state, plan)))
}
