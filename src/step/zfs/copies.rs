//! Clones of data as a step left it, mounted where nobody looks: for a server without clients. They
//! are known by their names and their role, and are made anew each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::host::exec::Command;
use crate::host::processes::{self, Process};
use crate::host::systemd;
use crate::journal::{Output, StepId};
use crate::playbook::CommandTemplate;
use crate::step::zfs::excluded;
use crate::step::{Context, State};
use crate::zfs::{
    Dataset, DatasetKind, ENDING_PROOF, Engine, Guid, NewClone, PROP_CHANGE, PROP_ROLE, Snapshot,
};

/// The role of such a clone.
const ROLE: &str = "proof";
/// Below this they are mounted, relative to `/`.
const MOUNTS: &str = "run/backout-proof";
/// How long their server may take to stop by itself.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// One clone that is to be made.
#[derive(Debug)]
pub struct CopyOf {
    /// The dataset that it is like, as the change calls it.
    pub original: Dataset,
    /// Its name.
    pub target: Dataset,
    /// Its snapshot, where that is now.
    pub snapshot: Snapshot,
}

/// The clones of what a step took snapshots of. `places`: the datasets of the site, and where each
/// is now.
///
/// # Errors
/// When a snapshot is gone, or is another one.
pub fn copies(
    state: &State,
    engine: &dyn Engine,
    places: &[(Dataset, Dataset)],
    step: &StepId,
) -> Result<Vec<CopyOf>> {
    let Some(Output::Snapshots { list }) = state.outputs.get(step) else {
        bail!("the journal does not say which snapshots step `{step}` took");
    };
    let mut found = Vec::new();
    for (snapshot, guid) in list {
        let original = snapshot.dataset();
        let Some((root, place)) = places.iter().find(|(root, _)| original.is_within(root)) else {
            bail!("{original} is below none of the site's datasets");
        };
        let snapshot = original.moved(root, place)?.at(snapshot.short())?;
        let target = original.moved(root, &root.with_suffix(ENDING_PROOF)?)?;
        found.push((CopyOf { original, target, snapshot }, *guid));
    }
    let names: Vec<Snapshot> = found.iter().map(|(copy, _)| copy.snapshot.clone()).collect();
    let there = engine.snapshot_infos(&names)?;
    let there: BTreeMap<&Snapshot, Guid> = there.iter().map(|it| (&it.name, it.guid)).collect();
    for (copy, guid) in &found {
        let is = there.get(&copy.snapshot) == Some(guid);
        ensure!(is, "the snapshot {} is gone", copy.snapshot);
    }
    Ok(found.into_iter().map(|(copy, _)| copy).collect())
}

/// A path of the data that leads through links on this host leads to the same place below `root`.
pub(in crate::step) fn lead(host: &Path, root: &Path, path: &Path) -> std::io::Result<()> {
    let below = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
    let link = root.join(below(path));
    // A link may be an older one, or lead out of the clone.
    let older = match fs::symlink_metadata(&link) {
        Ok(found) if !found.is_symlink() => return Ok(()),
        found => found.is_ok(),
    };
    let Ok(place) = host.join(below(path)).canonicalize() else { return Ok(()) };
    let place = place.strip_prefix(host).unwrap_or(&place);
    let target = root.join(below(place));
    if target == link {
        return Ok(());
    }
    if let Some(around) = link.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o711).create(around)?;
    }
    if older {
        fs::remove_file(&link)?;
    }
    std::os::unix::fs::symlink(target, &link)
}

/// Makes a folder that clones are mounted below.
///
/// # Errors
/// When it cannot be made.
pub(in crate::step) fn folder(root: &Path) -> Result<()> {
    // The server's own user passes through.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(root)
        .with_context(|| format!("cannot make {}", root.display()))
}

/// Makes the clones and mounts them. `data`: the paths that the product knows its data by. Returns
/// the folder in which each path of the data stands at its own place.
///
/// # Errors
/// When one cannot be made or mounted.
pub fn make(context: &Context<'_>, copies: &[CopyOf], data: &[PathBuf]) -> Result<PathBuf> {
    let (engine, manifest) = (context.engine, &context.state.manifest);
    let root = context.root.join(MOUNTS).join(&manifest.change);
    folder(&root)?;
    let places: BTreeMap<&Dataset, Option<&PathBuf>> =
        manifest.datasets.iter().map(|mount| (&mount.dataset, mount.mountpoint.as_ref())).collect();
    let origins: Vec<Dataset> = copies.iter().map(|copy| copy.snapshot.dataset()).collect();
    let origins = engine.datasets(&origins)?;
    let file_systems: BTreeSet<&Dataset> = origins
        .iter()
        .filter(|info| info.kind == DatasetKind::Filesystem)
        .map(|info| &info.name)
        .collect();
    let (mut clones, mut mounted) = (Vec::new(), Vec::new());
    for CopyOf { original, target, snapshot } in copies {
        let point = places.get(original).copied().flatten();
        let point = point.map_or_else(
            || "none".to_owned(),
            |point| root.join(point.strip_prefix("/").unwrap_or(point)).display().to_string(),
        );
        let file_system = file_systems.contains(&snapshot.dataset());
        let mut properties = vec![(PROP_CHANGE, manifest.change.as_str()), (PROP_ROLE, ROLE)];
        if file_system {
            properties.extend([("canmount", "noauto"), ("mountpoint", point.as_str())]);
        }
        properties.extend(excluded::PROPERTIES);
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let properties = properties.into_iter().map(own).collect();
        clones.push(NewClone { snapshot: snapshot.clone(), target: target.clone(), properties });
        if file_system && point != "none" {
            mounted.push(target.clone());
        }
    }
    engine.clone_all(&clones)?;
    engine.mount_all(&mounted)?;
    for path in data {
        lead(&context.root, &root, path)
            .with_context(|| format!("{} cannot be found on the clone", path.display()))?;
    }
    Ok(root)
}

