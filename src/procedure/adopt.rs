//! After the state folder was lost: makes a journal again from the properties of the snapshot.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{ProcedureInputs, Settings, Work, changes};
use crate::change::Lock;
use crate::host::files::write_atomic;
use crate::host::quote::quote;
use crate::journal::{ChangeManifest, FORMAT, FileEntry, Layout, Output, Procedure, copies, file};
use crate::preflight::Occasion;
use crate::report::{CliError, ErrorKind};
use crate::step::recovery_metadata::RecoveryMetadata;
use crate::step::{Action, Line, Plan, Record, State, read_back, version_is};
use crate::strategy;
use crate::zfs::{
    Dataset, ENDING_ASIDE, ENDING_ASIDE_OF_0_1_0, ENDING_CANDIDATE, ENDING_STANDBY, Engine, Guid,
    PROP_CHANGE, PROP_ROLLED_BACK, Snapshot,
};

/// A change that can be adopted.
pub struct Adoption {
    /// How it begins again.
    pub manifest: ChangeManifest,
    /// The version that is installed.
    pub installed: String,
    inputs: ProcedureInputs,
    installer: Vec<FileEntry>,
    source: PathBuf,
    lines: Vec<Line>,
}

/// Lists the snapshots that can be adopted.
const LIST: &str = "zfs list -H -t snapshot -o name,backout:change";

/// What [`LIST`] is for.
const LISTED: &str = "see the snapshots, each with the change that it belongs to";

/// The change that the snapshot describes, if the host is still as that change left it.
/// `installer`: a folder with the previous version's packages, if they were lost with the state
/// folder.
///
/// # Errors
/// When the snapshot describes no change, or the host is not as the change left it.
pub fn prepare(
    settings: &Settings,
    snapshot: &str,
    installer: Option<PathBuf>,
) -> Result<Adoption, CliError> {
    let refuse = |what: String| CliError::new(ErrorKind::Refused, what);
    let name: Snapshot = snapshot.parse().map_err(|error| {
        CliError::new(ErrorKind::Usage, format!("{snapshot}: {error}")).next(LIST, LISTED)
    })?;
    let inputs = ProcedureInputs::open(settings)?;
    let crumb = RecoveryMetadata::read(inputs.engine.as_ref(), &name)?.ok_or_else(|| {
        refuse(format!(
            "{name} says nothing of a change: backout did not take it, or it is not there"
        ))
        .next(LIST, LISTED)
    })?;
    let mut manifest = crumb.manifest.clone();
    let found = changes::all(settings)?;
    if let Some(open) = found.iter().find(|found| found.id == manifest.change || found.is_open()) {
        return Err(refuse(format!("the change {} is there: nothing is to be adopted", open.id))
            .next("backout status", "see where it stands"));
    }
    let facts = inputs.facts(settings, Occasion::Check, None, None)?;
    let installed = facts
        .versions
        .installed
        .clone()
        .map_err(|why| refuse(format!("the installed version is not known: {why}")))?;
    let upgraded = version_is(&installed, &manifest.upgrade_to);
    if !upgraded && installed != manifest.from_version {
        return Err(refuse(format!(
            "version {installed} is installed, neither {} nor {}, which the change went from and \
                to",
            manifest.from_version, manifest.upgrade_to
        )));
    }
    let snapshots = world_as_left(&inputs, &crumb, &name)
        .map_err(|error| refuse("this cannot be adopted".into()).because(&error))?;
    same_site(&inputs, &crumb).map_err(|error| {
        refuse("the site file or its playbook is not that of the change".into()).because(&error)
    })?;
    manifest.format = FORMAT;
    manifest.host = settings.host.clone();
    manifest.site_sha256 = inputs.site.sha256().into();
    manifest.playbook_sha256 = inputs.playbook.sha256().into();
    manifest.programs = copies::entries(&inputs.playbook);
    manifest.store.clone_from(&inputs.place().store);
    let layout = settings.layout(&manifest);
    let source = installer.unwrap_or_else(|| layout.installer());
    read_back(&source, &crumb.installer).map_err(|error| {
        let mut error = refuse(format!(
            "the packages of version {} are not in {}",
            manifest.from_version,
            source.display()
        ))
        .because(&error);
        error.cause.extend(crumb.installer.iter().map(|file| {
            format!(
                "wanted: {} ({} bytes, SHA-256 {})",
                file.path.display(),
                file.size,
                file.sha256
            )
        }));
        error.next(format!("backout adopt {name} --installer DIR"), "give a folder that holds them")
    })?;
    let plan = adopted(inputs.product(), &manifest, upgraded)?;
    let now = settings.now.fixed_offset();
    let lines = lines(&manifest, plan, &crumb.installer, snapshots, &installed, now);
    Ok(Adoption { manifest, installed, inputs, installer: crumb.installer, source, lines })
}

