//! The clones that the standby runs on: mounted where nobody looks, set up as the datasets whose
//! place they take, or destroyed. They are known by their names, their origin and their role.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::journal::{HaltKind, Output};
use crate::step::files::copy;
use crate::step::zfs::clone_snapshot::{CloneOne, is_ours, unlike};
use crate::step::zfs::copies::lead;
use crate::step::zfs::excluded;
use crate::step::zfs::set_aside::set_role;
use crate::step::{Context, Effect, NeedsDecision, Probe, Step};
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, Guid, PROP_CHANGE, PROP_ROLE};

/// The role of a clone that a standby runs on.
pub const ROLE: &str = "standby";

/// What a clone of the standby has otherwise than the dataset whose place it takes.
const SET: [&str; 4] = ["mountpoint", "sync", excluded::PROPERTIES[0].0, excluded::PROPERTIES[1].0];

/// The clones of a standby.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandbyClones {
    /// Parents first.
    pub clones: Vec<CloneOne>,
    /// The paths that the product knows its data by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<PathBuf>,
    /// A flush on them is one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub durable: bool,
}

/// Mounts them below the folder of the standby.
pub(in crate::step) struct Mount<'a>(pub &'a StandbyClones);
/// Sets them up as the datasets whose place they take.
pub(in crate::step) struct SetUp<'a>(pub &'a StandbyClones);
/// Destroys them.
pub(in crate::step) struct Drop<'a>(pub &'a StandbyClones);

impl StandbyClones {
    fn targets(&self) -> Vec<Dataset> {
        self.clones.iter().map(|one| one.target.clone()).collect()
    }

    fn found(&self, context: &Context<'_>) -> Result<BTreeMap<Dataset, DatasetInfo>> {
        let found = context.engine.datasets(&self.targets())?;
        Ok(found.into_iter().map(|info| (info.name.clone(), info)).collect())
    }

    /// Where each file system among them is mounted that is mounted while the service runs.
    fn places(&self, context: &Context<'_>) -> Result<Vec<(Dataset, PathBuf)>> {
        let root = context.standby_root();
        let found = self.found(context)?;
        let mut places = Vec::new();
        for one in &self.clones {
            let info = found.get(&one.target);
            let info = info.with_context(|| format!("the clone {} is gone", one.target))?;
            ours(one, info, context)?;
            let mounts = &context.state.manifest.datasets;
            let like = mounts.iter().find(|mount| mount.dataset == one.like && mount.mounted);
            let point = like.and_then(|mount| mount.mountpoint.as_ref());
            if let Some(point) = point.filter(|_| info.kind == DatasetKind::Filesystem) {
                places.push((one.target.clone(), below(&root, point)));
            }
        }
        places.sort_by(|(_, a), (_, b)| a.cmp(b));
        Ok(places)
    }

    fn unmount(&self, context: &Context<'_>) -> Result<()> {
        unmount(context, self.found(context)?.into_values().collect())
    }
}

/// It is a clone of the snapshot of this change.
fn ours(one: &CloneOne, info: &DatasetInfo, context: &Context<'_>) -> Result<()> {
    if is_ours(info, context) {
        return Ok(());
    }
    let (target, like) = (&one.target, &one.like);
    match info.origin {
        Some(_) => bail!("{target} is not a clone of this change; it is left as it is"),
        None => bail!(
            "{target} is no clone any more: somebody promoted it, and the snapshots of {like} went \
             with it. Nothing is lost. `zfs promote {like}` takes that back",
        ),
    }
}

