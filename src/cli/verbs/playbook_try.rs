//! `backout playbook try`: what the commands of a playbook that only read say on this host.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::{Exit, Global, render};
use crate::playbook::{Validated, library};
use crate::procedure::asking::Asker;
use crate::procedure::try_out::{self, Outcome};
use crate::report::{CliError, ErrorKind};

/// What is tried.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// The playbook: its folder or file, or the name of one that is known.
    playbook: PathBuf,
    /// The value of a variable. Default: those of the site file, if it is of this playbook, and
    /// those of the playbook. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::init::pair)]
    set: Vec<(String, String)>,
}

/// Runs them, and shows a table.
pub fn run(global: &Global, arguments: &TryArgs) -> Result<Exit, CliError> {
    let playbook = read(global, &arguments.playbook)?;
    let asker = Asker::new(&playbook);
    let mut values = asker.defaults();
    values.extend(of_site(global, &playbook));
    values.extend(arguments.set.iter().cloned());
    let tried = try_out::all(&playbook, &asker, &values);
    let failed = tried.iter().filter(|it| it.outcome == Outcome::Fails).count();
    let exit = if failed > 0 { Exit::Failed } else { Exit::Done };
    if global.json {
        render::json::line(&json!({ "result": "tried", "commands": tried }));
        return Ok(exit);
    }
    for one in &tried {
        let word = match one.outcome {
            Outcome::Answers => "answers",
            Outcome::NotMet => "not met",
            Outcome::Fails => "FAILS",
            Outcome::Later => "later",
        };
        render::line(&format!("{word:8} {}", one.what));
        let mut lines = one.says.lines().filter(|line| !line.trim().is_empty());
        // A command that fails is shown with its reason; an answer by its first line.
        let most = if one.outcome == Outcome::Fails { 4 } else { 1 };
        for line in lines.by_ref().take(most) {
            render::line(&format!("           {}", clipped(line)));
        }
        let left = lines.count();
        if left > 0 {
            render::line(&format!("           … and {left} lines more"));
        }
    }
    let count = tried.len();
    render::line(&format!("{count} commands were run, {failed} failed. Nothing was changed."));
    render::line("Not run: what stops, starts, installs, captures and restores.");
    Ok(exit)
}

/// A line that fits a terminal.
fn clipped(line: &str) -> String {
    const MOST: usize = 100;
    let short: String = line.chars().take(MOST).collect();
    if short.len() < line.len() { format!("{short}…") } else { short }
}

/// A path, or a name among those that are known.
fn read(global: &Global, playbook: &std::path::Path) -> Result<Validated, CliError> {
    let text = playbook.to_string_lossy();
    let found = if text.contains('/') || text.ends_with(".toml") || playbook.is_dir() {
        library::load_playbook(playbook)
    } else {
        library::find(&text, &global.settings().playbook_dirs())
    };
    found.map_err(|error| {
        CliError::new(ErrorKind::Usage, "the playbook cannot be used").cause(error.to_string())
    })
}

/// The values of the site file, if there is one for this playbook.
fn of_site(global: &Global, playbook: &Validated) -> BTreeMap<String, String> {
    let site = library::load_site_of(&global.site, playbook.clone());
    site.ok().map(|(site, _)| site.values().clone()).unwrap_or_default()
}
