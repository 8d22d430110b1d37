//! Takes a mended playbook or site file into an open change. Until then, the copies in the change's
//! folder count, whatever is edited elsewhere.
//!
//! A procedure under way goes on with a new plan: the same steps as far as they were begun, with
//! the commands of the new playbook.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::inputs::copies_of;
use super::plan_again::again;
use super::{Settings, changes};
use crate::change::Lock;
use crate::journal::{ChangeManifest, Journal, Phase, StepId, copies};
use crate::playbook::model::{Playbook, Standby};
use crate::playbook::{DataStrategy, Template, Validated, ValidatedSite, library};
use crate::report::{CliError, ErrorKind};
use crate::step::{Plan, Record, Replacement, State};
use crate::zfs::Dataset;

/// What takes the place of the copies.
pub struct Replacing {
    state: State,
    site: ValidatedSite,
    playbook: Validated,
    kind: Kind,
    /// The texts that are others now: what each is called, as it was, as it is. Unknown if a copy
    /// cannot be read.
    pub texts: Vec<(String, Option<String>, String)>,
    /// The steps of the procedure under way that do something else now, as they were and as they
    /// are.
    pub steps: Vec<(StepId, Vec<String>, Vec<String>)>,
}

enum Kind {
    /// The change has them already.
    Same,
    /// The copies were damaged. They become what they were.
    Restore,
    /// Other files take their place.
    Replace(Box<Replacement>),
}

impl Replacing {
    /// The change's name.
    pub fn change(&self) -> &str {
        &self.state.manifest.change
    }

    /// Whether the change has these files already.
    pub fn changes_nothing(&self) -> bool {
        matches!(self.kind, Kind::Same)
    }

    /// Whether the copies only become again what they were.
    pub fn only_restores(&self) -> bool {
        matches!(self.kind, Kind::Restore)
    }
}

/// Reads the files, and compares them with the copies. `file`: the playbook; without it, the one of
/// the change's name that is installed. `with_site`: the site file, too; otherwise the copy stays.
///
/// # Errors
/// When one cannot be used, or does not fit to what was done with the change.
pub fn prepare(
    settings: &Settings,
    state: State,
    file: Option<&Path>,
    with_site: bool,
) -> Result<Replacing, CliError> {
    let manifest = &state.manifest;
    if state.phase == Phase::Closed {
        let what = format!("the change {} is closed", manifest.change);
        return Err(CliError::new(ErrorKind::Usage, what));
    }
    let unusable = |error: library::LibraryError| {
        CliError::new(ErrorKind::Usage, "the playbook or the site file cannot be used")
            .cause(error.to_string())
    };
    let playbook = match file {
        Some(file) => library::load_playbook(file),
        None => library::find(&manifest.playbook, &settings.playbook_dirs()),
    }
    .map_err(unusable)?;
    let (site, playbook) = if with_site {
        library::load_site_of(&settings.site, playbook).map_err(unusable)?
    } else {
        kept_site(settings, &state, playbook)?
    };
    let programs = copies::entries(&playbook);
    let same_playbook =
        playbook.sha256() == manifest.playbook_sha256 && programs == manifest.programs;
    let old = copies_of(settings, &state);
    if same_playbook && site.sha256() == manifest.site_sha256 {
        let kind = if old.is_ok() { Kind::Same } else { Kind::Restore };
        return Ok(Replacing { state, site, playbook, kind, texts: Vec::new(), steps: Vec::new() });
    }
    let new = manifest_with(manifest, &site, &playbook);
    let (plan, steps) =
        fits(&state, old.as_ref().ok(), (&site, &playbook), &new).map_err(|why| {
            CliError::new(ErrorKind::Refused, "this does not fit to what was done with the change")
                .because(&why)
                .now(vec!["Nothing was changed.".to_owned()])
        })?;
    let texts = texts(old.ok().as_ref(), &site, &playbook);
    let values = new.values.into_iter().filter(|it| manifest.values.get(&it.0) != Some(&it.1));
    let replacement = Replacement {
        edition: new.edition,
        playbook_sha256: new.playbook_sha256,
        programs,
        site_sha256: new.site_sha256,
        values: values.collect(),
        stands_back: new.stands_back,
        plan,
    };
    let kind = Kind::Replace(Box::new(replacement));
    Ok(Replacing { state, site, playbook, kind, texts, steps })
}

