//! What was written since the snapshot can still be captured from its beginning.

use serde::Serialize;

use super::text::at_most;
use super::{Facts, Finding, Kind, Sources};
use crate::host::quote::quote;
use crate::journal::MountedDataset;
use crate::playbook::model::Pass;
use crate::playbook::{Playbook, Template};
use crate::proof::content::Depth;
use crate::proof::continuity::Rule;
use crate::proof::snapshot::Then;

/// Why the capture would not be whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// What is wrong, in one line.
    pub why: String,
    /// Lists the same file in other snapshots, one of which may still have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<String>,
    /// Not known: it could not be read by who asks.
    pub denied: bool,
    /// Why it is not known, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

/// Why nobody can tell whether the logs are still whole.
const UNWATCHED: &str = "The change's copy of the playbook does not say which files show it \
    (`numbered_files`, `grown_files`, `unchanged_files`).";

/// What each pass of the capture says of the files that show whether it will be whole.
pub fn rules(playbook: &Playbook, patterns: &dyn Fn(&[Template]) -> Vec<String>) -> Vec<Rule> {
    let rule = |pass: &Pass| Rule {
        grown: patterns(&pass.grown_files),
        numbered: patterns(&pass.numbered_files),
        unchanged: patterns(&pass.unchanged_files),
        new_at_start: pass.new_file_at_start,
    };
    if playbook.capture.as_ref().is_some_and(|capture| capture.everything) {
        return Vec::new();
    }
    playbook.passes().iter().map(rule).collect()
}

impl Broken {
    /// Whether something is certainly gone.
    pub fn is_certain(&self) -> bool {
        self.unknown.is_none()
    }
}

/// Why it is not known whether the capture would be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// Something could not be read.
    Unread,
    /// The playbook names no files that show it.
    Unwatched,
}

/// Looks at the logs, before a downgrade of what clients could write to.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<Broken> {
    let Some(since) = &sources.since else { return Vec::new() };
    let patterns =
        |texts: &[Template]| texts.iter().filter_map(|text| sources.pattern(text).ok()).collect();
    let then = Then { mounts: &since.mounts, snapshot: &since.snapshot };
    broken(then, &rules(sources.playbook, &patterns), Depth::Whole)
}

/// Why the capture of what was written since then would not be whole, each reason once.
pub fn broken(then: Then<'_>, rules: &[Rule], depth: Depth) -> Vec<Broken> {
    let mut found = Vec::new();
    if rules.iter().all(Rule::is_empty) && !rules.is_empty() {
        found.push(Broken {
            why: UNWATCHED.into(),
            look: None,
            denied: false,
            unknown: Some(Unknown::Unwatched),
        });
    }
    for rule in rules {
        match then.gaps(rule, depth) {
            Ok(gaps) => found.extend(gaps.into_iter().map(|gap| Broken {
                look: elsewhere(then.mounts, &gap.file),
                why: gap.why,
                denied: false,
                unknown: None,
            })),
            Err(error) => {
                let causes =
                    error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
                let denied = causes
                    .into_iter()
                    .any(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied);
                let why = format!("{error:#}");
                found.push(Broken { why, look: None, denied, unknown: Some(Unknown::Unread) });
            }
        }
    }
    let mut seen: Vec<Broken> = Vec::new();
    found.retain(|it| {
        !seen.contains(it) && {
            seen.push(it.clone());
            true
        }
    });
    found
}

/// The file in every snapshot of its dataset.
fn elsewhere(mounts: &[MountedDataset], file: &std::path::Path) -> Option<String> {
    let points = mounts
        .iter()
        .filter_map(|mount| mount.mountpoint.as_ref())
        .filter(|point| file.starts_with(point));
    let point = points.max_by_key(|point| point.components().count())?;
    let (folder, rest) = (point.join(".zfs/snapshot"), file.strip_prefix(point).ok()?);
    Some(format!("ls -l {}/*/{}", quote(&folder), quote(rest)))
}

