//! `backout status`: what is true now, and what can be done next. Every error says the same, from here.

use serde::Serialize;

use crate::cli::{Exit, Global, Trouble, changes, render};
use crate::journal::Procedure;
use crate::journal::{HaltKind, Output, Phase, StepState};
use crate::playbook::Way;
use crate::step::Action;
use crate::step::{Run, State};

/// A way on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// What to type.
    pub command: String,
    /// What it does.
    pub meaning: String,
}

/// What is true of a change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Its id.
    pub change: String,
    /// Where it stands, in one word or two.
    pub state: String,
    /// The version before, and the one asked for.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// The procedure under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub procedure: Option<String>,
    /// The step it stands at, if it is not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Steps done, and steps in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<(usize, usize)>,
    /// Why a person must decide, or why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What is true now.
    pub now: Vec<String>,
    /// What can be done next; the first is what most people want.
    pub next: Vec<Next>,
}

impl Report {
    /// Whether it stands at the comparison of what is there with what was there.
    pub fn is_at_proof(&self) -> bool {
        self.step.as_deref().is_some_and(|step| step == "prove" || step.starts_with("prove:"))
    }
}

fn next(command: &str, meaning: &str) -> Next {
    Next { command: format!("backout {command}"), meaning: meaning.into() }
}

/// What the journal says, in words. Pure.
pub fn report(state: &State) -> Report {
    let opening = &state.opening;
    let mut report = Report {
        change: opening.change.clone(),
        state: String::new(),
        from: opening.from_version.clone(),
        to: opening.upgrade_to.clone(),
        procedure: None,
        step: None,
        done: None,
        why: None,
        now: Vec::new(),
        next: Vec::new(),
    };
    match state.current() {
        Some(run) => under_way(state, run, &mut report),
        None => between(state, &mut report),
    }
    report
}

fn between(state: &State, report: &mut Report) {
    let (from, to, snapshot) = (&state.opening.from_version, &state.opening.upgrade_to, &state.opening.snapshot);
    let kept = state.last_run(Procedure::is_downgrade).is_some_and(|run| run.plan.procedure == Procedure::DowngradeKeep);
    match state.phase {
        Phase::Opened => {
            report.state = "opened".into();
            report.now.push("Nothing was done yet.".into());
            report.next.push(next("upgrade", "take the snapshot and upgrade"));
            report.next.push(next("commit", "close it; nothing is to be dropped"));
        }
        Phase::Prepared => {
            report.state = "prepared".into();
            report.now.push(format!("Version {from} serves its clients."));
            report.now.push(format!("The snapshot @{snapshot} is taken and held."));
            report.now.push("A downgrade brings back what is written from the snapshot on.".into());
            report.next.push(next("upgrade", &format!("upgrade to version {to}")));
            report.next.push(next("commit", "give the upgrade up, and drop the snapshot"));
        }
        Phase::Upgraded => {
            report.state = "upgraded".into();
            report.now.push(format!("Version {to} serves its clients."));
            report.now.push(match state.opening.way {
                Way::Zfs => format!("The way back to {from} is open: @{snapshot} is held."),
                Way::Full => format!("The way back to {from} is open: a backup of everything, restored into an empty store."),
                Way::Packages => format!("The way back to {from} is open: its packages and its configuration are put aside."),
                Way::Coexistent => "Nothing was upgraded here.".into(),
            });
            let with = if state.opening.way == Way::Packages { "" } else { ", with everything that was written since" };
            report.next.push(next("downgrade", &format!("bring version {from} back{with}")));
            report.next.push(next("commit", &format!("accept version {to}, and drop the way back")));
        }
        Phase::BackedOut => {
            report.state = "backed out".into();
            let rejects = rejects(state);
            let proof = if let Some(Output::Proof(proof)) = state.outputs.get("prove") { Some(proof) } else { None };
            let whole = rejects.is_none() && proof.is_none_or(|proof| proof.holds());
            let what = if whole { "all that was written since" } else { "what was written since, but for what was answered for" };
            report.now.push(if state.opening.way == Way::Packages {
                format!("Version {from} serves its clients.")
            } else {
                format!("Version {from} serves its clients, with {what}.")
            });
            report.now.extend(rejects);
            report.now.extend(proof.map(ToString::to_string));
            if state.opening.way == Way::Packages {
                report.next.push(next("commit", "accept the downgrade"));
                report.next.push(next("undo", &format!("go back to version {to}")));
            } else if kept {
                report.now.push(format!("The upgraded state is kept beside it; the names end in `{}`.", crate::strategy::ASIDE));
                report.next.push(next("commit", "accept the downgrade, and destroy the upgraded state"));
                report.next.push(next("undo", &format!("go back to version {to} and its state")));
            } else {
                report.next.push(next("commit", "accept the downgrade, and drop the snapshot"));
            }
        }
        Phase::Coexisting => moving(state, report),
        Phase::Closed => {
            report.state = "closed".into();
            report.now.push("The change is closed. Nothing of it is left to do.".into());
        }
    }
}

