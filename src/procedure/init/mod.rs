//! `backout init`: finds out what a site file would say. What is read is small and only read; what
//! it comes to is decided in [`choose`], and written down in [`site_file`]. Where there is a
//! choice, the caller is asked.

mod choose;
mod product;
mod site_file;
pub mod values;

use std::path::{Path, PathBuf};

pub use choose::values as lines;
pub use site_file::Draft;
pub use values::Found;

use crate::host::files::{folder_of, stat_optional, write_new};
use crate::host::mounts;
use crate::host::trust;
use crate::playbook::library::LibraryError;
use crate::playbook::{Template, Validated, ValidatedSite};
use crate::preflight::{self, Kind, Occasion};
use crate::procedure::asking::Asker;
use crate::procedure::{ProcedureInputs, Settings};
use crate::report::{CliError, ErrorKind};
use crate::zfs::Dataset;

/// What was said on the command line.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The playbook of the product.
    pub product: Option<String>,
    /// Values of variables.
    pub set: Vec<(String, String)>,
    /// The datasets with the data.
    pub datasets: Vec<Dataset>,
    /// The version to upgrade to.
    pub upgrade_to: Option<String>,
    /// Child datasets of other use that stay as they are.
    pub leave: Vec<Dataset>,
    /// Child datasets of other use that go back with the data.
    pub with_data: Vec<Dataset>,
    /// The data is not on ZFS, and is to be backed up and restored as a whole.
    pub without_zfs: bool,
}

/// Something that only a person can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is to be chosen.
    pub question: String,
    /// The option that answers it, with what stands between it and the value.
    pub option: String,
    /// Each value, and what is known of it.
    pub items: Vec<(String, String)>,
}

/// Asks a person; the index of what was chosen.
pub type Choose<'a> = &'a dyn Fn(&Choice) -> Result<usize, CliError>;

/// A site file that may be written.
#[derive(Debug)]
pub struct Proposal {
    /// The product, for people.
    pub title: String,
    /// The playbook's name.
    pub playbook: String,
    /// What the file says.
    pub draft: Draft,
    /// Its text.
    pub text: String,
}

/// Finds out what the site file says. Changes nothing.
///
/// # Errors
/// When there is a site file, nothing is found, or an answer is missing.
pub fn propose(
    settings: &Settings,
    wishes: &Wishes,
    choose: Choose<'_>,
) -> Result<Proposal, CliError> {
    nothing_there(&settings.site)?;
    let product = product::choose(settings, wishes, choose)?;
    let asker = Asker::new(&product.playbook);
    let found = values::find(&product, &asker, wishes, choose)?;
    let mut draft = Draft {
        installed: found.installed,
        upgrade_to: found.upgrade_to,
        shown: found.shown,
        datasets: Vec::new(),
        leave: wishes.leave.clone(),
        with_data: wishes.with_data.clone(),
        values: found.own,
    };
    if !product.playbook.stateless && !wishes.without_zfs {
        draft.datasets = match wishes.datasets.as_slice() {
            [] => datasets(&product.playbook, &found.values)?,
            given => given.to_vec(),
        };
    }
    children(settings, &product.playbook, &mut draft, choose);
    let text = draft.text(&product.playbook);
    read_back(&settings.site, &text, &product.playbook).map_err(|error| {
        let what = "a site file of what was found here would not be right";
        CliError::new(ErrorKind::Usage, what)
            .cause(error.to_string())
            .next("backout init --set NAME=VALUE", "give the value of a variable")
    })?;
    let (title, playbook) = (product.playbook.title.clone(), product.playbook.name.clone());
    Ok(Proposal { title, playbook, draft, text })
}

/// Writes it, and the folder that it is in. Only root, or the caller, may write to both.
///
/// # Errors
/// When something is there, or others could write it.
pub fn write(settings: &Settings, proposal: &Proposal) -> Result<(), CliError> {
    let path = &settings.site;
    let what = || format!("{} could not be written", path.display());
    nothing_there(path)?;
    let folder = folder_of(path);
    if matches!(stat_optional(folder), Ok(None)) {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().mode(0o755).create(folder).map_err(|error| {
            CliError::new(ErrorKind::Failed, what()).cause(format!("{}: {error}", folder.display()))
        })?;
    }
    trust::check_path(folder).map_err(|distrust| {
        let said = CliError::new(ErrorKind::Refused, what()).cause(distrust.reason());
        match distrust.remedy() {
            Some(remedy) => said.next(remedy, "nobody else may write to it"),
            None => said,
        }
    })?;
    write_new(path, proposal.text.as_bytes())
        .map_err(|error| CliError::new(ErrorKind::Failed, what()).cause(error.to_string()))
}

