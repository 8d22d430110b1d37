//! `backout check --fix`: offers what the playbook can make, and checks again.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::check;
use crate::cli::job::Job;
use crate::cli::{Exit, Global, prompt, render};
use crate::host::quote::quote;
use crate::procedure::ProcedureInputs;
use crate::procedure::fix::{self, Act, Mending};
use crate::report::{CliError, ErrorKind};
use crate::strategy;

/// What may be made.
#[derive(Debug, Clone, Default, Args)]
pub struct FixArgs {
    /// Offer to make what is missing and can be made: files of settings, sources and pins of
    /// packages. Each is shown and asked for. Then check again.
    #[arg(long)]
    pub fix: bool,
    /// With --fix: make it without asking. A unit is restarted only if --accept names it.
    #[arg(long, requires = "fix")]
    yes: bool,
    /// With --fix: restart this unit for what was made. Can be repeated.
    #[arg(long, value_name = "UNIT", requires = "fix")]
    accept: Vec<String>,
}

/// The command, without an answer.
const TYPED: &str = "backout check --fix";

/// The job, if there is nothing against it.
pub fn job(global: &Global, arguments: FixArgs) -> Result<Job, CliError> {
    let settings = &global.settings();
    if check::undecided(settings)?.is_some() {
        let what = "an upgrade awaits your decision, and nothing is made for another now";
        return Err(CliError::new(ErrorKind::NotPermitted, what)
            .next("backout check", "see whether the way back is open"));
    }
    let inputs = ProcedureInputs::open(settings)?;
    if strategy::data_of(inputs.data_strategy()).moves_users() {
        return Err(CliError::new(ErrorKind::Usage, "nothing is made on two hosts")
            .next("backout check", "see what is missing"));
    }
    Ok(Job::Other(Box::new(move |global| run(global, &arguments))))
}

/// Offers and makes until nothing new is offered; then it is a check.
fn run(global: &Global, arguments: &FixArgs) -> Result<Exit, CliError> {
    let mut offered = BTreeSet::new();
    let mut later = BTreeSet::new();
    loop {
        let inputs = ProcedureInputs::open(&global.settings())?;
        let facts = check::facts(global, &inputs)?;
        let offers = fix::offers(&inputs, &facts, &offered)
            .map_err(|error| CliError::from(error).next("backout check", "see what is missing"))?;
        if offers.is_empty() {
            let exit = check::show(global, &inputs, &facts)?;
            remind(global, &later);
            return Ok(exit);
        }
        for mending in offers {
            one(global, arguments, &inputs, &mending, &mut later)?;
            offered.insert(mending.name);
        }
    }
}

/// Shows one, asks, makes it.
fn one(
    global: &Global,
    arguments: &FixArgs,
    inputs: &ProcedureInputs,
    mending: &Mending,
    later: &mut BTreeSet<String>,
) -> Result<(), CliError> {
    if !global.json {
        show(mending);
    }
    let made = match &mending.act {
        Act::Another { .. } => false,
        Act::Written(_) => true,
        Act::Write { .. } | Act::Run(_) => {
            let yes = prompt::agreed("Make it?", arguments.yes, TYPED)?;
            let made = if yes { fix::make(inputs, &mending.act) } else { Ok(()) };
            if let Err(error) = &made {
                failed(global, mending, error);
            }
            yes && made.is_ok()
        }
    };
    if global.json && made {
        render::json::line(&json!({ "result": "fix", "name": mending.name, "made": true }));
    } else if made && !matches!(mending.act, Act::Written(_)) {
        render::line("  made");
    }
    let units = mending.restarts.iter().filter(|_| made);
    for unit in units {
        if restarts(arguments, unit)? {
            if let Err(error) = fix::restart(inputs, unit) {
                failed(global, mending, &error);
                continue;
            }
            later.remove(unit);
            if !global.json {
                render::line(&format!("  {unit} was restarted"));
            }
        } else {
            later.insert(unit.clone());
        }
    }
    Ok(())
}

/// Whether a unit may be restarted: its clients lose their connections.
fn restarts(arguments: &FixArgs, unit: &str) -> Result<bool, CliError> {
    if arguments.accept.iter().any(|name| name == unit) {
        return Ok(true);
    }
    if arguments.yes || !prompt::terminal() {
        return Ok(false);
    }
    prompt::names(
        &format!("{unit} must start again for it; its clients lose their connections."),
        unit,
    )
}

/// One that cannot be made does not keep the others from being offered: the check says what is
/// missing in the end.
fn failed(global: &Global, mending: &Mending, error: &anyhow::Error) {
    let why = format!("{error:#}");
    if global.json {
        let said = json!({ "result": "fix", "name": mending.name, "made": false, "why": why });
        render::json::line(&said);
        return;
    }
    render::line(&format!("  could not be made: {}", why.lines().next().unwrap_or_default()));
    why.lines().skip(1).for_each(|line| render::line(&format!("    {line}")));
}

fn show(mending: &Mending) {
    render::line(&format!("can be made: {} ({})", mending.about, mending.name));
    for requirement in &mending.requirements {
        let what = requirement.trim_end_matches('.');
        render::sentence(&format!("  so that: {what}"), "           ");
    }
    let lines = |text: &str| text.lines().for_each(|line| render::line(&format!("    {line}")));
    match &mending.act {
        Act::Write { path, text } => {
            render::line(&format!("  writes {}:", path.display()));
            lines(text);
        }
        Act::Written(path) => {
            render::line(&format!("  {} is there already", path.display()));
        }
        Act::Run(command) => render::line(&format!("  runs: {command}")),
        Act::Another { path, text } => {
            render::line(&format!(
                "  {} has another content, and stays as it is. It should be:",
                path.display()
            ));
            lines(text);
        }
    }
}

/// The units that were not restarted.
fn remind(global: &Global, later: &BTreeSet<String>) {
    if global.json || later.is_empty() {
        return;
    }
    render::line("Not restarted, so what was written for them does not count yet:");
    for unit in later {
        render::line(&format!("  {TYPED} --accept {}", quote(unit)));
    }
}