/// The change's copy of the site file, for another playbook.
fn kept_site(
    settings: &Settings,
    state: &State,
    playbook: Validated,
) -> Result<(ValidatedSite, Validated), CliError> {
    let path = settings.layout(&state.manifest).site();
    let edited = |why: String| {
        let what = "the change's copy of the site file cannot be used";
        CliError::new(ErrorKind::Halted, what)
            .cause(why)
            .next("backout playbook replace --with-site", "put the site file in its place, too")
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| edited(format!("cannot read {}: {error}", path.display())))?;
    let (site, playbook) =
        ValidatedSite::parse(&path, &text, |_| Ok::<_, library::LibraryError>(playbook))
            .map_err(|error| edited(error.to_string()))?;
    if site.sha256() != state.manifest.site_sha256 {
        return Err(edited(format!("{} was edited", path.display())));
    }
    Ok((site, playbook))
}

/// How the change would have begun with these files.
fn manifest_with(
    manifest: &ChangeManifest,
    site: &ValidatedSite,
    playbook: &Validated,
) -> ChangeManifest {
    let mut new = manifest.clone();
    new.edition += 1;
    new.playbook_sha256 = playbook.sha256().into();
    new.programs = copies::entries(playbook);
    new.site_sha256 = site.sha256().into();
    new.values.extend(site.values().clone());
    new.stands_back = playbook.playbook().standby.as_ref().is_some_and(|it| it.back.is_some());
    new.standby_on_host = playbook.playbook().standby.as_ref().is_some_and(Standby::is_on_host);
    new
}

/// The playbook as it applies to this node.
fn product(manifest: &ChangeManifest, playbook: &Validated) -> Playbook {
    match &manifest.cluster {
        Some(part) if !part.data => playbook.other_node(),
        _ => playbook.playbook().clone(),
    }
}

/// The steps that differ, with what they did and what they do.
type Differing = Vec<(StepId, Vec<String>, Vec<String>)>;

/// Whether the change can go on with the new files, and with which plan.
fn fits(
    state: &State,
    old: Option<&(ValidatedSite, Validated)>,
    (site, playbook): (&ValidatedSite, &Validated),
    new: &ChangeManifest,
) -> Result<(Option<Plan>, Differing)> {
    let manifest = &state.manifest;
    ensure!(
        playbook.playbook().name == manifest.playbook,
        "it is the playbook {}, and the change has {}",
        playbook.playbook().name,
        manifest.playbook
    );
    ensure!(
        DataStrategy::of(playbook.playbook(), site) == manifest.data_strategy,
        "the previous version would come back in another way"
    );
    ensure!(
        site.upgrade_to == manifest.upgrade_to,
        "the site file upgrades to {}, the change to {}",
        site.upgrade_to,
        manifest.upgrade_to
    );
    ensure!(site.store == manifest.store, "`store` is another folder in the site file");
    let names = |list: &mut dyn Iterator<Item = &Dataset>| list.cloned().collect::<BTreeSet<_>>();
    let tops = crate::zfs::outermost(&manifest.datasets, |mount| &mount.dataset);
    let tops = names(&mut tops.into_iter().map(|mount| &mount.dataset));
    ensure!(
        names(&mut site.datasets.iter()) == tops || !manifest.data_strategy.is_zfs(),
        "the site file names other datasets"
    );
    let known = |name: &&String| manifest.values.contains_key(*name);
    if let Some(name) = playbook.playbook().discover.keys().find(|name| !known(name)) {
        bail!("`discover.{name}` is new: its value had to be asked for before the upgrade");
    }
    ensure!(
        data(&product(new, playbook), &new.values)?
            == match old {
                Some((_, old)) => data(&product(manifest, old), &manifest.values)?,
                None => data(&product(new, playbook), &manifest.values)?,
            },
        "the paths of the data (`data.paths`) are others"
    );
    let Some(run) = state.current() else { return Ok((None, Vec::new())) };
    let (_, old) = old.with_context(|| {
        format!(
            "the change's copies were edited, so the {} under way cannot be planned again. Give \
             the files that they were copied from; then the mended ones",
            run.plan.procedure.verb()
        )
    })?;
    let plan = again(
        state,
        run,
        (&product(manifest, old), manifest),
        (&product(new, playbook), new),
        &site.datasets,
    )?;
    run.may_go_on_with(&plan).map_err(anyhow::Error::msg)?;
    let mut differing = Vec::new();
    for step in &plan.steps {
        let before =
            run.step(&step.id).map(|(step, _)| crate::step::effect(&step.action).preview());
        let after = crate::step::effect(&step.action).preview();
        if before.as_ref() != Some(&after) {
            differing.push((step.id.clone(), before.unwrap_or_default(), after));
        }
    }
    Ok((Some(plan), differing))
}

