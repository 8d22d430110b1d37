//! The capture is brought into the previous version.

use anyhow::{Context as _, Result, bail};
use regex::RegexSet;

use super::Effect;
use crate::change::context::Context;
use crate::change::decide::Probe;
use crate::change::layout::write_atomic;
use crate::journal::Output;
use crate::plan::{Restore, Step};

impl Restore {
    fn position(&self, context: &Context<'_>) -> Result<Option<String>> {
        let Some(command) = &self.position else { return Ok(None) };
        let printed = context.command(command).context("the previous version did not say how far its data has come")?;
        Ok(Some(printed.stdout.trim().to_owned()))
    }
}

fn goal(context: &Context<'_>) -> Option<String> {
    match context.output("goal") {
        Some(Output::Text { text }) => Some(text.clone()),
        _ => None,
    }
}

impl Effect for Restore {
    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        if let Some(position) = self.position(context)?
            && Some(&position) == goal(context).as_ref()
        {
            return Ok(Probe::Present(Output::Nothing));
        }
        let half = context.interrupted(&step.id) && !self.resumable;
        Ok(if half { Probe::Partial("the restore was cut off".into()) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let position = self.position(context)?;
        let more: Vec<(&str, String)> = position.map(|text| ("position", text)).into_iter().collect();
        let printed = context.runner.run(&context.fill(&self.command, &more)?).context("the restore failed")?;
        let rejects = RegexSet::new(&self.rejects).context("a pattern of rejects is not a regular expression")?;
        let lines: Vec<String> =
            printed.stdout.lines().chain(printed.stderr.lines()).filter(|line| rejects.is_match(line)).map(str::to_owned).collect();
        if lines.is_empty() {
            return Ok(Output::Nothing);
        }
        let path = context.layout.folder().join("rejects");
        write_atomic(&path, lines.join("\n").as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        (context.say)(&format!("{} items were rejected by the previous version; they stand in {}", lines.len(), path.display()));
        Ok(Output::Rejects { lines })
    }

    fn confirm(&self, _step: &Step, context: &Context<'_>, output: Output) -> Result<Output> {
        if let Some(position) = self.position(context)? {
            let goal = goal(context).context("the journal does not say how far the new version's data had come")?;
            if position != goal {
                bail!("the restore ended without an error, but the data has come to {position:?}, not to {goal:?}");
            }
        }
        Ok(output)
    }
}