/// Two hosts serve.
fn moving(state: &State, report: &mut Report) {
    report.state = "coexisting".into();
    let (mut on, mut proofs) = (std::collections::BTreeMap::new(), 0);
    for (step, done) in state.runs.iter().flat_map(|run| run.plan.steps.iter().zip(&run.steps)) {
        if let (Action::AssignUsers(it), StepState::Done) = (&step.action, done) {
            on.extend(it.users.iter().map(|user| (user.as_str(), it.host.as_str())));
        }
        if let Some(Output::Users { list }) = state.outputs.get(&step.id) {
            proofs += list.iter().filter(|(_, proof)| proof.holds()).count();
        }
    }
    report.now.push("Both hosts serve their users.".into());
    let mut hosts: Vec<&str> = on.values().copied().collect();
    hosts.sort_unstable();
    hosts.dedup();
    for host in hosts {
        let users = on.values().filter(|it| **it == host).count();
        report
            .now
            .push(format!("{users} of those who were moved or let go by this change {} on {host}.", if users == 1 { "is" } else { "are" }));
    }
    report.now.push(format!("{proofs} moves were proved: nothing lost, nothing twice."));
    report.next.push(next("migrate --next 50", "move more of those who have not moved yet"));
    report.next.push(next("migrate --back --user NAME", "move a user back"));
    report.next.push(next("commit", "close the change, when all have moved"));
}

/// What was left out of the restore.
fn rejects(state: &State) -> Option<String> {
    let Some(Output::Rejects { count, file }) = state.outputs.get("restore") else { return None };
    let (items, stand) = if *count == 1 { ("item was", "it stands") } else { ("items were", "they stand") };
    Some(format!("{count} {items} rejected by it and left out; {stand} in {}", file.display()))
}

fn under_way(state: &State, run: &Run, report: &mut Report) {
    let verb = run.plan.procedure.verb();
    let done = run.steps.iter().filter(|step| **step == StepState::Done).count();
    report.procedure = Some(verb.into());
    report.done = Some((done, run.steps.len()));
    let at = run.next();
    report.step = at.map(|at| run.plan.steps[at].id.clone());
    let failure = at.and_then(|at| if let StepState::Failed(error) = &run.steps[at] { Some(error.clone()) } else { None });
    report.why = run.halted.clone().or(failure);
    report.state = match (&run.halted, &report.why) {
        (Some(_), _) => format!("halted in the {verb}"),
        (None, Some(_)) => format!("failed in the {verb}"),
        _ => format!("interrupted in the {verb}"),
    };
    if state.opening.way == Way::Coexistent {
        report.now.extend(hold_truth(run));
        ways_on(run, report);
        return;
    }
    report.now.push(service_truth(run));
    report.now.extend(data_truth(state, run));
    if matches!(run.step("restore"), Some((_, StepState::Done))) {
        report.now.extend(rejects(state));
    }
    ways_on(run, report);
}

/// Who is on hold, and who has moved.
fn hold_truth(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let mut moved = 0;
    for (step, done) in run.plan.steps.iter().zip(&run.steps) {
        if let (Action::AssignUsers(it), StepState::Done) = (&step.action, done) {
            moved += it.users.len();
        }
    }
    match crate::strategy::held(run) {
        Some(held) if held.is_empty() => lines.push("Nobody is on hold for it.".into()),
        Some(held) => {
            let users: Vec<&str> = held.iter().flat_map(|hold| &hold.users).map(String::as_str).collect();
            lines.push(format!("On hold, their mail waits: {}.", users.join(", ")));
            lines.push("What they have is whole on the host where they were.".into());
        }
        None => lines.push("Users are about to be served by the other host; some may be.".into()),
    }
    lines.push(format!("{moved} users of it are through."));
    lines
}

