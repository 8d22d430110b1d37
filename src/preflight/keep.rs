//! What a kept downgrade needs: datasets that can be renamed, and free names.

use serde::Serialize;

use super::datasets::{self, DatasetFact, Root};
use super::{Facts, Finding, Kind, Sources};
use crate::host::quote::quote;
use crate::playbook::site::RollbackChoice;
use crate::zfs::{self, Dataset, ENDING_ASIDE, MAX_NAME};

/// What `zfs allow` prints of a dataset, and backout cannot give to its clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delegation {
    /// The dataset.
    pub dataset: Dataset,
    /// As `zfs allow` prints it.
    pub lines: Vec<String>,
}

/// A clone has no permissions of others. They are given to it as the dataset has them; those of the
/// site's datasets are looked at beforehand. What cannot be read is not said.
pub(super) fn delegations(sources: &Sources<'_>, roots: &[Root]) -> Vec<Delegation> {
    let unknown = |root: &Root| {
        let text = sources.system(&["zfs", "allow", root.name.as_str()]).ok()?;
        let lines = zfs::delegations(&text, &root.name).unknown;
        (!lines.is_empty()).then(|| Delegation { dataset: root.name.clone(), lines })
    };
    roots.iter().filter(|root| matches!(root.tree, Ok(Some(_)))).filter_map(unknown).collect()
}

/// Asks about permissions that a restored dataset will not have.
pub(super) fn delegated(facts: &Facts) -> Vec<Finding> {
    if facts.in_place() {
        return Vec::new();
    }
    let finding = |it: &Delegation| {
        Finding::confirm(
            Kind::Delegations,
            format!(
                "Others have permissions on {} that cannot be given to a restored dataset.",
                it.dataset
            ),
        )
        .detail(it.lines.clone())
        .detail([format!(
            "After a downgrade that keeps the upgraded state, they are on {}{ENDING_ASIDE} only.",
            it.dataset
        )])
        .remedy([format!(
            "Confirm, and give them again after a downgrade: zfs allow … {}",
            quote(it.dataset.as_str())
        )])
        .about([it.dataset.to_string()])
    };
    facts.delegations.iter().map(finding).collect()
}

/// Warns about `auto` in a site file, which used to allow a rollback in place.
pub(super) fn auto(facts: &Facts) -> Vec<Finding> {
    if facts.rollback != RollbackChoice::Auto {
        return Vec::new();
    }
    let title = "rollback = \"auto\" in the site file now means \"keep\".";
    let detail =
        ["The upgraded state is kept beside the restored one. In place, which destroys it, is \
         chosen by name alone."];
    let remedy = ["Remove this line from the site file, or write rollback = \"keep\"."];
    vec![Finding::warn(Kind::RollbackAuto, title).detail(detail).remedy(remedy)]
}

/// The remedy that gives up the upgraded state.
pub(super) fn let_go(facts: &Facts) -> String {
    if !facts.occasion.is_downgrade() {
        return "Or, if the upgraded state may be destroyed by a downgrade: rollback = \
            \"in-place\" in the site file"
            .to_owned();
    }
    let change = facts.change.as_ref();
    let change = change.map(|change| format!(" --change {}", quote(change))).unwrap_or_default();
    format!("Or let the downgrade destroy the upgraded state: backout downgrade --in-place{change}")
}

/// A kept downgrade renames, and a pool's own dataset cannot be renamed (`zfs-rename(8)`).
pub(super) fn pool_root(facts: &Facts) -> Vec<Finding> {
    if facts.in_place() {
        return Vec::new();
    }
    let finding = |dataset: &DatasetFact| {
        if dataset.info.name.as_str().contains('/') {
            return None;
        }
        let title = format!(
            "{} is the pool itself: the upgraded state cannot be kept beside the restored one.",
            dataset.info.name
        );
        let remedy = ["Put the data on a dataset below it.".to_owned(), let_go(facts)];
        let so = ["A pool's root dataset cannot be renamed."];
        Some(Finding::refuse(Kind::PoolRoot, title).detail(so).remedy(remedy))
    };
    facts.datasets().filter_map(finding).collect()
}