/// A site file is never overwritten.
fn nothing_there(path: &Path) -> Result<(), CliError> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    Err(CliError::new(ErrorKind::Refused, format!("{} is there already", path.display()))
        .next("backout check", "see whether this host can upgrade with it")
        .next(
            "backout init --site /root/site.toml",
            "write another one, to compare; or move the file away first",
        ))
}

/// The datasets that the data paths are on.
fn datasets(
    playbook: &Validated,
    values: &std::collections::BTreeMap<String, String>,
) -> Result<Vec<Dataset>, CliError> {
    let lookup = |name: &str| values.get(name).cloned();
    let path = |text: &Template| text.fill(&lookup).map(PathBuf::from);
    let paths: Vec<PathBuf> =
        playbook.data.paths.iter().map(path).collect::<Result<_, _>>().map_err(|error| {
            CliError::new(ErrorKind::Usage, "a path of the data has no value")
                .cause(error.to_string())
        })?;
    // Where a folder is not there yet, the one above it counts.
    let real = |path: &PathBuf| {
        path.ancestors().find_map(|it| it.canonicalize().ok()).unwrap_or_else(|| path.clone())
    };
    let paths: Vec<PathBuf> = paths.iter().map(real).collect();
    let table = mounts::read("/proc".as_ref())
        .map_err(|why| CliError::new(ErrorKind::Failed, "the mounts cannot be read").cause(why))?;
    choose::datasets(&paths, &table).map_err(|not| {
        let on = match &not.on {
            Some((kind, point)) => format!("It is on {kind}, mounted at {}.", point.display()),
            None => "Nothing is mounted there.".to_owned(),
        };
        let what = format!("the data in {} is not on a dataset of its own", not.path.display());
        let said = CliError::new(ErrorKind::Refused, what).cause(on).cause(
            "Stop the service, rename the folder, make a dataset with that mountpoint, copy the \
             data into it, start the service.",
        );
        let said = said.next(
            format!("zfs create -o mountpoint={} POOL/NAME", not.path.display()),
            "make the dataset; then backout init",
        );
        if playbook.full.is_none() {
            return said;
        }
        said.next(
            "backout init --without-zfs",
            "or back up and restore everything, which takes hours where a rollback takes seconds",
        )
    })
}

/// Asks about each child dataset of other use. What cannot be found out now, `check` asks for.
fn children(settings: &Settings, playbook: &Validated, draft: &mut Draft, choose: Choose<'_>) {
    if draft.datasets.is_empty() {
        return;
    }
    let Ok(site) = read_back(&settings.site, &draft.text(playbook), playbook) else { return };
    let Ok(inputs) = ProcedureInputs::drafted(settings, site, playbook.clone()) else { return };
    let Ok(facts) = inputs.facts(settings, Occasion::Check, None, None) else { return };
    let findings = preflight::check(&facts);
    let asked = findings.iter().filter(|finding| finding.kind == Kind::LeftAlone && finding.asks());
    for name in asked.flat_map(|finding| &finding.subjects) {
        let Ok(dataset) = name.parse::<Dataset>() else { continue };
        let choice = Choice {
            question: format!("{dataset} holds no data of the product. What of it?"),
            option: String::new(),
            items: vec![
                (format!("--leave {dataset}"), "it stays as it is".to_owned()),
                (format!("--with-data {dataset}"), "it goes back with the data".to_owned()),
            ],
        };
        match choose(&choice) {
            Ok(0) => draft.leave.push(dataset),
            Ok(_) => draft.with_data.push(dataset),
            // `check` asks again, by name.
            Err(_) => {}
        }
    }
}

fn read_back(path: &Path, text: &str, playbook: &Validated) -> Result<ValidatedSite, LibraryError> {
    ValidatedSite::parse(path, text, |_| Ok(playbook.clone())).map(|(site, _)| site)
}