impl Adoption {
    /// Creates the change's folder.
    ///
    /// # Errors
    /// When the records do not form a valid journal.
    pub fn work(self, lock: Lock) -> Result<Work, CliError> {
        let Self { inputs, installer, source, lines, .. } = self;
        let state = State::fold(&lines).map_err(anyhow::Error::from)?;
        let state = state.context("a journal of an opened change")?;
        let make = move |layout: &Layout| -> Result<()> {
            let folder = layout.folder();
            layout.create().with_context(|| format!("cannot make {}", folder.display()))?;
            if source != layout.installer() {
                crate::step::copy_all(&source, &layout.installer(), &installer)?;
            }
            copies::write(layout, &inputs.site, &inputs.playbook)?;
            let text = lines.iter().map(file::encode).collect::<Result<String, _>>();
            // Last, and atomically: without the journal there is no change.
            let text = text.context("cannot write the journal")?;
            write_atomic(&layout.journal(), text.as_bytes()).context("cannot write the journal")
        };
        Ok(Work::resume(lock, state, None).create("the change could not be adopted", make))
    }
}

/// Checks that the datasets are those of which the snapshots were taken, and that none was replaced
/// since. Returns the snapshots.
fn world_as_left(
    inputs: &ProcedureInputs,
    crumb: &RecoveryMetadata,
    name: &Snapshot,
) -> Result<Vec<(Snapshot, Guid)>> {
    let (engine, manifest) = (inputs.engine.as_ref(), &crumb.manifest);
    anyhow::ensure!(
        name.short() == manifest.snapshot,
        "{name} is not the snapshot of {}: that is called @{}",
        manifest.change,
        manifest.snapshot
    );
    let names: Vec<Dataset> = manifest.datasets.iter().map(|mount| mount.dataset.clone()).collect();
    let found = engine.datasets(&names)?;
    let found: BTreeMap<&Dataset, Guid> =
        found.iter().map(|info| (&info.name, info.guid)).collect();
    for mount in &manifest.datasets {
        let dataset = &mount.dataset;
        let guid = found.get(dataset).with_context(|| format!("{dataset} is not there"))?;
        anyhow::ensure!(
            *guid == mount.guid,
            "{dataset} is not the dataset that was upgraded: a downgrade has exchanged it. Each \
                step by hand stands in vm-tests/by-hand"
        );
    }
    nothing_beside(engine, &names)?;
    let marks = engine.locals_of(&names, &[PROP_ROLLED_BACK])?;
    let of_this = |mark: &String| mark.contains(&manifest.change);
    let rolled_back =
        names.iter().zip(&marks).find(|(_, here)| here.get(PROP_ROLLED_BACK).is_some_and(of_this));
    if let Some((dataset, _)) = rolled_back {
        anyhow::bail!(
            "{dataset} was rolled back already: what was written since is in the capture alone"
        );
    }
    let snapshots: Vec<Snapshot> =
        names.iter().map(|dataset| dataset.at(&manifest.snapshot)).collect::<Result<_, _>>()?;
    let taken = engine.snapshot_infos(&snapshots)?;
    let taken: BTreeMap<&Snapshot, Guid> =
        taken.iter().map(|info| (&info.name, info.guid)).collect();
    let list = snapshots
        .iter()
        .map(|name| {
            let guid = taken.get(name).with_context(|| format!("{name} is not there"))?;
            Ok((name.clone(), *guid))
        })
        .collect::<Result<Vec<_>>>()?;
    for (name, here) in snapshots.iter().zip(engine.snapshot_locals_of(&snapshots, &[PROP_CHANGE])?)
    {
        let ours = here.get(PROP_CHANGE) == Some(&manifest.change);
        anyhow::ensure!(ours, "{name} is not of the change {}", manifest.change);
    }
    Ok(list)
}

/// Nothing of a downgrade and of a standby is there.
fn nothing_beside(engine: &dyn Engine, datasets: &[Dataset]) -> Result<()> {
    let (mut beside, mut standby) = (Vec::new(), Vec::new());
    for dataset in datasets {
        for ending in [ENDING_ASIDE, ENDING_ASIDE_OF_0_1_0, ENDING_CANDIDATE] {
            beside.push(dataset.with_suffix(ending)?);
        }
        standby.push(dataset.with_suffix(ENDING_STANDBY)?);
    }
    if let Some(beside) = engine.datasets(&beside)?.first() {
        anyhow::bail!(
            "{} is there: a downgrade was under way, and nobody knows how far it came",
            beside.name
        );
    }
    // Its programs were in the state folder.
    if let Some(standby) = engine.datasets(&standby)?.first() {
        let name = quote(standby.name.as_str());
        anyhow::bail!(
            "{} is there: a standby, whose programs are lost with the state folder. The data of \
             the service does not need it. End it (`systemctl stop 'backout-feed-*' \
             'backout-standby-*'`), look at it (`zfs list -r -t all -o name,origin {name}`), \
             destroy it (`zfs destroy -r {name}`), and adopt again",
            standby.name
        );
    }
    Ok(())
}

