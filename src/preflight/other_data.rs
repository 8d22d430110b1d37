//! Child datasets that hold none of the product's data. They go back with the service's datasets,
//! but nothing captures what was written there since the snapshot, and nothing restores it.

use serde::Serialize;

use super::left_alone;
use super::sources::{Observed, Sources};
use super::text::{at_most, count, size};
use super::{Facts, Finding, Kind};
use crate::zfs::{Dataset, ENDING_ASIDE, Snapshot};

/// A dataset of other use that was written to since the snapshot to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherData {
    /// Its name.
    pub dataset: Dataset,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Bytes written since.
    pub written: Observed<u64>,
}

/// Reads what was written to each, before a downgrade. `facts`: the datasets and the data paths.
pub(super) fn gather(sources: &Sources<'_>, facts: &Facts) -> Vec<OtherData> {
    if !facts.occasion.is_downgrade() {
        return Vec::new();
    }
    let product = left_alone::of_product(&facts.roots, &facts.data);
    let is_root = |name: &Dataset| facts.roots.iter().any(|root| root.name == *name);
    let others = facts
        .datasets()
        .filter(|dataset| !is_root(&dataset.info.name) && !product.contains(&dataset.info.name));
    // Another check is about datasets that were made after the snapshot.
    let targets: Vec<Snapshot> =
        others.filter_map(|dataset| Some(facts.target(dataset)?.info.name.clone())).collect();
    let written: Vec<Observed<u64>> = match sources.engine.written_since_each(&targets) {
        Ok(all) => all.into_iter().map(Ok).collect(),
        Err(_) => targets
            .iter()
            .map(|name| {
                let written = sources.engine.written_since(&name.dataset(), name);
                written.map_err(|error| error.to_string())
            })
            .collect(),
    };
    let all = targets.into_iter().zip(written).filter(|(_, written)| *written != Ok(0));
    all.map(|(snapshot, written)| OtherData { dataset: snapshot.dataset(), snapshot, written })
        .collect()
}

/// A rollback in place destroys what was written there: only with a yes that names the dataset
/// (invariant S4). A kept downgrade leaves it below the upgraded state.
pub(super) fn other_data(facts: &Facts) -> Vec<Finding> {
    let others = &facts.other_data;
    if !facts.occasion.is_downgrade() || others.is_empty() {
        return Vec::new();
    }
    let lines = others.iter().map(|other| match &other.written {
        Ok(bytes) => format!("{}: {} since {}", other.dataset, size(*bytes), other.snapshot),
        Err(why) => {
            format!(
                "{}: what was written since {} is not known: {why}",
                other.dataset, other.snapshot
            )
        }
    });
    let datasets = count(others.len(), "child dataset");
    if facts.in_place() {
        return vec![
            Finding::confirm(
                Kind::OtherData,
                format!(
                    "The rollback in place destroys what was written since the snapshot to \
                     {datasets} without data of the product."
                ),
            )
            .detail(at_most(lines))
            .detail(["Nothing captures it, and nothing restores it."])
            .remedy(["Copy what you need of it to another place, then confirm."])
            .remedy(["Or keep the upgraded state: backout downgrade --keep"])
            .about(others.iter().map(|other| other.dataset.to_string())),
        ];
    }
    let stays = others.iter().filter_map(|other| {
        let root = facts.roots.iter().find(|root| other.dataset.is_within(&root.name))?;
        let aside = root.name.with_suffix(ENDING_ASIDE).ok()?;
        other.dataset.moved(&root.name, &aside).ok()
    });
    vec![
        Finding::warn(
            Kind::OtherData,
            format!("What was written since the snapshot to {datasets} without data of the product is not restored."),
        )
        .detail(at_most(lines))
        .detail(["It stays with the upgraded state, and `commit` asks before it destroys it:"])
        .detail(at_most(stays.map(|name| name.to_string()))),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    fn found(occasion: Occasion, written: &[Observed<u64>]) -> Vec<Finding> {
        let mut facts = facts(occasion);
        let other = |(name, written): (&str, &Observed<u64>)| {
            let dataset: Dataset = name.parse().expect("name");
            OtherData {
                snapshot: dataset.at("c1").expect("name"),
                dataset,
                written: written.clone(),
            }
        };
        let names = ["tank/db/dumps", "tank/db/volume"];
        facts.other_data = names.into_iter().zip(written).map(other).collect();
        other_data(&facts)
    }

    #[test]
    fn in_place_needs_a_yes_by_name() {
        let in_place = Occasion::Downgrade { in_place: true };
        let asks = found(in_place, &[Ok(4 << 20), Err("no answer".into())]);
        insta::assert_snapshot!(show(&asks), @r"
            confirm: The rollback in place destroys what was written since the snapshot to 2 child datasets without data of the product. [other-data]
                     tank/db/dumps: 4 MiB since tank/db/dumps@c1
                     tank/db/volume: what was written since tank/db/volume@c1 is not known: no answer
                     Nothing captures it, and nothing restores it.
              to do: Copy what you need of it to another place, then confirm.
                     Or keep the upgraded state: backout downgrade --keep
            ");
        assert_eq!(asks[0].subjects, ["tank/db/dumps", "tank/db/volume"]);
        assert!(found(in_place, &[]).is_empty());
    }

    #[test]
    fn kept_tells_where_it_stays() {
        let keep = Occasion::Downgrade { in_place: false };
        insta::assert_snapshot!(show(&found(keep, &[Ok(4 << 20)])), @r"
            warning: What was written since the snapshot to one child dataset without data of the product is not restored. [other-data]
                     tank/db/dumps: 4 MiB since tank/db/dumps@c1
                     It stays with the upgraded state, and `commit` asks before it destroys it:
                     tank/db.upgraded/dumps
            ");
        assert!(found(Occasion::Upgrade, &[Ok(4 << 20)]).is_empty());
    }
}