/// Stops the server, and destroys the clones. What is there and not ours is left.
///
/// # Errors
/// When something is not ours, or cannot be removed.
pub fn clear(context: &Context<'_>, roots: &[Dataset], stop: &CommandTemplate) -> Result<()> {
    let engine = context.engine;
    let mut clones = Vec::new();
    for root in roots {
        let clone = root.with_suffix(ENDING_PROOF)?;
        if engine.dataset(&clone)?.is_some() {
            clones.extend(engine.tree(&clone)?);
        }
    }
    if clones.is_empty() {
        return Ok(());
    }
    let manifest = &context.state.manifest;
    let names: Vec<Dataset> = clones.iter().map(|info| info.name.clone()).collect();
    let marks = engine.locals_of(&names, &[PROP_CHANGE, PROP_ROLE])?;
    for (info, marks) in clones.iter().zip(&marks) {
        // One that was cut off has no marks yet.
        let cloned = info.origin.as_ref();
        let is = |name: &str, value: &str| marks.get(name).is_some_and(|mark| mark == value);
        let ours = cloned.is_some_and(|origin| origin.short().starts_with(&manifest.snapshot))
            || is(PROP_CHANGE, &manifest.change) && is(PROP_ROLE, ROLE);
        ensure!(ours, "{} is not a clone of this change; it is left as it is", info.name);
    }
    let places = clones.iter().filter(|info| info.mounted);
    let places: Vec<PathBuf> = places.filter_map(|info| info.mountpoint.clone()).collect();
    let stopped = stop_server(context, &context.fill(stop, &[])?, &places);
    let mounted = clones.iter().rev().filter(|info| info.mounted);
    let mounted: Vec<Dataset> = mounted.map(|info| info.name.clone()).collect();
    if let Err(error) = engine.unmount_all(&mounted) {
        stopped.context("the server on the clone could not be stopped")?;
        return Err(error.into());
    }
    let gone: Vec<(Dataset, Guid)> =
        clones.into_iter().rev().map(|info| (info.name, info.guid)).collect();
    Ok(engine.destroy_datasets(&gone)?)
}

/// Stops the server whose data are in `places`. It fails where the server does not run.
///
/// A server that is told to stop while it starts may take as long as its unit allows for either (seen
/// with MariaDB 11.8). Nobody wants what is on a clone: after a while its whole unit is killed.
/// Single processes are not: a PostgreSQL that loses one begins anew.
fn stop_server(context: &Context<'_>, stop: &Command, places: &[PathBuf]) -> Result<()> {
    let runner = context.runner.quiet();
    let limit = stop.timeout.min(STOPS_WITHIN);
    let stopped = runner.run(&stop.clone().timeout(limit));
    let Ok(users) = processes::users_of(&context.proc(), places) else {
        return Ok(stopped.map(drop)?);
    };
    let units: BTreeSet<&str> = users.found.iter().filter_map(unit_of).collect();
    if units.is_empty() {
        return Ok(stopped.map(drop)?);
    }
    for unit in units {
        // One that ended meanwhile is not there.
        let _ = runner.run(&systemd::kill(unit));
    }
    Ok(runner.run(stop).map(drop)?)
}

/// The unit of ours that a process belongs to. `None`: somebody looks around there, or a proof
/// copies something.
fn unit_of(process: &Process) -> Option<&str> {
    let unit = process.cgroup.split(['/', '\n']).find(|part| {
        part.starts_with("backout-")
            && !part.starts_with("backout-prove-")
            && part.ends_with(".service")
    });
    unit.filter(|_| u32::try_from(process.pid) != Ok(std::process::id()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn only_the_unit_of_a_server_on_clones_is_killed() {
        let of = |cgroup: &str| {
            let text = format!(
                "{{\"pid\":7,\"comm\":\"x\",\"cmdline\":\"x\",\"since\":null,\"cgroup\":\"{cgroup}\"}}"
            );
            let process: Process = serde_json::from_str(&text).expect("a process");
            unit_of(&process).map(str::to_owned)
        };
        let ours = of("0::/system.slice/backout-mariadb.service");
        assert_eq!(ours.as_deref(), Some("backout-mariadb.service"));
        let below = of("0::/system.slice/backout-postgresql.service/x");
        assert_eq!(below.as_deref(), Some("backout-postgresql.service"));
        for other in [
            "0::/user.slice/user-0.slice/session-2.scope",
            "0::/system.slice/mariadb.service",
            "0::/system.slice/backout-prove-db-1.service",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn data_behind_a_link_is_found_on_the_clone() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (host, root) = (dir.path().join("host"), dir.path().join("root"));
        fs::create_dir_all(host.join("tank/data")).expect("folder");
        fs::create_dir_all(host.join("var/lib")).expect("folder");
        fs::create_dir_all(host.join("srv/plain")).expect("folder");
        fs::create_dir_all(root.join("tank/data")).expect("folder");
        std::os::unix::fs::symlink("../../tank/data", host.join("var/lib/served")).expect("link");
        fs::write(root.join("tank/data/file"), "cloned").expect("written");
        // What a proof that was broken off left is of no matter.
        for _ in 0..2 {
            for path in ["/var/lib/served", "/tank/data", "/srv/plain", "/nowhere"] {
                lead(&host, &root, Path::new(path)).expect("led");
            }
            let read = fs::read_to_string(root.join("var/lib/served/file"));
            assert_eq!(read.expect("found"), "cloned");
        }
        assert!(root.join("tank/data").is_dir() && !root.join("tank/data").is_symlink());
        assert!(!root.join("srv/plain").exists() && !root.join("nowhere").exists());
    }
}
