//! `backout migrate`: users move to the host with the new version, a batch at a time, and back.

use std::path::PathBuf;

use clap::Args;

use crate::cli::desk::Desk;
use crate::cli::work::{Job, Task};
use crate::cli::{Answers, Exit, Global, changes, prompt, render};
use crate::preflight::coexistent::{MoveFacts, check, gather, known, whereabouts};
use crate::preflight::{Finding, Severity};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::State;
use crate::strategy::{self, Move};

/// Whom to move, and where.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Move this user. May be given more than once.
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// Move the users that this file names, one a line.
    #[arg(long, value_name = "FILE")]
    users_file: Option<PathBuf>,
    /// Move so many of those who have not moved yet.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["users", "users_file"])]
    next: Option<usize>,
    /// Move all who have not moved yet.
    #[arg(long, conflicts_with_all = ["users", "users_file", "next"])]
    all: bool,
    /// From the new host back to the old one.
    #[arg(long)]
    back: bool,
    /// So many are on hold at a time.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1000))]
    batch: usize,
    #[command(flatten)]
    answers: Answers,
}

/// Shows what will happen, asks, and does it.
pub fn run(global: &Global, arguments: &MigrateArgs) -> Result<Job, CliError> {
    let answers = &arguments.answers.with_file("migrate")?;
    let lock = changes::lock(global, "migrate")?;
    let open: Vec<_> = changes::all(global)?.into_iter().filter(changes::Found::is_open).collect();
    let state = if open.is_empty() { None } else { Some(changes::state(global)?) };
    if let Some(state) = &state {
        let way = if arguments.back { Command::MigrateBack } else { Command::Migrate };
        permit(state, way)?;
    }
    let desk = state.as_ref().map_or_else(|| Desk::open(global), |state| Desk::of_change(global, state))?;
    if !strategy::data_of(desk.way()).moves_users() {
        return Err(CliError::new(ErrorKind::Usage, "the site file is for one host: no users move")
            .next("backout upgrade", "upgrade this host")
            .next(
                "backout playbook show messaging-server",
                "see [coexistent]; the site file then has strategy = \"coexistent\" and [hosts]",
            ));
    }
    let it = Move::of(desk.product(), desk.place(), desk.site.values(), arguments.back)?;
    let users = wanted(global, &desk, it, arguments)?;
    let facts = gather(&desk.runner, desk.product(), &desk.place().upgrade_to, it, &users);
    let findings = judge(&facts, answers, state.is_some())?;
    let state = match state {
        Some(state) => state,
        None => {
            let [old, _] = &facts.hosts;
            let from_version = old.version.clone().map_err(|why| CliError::new(ErrorKind::Refused, why))?;
            State::opened(desk.bare_opening(global, crate::cli::now(), from_version))
        }
    };
    let plan = strategy::migrate(it, &users, arguments.batch, state.runs.len() + 1);
    render::plan(global, &state.opening.change, &plan);
    render::findings(global, &state.opening.change, &findings);
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_each(&findings, answers)?;
    let (count, to) = (users.len(), &facts.to);
    prompt::confirm_yes(&format!("Move {count} {} to {to}?", if count == 1 { "user" } else { "users" }), answers, "backout migrate …")?;
    let task = Task::Begin(plan);
    Ok(if open.is_empty() { Job::open(lock, &desk, state, task) } else { Job::work(lock, state, task) })
}

/// Who is to be moved.
fn wanted(global: &Global, desk: &Desk, it: Move<'_>, arguments: &MigrateArgs) -> Result<Vec<String>, CliError> {
    let mut users = arguments.users.clone();
    if let Some(path) = &arguments.users_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::new(ErrorKind::Usage, format!("the list of users {} cannot be read: {error}", path.display())))?;
        users.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    let most = if arguments.all { Some(usize::MAX) } else { arguments.next };
    if let Some(most) = most {
        let all = everybody(desk, it, ErrorKind::Refused)?;
        let (from, show, mut left_out) = (&it.ends().0.name, it.show(), Vec::new());
        for user in all {
            if users.len() >= most {
                break;
            }
            match whereabouts(&desk.runner, &show, &user) {
                Ok((host, _)) if host == *from => users.push(user),
                Ok(_) => {}
                Err(why) => left_out.push(format!("{user} is left out: {why:#}")),
            }
        }
        if !global.json {
            left_out.iter().for_each(|line| render::line(line));
        }
    } else if users.is_empty() {
        return Err(CliError::new(ErrorKind::Usage, "nobody is named")
            .next("backout migrate --user NAME", "begin with a few friendly users")
            .next("backout migrate --next 50", "then more of those who have not moved yet"));
    }
    users.sort_unstable();
    users.dedup();
    if users.is_empty() {
        return Err(CliError::new(ErrorKind::Usage, format!("nobody is on {} any more", it.ends().0.name))
            .next("backout status", "see what can be done next"));
    }
    Ok(users)
}

/// All users that the directory has.
fn everybody(desk: &Desk, it: Move<'_>, kind: ErrorKind) -> Result<Vec<String>, CliError> {
    known(&desk.runner, it).map_err(|why| CliError::new(kind, "the directory does not list its users").cause(why))
}

/// Refuses, or returns what needs a yes and what is only to be known. What was answered when the change was opened is not asked again.
fn judge(facts: &MoveFacts, answers: &Answers, open: bool) -> Result<Vec<Finding>, CliError> {
    let mut findings = check(facts);
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Confirm) {
        finding.answered = open;
    }
    crate::cli::desk::judge_findings(findings, &answers.accept)
}

/// The users who are still on the old host.
pub fn left_behind(desk: &Desk) -> Result<Vec<String>, CliError> {
    let it = Move::of(desk.product(), desk.place(), desk.site.values(), false)?;
    let mut left = Vec::new();
    for user in everybody(desk, it, ErrorKind::Failed)? {
        let (host, held) = whereabouts(&desk.runner, &it.show(), &user)?;
        if host == it.hosts.old.name || held {
            left.push(user);
        }
    }
    Ok(left)
}

/// `backout check` for two hosts.
pub fn check_hosts(global: &Global, desk: &Desk) -> Result<Exit, CliError> {
    let it = Move::of(desk.product(), desk.place(), desk.site.values(), false)?;
    let facts = gather(&desk.runner, desk.product(), &desk.place().upgrade_to, it, &[]);
    let findings = check(&facts);
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let refused = count(Severity::Refuse);
    let exit = if refused > 0 { Exit::Refused } else { Exit::Done };
    if global.json {
        render::json::line(&serde_json::json!({ "result": "check", "exit": exit.status(), "findings": findings, "facts": facts }));
        return Ok(exit);
    }
    render::line(&format!("{}: users move from {} to {}", desk.product().title, facts.from, facts.to));
    for host in &facts.hosts {
        render::line(&format!("    {}: {}", host.name, host.version.as_deref().unwrap_or("unknown")));
    }
    render::line("  way back: users move back; nothing is upgraded on either host");
    render::found(&findings);
    render::line(&format!("checks: {refused} refuse, {} ask for a yes, {} warn", count(Severity::Confirm), count(Severity::Warn)));
    if refused == 0 {
        render::line(&format!("Users can move, and move back; the directory has {}.", facts.known.as_ref().map_or(0, Vec::len)));
        render::line("  next:  backout migrate --user NAME --dry-run   see every step for a first, friendly user");
        render::line("         backout migrate --user NAME             move that user");
    }
    Ok(exit)
}