/// Whether clients are served.
fn service_truth(run: &Run) -> String {
    let closed = run.was_begun("stop");
    let opening = run.was_begun("start");
    if let Some((step, StepState::Done)) = run.step("start") {
        let elsewhere = matches!(step.action, Action::Release(_));
        return if elsewhere { "The service runs on another node.".into() } else { "The service is open to its clients.".into() };
    }
    match (closed, opening) {
        (_, true) => "The service was about to be opened to its clients; it may be open.".into(),
        (true, false) => "The service is closed to its clients.".into(),
        (false, false) => "The service was not touched yet.".into(),
    }
}

/// Where the data is.
fn data_truth(state: &State, run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let snapshot = &state.opening.snapshot;
    if run.plan.procedure.is_downgrade() && state.opening.way != Way::Packages {
        let captured = matches!(run.step("verify"), Some((_, StepState::Done)));
        lines.push(if captured {
            "What was written since is captured, checksummed and read back.".into()
        } else {
            "The upgraded data is in its place; nothing of it was taken away.".into()
        });
        if run.beyond_return() {
            lines.push("The point of no return is behind us: the only way is forward.".into());
        } else if run
            .plan
            .steps
            .iter()
            .any(|step| (step.id.starts_with("set-aside:") || step.id == "move-aside") && run.was_begun(&step.id))
        {
            lines.push("The upgraded data is kept beside, whole: there is a way back to it.".into());
        }
    } else if matches!(state.outputs.get("snapshot"), Some(Output::Snapshots { .. })) {
        lines.push(format!("The snapshot @{snapshot} is taken and held."));
    }
    lines
}

/// What can be typed.
fn ways_on(run: &Run, report: &mut Report) {
    let verb = run.plan.procedure.verb();
    let go_on =
        if run.halted.is_some() { "look again, and go on if the reason is gone".to_owned() } else { format!("go on with the {verb}") };
    report.next.push(next("resume", &go_on));
    let proving = report.is_at_proof() && run.halted.is_some();
    if proving {
        report.next.push(next("resume --accept-differences", "open it nevertheless: you answer for the items"));
    } else if run.asks_for_rejects() {
        report.next.push(next("resume --accept-rejects", "restore all the rest: you answer for the items"));
    } else if run.halt_kind() == Some(HaltKind::TooOften) {
        report.next.push(next("resume --try-again", "the same, after too many tries"));
    }
    let packages = run.was_begun("upgrade");
    match run.plan.procedure {
        Procedure::Snapshot => report.next.push(next("abort", "give it up; the service is opened again as it was")),
        Procedure::Upgrade if packages => {
            report.next.push(next("downgrade", "give the upgrade up, and bring the previous version back"));
        }
        Procedure::Upgrade => report.next.push(next("abort", "give the upgrade up; the service is opened again as it was")),
        Procedure::Migrate if crate::strategy::held(run).is_some() => {
            report.next.push(next("abort", "give it up; who is on hold is served again where they were"));
        }
        Procedure::DowngradeKeep | Procedure::DowngradeInPlace if !run.beyond_return() => {
            report.next.push(next("abort", "give the downgrade up; the upgraded version is opened again"));
        }
        _ => {}
    }
}

/// Shows the status of the open change, or of the one asked for.
pub fn run(global: &Global) -> Result<Exit, Trouble> {
    let found = changes::all(global)?;
    let at_work = changes::at_work(global);
    let shown: Vec<_> = match &global.change {
        Some(_) => vec![changes::pick(global)?],
        None => {
            let open: Vec<_> = found.iter().filter(|found| found.is_open()).cloned().collect();
            if open.is_empty() { found.into_iter().max_by(|a, b| a.id.cmp(&b.id)).into_iter().collect() } else { open }
        }
    };
    let mut exit = Exit::Done;
    let mut reports = Vec::new();
    let mut unreadable = None;
    for found in &shown {
        match &found.state {
            Ok(state) => {
                let report = report(state);
                if state.current().is_some_and(|run| run.halted.is_some()) {
                    exit = Exit::Halted;
                } else if state.current().is_some() && exit == Exit::Done {
                    exit = Exit::Awaiting;
                }
                reports.push(report);
            }
            Err(why) => unreadable = Some(changes::unreadable(&found.id, why)),
        }
    }
    // The others are shown all the same.
    if let Some(trouble) = unreadable {
        if !reports.is_empty() {
            render::status(global, &reports, at_work.as_deref());
        }
        return Err(trouble);
    }
    if at_work.is_some() {
        exit = Exit::Done;
    }
    render::status(global, &reports, at_work.as_deref());
    Ok(exit)
}