/// Checks that the names which a kept downgrade uses are free. If they were found taken after the
/// stop, it would halt half-way.
pub(super) fn names(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::NameBeside;
    if facts.in_place() {
        return Vec::new();
    }
    let new = |title: String| Finding::refuse(ID, title);
    let mut findings = Vec::new();
    for other in facts.roots.iter().flat_map(|root| &root.beside) {
        match other {
            Err(why) => findings.push(
                new("The upgraded state cannot be kept beside the restored one: there is no name \
                    for it."
                    .to_owned())
                .detail([why.clone()])
                .remedy([let_go(facts)]),
            ),
            Ok(other) if other.change.is_some() && other.change == facts.change => {}
            Ok(other) => {
                let of = match &other.change {
                    Some(change) => format!("It is left over from change {change}."),
                    None => "It was not made by backout.".to_owned(),
                };
                let word = quote(other.name.as_str());
                let remedy = match &other.change {
                    Some(change) => format!("backout commit --change {change}   # removes it"),
                    None => format!("zfs rename {word} {}", quote(format!("{}-old", other.name))),
                };
                findings.push(
                    new(format!(
                        "There is a dataset {}: the rollback that keeps both states needs \
                        this name.",
                        other.name
                    ))
                    .detail([of])
                    .remedy([remedy, let_go(facts)]),
                );
            }
        }
    }
    // A rename also renames children and snapshots, and is refused if one of their names becomes
    // too long.
    let longest = datasets::longest_ending();
    let left = || facts.roots.iter().flat_map(|root| &root.left);
    let snapshots = facts
        .datasets()
        .chain(left())
        .flat_map(|dataset| dataset.snapshots.iter().flatten())
        .map(|snapshot| snapshot.info.name.as_str());
    let names = facts.datasets().chain(left()).map(|dataset| dataset.info.name.as_str());
    let names = names.chain(snapshots);
    for name in names.filter(|name| name.len() + longest > MAX_NAME) {
        findings.push(
            new("The upgraded state cannot be kept beside the restored one: a name would be too \
                long."
                .to_owned())
            .detail([format!("{name} would get {longest} bytes longer; ZFS allows {MAX_NAME}.")])
            .remedy([format!("zfs rename {} …", quote(name)), let_go(facts)]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, facts, show};
    use super::super::history::CloneFact;
    use super::super::{Occasion, Severity};
    use super::*;

    #[test]
    fn permissions_of_others() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        facts.delegations = vec![Delegation {
            dataset: "tank/db".parse().expect("name"),
            lines: vec!["wizard bob mount".into()],
        }];
        insta::assert_snapshot!(show(&delegated(&facts)), @r"
            confirm: Others have permissions on tank/db that cannot be given to a restored dataset. [delegations]
                     wizard bob mount
                     After a downgrade that keeps the upgraded state, they are on tank/db.upgraded only.
              to do: Confirm, and give them again after a downgrade: zfs allow … tank/db
            ");
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert!(delegated(&facts).is_empty());
    }

    #[test]
    fn the_pool_itself() {
        let mut facts = facts(Occasion::Check);
        fixture::dataset(&mut facts, 0).info.name = "tank".parse().expect("name");
        insta::assert_snapshot!(show(&pool_root(&facts)), @r#"
            refused: tank is the pool itself: the upgraded state cannot be kept beside the restored one. [pool-root]
                     A pool's root dataset cannot be renamed.
              to do: Put the data on a dataset below it.
                     Or, if the upgraded state may be destroyed by a downgrade: rollback = "in-place" in the site file
            "#);
        let said = pool_root(&facts);
        facts.rollback = RollbackChoice::Auto;
        assert_eq!(pool_root(&facts), said);
        facts.rollback = RollbackChoice::InPlace;
        assert!(pool_root(&facts).is_empty());
    }

    #[test]
    fn s4_what_once_chose_in_place_by_itself_is_said() {
        let mut facts = facts(Occasion::Check);
        assert!(auto(&facts).is_empty());
        facts.rollback = RollbackChoice::Auto;
        insta::assert_snapshot!(show(&auto(&facts)), @r#"
            warning: rollback = "auto" in the site file now means "keep". [rollback-auto]
                     The upgraded state is kept beside the restored one. In place, which destroys it, is chosen by name alone.
              to do: Remove this line from the site file, or write rollback = "keep".
            "#);
    }

    #[test]
    fn names_taken() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        let other = |name: &str, change: Option<&str>| {
            Ok(CloneFact { name: name.parse().expect("name"), change: change.map(Into::into) })
        };
        facts.roots[0].beside = vec![
            other("tank/db.new", Some("c1")),
            other("tank/db.upgraded", Some("c0")),
            other("tank/db.undone", None),
        ];
        insta::assert_snapshot!(show(&names(&facts)), @r"
            refused: There is a dataset tank/db.upgraded: the rollback that keeps both states needs this name. [name-beside]
                     It is left over from change c0.
              to do: backout commit --change c0   # removes it
                     Or let the downgrade destroy the upgraded state: backout downgrade --in-place --change c1

            refused: There is a dataset tank/db.undone: the rollback that keeps both states needs this name. [name-beside]
                     It was not made by backout.
              to do: zfs rename tank/db.undone tank/db.undone-old
                     Or let the downgrade destroy the upgraded state: backout downgrade --in-place --change c1
            ");
        facts.occasion = Occasion::Check;
        assert!(names(&facts).iter().all(|finding| finding.severity == Severity::Refuse));
        facts.rollback = RollbackChoice::InPlace;
        assert!(names(&facts).is_empty());
    }

    /// Whatever prevents that both states are kept is refused with the command that gives one up.
    /// Nobody else types it.
    #[test]
    fn s4_each_refusal_of_keep_names_the_command_for_in_place() {
        let spoils: [fn(&mut Facts); 5] = [
            |facts| fixture::dataset(facts, 0).info.name = "tank".parse().expect("name"),
            |facts| facts.roots[0].beside = vec![Err("the name would be too long".into())],
            |facts| {
                let (name, change) = ("tank/db.new".parse().expect("name"), None);
                facts.roots[0].beside = vec![Ok(CloneFact { name, change })];
            },
            |facts| {
                let long = format!("tank/db/{}", "x".repeat(MAX_NAME - 10));
                let mut left = fixture::dataset(facts, 1).clone();
                left.info.name = long.parse().expect("name");
                facts.roots[0].left = vec![left];
            },
            |facts| facts.roots[0].room = Some(1),
        ];
        for (number, spoil) in spoils.into_iter().enumerate() {
            let mut facts = facts(Occasion::Downgrade { in_place: false });
            spoil(&mut facts);
            let found = super::super::check(&facts);
            let refused = found
                .iter()
                .find(|it| [Kind::PoolRoot, Kind::NameBeside, Kind::Room].contains(&it.kind));
            let refused = refused.unwrap_or_else(|| panic!("{number}: {found:?}"));
            assert_eq!(refused.severity, Severity::Refuse, "{number}");
            let command = "backout downgrade --in-place --change c1";
            assert!(refused.remedy.iter().any(|line| line.ends_with(command)), "{refused}");
            assert!(!facts.in_place());
        }
    }

    #[test]
    fn names_too_long() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        let dataset = fixture::dataset(&mut facts, 0);
        let snapshots = dataset.snapshots.as_mut().expect("read");
        let long = |bytes: usize| {
            format!("tank/db@{}", "x".repeat(bytes - "tank/db@".len())).parse().expect("a name")
        };
        snapshots[0].info.name = long(MAX_NAME - 9);
        assert!(names(&facts).is_empty());
        let dataset = fixture::dataset(&mut facts, 0);
        dataset.snapshots.as_mut().expect("read")[0].info.name = long(MAX_NAME - 8);
        let found = names(&facts);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Refuse));
        assert!(found[0].detail[0].ends_with("would get 9 bytes longer; ZFS allows 255."));
        facts.rollback = RollbackChoice::InPlace;
        facts.occasion = Occasion::Check;
        assert!(names(&facts).is_empty());
    }
}
