//! A clone of the snapshot beside the upgraded dataset. Clones do not copy local properties, and
//! `clone -o` is not atomic. The role is set last, so a clone without it is incomplete.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::quote::quote;
use crate::journal::Output;
use crate::step::zfs::snapshot::surprise;
use crate::step::{Context, Effect, Probe, Step};
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, Guid, PROP_CHANGE, PROP_ROLE, Snapshot};

/// See [`crate::step::Action::Clone`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloneSnapshot {
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

/// The properties that a clone has to have as the dataset has them: local or received there. A
/// clone has neither by itself.
fn wanted(context: &Context<'_>, dataset: &Dataset) -> Result<BTreeMap<String, String>> {
    let own = context.engine.own(dataset)?;
    Ok(own
        .into_iter()
        .filter(|(name, _)| !NOT_COPIED.contains(&name.as_str()) && !name.starts_with("backout:"))
        .collect())
}

impl CloneSnapshot {
    /// What differs between the dataset and the clone that is to take its place, the mountpoint
    /// first, each with the command that makes it equal. Nothing if one of them is not there: they
    /// have changed places already.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(in crate::step) fn differs(&self, context: &Context<'_>) -> Result<Vec<(String, String)>> {
        let engine = context.engine;
        if engine.dataset(&self.like)?.is_none() || engine.dataset(&self.target)?.is_none() {
            return Ok(Vec::new());
        }
        let (like, clone) = (wanted(context, &self.like)?, wanted(context, &self.target)?);
        let mut names: Vec<&String> = like.keys().chain(clone.keys()).collect();
        names.sort_by_key(|name| (name.as_str() != "mountpoint", name.as_str()));
        names.dedup();
        let said =
            |value: Option<&String>| value.map_or("not set", |value| value.as_str()).to_owned();
        let mut found = Vec::new();
        for name in names.into_iter().filter(|name| like.get(*name) != clone.get(*name)) {
            let (this, that) = (like.get(name), clone.get(name));
            let what = format!(
                "{name} is {} on {}, and {} on {}",
                said(this),
                self.like,
                said(that),
                self.target
            );
            let target = quote(self.target.as_str());
            let how = match this {
                Some(value) => format!("zfs set {} {target}", quote(format!("{name}={value}"))),
                None => format!("zfs inherit {name} {target}"),
            };
            found.push((what, how));
        }
        Ok(found)
    }

    fn is_ours(&self, info: &DatasetInfo) -> bool {
        info.origin.as_ref() == Some(&self.snapshot)
    }
}

impl Effect for CloneSnapshot {
    fn preview(&self) -> Vec<String> {
        vec![format!("zfs clone -o canmount=noauto {} {}", self.snapshot, self.target)]
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let Some(info) = context.engine.dataset(&self.target)? else {
            // A clone of another snapshot would have other data.
            return Ok(
                surprise(context, &self.snapshot, self.guid)?.map_or(Probe::Absent, Probe::Foreign)
            );
        };
        if !self.is_ours(&info) {
            return Ok(Probe::Foreign(format!(
                "the dataset {} exists already, and is no clone of {}",
                self.target, self.snapshot
            )));
        }
        let role = context.engine.local(&self.target, PROP_ROLE)?;
        let change = context.engine.local(&self.target, PROP_CHANGE)?;
        Ok(match (role.as_deref(), change.as_deref()) {
            (Some("candidate"), Some(change)) if change == context.change() => {
                Probe::Present(Output::Nothing)
            }
            _ => Probe::Partial(format!("the clone {} is half made", self.target)),
        })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let engine = context.engine;
        if let Some(why) = surprise(context, &self.snapshot, self.guid)? {
            bail!(why);
        }
        let mut properties = vec![(PROP_CHANGE, context.change())];
        // A volume has no canmount (`zfsprops(7)`). ZFS ignores it, and the check would miss it.
        if engine.dataset(&self.like)?.is_none_or(|like| like.kind != DatasetKind::Volume) {
            properties.push(("canmount", "noauto"));
        }
        engine
            .clone_snapshot(&self.snapshot, &self.target, &properties)
            .with_context(|| format!("{} could not be cloned", self.snapshot))?;
        crate::host::failpoint::point("clone:unmarked");
        for (property, value) in wanted(context, &self.like)? {
            engine
                .set(&self.target, &property, &value)
                .with_context(|| format!("{property} could not be copied to {}", self.target))?;
        }
        engine.set(&self.target, PROP_ROLE, "candidate")?;
        Ok(Output::Nothing)
    }

    fn rewind(&self, _step: &Step, context: &Context<'_>) -> Result<()> {
        if let Some(info) = context.engine.dataset(&self.target)?.filter(|info| self.is_ours(info))
        {
            // Somebody, or a boot, may have mounted it.
            if info.mounted {
                context.engine.unmount(&self.target)?;
            }
            context.engine.destroy_dataset(&self.target, info.guid)?;
        }
        Ok(())
    }
}