/// The paths of the data.
fn data(product: &Playbook, values: &BTreeMap<String, String>) -> Result<BTreeSet<PathBuf>> {
    let fill = |text: &Template| Ok(text.fill(&|name| values.get(name).cloned())?.into());
    product.data.paths.iter().map(fill).collect()
}

/// The texts that are others now.
fn texts(
    old: Option<&(ValidatedSite, Validated)>,
    site: &ValidatedSite,
    playbook: &Validated,
) -> Vec<(String, Option<String>, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = |site: &ValidatedSite, playbook: &Validated| {
        let programs = playbook.programs().iter();
        let programs = programs.map(|it| (it.name().to_owned(), text(it.bytes())));
        let own = [
            ("playbook.toml".to_owned(), playbook.text().to_owned()),
            ("site.toml".to_owned(), site.text().to_owned()),
        ];
        own.into_iter().chain(programs).collect::<BTreeMap<_, _>>()
    };
    let (mut now, before) = (all(site, playbook), old.map(|(site, book)| all(site, book)));
    for name in before.iter().flat_map(BTreeMap::keys) {
        now.entry(name.clone()).or_default();
    }
    let was = |name: &String| before.as_ref().map(|all| all.get(name).cloned().unwrap_or_default());
    let listed = now.into_iter().map(|(name, text)| (name.clone(), was(&name), text));
    listed.filter(|(_, was, text)| was.as_ref() != Some(text)).collect()
}

impl Replacing {
    /// Writes the copies, then the record that makes them count. Takes one's time for neither: a
    /// procedure under way is not carried on.
    ///
    /// # Errors
    /// When they cannot be written. The former ones count then.
    pub fn carry_out(self, settings: &Settings, lock: Lock) -> Result<(), CliError> {
        let Self { state, site, playbook, kind, .. } = self;
        let failed = |error: anyhow::Error| {
            CliError::new(ErrorKind::Failed, "the files could not be taken into the change")
                .because(&error)
                .now(vec!["The change has the playbook and the site file that it had.".to_owned()])
        };
        let layout = settings.layout(&state.manifest);
        let record = match kind {
            Kind::Same => return Ok(()),
            Kind::Restore => {
                copies::write(&layout, &site, &playbook).map_err(failed)?;
                drop(lock);
                return Ok(());
            }
            Kind::Replace(record) => *record,
        };
        let (mut journal, lines) = Journal::open(&layout.journal())
            .context("the journal cannot be opened")
            .map_err(failed)?;
        let now: Option<State> = State::fold(&lines).context("in the journal").map_err(failed)?;
        if now.is_none_or(|now| now.manifest.edition != state.manifest.edition) {
            return Err(changes::unreadable(&state.manifest.change, "it changed meanwhile"));
        }
        let new = layout.with_edition(record.edition);
        copies::write(&new, &site, &playbook).map_err(failed)?;
        let appended = journal.append(Record::Replaced(record));
        appended.context("the journal cannot be written").map_err(failed)?;
        drop(lock);
        Ok(())
    }
}
