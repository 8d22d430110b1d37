//! Restores the capture into the previous version. Rejected items are left out only after a person
//! accepted that, each completely and by name.

use std::collections::HashSet;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::exec::Printed;
use crate::host::files::write_atomic;
use crate::journal::{HaltKind, Output, StepId};
use crate::playbook::{CommandTemplate, Pattern};
use crate::step::files::copy;
use crate::step::{Context, Effect, Measure, NeedsDecision, Probe, Step};

/// See [`crate::step::Action::Restore`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// Restores the capture.
    pub command: CommandTemplate,
    /// Prints how far the data has come.
    pub position: Option<CommandTemplate>,
    /// Whether an interrupted restore continues where it was.
    pub resumable: bool,
    /// Output lines that mean a rejected item.
    pub rejects: Vec<Pattern>,
    /// Restores the capture except for rejected items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_rejects: Option<CommandTemplate>,
}

/// How many rejected items are shown. The file has all of them.
const SHOWN: usize = 5;

impl Restore {
    fn position(&self, context: &Context<'_>) -> Result<Option<String>> {
        let Some(command) = &self.position else { return Ok(None) };
        let printed = context
            .command(command)
            .context("the previous version did not say how far its data has come")?;
        Ok(Some(printed.stdout.trim().to_owned()))
    }

    fn rejected(&self, printed: &Printed) -> Vec<String> {
        let lines = printed.stdout.lines().chain(printed.stderr.lines());
        let reject = |line: &&str| self.rejects.iter().any(|pattern| pattern.is_match(line));
        lines.filter(reject).map(|line| line.trim_end().to_owned()).collect()
    }

    /// What was left out so far.
    fn left_out(&self, context: &Context<'_>) -> Result<Output> {
        let (file, count) = (context.rejects_file(), rejects(context)?.len());
        Ok(if count == 0 { Output::Nothing } else { Output::Rejects { count: count as u64, file } })
    }

    /// The restore without rejected items. An item's line is in the file before the item is
    /// skipped, or when the restore is complete.
    fn past_rejects(&self, context: &Context<'_>, more: &[(&str, String)]) -> Result<Output> {
        let file = context.rejects_file();
        // A restore that starts over names all items again. The file exists before the command
        // runs, readable by nobody else.
        if !self.resumable || !copy::is_there(&file)? {
            keep(&file, &[])?;
        }
        let command = self.past_rejects.as_ref().unwrap_or(&self.command);
        let mut more = more.to_vec();
        more.push(("rejects_file", file.display().to_string()));
        let (printed, failed) = context.runner.attempt(&context.fill(command, &more)?)?;
        let mut lines = rejects(context)?;
        lines.extend(self.rejected(&printed));
        if self.resumable {
            // An item that was named but not skipped yet is named again. In one complete restore,
            // equal lines are different items.
            let mut seen = HashSet::new();
            lines.retain(|line| seen.insert(line.clone()));
        }
        keep(&file, &lines)?;
        if let Some(error) = failed {
            return Err(anyhow::Error::new(error)
                .context("the restore of all but the rejected items failed"));
        }
        if !lines.is_empty() {
            (context.say)(&format!(
                "{}; all of them: {}",
                counted(lines.len(), "was", "were"),
                file.display()
            ));
        }
        self.left_out(context)
    }
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!(
        "{count} {} rejected and left out",
        if count == 1 { format!("item {one}") } else { format!("items {more}") }
    )
}

/// The lines of the file of rejected items.
fn rejects(context: &Context<'_>) -> Result<Vec<String>> {
    let path = context.rejects_file();
    match fs::read(&path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn keep(path: &Path, lines: &[String]) -> Result<()> {
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    write_atomic(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

fn goal(context: &Context<'_>) -> Option<String> {
    match context.output(&StepId::TARGET_POSITION) {
        Some(Output::Text { text }) => Some(text.clone()),
        _ => None,
    }
}

impl Effect for Restore {
    fn preview(&self) -> Vec<String> {
        let past =
            self.past_rejects.iter().map(|past| format!("or, after --accept-rejects: {past}"));
        std::iter::once(self.command.to_string()).chain(past).collect()
    }

    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        Some(Measure::is_read(context.capture_dir(), context.proc()))
    }

    fn probe(&self, step: &Step, context: &Context<'_>) -> Result<Probe> {
        if let Some(position) = self.position(context)?
            && Some(&position) == goal(context).as_ref()
        {
            return Ok(Probe::Present(if context.run()?.rejects_accepted {
                self.left_out(context)?
            } else {
                Output::Nothing
            }));
        }
        let half = context.interrupted(&step.id) && !self.resumable;
        Ok(if half { Probe::Partial("the restore was cut off".into()) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let position = self.position(context)?;
        let more: Vec<(&str, String)> =
            position.clone().map(|text| ("position", text)).into_iter().collect();
        if context.run()?.rejects_accepted {
            return self.past_rejects(context, &more);
        }
        let (printed, failed) = context.runner.attempt(&context.fill(&self.command, &more)?)?;
        let lines = self.rejected(&printed);
        if lines.is_empty() || (failed.is_some() && self.past_rejects.is_none()) {
            return match failed {
                Some(error) => Err(anyhow::Error::new(error).context("the restore failed")),
                None => Ok(Output::Nothing),
            };
        }
        // The items known so far: the command may have stopped at the first.
        let all = context.rejects_file().with_extension("seen");
        keep(&all, &lines)?;
        if failed.is_none() {
            // Everything else is restored, and a later probe may find it so.
            keep(&context.rejects_file(), &lines)?;
        }
        let shown: String = lines.iter().take(SHOWN).map(|line| format!("\n  {line}")).collect();
        let so_far = if failed.is_some() { ", and perhaps more that come behind" } else { "" };
        let at = match (position, self.position(context)?, goal(context)) {
            (Some(_), Some(now), Some(goal)) => {
                format!("\nthe data has come to {now}, and must come to {goal}")
            }
            _ => String::new(),
        };
        let count =
            if lines.len() == 1 { "1 item".to_owned() } else { format!("{} items", lines.len()) };
        Err(NeedsDecision::new(
            HaltKind::Rejects,
            format!(
                "the previous version rejects {count}{so_far}:{shown}\nall of them: {}{at}",
                all.display()
            ),
        )
        .into())
    }

    fn confirm(&self, _step: &Step, context: &Context<'_>, output: Output) -> Result<Output> {
        if let Some(position) = self.position(context)? {
            let goal = goal(context)
                .context("the journal does not say how far the new version's data had come")?;
            if position != goal {
                bail!(
                    "the restore ended without an error, but the data has come to {position:?}, \
                        not to {goal:?}"
                );
            }
        }
        Ok(output)
    }
}
