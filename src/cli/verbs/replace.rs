//! `backout playbook replace`: takes a mended playbook or site file into an open change.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use similar::TextDiff;

use crate::cli::{Exit, Global, prompt, render};
use crate::host::quote::quote;
use crate::procedure::replace::{self, Replacing};
use crate::procedure::{Settings, changes};
use crate::report::{CliError, report};

/// How many lines around a change are shown.
const AROUND: usize = 2;

/// What takes the place of the change's copies.
#[derive(Debug, Args)]
pub struct ReplaceArgs {
    /// The mended playbook: its folder, or its file. Without it: the installed playbook of that
    /// name.
    file: Option<PathBuf>,
    /// Take the site file, too. Without this, the change keeps its copy.
    #[arg(long)]
    with_site: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Show what would be another, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Shows the difference, asks, and does it.
pub fn run(global: &Global, arguments: &ReplaceArgs) -> Result<Exit, CliError> {
    let settings = global.settings();
    let lock = changes::lock(&settings, "playbook replace")?;
    let state = changes::state(&settings)?;
    let change = state.manifest.change.clone();
    let file = arguments.file.as_deref();
    let it = replace::prepare(&settings, state, file, arguments.with_site)?;
    if !global.json {
        show(&it);
    }
    if arguments.dry_run || it.changes_nothing() {
        if global.json {
            render::json::line(&value(&it, "would replace"));
        }
        return Ok(Exit::Done);
    }
    let question = format!("Take this into the change {change}?");
    prompt::confirm(&question, arguments.yes, &typed(arguments))?;
    let said = value(&it, "replaced");
    it.carry_out(&settings, lock)?;
    if global.json {
        render::json::line(&said);
    } else {
        after(&settings)?;
    }
    Ok(Exit::Done)
}

/// The command, without an answer.
fn typed(arguments: &ReplaceArgs) -> String {
    let file = arguments.file.iter().map(|path| format!(" {}", quote(path)));
    let site = arguments.with_site.then(|| " --with-site".to_owned());
    std::iter::once("backout playbook replace".to_owned()).chain(file).chain(site).collect()
}

/// What is another.
fn show(it: &Replacing) {
    if it.changes_nothing() {
        render::line("The change has these files already.");
    }
    if it.only_restores() {
        render::line("The change's copies become again what they were.");
    }
    for (name, before, now) in &it.texts {
        let Some(before) = before else {
            render::line(&format!("{name}: the copy cannot be read, so nothing is compared"));
            continue;
        };
        let differing = TextDiff::from_lines(before, now);
        let (from, to) = (format!("{name} of the change"), name.as_str());
        let shown = differing.unified_diff().context_radius(AROUND).header(&from, to).to_string();
        shown.lines().for_each(render::line);
    }
    for (step, before, now) in &it.steps {
        render::line(&format!("step {step}:"));
        before.iter().filter(|line| !now.contains(line)).for_each(|line| {
            render::line(&format!("  - {line}"));
        });
        now.iter().filter(|line| !before.contains(line)).for_each(|line| {
            render::line(&format!("  + {line}"));
        });
    }
}

fn value(it: &Replacing, result: &str) -> serde_json::Value {
    let files: Vec<&str> = it.texts.iter().map(|(name, ..)| name.as_str()).collect();
    let steps: Vec<_> = it
        .steps
        .iter()
        .map(|(step, before, now)| json!({ "step": step, "before": before, "now": now }))
        .collect();
    json!({ "result": result, "change": it.change(), "files": files, "steps": steps })
}

/// What may be typed next.
fn after(settings: &Settings) -> Result<(), CliError> {
    let report = report(&changes::state(settings)?);
    render::line("The change has these files from now on.");
    for next in report.next.iter().take(1) {
        render::line(&format!("next: {} ({})", next.command, next.meaning));
    }
    Ok(())
}
