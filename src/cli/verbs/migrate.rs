//! `backout migrate`: users move to the host with the new version, a batch at a time, and back.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::preflight::Severity;
use crate::preflight::coexistent::check;
use crate::procedure::migrate::{self, Whom};
use crate::procedure::{ProcedureInputs, Work, changes};
use crate::report::{CliError, ErrorKind};

/// Whom to move, and where.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Move this user. Can be repeated.
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// Move the users that this file lists, one a line.
    #[arg(long, value_name = "FILE")]
    users_file: Option<PathBuf>,
    /// Move this many of the users who have not moved yet.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["users", "users_file"])]
    next: Option<usize>,
    /// Move all users who have not moved yet.
    #[arg(long, conflicts_with_all = ["users", "users_file", "next"])]
    all: bool,
    /// Move them from the new host back to the old one.
    #[arg(long)]
    back: bool,
    /// How many users are on hold at a time.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000),
    )]
    batch: usize,
    #[command(flatten)]
    answers: Answers,
}

/// Shows what will happen, asks, and does it.
pub fn run(global: &Global, arguments: &MigrateArgs) -> Result<Job, CliError> {
    let answers = &arguments.answers.with_file("migrate")?;
    let settings = &global.settings();
    let lock = changes::lock(settings, "migrate")?;
    let (back, batch) = (arguments.back, arguments.batch);
    let it = migrate::prepare(settings, whom(arguments)?, back, batch, &answers.accept)?;
    if !global.json {
        it.left_out.iter().for_each(|line| render::line(line));
    }
    let change = &it.prepared.state.manifest.change;
    render::plan(global, change, &it.prepared.plan, answers.commands);
    render::findings(global, change, &it.prepared.findings);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_each(&it.prepared.findings, answers)?;
    let count = it.users.len();
    let users = if count == 1 { "user" } else { "users" };
    let question = format!("Move {count} {users} to {}?", it.to);
    prompt::confirm_yes(&question, answers, "backout migrate …")?;
    Ok(Job::work(Work::prepared(lock, it.prepared)))
}

/// Whom the command line names.
fn whom(arguments: &MigrateArgs) -> Result<Whom, CliError> {
    if let Some(most) = if arguments.all { Some(usize::MAX) } else { arguments.next } {
        return Ok(Whom::Next(most));
    }
    let mut users = arguments.users.clone();
    if let Some(path) = &arguments.users_file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!("the list of users {} cannot be read: {error}", path.display());
            CliError::new(ErrorKind::Usage, what)
        })?;
        let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
        users.extend(names.map(str::to_owned));
    }
    if users.is_empty() {
        return Err(CliError::new(ErrorKind::Usage, "nobody is named")
            .next("backout migrate --user NAME", "begin with a few friendly users")
            .next("backout migrate --next 50", "then more of those who have not moved yet"));
    }
    Ok(Whom::Named(users))
}

/// `backout check` for two hosts.
pub fn check_hosts(global: &Global, inputs: &ProcedureInputs) -> Result<Exit, CliError> {
    let facts = migrate::facts(inputs)?;
    let findings = check(&facts);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let refused = count(Severity::Refuse);
    let exit = if refused > 0 { Exit::Refused } else { Exit::Done };
    if global.json {
        render::json::line(&serde_json::json!({
            "result": "check", "exit": exit.status(), "findings": findings, "facts": facts,
        }));
        return Ok(exit);
    }
    render::line(&format!(
        "{}: users move from {} to {}",
        inputs.product().title,
        facts.from,
        facts.to
    ));
    for host in &facts.hosts {
        render::line(&format!(
            "    {}: {}",
            host.name,
            host.version.as_deref().unwrap_or("unknown")
        ));
    }
    render::line("  way back: users move back; nothing is upgraded on either host");
    render::found(&findings);
    render::line(&format!(
        "checks: {refused} refuse, {} ask for a yes, {} warn",
        count(Severity::Confirm),
        count(Severity::Warn)
    ));
    if refused == 0 {
        render::line(&format!(
            "Users can move, and move back; the directory has {}.",
            facts.known.as_ref().map_or(0, Vec::len)
        ));
        render::line(
            "  next:  backout migrate --user NAME --dry-run   see every step for a first, \
                friendly user",
        );
        render::line("         backout migrate --user NAME             move that user");
    }
    Ok(exit)
}
