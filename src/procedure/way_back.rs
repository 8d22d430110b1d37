//! Watches the way back from the upgrade to the decision (S10): a glance for `status`, all of it
//! for `check`.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use chrono::{DateTime, Local};
use serde::{Deserialize, Serialize};

use super::inputs::copies_of;
use super::{ProcedureInputs, Settings};
use crate::host::files::{stat_optional, write_atomic};
use crate::host::{pools, snapshot_view};
use crate::journal::{FileEntry, Layout, Output, Phase, StepId};
use crate::playbook::Template;
use crate::preflight::continuity::{Broken, broken, rules};
use crate::preflight::{self, Facts, Finding, Kind, Occasion, Severity};
use crate::proof::content::Depth;
use crate::proof::continuity::Rule;
use crate::proof::snapshot::Then;
use crate::report::{CliError, Condition, WayBack};
use crate::step::State;
use crate::strategy;

/// How long a glance may take.
const GLANCE_WITHIN: Duration = Duration::from_secs(5);

/// Whether a change has a way back that a person has not decided about.
pub fn awaits_decision(state: &State) -> bool {
    state.phase == Phase::Upgraded
        && state.current().is_none()
        && !strategy::data_of(state.manifest.data_strategy).moves_users()
}

/// What `check` saw, kept in the change's folder while the way back is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// Seconds since 1970, UTC: when it was seen first.
    seen: i64,
    /// Why, a line each.
    why: Vec<String>,
}

impl Note {
    fn read(layout: &Layout) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(layout.way_back()).ok()?).ok()
    }

    fn time(&self) -> Option<String> {
        let time = DateTime::from_timestamp(self.seen, 0)?.with_timezone(&Local);
        Some(time.format("%Y-%m-%d %H:%M:%S %z").to_string())
    }
}

/// A glance: are the files there that a downgrade needs, and do the logs go on from the snapshot?
/// Runs no command, changes nothing, and takes 5 seconds at most. `None` if there is nothing to
/// decide about.
pub fn glance(settings: &Settings, state: &State) -> Option<WayBack> {
    if !awaits_decision(state) {
        return None;
    }
    let layout = settings.layout(&state.manifest);
    let note = Note::read(&layout);
    let (settings, state) = (settings.clone(), state.clone());
    let (send, receive) = mpsc::channel();
    // A pool that does not answer holds this thread, and nobody else.
    std::thread::spawn(move || send.send(seen(&settings, &state, &layout)));
    let mut found = receive.recv_timeout(GLANCE_WITHIN).unwrap_or_else(|_| {
        let limit = GLANCE_WITHIN.as_secs();
        WayBack::because(
            Condition::Unknown,
            vec![format!("Its files could not be looked at within {limit} s.")],
        )
    });
    if let Some(note) = note {
        found.seen = note.time();
        if found.condition != Condition::Damaged {
            // Only `check` reads all of it.
            found.condition = Condition::Damaged;
            found.why.clone_from(&note.why);
        }
    }
    found.to_do = match found.condition {
        Condition::Open => Vec::new(),
        Condition::Damaged => vec![
            "Nothing was changed by it: the upgraded version has everything. `backout check` \
             looks at all of it, and says what may help."
                .to_owned(),
        ],
        Condition::Refused | Condition::Unknown => {
            vec!["`backout check` looks at all of it.".to_owned()]
        }
    };
    Some(found)
}

fn seen(settings: &Settings, state: &State, layout: &Layout) -> WayBack {
    let unknown = |why: String| WayBack::because(Condition::Unknown, vec![why]);
    let manifest = &state.manifest;
    let names = manifest.datasets.iter().map(|mount| mount.dataset.pool().to_string());
    if let Err(suspended) = pools::none_suspended(&pools::watched("/proc".as_ref(), names)) {
        return unknown(suspended.to_string());
    }
    let mut damage = installer(state, layout);
    let mut unknowns = Vec::new();
    if manifest.data_strategy.is_zfs() {
        let then = Then { mounts: &manifest.datasets, snapshot: &manifest.snapshot };
        damage.extend(then.gone());
        match rules_of(settings, state) {
            Ok(rules) => {
                let found = broken(then, &rules, Depth::Glance).into_iter();
                let (certain, unknown): (Vec<_>, Vec<_>) = found.partition(Broken::is_certain);
                damage.extend(certain.into_iter().map(|it| it.why));
                unknowns.extend(unknown.into_iter().map(|it| it.why));
            }
            Err(error) => unknowns.push(format!("{error:#}")),
        }
        snapshot_view::close();
    }
    match (damage.is_empty(), unknowns.is_empty()) {
        (false, _) => WayBack::because(Condition::Damaged, damage),
        (true, false) => WayBack::because(Condition::Unknown, unknowns),
        (true, true) => WayBack::open(),
    }
}

