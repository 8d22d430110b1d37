//! Plans a migration of users from one host to the other, or back.

use super::{Prepared, ProcedureInputs, Settings, changes, judge};
use crate::preflight::coexistent::{MoveFacts, check, gather, known, whereabouts};
use crate::preflight::{Finding, Severity};
use crate::report::{CliError, Command, ErrorKind, permit};
use crate::step::State;
use crate::strategy::{self, Move};

/// Whom to move.
#[derive(Debug, Clone)]
pub enum Whom {
    /// These.
    Named(Vec<String>),
    /// So many of those who have not moved yet.
    Next(usize),
}

/// A migration that may begin.
pub struct Migration {
    /// What is to be done.
    pub prepared: Prepared,
    /// Who moves.
    pub users: Vec<String>,
    /// Where to.
    pub to: String,
    /// Why some were left out, a line each.
    pub left_out: Vec<String>,
}

/// The migration of these users, `batch` at a time; `back`: to the old host.
///
/// # Errors
/// When the state does not permit it, a check refuses, or there is no user to move.
pub fn prepare(
    settings: &Settings,
    whom: Whom,
    back: bool,
    batch: usize,
    accepted: &[String],
) -> Result<Migration, CliError> {
    let known = changes::open_one(settings)?;
    if let Some(state) = &known {
        permit(state, if back { Command::MigrateBack } else { Command::Migrate })?;
    }
    let inputs = match &known {
        Some(state) => ProcedureInputs::of_change(settings, state)?,
        None => ProcedureInputs::open(settings)?,
    };
    if !strategy::data_of(inputs.data_strategy()).moves_users() {
        let site = "see [coexistent]; the site file then has strategy = \"coexistent\" and [hosts]";
        return Err(CliError::new(
            ErrorKind::Usage,
            "the site file is for one host: no users move",
        )
        .next("backout upgrade", "upgrade this host")
        .next("backout playbook show messaging-server", site));
    }
    let it = Move::of(inputs.product(), inputs.place(), inputs.site.values(), back)?;
    let (users, left_out) = wanted(&inputs, it, whom)?;
    let upgrade_to = &inputs.place().upgrade_to;
    let facts = gather(&inputs.runner, inputs.product(), upgrade_to, it, &users);
    let findings = judge(findings(&facts, known.is_some()), accepted)?;
    let new = known.is_none();
    let state = match known {
        Some(state) => state,
        None => {
            let [old, _] = &facts.hosts;
            let version = old.version.clone();
            let from = version.map_err(|why| CliError::new(ErrorKind::Refused, why))?;
            State::opened(inputs.bare_manifest(settings, from))
        }
    };
    let plan = strategy::migrate(it, &users, batch, state.runs.len() + 1);
    let prepared = Prepared { inputs, state, new, plan, findings };
    Ok(Migration { prepared, users, to: facts.to, left_out })
}

/// Who is to be moved, and who was left out, and why.
fn wanted(
    inputs: &ProcedureInputs,
    it: Move<'_>,
    whom: Whom,
) -> Result<(Vec<String>, Vec<String>), CliError> {
    let (from, show, mut left_out) = (&it.ends().0.name, it.show(), Vec::new());
    let mut users = match whom {
        Whom::Named(users) => users,
        Whom::Next(most) => {
            let mut users = Vec::new();
            for user in everybody(inputs, it, ErrorKind::Refused)? {
                if users.len() >= most {
                    break;
                }
                match whereabouts(&inputs.runner, &show, &user) {
                    Ok((host, _)) if host == *from => users.push(user),
                    Ok(_) => {}
                    Err(why) => left_out.push(format!("{user} is left out: {why:#}")),
                }
            }
            users
        }
    };
    users.sort_unstable();
    users.dedup();
    if users.is_empty() {
        return Err(CliError::new(ErrorKind::Usage, format!("nobody is on {from} any more"))
            .next("backout status", "see what can be done next"));
    }
    Ok((users, left_out))
}

/// All users that the directory has.
fn everybody(
    inputs: &ProcedureInputs,
    it: Move<'_>,
    kind: ErrorKind,
) -> Result<Vec<String>, CliError> {
    known(&inputs.runner, it)
        .map_err(|why| CliError::new(kind, "the directory does not list its users").cause(why))
}

/// The findings of the checks. What was accepted when the change was opened is not asked again.
fn findings(facts: &MoveFacts, open: bool) -> Vec<Finding> {
    let mut findings = check(facts);
    for finding in findings.iter_mut().filter(|it| it.severity == Severity::Confirm) {
        finding.answered = open;
    }
    findings
}

/// The users who are still on the old host.
pub fn left_behind(inputs: &ProcedureInputs) -> Result<Vec<String>, CliError> {
    let it = Move::of(inputs.product(), inputs.place(), inputs.site.values(), false)?;
    let mut left = Vec::new();
    for user in everybody(inputs, it, ErrorKind::Failed)? {
        let (host, held) = whereabouts(&inputs.runner, &it.show(), &user)?;
        if host == it.hosts.old.name || held {
            left.push(user);
        }
    }
    Ok(left)
}

/// What `check` looks at on two hosts.
///
/// # Errors
/// When the playbook or the site does not say how users move.
pub fn facts(inputs: &ProcedureInputs) -> Result<MoveFacts, CliError> {
    let it = Move::of(inputs.product(), inputs.place(), inputs.site.values(), false)?;
    Ok(gather(&inputs.runner, inputs.product(), &inputs.place().upgrade_to, it, &[]))
}
