//! Datasets of other use below the service's. They hold none of the product's data, so nothing
//! captures, restores or compares what is in them: they are left alone.

use std::collections::BTreeSet;
use std::path::Path;

use super::data::DataPath;
use super::datasets::{self, DatasetFact, Root};
use super::sources::Sources;
use super::text::{at_most, size};
use super::{Facts, Finding, Kind};
use crate::host::quote::quote;
use crate::journal::MountedDataset;
use crate::proof::coverage;
use crate::zfs::{Dataset, Guid, Snapshot};

/// Takes them out of the trees. What has a snapshot of this change goes back with it, as does what
/// the site file says.
pub(super) fn set_apart(sources: &Sources<'_>, roots: &mut [Root], data: &[DataPath]) {
    let mut goes = of_product(roots, data);
    goes.extend(sources.site.with_data.iter().cloned());
    goes.extend(members(&sources.ours));
    goes.extend(roots.iter().map(|root| root.name.clone()));
    let all: Vec<Dataset> = datasets::all(roots).map(|fact| fact.info.name.clone()).collect();
    let left: BTreeSet<Dataset> = coverage::of_others(&all, &goes).into_iter().cloned().collect();
    for root in roots {
        let Ok(Some(tree)) = &mut root.tree else { continue };
        let is_left = |fact: &mut DatasetFact| left.contains(&fact.info.name);
        root.left.extend(tree.extract_if(.., is_left));
    }
}

/// The datasets of these snapshots.
pub(super) fn members(ours: &[(Snapshot, Guid)]) -> BTreeSet<Dataset> {
    ours.iter().map(|(snapshot, _)| snapshot.dataset()).collect()
}

/// As [`Facts::stays`].
pub(super) fn stays(roots: &[Root], members: &BTreeSet<Dataset>) -> Vec<(Dataset, Guid)> {
    let left: Vec<&DatasetFact> = roots.iter().flat_map(|root| &root.left).collect();
    let names: Vec<&Dataset> = left.iter().map(|fact| &fact.info.name).collect();
    let kept = coverage::directly_below(&names, members);
    let stay = left.into_iter().filter(|fact| kept.contains(&&fact.info.name));
    stay.map(|fact| (fact.info.name.clone(), fact.info.guid)).collect()
}

/// The datasets that hold data of the product.
pub(super) fn of_product(roots: &[Root], data: &[DataPath]) -> BTreeSet<Dataset> {
    let mount = |dataset: &DatasetFact| MountedDataset {
        dataset: dataset.info.name.clone(),
        guid: dataset.info.guid,
        mountpoint: dataset.info.mountpoint.clone(),
        canmount: None,
        mounted: dataset.info.mounted,
    };
    let mounts: Vec<MountedDataset> = datasets::all(roots).map(mount).collect();
    let real: Vec<_> = data.iter().filter_map(|data| data.real.clone().ok()).collect();
    let mut product = coverage::of_product(&mounts, &real, &owner);
    // A volume, or a dataset that is mounted at another place than its own.
    product.extend(data.iter().filter_map(|data| data.on.as_ref().ok()?.dataset.clone()));
    product
}

/// The user that a folder belongs to.
pub(super) fn owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().ok().map(|found| found.uid())
}

/// Each that the site file does not name is asked for before the upgrade. Before a downgrade they
/// are told: nothing happens to them.
pub(super) fn asked(facts: &Facts) -> Vec<Finding> {
    let named = |fact: &&DatasetFact| facts.leave.iter().any(|name| fact.info.name.is_within(name));
    let left: Vec<&DatasetFact> =
        facts.roots.iter().flat_map(|root| &root.left).filter(|fact| !named(fact)).collect();
    if left.is_empty() {
        return Vec::new();
    }
    let line = |fact: &&DatasetFact| match &fact.info.mountpoint {
        _ if fact.is_volume() => {
            format!("{}: a volume, {}", fact.info.name, size(fact.info.referenced))
        }
        Some(place) => {
            format!("{} at {}, {}", fact.info.name, place.display(), size(fact.info.referenced))
        }
        None => format!("{}, {}", fact.info.name, size(fact.info.referenced)),
    };
    let lines = at_most(left.iter().map(line));
    let fate = "They stay as they are: neither in the snapshot nor rolled back nor destroyed.";
    if facts.occasion.is_downgrade() {
        let title = "Datasets below the service's hold none of the product's data.";
        return vec![Finding::warn(Kind::LeftAlone, title).detail(lines).detail([fate])];
    }
    let list = |field: &str| {
        let names: Vec<String> =
            left.iter().map(|fact| format!("{:?}", fact.info.name.as_str())).collect();
        format!("{field} = [{}]", names.join(", "))
    };
    vec![
        Finding::confirm(
            Kind::LeftAlone,
            "Datasets below the service's hold none of the product's data.",
        )
        .detail(lines)
        .detail([fate])
        .remedy([
            format!("If that is right, confirm, or write into the site file: {}", list("leave")),
            format!("If they hold data of the product: {}", list("with_data")),
        ])
        .about(left.iter().map(|fact| fact.info.name.to_string())),
    ]
}

