//! Clones of the snapshots of a dataset and of those below it, beside the upgraded ones. Clones do
//! not copy local properties, and `clone -o` is not atomic. The role is set last, so a clone without
//! it is incomplete.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::quote::quote;
use crate::journal::Output;
use crate::step::zfs::excluded;
use crate::step::zfs::snapshot::surprise;
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{
    Dataset, DatasetInfo, DatasetKind, Guid, NewClone, PROP_CHANGE, PROP_ROLE, Properties, Snapshot,
};

/// See [`crate::step::Action::Clone`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloneSnapshot {
    /// The one at the top.
    #[serde(flatten)]
    pub top: CloneOne,
    /// Those below it, parents first. (A change of version 0.1.0 has a step for each.)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub below: Vec<CloneOne>,
    /// What they are for.
    #[serde(default, skip_serializing_if = "CloneRole::is_candidate")]
    pub role: CloneRole,
}

/// What a clone is for: its role on the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloneRole {
    /// It takes the place of the dataset.
    #[default]
    Candidate,
    /// A standby runs on it.
    Standby,
}

impl CloneRole {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    fn is_candidate(&self) -> bool {
        *self == Self::Candidate
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Standby => "standby",
        }
    }
}

/// One clone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloneOne {
    /// The dataset whose local properties the clone gets.
    pub like: Dataset,
    /// What is cloned.
    pub snapshot: Snapshot,
    /// Its identity.
    pub guid: Guid,
    /// The clone's name.
    pub target: Dataset,
}

/// Not copied: properties that are set separately, that belong to the clone itself, or that are
/// fixed when a dataset is created; and those of the key, which a clone shares with its origin
/// until it is promoted.
const NOT_COPIED: [&str; 10] = [
    "canmount",
    "volsize",
    "volblocksize",
    "casesensitivity",
    "normalization",
    "utf8only",
    "encryption",
    "keyformat",
    "keylocation",
    "pbkdf2iters",
];

/// Whether it is a clone of the snapshot before the upgrade, or of that of the upgraded state.
pub(in crate::step) fn is_ours(info: &DatasetInfo, context: &Context<'_>) -> bool {
    let before = &context.state.manifest.snapshot;
    let ours = |name: &str| name.strip_prefix(before).is_some_and(|it| matches!(it, "" | UPGRADED));
    info.origin.as_ref().is_some_and(|origin| ours(origin.short()))
}

/// What the name of the snapshot of the upgraded state has more than that before the upgrade.
pub(in crate::step) const UPGRADED: &str = "-upgraded";

/// The properties that a clone has to have as each dataset has them: local or received there. A
/// clone has neither by itself.
fn wanted(context: &Context<'_>, datasets: &[Dataset]) -> Result<Vec<Properties>> {
    let mut all = context.engine.own_of(datasets, &[])?;
    for own in &mut all {
        excluded::in_place(own);
        own.retain(|name, value| {
            // With `-p`, `zfs get` prints the largest number for no limit.
            if *value == u64::MAX.to_string() {
                "none".clone_into(value);
            }
            !NOT_COPIED.contains(&name.as_str()) && !name.starts_with("backout:")
        });
    }
    Ok(all)
}

/// What differs between a dataset and its clone, the mountpoint first, each with the command that
/// makes it equal.
fn differences(one: &CloneOne, like: &Properties, clone: &Properties) -> Vec<(String, String)> {
    let mut names: Vec<&String> = like.keys().chain(clone.keys()).collect();
    names.sort_by_key(|name| (name.as_str() != "mountpoint", name.as_str()));
    names.dedup();
    let said = |value: Option<&String>| value.map_or("not set", |value| value.as_str()).to_owned();
    let difference = |name: &String| {
        let (this, that) = (like.get(name), clone.get(name));
        let what = format!(
            "{name} is {} on {}, and {} on {}",
            said(this),
            one.like,
            said(that),
            one.target
        );
        let target = quote(one.target.as_str());
        let how = match this {
            Some(value) => format!("zfs set {} {target}", quote(format!("{name}={value}"))),
            None => format!("zfs inherit {name} {target}"),
        };
        (what, how)
    };
    let unlike = names.into_iter().filter(|name| like.get(*name) != clone.get(*name));
    unlike.map(difference).collect()
}

impl CloneSnapshot {
    /// All of them, parents first.
    pub fn all(&self) -> impl Iterator<Item = &CloneOne> {
        std::iter::once(&self.top).chain(&self.below)
    }

    fn targets(&self) -> Vec<Dataset> {
        self.all().map(|one| one.target.clone()).collect()
    }

    /// What differs between the datasets and the clones that are to take their place, with the
    /// command that makes it equal. Nothing about a pair of which one is not there: they have
    /// changed places already.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(in crate::step) fn differs(&self, context: &Context<'_>) -> Result<Vec<(String, String)>> {
        unlike(context, &self.all().cloned().collect::<Vec<_>>())
    }

    /// Those of the clones that are there, with the first that is something else.
    fn found(&self, context: &Context<'_>) -> Result<(Vec<DatasetInfo>, Option<&CloneOne>)> {
        let found = context.engine.datasets(&self.targets())?;
        let origins: BTreeMap<&Dataset, Option<&Snapshot>> =
            found.iter().map(|info| (&info.name, info.origin.as_ref())).collect();
        let other = self.all().find(|one| {
            origins.get(&one.target).is_some_and(|origin| *origin != Some(&one.snapshot))
        });
        Ok((found, other))
    }
}

