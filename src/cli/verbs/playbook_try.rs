//! `backout playbook try`: what the commands of a playbook that only read say on this host.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::{Exit, Global, render};
use crate::host::quote::quote;
use crate::playbook::{Problem, Validated, library};
use crate::procedure::asking::Asker;
use crate::procedure::init::values;
use crate::procedure::try_out::{self, Outcome};
use crate::report::{CliError, ErrorKind};

/// What is tried.
#[derive(Debug, Args)]
pub struct TryArgs {
    /// The playbook: its folder or file, finished or not, or the name of one that is known.
    playbook: PathBuf,
    /// The value of a variable. Default: those of the site file, if it is of this playbook, what
    /// `detect` finds here, and those of the playbook. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::init::pair)]
    set: Vec<(String, String)>,
}

/// Runs them, and shows a table.
pub fn run(global: &Global, arguments: &TryArgs) -> Result<Exit, CliError> {
    let (playbook, missing) = read(global, &arguments.playbook)?;
    let typed = format!("backout playbook try {}", quote(&arguments.playbook));
    values::all_known(&playbook, &arguments.set, &typed)?;
    let asker = Asker::new(&playbook);
    let (mut given, not_used) = of_site(global, &playbook);
    given.extend(arguments.set.iter().cloned());
    let tried = try_out::all(&playbook, &asker, &given);
    let count = |outcome| tried.iter().filter(|it| it.outcome == outcome).count();
    let failed = count(Outcome::Fails);
    let exit = if failed > 0 { Exit::Failed } else { Exit::Done };
    let missing: Vec<&str> = missing.iter().map(|it| it.what.as_str()).collect();
    if global.json {
        let mut said = json!({ "result": "tried", "commands": tried });
        if !missing.is_empty() {
            said["missing"] = json!(missing);
        }
        render::json::line(&said);
        return Ok(exit);
    }
    if let Some(why) = not_used {
        render::line(&why);
    }
    let mut cut = false;
    for one in &tried {
        let word = match one.outcome {
            Outcome::Answers => "answers",
            Outcome::NotMet => "not met",
            Outcome::Fails => "FAILS",
            Outcome::Later => "later",
        };
        render::line(&format!("{word:8} {}", one.what));
        let (lines, left) = try_out::shown(one);
        for line in lines {
            render::line(&format!("           {}", clipped(line)));
        }
        if left > 0 {
            cut = true;
            let lines = if left == 1 { "line" } else { "lines" };
            render::line(&format!("           … and {left} {lines} more"));
        }
    }
    let run = tried.len() - count(Outcome::Later);
    render::line(&format!("{run} questions were asked, {failed} failed. Nothing was changed."));
    render::line("Not run: what stops, starts, installs, captures and restores.");
    if cut {
        let set = arguments.set.iter().map(|(name, value)| quote(format!("{name}={value}")));
        let set: String = set.map(|pair| format!(" --set {pair}")).collect();
        let playbook = quote(&arguments.playbook);
        render::line(&format!("All of it: backout --json playbook try {playbook}{set}"));
    }
    if !missing.is_empty() {
        render::line(&format!("The playbook is not finished: {}.", missing.join(", ")));
    }
    Ok(exit)
}

/// A line that fits a terminal. Of a long one, the end says how a command ended.
fn clipped(line: &str) -> String {
    const MOST: usize = 100;
    const END: usize = 30;
    let count = line.chars().count();
    if count <= MOST {
        return line.to_owned();
    }
    let begin: String = line.chars().take(MOST - END - 1).collect();
    let end: String = line.chars().skip(count - END).collect();
    format!("{begin}…{end}")
}

/// A path, or a name among those that are known. One that is not finished is taken, with what it
/// must still have.
fn read(
    global: &Global,
    playbook: &std::path::Path,
) -> Result<(Validated, Vec<Problem>), CliError> {
    let text = playbook.to_string_lossy();
    let found = if text.contains('/') || text.ends_with(".toml") || playbook.is_dir() {
        library::load_draft(playbook)
    } else {
        let found = library::find(&text, &global.settings().playbook_dirs());
        found.map(|playbook| (playbook, Vec::new()))
    };
    found.map_err(|error| {
        CliError::new(ErrorKind::Usage, "the playbook cannot be used").cause(error.to_string())
    })
}

/// The values of the site file, if there is one for this playbook; or why a file that is there is
/// not used.
fn of_site(global: &Global, playbook: &Validated) -> (BTreeMap<String, String>, Option<String>) {
    let site = &global.site;
    match library::load_site_of(site, playbook.clone()) {
        Ok((found, _)) => (found.values().clone(), None),
        Err(error) if error.is_missing(site) => (BTreeMap::new(), None),
        Err(error) => {
            let why = match error {
                library::LibraryError::Unknown { name, .. } => {
                    format!("it is for the playbook {name}")
                }
                error => error.to_string(),
            };
            let file = site.display();
            (BTreeMap::new(), Some(format!("No values of the site file {file} are used: {why}")))
        }
    }
}