/// What the site file leaves alone must not hold data of the product.
pub(super) fn misnamed(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in &facts.leave {
        let Some(fact) = facts.datasets().find(|fact| fact.info.name == *name) else { continue };
        let paths = facts.data.iter().filter(|data| {
            let on = data.on.as_ref().ok().and_then(|on| on.dataset.as_ref());
            on.is_some_and(|on| on.is_within(name))
        });
        let paths: Vec<String> = paths.map(|data| format!("{} is on it.", data.path)).collect();
        let place = fact.info.mountpoint.as_ref().map(|place| {
            format!("It is mounted at {}, and belongs to the user of the data.", place.display())
        });
        findings.push(
            Finding::refuse(
                Kind::LeftAlone,
                format!("{name} is in `leave`, but it, or one below it, goes back with the data."),
            )
            .detail(if paths.is_empty() { place.into_iter().collect() } else { paths })
            .remedy([
                format!("Remove \"{name}\" from `leave` in the site file."),
                format!("zfs list -r -o name,mountpoint {}", quote(name.as_str())),
            ]),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{self, facts, show};
    use super::super::host_fixture::Host;
    use super::*;
    use crate::zfs::{DatasetKind, Engine as _};

    fn with_dumps(occasion: Occasion) -> Facts {
        let mut facts = facts(occasion);
        let mut dumps = fixture::dataset(&mut facts, 1).clone();
        dumps.info.name = "tank/db/dumps".parse().expect("name");
        dumps.info.mountpoint = Some("/srv/dumps".into());
        facts.roots[0].left = vec![dumps];
        facts
    }

    #[test]
    fn s4_each_is_asked_for_by_name_before_the_upgrade() {
        let mut facts = with_dumps(Occasion::Upgrade);
        let found = asked(&facts);
        insta::assert_snapshot!(show(&found), @r#"
            confirm: Datasets below the service's hold none of the product's data. [left-alone]
                     tank/db/dumps at /srv/dumps, 1 GiB
                     They stay as they are: neither in the snapshot nor rolled back nor destroyed.
              to do: If that is right, confirm, or write into the site file: leave = ["tank/db/dumps"]
                     If they hold data of the product: with_data = ["tank/db/dumps"]
            "#);
        assert_eq!(found[0].subjects, ["tank/db/dumps"]);
        facts.leave = vec!["tank/db/dumps".parse().expect("name")];
        assert!(asked(&facts).is_empty(), "the site file answers");
        let facts = with_dumps(Occasion::Downgrade { in_place: false });
        assert_eq!(asked(&facts)[0].severity, super::super::Severity::Warn);
    }

    #[test]
    fn what_is_to_be_left_must_not_hold_data() {
        let mut facts = facts(Occasion::Upgrade);
        facts.leave = vec!["tank/db".parse().expect("name"), "tank/gone".parse().expect("name")];
        insta::assert_snapshot!(show(&misnamed(&facts)), @r#"
            refused: tank/db is in `leave`, but it, or one below it, goes back with the data. [left-alone]
                     /srv/db is on it.
              to do: Remove "tank/db" from `leave` in the site file.
                     zfs list -r -o name,mountpoint tank/db
            "#);
    }

    /// What a rollback and a commit must not touch is told from what the capture covers.
    #[test]
    fn s4_what_is_not_the_product_s_is_left_alone() {
        let host = Host::new();
        let create = |name: &str, place: &str| {
            let place = host.root.join(place);
            let mountpoint = [("mountpoint", place.to_str().expect("text"))];
            let name: Dataset = name.parse().expect("name");
            host.engine.create(&name, DatasetKind::Filesystem, &mountpoint).expect("made");
        };
        create("tank/db/dumps", "dumps");
        create("tank/db/dumps/daily", "dumps/daily");
        create("tank/db/box", "box");
        create("tank/db/box/more", "db/more");
        host.write("db/more/.keep", "");
        let names = |facts: &Facts| -> Vec<String> {
            let left = facts.roots.iter().flat_map(|root| &root.left);
            left.map(|fact| fact.info.name.to_string()).collect()
        };
        let facts = host.gather(Occasion::Upgrade, |_| {});
        assert_eq!(names(&facts), ["tank/db/dumps", "tank/db/dumps/daily"]);
        let there: Vec<_> = facts.datasets().map(|fact| fact.info.name.to_string()).collect();
        assert_eq!(there, ["tank/db", "tank/db/box", "tank/db/box/more", "tank/db/log"]);
        assert!(!facts.goes_back(&"tank/db/dumps/daily".parse().expect("name")));
        // Once it has a snapshot of the change, it goes back with it.
        let all = ["tank/db", "tank/db/log", "tank/db/box", "tank/db/box/more", "tank/db/dumps"];
        let all = all.map(|name| name.parse::<Dataset>().expect("name").at("c1").expect("name"));
        host.engine.snapshot(&all, &[]).expect("taken");
        let guid =
            |name: &Snapshot| host.engine.snapshot_info(name).expect("read").expect("there").guid;
        let ours: Vec<_> = all.iter().map(|name| (name.clone(), guid(name))).collect();
        create("tank/db/late", "late");
        let keep = Occasion::Downgrade { in_place: false };
        let facts = host.gather(keep, |sources| sources.ours.clone_from(&ours));
        assert_eq!(names(&facts), ["tank/db/dumps/daily", "tank/db/late"]);
        let stays: Vec<_> = facts.stays().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(stays, ["tank/db/dumps/daily", "tank/db/late"]);
    }
}