/// Nothing was purged, reset or rewritten since the snapshot.
pub(super) fn logs(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::Continuity;
    // The steps are root's: what is closed to root, too, is closed to them.
    let root = !facts.is_ordinary_user();
    let (unwatched, known): (Vec<_>, Vec<_>) =
        facts.continuity.iter().partition(|it| it.unknown == Some(Unknown::Unwatched));
    let (closed, broken): (Vec<_>, Vec<_>) = known.into_iter().partition(|it| it.denied && !root);
    let why = |list: &[&Broken]| at_most(list.iter().map(|it| it.why.clone()));
    let mut findings = Vec::new();
    if !broken.is_empty() {
        let look: Vec<String> = broken.iter().filter_map(|it| it.look.clone()).take(3).collect();
        let found = if look.is_empty() {
            None
        } else {
            Some("If one of them has it as it was, put it back and try again.".to_owned())
        };
        findings.push(
            Finding::refuse(
                ID,
                "What was written since the snapshot can no longer be captured \
                completely.",
            )
            .detail(why(&broken))
            .detail([
                "A log was purged, reset or rewritten since the snapshot. What was in it \
                        cannot be brought back into the previous version.",
                "Nothing was stopped or changed. The upgraded version has all of it.",
            ])
            .remedy(look.into_iter().map(|look| {
                format!(
                    "Check whether another snapshot still \
                    has it: {look}"
                )
            }))
            .remedy(found)
            .remedy(["Otherwise stay on the upgraded version, and accept it: backout commit"]),
        );
    }
    if !unwatched.is_empty() {
        let title = "Nothing shows whether the logs are whole since the snapshot.";
        findings.push(Finding::warn(ID, title).detail(why(&unwatched)).detail([
            "If one was purged or reset, what was in it does not come back, and nothing says so.",
        ]));
    }
    if !closed.is_empty() {
        findings.push(
            Finding::warn(
                ID,
                "Cannot tell whether everything written since the snapshot is still there.",
            )
            .detail(why(&closed))
            .remedy(["sudo backout ..."]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{facts, show};
    use super::super::{Occasion, Severity};
    use super::*;

    #[test]
    fn s1_a_purged_log() {
        let mut facts = facts(Occasion::Downgrade { in_place: true });
        facts.continuity = vec![Broken {
            why: "/srv/db/bin.000004 is missing: /srv/db/bin.000005 is the next one that is there"
                .into(),
            look: elsewhere(
                &[MountedDataset {
                    dataset: "tank/db".parse().expect("name"),
                    guid: crate::zfs::Guid(1),
                    mountpoint: Some("/srv/db".into()),
                    canmount: None,
                    mounted: true,
                }],
                "/srv/db/bin.000004".as_ref(),
            ),
            denied: false,
            unknown: None,
        }];
        insta::assert_snapshot!(show(&logs(&facts)), @r"
            refused: What was written since the snapshot can no longer be captured completely. [continuity]
                     /srv/db/bin.000004 is missing: /srv/db/bin.000005 is the next one that is there
                     A log was purged, reset or rewritten since the snapshot. What was in it cannot be brought back into the previous version.
                     Nothing was stopped or changed. The upgraded version has all of it.
              to do: Check whether another snapshot still has it: ls -l /srv/db/.zfs/snapshot/*/bin.000004
                     If one of them has it as it was, put it back and try again.
                     Otherwise stay on the upgraded version, and accept it: backout commit
            ");
    }

    #[test]
    fn what_only_root_may_see() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        facts.continuity = vec![Broken {
            why: "cannot open /srv/db/bin.000003: Permission denied".into(),
            look: None,
            denied: true,
            unknown: None,
        }];
        assert_eq!(logs(&facts)[0].severity, Severity::Refuse);
        facts.caller.as_mut().expect("caller").uid = 1000;
        assert_eq!(logs(&facts)[0].severity, Severity::Warn);
    }
}