fn same_site(inputs: &ProcedureInputs, crumb: &RecoveryMetadata) -> Result<()> {
    let (place, manifest) = (inputs.place(), &crumb.manifest);
    anyhow::ensure!(
        inputs.product().name == manifest.playbook,
        "it names the playbook {}, the change had {}",
        inputs.product().name,
        manifest.playbook
    );
    anyhow::ensure!(
        place.upgrade_to == manifest.upgrade_to,
        "it upgrades to {}, the change went to {}",
        place.upgrade_to,
        manifest.upgrade_to
    );
    let outside = manifest
        .datasets
        .iter()
        .find(|mount| !place.datasets.iter().any(|root| mount.dataset.is_within(root)));
    if let Some(mount) = outside {
        anyhow::bail!("it does not name {}, which the change had", mount.dataset);
    }
    if let Some(root) = place
        .datasets
        .iter()
        .find(|root| !manifest.datasets.iter().any(|mount| mount.dataset == **root))
    {
        anyhow::bail!("it names {root}, which the change had not");
    }
    let other = manifest
        .values
        .iter()
        .find(|(name, value)| inputs.site.values().get(*name).is_some_and(|now| now != *value));
    if let Some((name, value)) = other {
        anyhow::bail!("{name} is another value now; the change had {value:?}");
    }
    Ok(())
}

/// The records of what was done, as far as it can still be seen. The present configuration is saved
/// in place of the lost one, and the service is open.
fn adopted(
    product: &crate::playbook::Playbook,
    manifest: &ChangeManifest,
    upgraded: bool,
) -> Result<Plan> {
    let whole = if upgraded {
        strategy::upgrade(product, manifest, false)?
    } else {
        strategy::snapshot_only(product, manifest)?
    };
    let (again, done): (Vec<_>, Vec<_>) = whole
        .steps
        .into_iter()
        // The programs of the previous version are not there any more.
        .filter(|step| !matches!(step.action, Action::Stop(_) | Action::KeepPrograms(_)))
        .partition(|step| matches!(step.action, Action::SaveConfig(_) | Action::Start(_)));
    Ok(Plan {
        procedure: if upgraded { Procedure::Upgrade } else { Procedure::Snapshot },
        steps: done.into_iter().chain(again).collect(),
    })
}

fn lines(
    manifest: &ChangeManifest,
    plan: Plan,
    installer: &[FileEntry],
    snapshots: Vec<(Snapshot, Guid)>,
    installed: &str,
    at: chrono::DateTime<chrono::FixedOffset>,
) -> Vec<Line> {
    let mut records =
        vec![Record::Opened(manifest.clone()), Record::Planned { plan: plan.clone() }];
    for step in &plan.steps {
        let output = match step.action {
            Action::SaveInstaller(_) => Output::Files { list: installer.to_vec() },
            Action::Snapshot(_) => Output::Snapshots { list: snapshots.clone() },
            Action::Package(_) => Output::Version { version: installed.to_owned() },
            _ => break,
        };
        records.push(Record::Started { step: step.id.clone(), attempt: 1 });
        records.push(Record::Done { step: step.id.clone(), adopted: true, output });
    }
    records.into_iter().zip(1..).map(|(record, seq)| Line { seq, at, record }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::{DatasetKind, FakeEngine};

    #[test]
    fn what_a_downgrade_or_a_standby_left_is_in_the_way() {
        let (fake, name) = (FakeEngine::new(), |name: &str| name.parse::<Dataset>().unwrap());
        fake.add_pool(&"t".parse().unwrap()).unwrap();
        let roots = [name("t/app")];
        fake.create(&roots[0], DatasetKind::Filesystem, &[]).unwrap();
        nothing_beside(&fake, &roots).unwrap();
        for (there, why) in [
            ("t/app.standby", "zfs destroy -r t/app.standby"),
            ("t/app.new", "a downgrade was under way"),
        ] {
            fake.create(&name(there), DatasetKind::Filesystem, &[]).unwrap();
            let error = nothing_beside(&fake, &roots).unwrap_err().to_string();
            assert!(error.starts_with(there) && error.contains(why), "{error}");
        }
    }
}