fn unmount(context: &Context<'_>, mut found: Vec<DatasetInfo>) -> Result<()> {
    found.retain(|info| info.mounted);
    found.sort_by(|a, b| b.mountpoint.cmp(&a.mountpoint));
    let names: Vec<Dataset> = found.into_iter().map(|info| info.name).collect();
    context.engine.unmount_all(&names).context("a clone of the standby could not be unmounted")
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

impl Effect for Mount<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.clones.iter().map(|one| format!("zfs mount {}", one.target)).collect()
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let found = self.0.found(context)?;
        let places = self.0.places(context)?;
        let there = |(name, point): &(Dataset, PathBuf)| {
            found
                .get(name)
                .is_some_and(|info| info.mounted && info.mountpoint.as_ref() == Some(point))
        };
        let all = places.iter().all(there);
        Ok(if all { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let places = self.0.places(context)?;
        // One that is mounted elsewhere would take those below it along.
        self.0.unmount(context)?;
        let root = context.standby_root();
        crate::step::zfs::copies::folder(&root)?;
        let pools: BTreeSet<_> = places.iter().map(|(name, _)| name.pool()).collect();
        let one_pool = pools.len() == 1;
        for (name, point) in &places {
            let text = point.display().to_string();
            let mut set = vec![("mountpoint", text.as_str())];
            set.extend(excluded::PROPERTIES);
            if one_pool && !self.0.durable {
                // A flush costs nothing then. After a power cut all of them are what they were at
                // one instant, and never ahead of what they are fed from: that was written before.
                set.push(("sync", "disabled"));
            }
            context.engine.set_all(std::slice::from_ref(name), &set)?;
        }
        let names: Vec<Dataset> = places.into_iter().map(|(name, _)| name).collect();
        context.engine.mount_all(&names).context("a clone of the standby could not be mounted")?;
        for path in &self.0.data {
            lead(&context.root, &root, path)
                .with_context(|| format!("{} cannot be found on the clone", path.display()))?;
        }
        Ok(Output::Nothing)
    }
}

impl Effect for SetUp<'_> {
    fn preview(&self) -> Vec<String> {
        let lines = self.0.clones.iter().map(|one| {
            format!("zfs unmount {0}; zfs set mountpoint={1} {0}", one.target, "as before")
        });
        lines.collect()
    }

    fn durable(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let found = self.0.found(context)?;
        // They have taken their place.
        if found.is_empty() {
            return Ok(Probe::Present(Output::Nothing));
        }
        let names: Vec<Dataset> = found.keys().cloned().collect();
        let marks = context.engine.locals_of(&names, &[PROP_ROLE])?;
        let is = |role: Option<&String>| role.is_some_and(|role| role == "candidate");
        let ready = found.values().all(|info| !info.mounted)
            && marks.iter().all(|here| is(here.get(PROP_ROLE)));
        Ok(if ready { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let engine = context.engine;
        let found = self.0.found(context)?;
        for one in &self.0.clones {
            let info = found.get(&one.target);
            let info = info.with_context(|| format!("the clone {} is gone", one.target))?;
            ours(one, info, context)?;
        }
        unmount(context, found.values().cloned().collect())?;
        let likes: Vec<Dataset> = self.0.clones.iter().map(|one| one.like.clone()).collect();
        let mut own = engine.own_of(&likes, &[&SET[..], &excluded::REMEMBERED].concat())?;
        own.iter_mut().for_each(excluded::in_place);
        // Clients wait: what is inherited by the same datasets is one look before, and one after.
        let mut inherited: BTreeMap<Vec<Dataset>, Vec<&str>> = BTreeMap::new();
        for property in SET {
            let mut values: BTreeMap<Option<&String>, Vec<Dataset>> = BTreeMap::new();
            for (one, own) in self.0.clones.iter().zip(&own) {
                if found.get(&one.target).is_some_and(|it| it.kind == DatasetKind::Filesystem) {
                    values.entry(own.get(property)).or_default().push(one.target.clone());
                }
            }
            for (value, names) in values {
                match value {
                    Some(value) => engine.set_all(&names, &[(property, value)])?,
                    None => inherited.entry(names).or_default().push(property),
                }
            }
        }
        for (names, properties) in inherited {
            engine.inherit_all(&names, &properties)?;
        }
        let unlike = unlike(context, &self.0.clones)?;
        if !unlike.is_empty() {
            let lines = unlike.iter().map(|(what, how)| format!("\n  {what}: {how}"));
            let unlike: String = lines.collect();
            let why = "a clone is not set up as the dataset whose place it is to take, and it \
                does not take it. Each with the command that makes them alike";
            return Err(NeedsDecision::new(HaltKind::Foreign, format!("{why}:{unlike}")).into());
        }
        crate::host::failpoint::point("standby:unmarked");
        set_role(context, &self.0.targets(), "candidate")?;
        forget(context)
    }

    /// Each change was looked at when it was made, and clients wait.
    fn confirm(&self, _step: &Step, _context: &Context<'_>, output: Output) -> Result<Output> {
        Ok(output)
    }
}

impl Effect for Drop<'_> {
    fn preview(&self) -> Vec<String> {
        self.0.clones.iter().rev().map(|one| format!("zfs destroy {}", one.target)).collect()
    }

    fn destroys(&self) -> bool {
        true
    }

    fn probe(&self, _step: &Step, context: &Context<'_>) -> Result<Probe> {
        let mut gone = self.0.found(context)?.is_empty();
        for folder in [context.layout.feed(), context.standby_root()] {
            gone &= !copy::is_there(&folder)?;
        }
        Ok(if gone { Probe::Present(Output::Nothing) } else { Probe::Absent })
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let engine = context.engine;
        let mut found: Vec<DatasetInfo> = Vec::new();
        let by_name = self.0.found(context)?;
        for one in self.0.clones.iter().rev() {
            if let Some(info) = by_name.get(&one.target) {
                ours(one, info, context)?;
                found.push(info.clone());
            }
        }
        let names: Vec<Dataset> = found.iter().map(|info| info.name.clone()).collect();
        let marks = engine.locals_of(&names, &[PROP_ROLE, PROP_CHANGE])?;
        for (info, here) in found.iter().zip(&marks) {
            let role = here.get(PROP_ROLE).map(String::as_str);
            let change = here.get(PROP_CHANGE).map(String::as_str);
            // A clone that was cut off has no role yet.
            let ours = role.is_none_or(|role| role == ROLE)
                && change.is_none_or(|change| change == context.change());
            ensure!(ours, "{} is no standby of this change; it is left as it is", info.name);
        }
        if let Some(top) = found.last()
            && engine.tree(&top.name)?.len() > found.len()
        {
            bail!("somebody made a dataset below {}: move or destroy it", top.name);
        }
        for info in &found {
            if let Some(snapshot) = engine.snapshots(&info.name)?.first() {
                bail!(
                    "somebody took a snapshot of the standby: {}. Destroy it, and exclude names \
                     that end in `.standby` where snapshots are taken",
                    snapshot.name
                );
            }
        }
        self.0.unmount(context)?;
        let gone: Vec<(Dataset, Guid)> =
            found.into_iter().map(|info| (info.name, info.guid)).collect();
        engine.destroy_datasets(&gone)?;
        forget(context)
    }
}

/// The folders that the standby had.
fn forget(context: &Context<'_>) -> Result<Output> {
    let feed = context.layout.feed();
    if copy::is_there(&feed)? {
        fs::remove_dir_all(&feed).with_context(|| format!("cannot remove {}", feed.display()))?;
    }
    // Empty folders and links alone: nothing is mounted there any more. It is gone after a boot.
    let _ = fs::remove_dir_all(context.standby_root());
    Ok(Output::Nothing)
}
