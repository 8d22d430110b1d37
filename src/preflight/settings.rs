//! Properties that mean something else on a clone that takes the dataset's place.

use serde::Serialize;

use super::datasets::{self, Root};
use super::text::at_most;
use super::{Facts, Finding, Kind, Sources};
use crate::host::quote::quote;
use crate::zfs::{Dataset, ENDING_ASIDE};

/// The properties that are looked at: whether the dataset has a key of its own, and how it is
/// shared.
const ASKED: [&str; 3] = ["keylocation", "sharenfs", "sharesmb"];

/// A property that is set on a dataset itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The dataset.
    pub dataset: Dataset,
    /// The property.
    pub property: String,
    /// Its value.
    pub value: String,
}

/// Those of the datasets that go back. What cannot be read is not said.
pub(super) fn gather(sources: &Sources<'_>, roots: &[Root]) -> Vec<Setting> {
    let names: Vec<Dataset> = datasets::all(roots).map(|fact| fact.info.name.clone()).collect();
    let all = sources.engine.own_of(&names, &ASKED).unwrap_or_default();
    let set = names.iter().zip(all).flat_map(|(name, own)| {
        let of_it = |(property, value)| Setting { dataset: name.clone(), property, value };
        own.into_iter().map(of_it)
    });
    set.filter(|it| !matches!(it.value.as_str(), "none" | "off")).collect()
}

/// A clone uses the key of what it was cloned from, until it is promoted.
pub(super) fn keys(facts: &Facts) -> Vec<Finding> {
    let own = facts.settings.iter().filter(|it| it.property == "keylocation");
    let lines: Vec<String> = own.map(|it| key_of(facts, &it.dataset)).collect();
    if lines.is_empty() || facts.in_place() {
        return Vec::new();
    }
    vec![
        Finding::warn(
            Kind::OwnKey,
            "After a downgrade that keeps the upgraded state, an encryption key has another name.",
        )
        .detail(at_most(lines))
        .remedy([
            "If something loads the key by the dataset's name at boot, let it load all keys: \
             zfs load-key -a",
        ]),
    ]
}

/// Whose key the restored dataset uses.
fn key_of(facts: &Facts, dataset: &Dataset) -> String {
    let root = facts.roots.iter().find(|root| dataset.is_within(&root.name));
    let aside = root.and_then(|root| {
        dataset.moved(&root.name, &root.name.with_suffix(ENDING_ASIDE).ok()?).ok()
    });
    let aside = aside.as_ref().unwrap_or(dataset);
    format!("{dataset} uses the key of {aside} until the commit")
}

/// A clone is another file system: clients of a share have handles of the former one.
pub(super) fn shares(facts: &Facts) -> Vec<Finding> {
    let shared: Vec<&Setting> =
        facts.settings.iter().filter(|it| it.property.starts_with("share")).collect();
    let (Some(first), false) = (shared.first(), facts.in_place()) else { return Vec::new() };
    let lines = shared.iter().map(|it| format!("{}: {}={}", it.dataset, it.property, it.value));
    vec![
        Finding::warn(
            Kind::Shared,
            "After a downgrade that keeps the upgraded state, clients must mount a share again.",
        )
        .detail(at_most(lines))
        .detail([
            "The restored dataset is another file system, shared in the same way at the same \
             place. The file handles that clients have are stale.",
        ])
        .remedy([format!(
            "Unmount it on the clients before a downgrade, or stop sharing the service's data: \
             zfs set {}=off {}",
            first.property,
            quote(first.dataset.as_str())
        )]),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{facts, show};
    use super::super::host_fixture::Host;
    use super::super::{Occasion, check};
    use super::*;
    use crate::zfs::Engine;

    fn with(property: &str, value: &str) -> Facts {
        let mut facts = facts(Occasion::Upgrade);
        facts.settings = vec![Setting {
            dataset: "tank/db/log".parse().expect("name"),
            property: property.into(),
            value: value.into(),
        }];
        facts
    }

    #[test]
    fn a_key_of_its_own() {
        let mut facts = with("keylocation", "file:///root/key");
        insta::assert_snapshot!(show(&keys(&facts)), @r"
            warning: After a downgrade that keeps the upgraded state, an encryption key has another name. [own-key]
                     tank/db/log uses the key of tank/db.upgraded/log until the commit
              to do: If something loads the key by the dataset's name at boot, let it load all keys: zfs load-key -a
            ");
        assert!(shares(&facts).is_empty());
        facts.occasion = Occasion::Downgrade { in_place: true };
        assert!(keys(&facts).is_empty());
    }

    #[test]
    fn a_share() {
        let facts = with("sharenfs", "rw=@10.0.0.0/8");
        insta::assert_snapshot!(show(&shares(&facts)), @r"
            warning: After a downgrade that keeps the upgraded state, clients must mount a share again. [shared]
                     tank/db/log: sharenfs=rw=@10.0.0.0/8
                     The restored dataset is another file system, shared in the same way at the same place. The file handles that clients have are stale.
              to do: Unmount it on the clients before a downgrade, or stop sharing the service's data: zfs set sharenfs=off tank/db/log
            ");
        assert!(keys(&facts).is_empty());
    }

    #[test]
    fn what_is_set_or_received_is_found() {
        let host = Host::new();
        let name: Dataset = "tank/db".parse().expect("name");
        host.engine.set(&name, "sharenfs", "on").expect("set");
        host.engine.set(&name, "sharesmb", "off").expect("set");
        host.engine.set_received(&name).expect("there");
        let facts = host.gather(Occasion::Upgrade, |_| {});
        let said: Vec<&str> = facts.settings.iter().map(|it| it.property.as_str()).collect();
        assert_eq!(said, ["sharenfs"]);
        assert!(check(&facts).iter().any(|finding| finding.kind == Kind::Shared));
    }
}