/// See [`CloneSnapshot::differs`].
///
/// # Errors
/// When they cannot be read.
pub(in crate::step) fn unlike(
    context: &Context<'_>,
    clones: &[CloneOne],
) -> Result<Vec<(String, String)>> {
    let names: Vec<Dataset> =
        clones.iter().flat_map(|one| [one.like.clone(), one.target.clone()]).collect();
    let found = context.engine.datasets(&names)?;
    let here: BTreeSet<&Dataset> = found.iter().map(|info| &info.name).collect();
    let pairs: Vec<&CloneOne> = clones
        .iter()
        .filter(|one| here.contains(&one.like) && here.contains(&one.target))
        .collect();
    let of = |name: fn(&CloneOne) -> &Dataset| pairs.iter().map(move |one| name(one).clone());
    let names: Vec<Dataset> = of(|one| &one.like).chain(of(|one| &one.target)).collect();
    let own = wanted(context, &names)?;
    let (likes, targets) = own.split_at(pairs.len());
    let both = pairs.iter().zip(likes.iter().zip(targets));
    Ok(both.flat_map(|(one, (like, clone))| differences(one, like, clone)).collect())
}

impl Effect for CloneSnapshot {
    fn preview(&self) -> Vec<String> {
        let line = |one: &CloneOne| {
            format!("zfs clone -o canmount=noauto {} {}", one.snapshot, one.target)
        };
        self.all().map(line).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let (found, other) = self.found(context)?;
        if let Some(other) = other {
            return Ok(Probe::Foreign(format!(
                "the dataset {} exists already, and is no clone of {}",
                other.target, other.snapshot
            )));
        }
        if found.is_empty() {
            // A clone of another snapshot would have other data.
            let taken = self.all().map(|one| (&one.snapshot, one.guid));
            return Ok(surprise(context, taken)?.map_or(Probe::Absent, Probe::Foreign));
        }
        let names: Vec<Dataset> = found.into_iter().map(|info| info.name).collect();
        let marks = context.engine.locals_of(&names, &[PROP_ROLE, PROP_CHANGE])?;
        let whole = |here: &&Properties| {
            let is = |property, value| here.get(property).is_some_and(|found| found == value);
            is(PROP_ROLE, self.role.as_str()) && is(PROP_CHANGE, context.change())
        };
        let whole = marks.iter().filter(whole).count();
        let all = self.below.len() + 1;
        Ok(if whole == all {
            Probe::Present(Output::Nothing)
        } else if all == 1 {
            Probe::Partial(format!("the clone {} is half made", self.top.target))
        } else {
            let top = &self.top.target;
            Probe::Partial(format!("of the clones at {top}, {whole} of {all} are whole"))
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let engine = context.engine;
        let taken = self.all().map(|one| (&one.snapshot, one.guid));
        if let Some(why) = surprise(context, taken)? {
            bail!(why);
        }
        let likes: Vec<Dataset> = self.all().map(|one| one.like.clone()).collect();
        let volumes: BTreeSet<Dataset> = engine
            .datasets(&likes)?
            .into_iter()
            .filter(|info| info.kind == DatasetKind::Volume)
            .map(|info| info.name)
            .collect();
        let clone = |(one, mut own): (&CloneOne, Properties)| {
            let mut properties = vec![(PROP_CHANGE.to_owned(), context.change().to_owned())];
            // A volume has no canmount (`zfsprops(7)`). ZFS ignores it, and the check would miss
            // it.
            if !volumes.contains(&one.like) {
                properties.push(("canmount".to_owned(), "noauto".to_owned()));
                if self.role == CloneRole::Standby {
                    // A boot must not mount one that is half made over the data that is served.
                    own.insert("mountpoint".to_owned(), "none".to_owned());
                    own.extend(excluded::PROPERTIES.map(|(a, b)| (a.to_owned(), b.to_owned())));
                }
            }
            properties.extend(own);
            NewClone { snapshot: one.snapshot.clone(), target: one.target.clone(), properties }
        };
        let clones: Vec<NewClone> = self.all().zip(wanted(context, &likes)?).map(clone).collect();
        engine.clone_all(&clones).with_context(|| match self.below.len() {
            0 => format!("{} could not be cloned", self.top.snapshot),
            below => {
                format!("{} and {below} below could not all be cloned", self.top.snapshot)
            }
        })?;
        for (one, all) in self.all().zip(engine.delegations_of(&likes)?) {
            if !all.given.is_empty() {
                engine.delegate(&one.target, &all.given).with_context(|| {
                    format!("the permissions of others could not be given to {}", one.target)
                })?;
            }
            for line in all.unknown {
                (context.say)(&format!(
                    "a permission of others on {} is not known, and {} does not have it: {line}",
                    one.like, one.target
                ));
            }
        }
        crate::host::failpoint::point("clone:unmarked");
        engine.set_all(&self.targets(), &[(PROP_ROLE, self.role.as_str())])?;
        Ok(Output::Nothing)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        let (mut found, _) = self.found(context)?;
        let origins: BTreeMap<&Dataset, &Snapshot> =
            self.all().map(|one| (&one.target, &one.snapshot)).collect();
        found.retain(|info| info.origin.as_ref() == origins.get(&info.name).copied());
        found.reverse();
        // Somebody, or a boot, may have mounted some.
        let mounted = found.iter().filter(|info| info.mounted);
        let mounted: Vec<Dataset> = mounted.map(|info| info.name.clone()).collect();
        context.engine.unmount_all(&mounted)?;
        let gone: Vec<(Dataset, Guid)> =
            found.into_iter().map(|info| (info.name, info.guid)).collect();
        context.engine.destroy_datasets(&gone)?;
        Ok(())
    }
}
