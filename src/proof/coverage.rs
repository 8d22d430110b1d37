//! Which datasets hold the product's data: those that the capture and the lists cover. Other data
//! on child datasets is neither captured nor compared.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::journal::MountedDataset;
use crate::zfs::Dataset;

/// The datasets that hold a data path, or are mounted within one and belong to the same user as it
/// does. `data`: the data paths, links followed. `owner`: the user of a folder.
pub fn of_product(
    mounts: &[MountedDataset],
    data: &[PathBuf],
    owner: &dyn Fn(&Path) -> Option<u32>,
) -> BTreeSet<Dataset> {
    let depth = |mount: &&MountedDataset| {
        mount.mountpoint.as_ref().map_or(0, |point| point.components().count())
    };
    let holder = |path: &PathBuf| {
        let around = mounts
            .iter()
            .filter(|mount| mount.mountpoint.as_ref().is_some_and(|point| path.starts_with(point)));
        around.max_by_key(depth)
    };
    let within = |mount: &&MountedDataset| {
        let Some(point) = &mount.mountpoint else { return false };
        data.iter().any(|path| {
            point.starts_with(path) && owner(point).is_some() && owner(point) == owner(path)
        })
    };
    let holders = data.iter().filter_map(holder);
    holders.chain(mounts.iter().filter(within)).map(|mount| mount.dataset.clone()).collect()
}

/// Those that are left alone: they are not among `goes`, and none of `goes` is below them.
pub fn of_others<'a>(
    all: impl IntoIterator<Item = &'a Dataset>,
    goes: &BTreeSet<Dataset>,
) -> Vec<&'a Dataset> {
    let is_of_others = |name: &&Dataset| !goes.iter().any(|ours| ours.is_within(name));
    all.into_iter().filter(is_of_others).collect()
}

/// Those of them that are directly below one of `members`: what is below them goes with them.
pub fn directly_below<'a>(others: &[&'a Dataset], members: &BTreeSet<Dataset>) -> Vec<&'a Dataset> {
    let above = |name: &Dataset| name.as_str().rsplit_once('/')?.0.parse::<Dataset>().ok();
    let is_directly = |name: &&&Dataset| above(name).is_some_and(|above| members.contains(&above));
    others.iter().filter(is_directly).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::Guid;

    #[test]
    fn what_others_keep_below_is_not_the_product_s() {
        let mount = |name: &str, point: Option<&str>| MountedDataset {
            dataset: name.parse().expect("a name"),
            guid: Guid(1),
            mountpoint: point.map(PathBuf::from),
            canmount: None,
            mounted: true,
        };
        let mounts = [
            mount("tank/db", Some("/srv/db")),
            mount("tank/db/log", Some("/srv/db/data/log")),
            mount("tank/db/dumps", Some("/srv/db/data/dumps")),
            mount("tank/db/backups", Some("/srv/backups")),
            mount("tank/db/volume", None),
        ];
        let owner = |path: &Path| Some(if path.ends_with("dumps") { 0 } else { 105 });
        let found = of_product(&mounts, &["/srv/db/data".into()], &owner);
        assert_eq!(
            found.iter().map(Dataset::as_str).collect::<Vec<_>>(),
            ["tank/db", "tank/db/log"]
        );
    }

    #[test]
    fn a_dataset_is_left_alone_with_all_that_is_below_it() {
        let names = |names: &[&str]| -> Vec<Dataset> {
            names.iter().map(|name| name.parse().expect("a name")).collect()
        };
        let all = names(&[
            "tank/db",
            "tank/db/box",
            "tank/db/box/log",
            "tank/db/box/log/old",
            "tank/db/dumps",
            "tank/db/dumps/daily",
            "tank/db/late",
            "tank/db/late/dumps",
        ]);
        let members = names(&["tank/db", "tank/db/box", "tank/db/box/log"]);
        let members: BTreeSet<Dataset> = members.into_iter().collect();
        let mut goes = members.clone();
        goes.extend(names(&["tank/db/late"]));
        let show = |list: &[&Dataset]| {
            list.iter().map(|name| name.to_string()).collect::<Vec<_>>().join(" ")
        };
        let others = of_others(&all, &goes);
        assert_eq!(
            show(&others),
            "tank/db/box/log/old tank/db/dumps tank/db/dumps/daily tank/db/late/dumps"
        );
        assert_eq!(
            show(&directly_below(&others, &members)),
            "tank/db/box/log/old tank/db/dumps",
            "what stays with the upgraded state keeps what is below it"
        );
    }
}
