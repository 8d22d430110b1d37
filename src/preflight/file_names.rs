//! Files on the data that could not be captured.

use serde::Serialize;

use super::{Facts, Finding, Kind, Sources};
use crate::playbook::DataStrategy;

/// A file that the capture would take, and could not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uncapturable {
    /// Which, and the reason.
    pub why: String,
    /// Whether only the caller's rights are the reason.
    pub denied: bool,
}

/// The files that the capture would take now and could not, each reason once.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<Uncapturable> {
    let passes = sources
        .playbook
        .passes()
        .iter()
        .filter(|_| DataStrategy::of(sources.playbook, sources.site).is_zfs());
    let mut found = Vec::new();
    for pattern in passes.flat_map(|pass| {
        [&pass.new_files, &pass.grown_files, &pass.numbered_files, &pass.unchanged_files]
            .into_iter()
            .flatten()
    }) {
        let Ok(pattern) = sources.pattern(pattern) else { continue };
        let Err(error) = crate::host::pattern::find(&pattern) else { continue };
        let it = Uncapturable { why: error.to_string(), denied: error.is_denied() };
        if !found.contains(&it) {
            found.push(it);
        }
    }
    found
}

/// Checks that every file of the capture has a usable name.
pub(super) fn names(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::FileName;
    // Steps run as root. What root cannot read, they cannot read.
    let root = !facts.is_ordinary_user();
    let (closed, wrong): (Vec<_>, Vec<_>) =
        facts.uncapturable.iter().partition(|it| it.denied && !root);
    let why =
        |list: Vec<&Uncapturable>| list.into_iter().map(|it| it.why.clone()).collect::<Vec<_>>();
    let mut findings = Vec::new();
    if !wrong.is_empty() {
        findings.push(
            Finding::refuse(ID, "Some files of the data could not be captured.")
                .detail(why(wrong))
                .remedy([
                    "Have the product remove or rename them, or find out why they cannot be read.",
                ]),
        );
    }
    if !closed.is_empty() {
        findings.push(
            Finding::warn(ID, "Not all folders to be captured could be searched.")
                .detail(why(closed))
                .detail([
                    "Only root can see whether each file there has a name that can be recorded.",
                ])
                .remedy(["sudo backout ..."]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn a_name_that_is_not_text() {
        let mut facts = facts(Occasion::Check);
        facts.uncapturable = vec![Uncapturable {
            why: r#"the name of "/srv/db/\xFF" is not UTF-8 text"#.into(),
            denied: false,
        }];
        insta::assert_snapshot!(show(&names(&facts)), @r#"
            refused: Some files of the data could not be captured. [file-name]
                     the name of "/srv/db/\xFF" is not UTF-8 text
              to do: Have the product remove or rename them, or find out why they cannot be read.
            "#);
    }

    #[test]
    fn a_folder_that_only_root_may_read() {
        let mut facts = facts(Occasion::Check);
        facts.uncapturable = vec![Uncapturable {
            why: "cannot read /srv/db/log: Permission denied (os error 13)".into(),
            denied: true,
        }];
        insta::assert_snapshot!(show(&names(&facts)), @r"
            refused: Some files of the data could not be captured. [file-name]
                     cannot read /srv/db/log: Permission denied (os error 13)
              to do: Have the product remove or rename them, or find out why they cannot be read.
            ");
        facts.caller.as_mut().expect("caller").uid = 1000;
        insta::assert_snapshot!(show(&names(&facts)), @r"
            warning: Not all folders to be captured could be searched. [file-name]
                     cannot read /srv/db/log: Permission denied (os error 13)
                     Only root can see whether each file there has a name that can be recorded.
              to do: sudo backout ...
            ");
    }
}