/// What is wrong with the saved files of the installer. Their sums are not computed.
fn installer(state: &State, layout: &Layout) -> Vec<String> {
    let Some(Output::Files { list }) = state.outputs.get(&StepId::SAVE_INSTALLER) else {
        return Vec::new();
    };
    let wrong = |file: &FileEntry| {
        let path: PathBuf = layout.installer().join(&file.path);
        match stat_optional(&path) {
            Ok(Some(found)) if found.len() == file.size => None,
            Ok(Some(_)) => Some(format!("{} is not the file that was saved", path.display())),
            Ok(None) => Some(format!("{} is gone", path.display())),
            Err(error) => Some(format!("{} cannot be read: {error}", path.display())),
        }
    };
    list.iter().filter_map(wrong).collect()
}

fn rules_of(settings: &Settings, state: &State) -> anyhow::Result<Vec<Rule>> {
    let (_, playbook) = copies_of(settings, state)?;
    let value = |name: &str| state.manifest.values.get(name).cloned();
    let patterns = |texts: &[Template]| -> Vec<String> {
        texts.iter().filter_map(|text| text.fill_pattern(&value).ok()).collect()
    };
    Ok(rules(playbook.playbook(), &patterns))
}

/// All of it: what a kept downgrade would look at now, and what the playbook wants watched. Keeps
/// in the change's folder since when the way back is damaged.
///
/// # Errors
/// When the change's own files cannot be used.
pub fn examine(
    settings: &Settings,
    state: &State,
) -> Result<(Facts, Vec<Finding>, WayBack), CliError> {
    let inputs = ProcedureInputs::of_change(settings, state)?;
    let facts = inputs.facts(settings, Occasion::Decision, Some(state), None)?;
    let findings = preflight::check(&facts);
    let mut way_back = judged(&facts, &findings);
    let layout = settings.layout(&state.manifest);
    let note = Note::read(&layout);
    if way_back.condition == Condition::Damaged {
        let seen = note.map_or_else(|| settings.now.timestamp(), |note| note.seen);
        let note = Note { seen, why: way_back.why.clone() };
        way_back.seen = note.time();
        if let Ok(text) = serde_json::to_vec(&note) {
            // Without it, only the time is not known later.
            let _ = write_atomic(&layout.way_back(), &text);
        }
    } else if note.is_some() {
        let _ = std::fs::remove_file(layout.way_back());
    }
    Ok((facts, findings, way_back))
}

/// What the checks' findings mean for the way back.
fn judged(facts: &Facts, findings: &[Finding]) -> WayBack {
    let read = facts.roots.iter().all(|root| root.tree.is_ok())
        && facts.datasets().all(|dataset| dataset.snapshots.is_ok());
    let damages = |finding: &Finding| match finding.kind {
        Kind::Continuity => facts.continuity.iter().any(Broken::is_certain),
        Kind::Installer => facts.installers.are_damaged(),
        Kind::DatasetMissing | Kind::TargetMissing | Kind::TargetReplaced => read,
        _ => false,
    };
    let why = |finding: &Finding| {
        let detail = finding.detail.first().map(|line| format!(" {line}")).unwrap_or_default();
        format!("{}{detail}", finding.title)
    };
    let refused = || findings.iter().filter(|it| it.severity == Severity::Refuse);
    let damage: Vec<String> = refused().filter(|it| damages(it)).map(why).collect();
    if !damage.is_empty() {
        return WayBack::because(Condition::Damaged, damage);
    }
    let refusals: Vec<String> = refused().map(why).collect();
    if !refusals.is_empty() {
        return WayBack::because(Condition::Refused, refusals);
    }
    // A warning of this kind says that nobody can tell.
    let unknown = findings.iter().filter(|it| it.kind == Kind::Continuity).map(why);
    let unknown: Vec<String> = unknown.collect();
    if unknown.is_empty() { WayBack::open() } else { WayBack::because(Condition::Unknown, unknown) }
}
