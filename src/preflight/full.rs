//! Where the data is not on ZFS: what a backup of everything and a restore into an empty store need.

use super::Finding;
use super::facts::{Facts, Place, Role};
use crate::playbook::Way;

/// Each folder can be renamed and made anew.
pub(super) fn folders(facts: &Facts) -> Vec<Finding> {
    let stuck = facts.folders.iter().filter_map(|(path, why)| Some((path, why.as_ref()?)));
    stuck
        .map(|(path, why)| {
            Finding::refuse("move-aside", format!("{} cannot be moved aside for the restore", path.display()))
                .detail([why.clone()])
                .remedy(["Correct the path in the site file's variables, or see what stands there, and move it away."])
        })
        .collect()
}

/// Journal, backup and installer do not lie in what is moved aside.
pub(super) fn places(facts: &Facts) -> Vec<Finding> {
    let inside = |place: &&Place| {
        let keeps = matches!(place.role, Role::Journal | Role::Log | Role::Captures | Role::Installers);
        keeps && facts.folders.iter().any(|(folder, _)| place.path.starts_with(folder) || place.nearest.starts_with(folder))
    };
    let finding = |place: &Place| {
        Finding::refuse("place-in-store", format!("{} ({}) lies in the data that is moved aside", place.path.display(), place.role.words()))
            .remedy(["Set `store` in the site file, or the state folder, to another place."])
    };
    facts.places.iter().filter(inside).map(finding).collect()
}

/// Without a snapshot, what an upgrade damages stays damaged.
pub(super) fn backup(facts: &Facts) -> Vec<Finding> {
    if facts.way != Way::Full || facts.occasion.is_downgrade() {
        return Vec::new();
    }
    vec![
        Finding::confirm("backup", "there is no snapshot to go back to: a backup of data and configuration must be at hand")
            .detail(["If the upgrade itself fails on the data, only that backup brings the data back."])
            .remedy(["Make one, and try it. Or move the data to ZFS datasets first: the way back takes seconds then."]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn what_cannot_be_moved_aside() {
        let mut facts = facts(Occasion::Check);
        facts.way = Way::Full;
        facts.folders =
            vec![("/srv/store".into(), Some("it is a mount point, which cannot be renamed".into())), ("/srv/other".into(), None)];
        insta::assert_snapshot!(show(&folders(&facts)), @r"
            refused: /srv/store cannot be moved aside for the restore [move-aside]
                     it is a mount point, which cannot be renamed
              to do: Correct the path in the site file's variables, or see what stands there, and move it away.
            ");
        facts.places[0].path = "/srv/other/backout".into();
        insta::assert_snapshot!(show(&places(&facts)), @r"
            refused: /srv/other/backout (the journal) lies in the data that is moved aside [place-in-store]
              to do: Set `store` in the site file, or the state folder, to another place.
            ");
    }

    #[test]
    fn there_must_be_a_backup() {
        let mut facts = facts(Occasion::Upgrade);
        assert!(backup(&facts).is_empty());
        facts.way = Way::Full;
        insta::assert_snapshot!(show(&backup(&facts)), @r"
            confirm: there is no snapshot to go back to: a backup of data and configuration must be at hand [backup]
                     If the upgrade itself fails on the data, only that backup brings the data back.
              to do: Make one, and try it. Or move the data to ZFS datasets first: the way back takes seconds then.
            ");
        facts.occasion = Occasion::Downgrade { in_place: false };
        assert!(backup(&facts).is_empty());
    }
}
