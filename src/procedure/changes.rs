//! The changes of this host, as their journals tell.

use std::fs;
use std::path::PathBuf;

use super::Settings;
use crate::change::{Lock, LockError};
use crate::host::files::stat_optional;
use crate::host::trust;
use crate::journal::{self, Layout, Phase};
use crate::report::{CliError, ErrorKind};
use crate::step::State;

/// A change's folder.
#[derive(Debug, Clone)]
pub struct Found {
    /// The folder's name.
    pub id: String,
    /// What its journal says, or why it cannot be read.
    pub state: Result<State, String>,
}

impl Found {
    /// Whether the change is open. A change whose journal cannot be read counts as open.
    pub fn is_open(&self) -> bool {
        self.state.as_ref().map_or(true, |state| state.phase != Phase::Closed)
    }
}

/// Where the lock is. It is the host's, not the state folder's: two state folders may not work at
/// once.
pub fn lock_folder(settings: &Settings) -> PathBuf {
    let usual = || {
        if nix::unistd::geteuid().is_root() {
            "/run/backout".into()
        } else {
            settings.state.join("run")
        }
    };
    settings.run_dir.clone().unwrap_or_else(usual)
}

/// Takes the host's lock.
pub fn lock(settings: &Settings, what: &str) -> Result<Lock, CliError> {
    Lock::take(&lock_folder(settings), what).map_err(|error| match &error {
        LockError::Io { source, .. } if is_others(source) => for_root(&error.to_string()),
        _ => error.into(),
    })
}

/// Whether the caller is refused because they are not root.
fn is_others(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied && !nix::unistd::geteuid().is_root()
}

fn for_root(why: &str) -> CliError {
    CliError::new(
        ErrorKind::Refused,
        format!("user {} may not do this; root must", nix::unistd::geteuid()),
    )
    .cause(why.to_owned())
    .next("sudo backout ...", "the same, as root; rights given with `zfs allow` do not do")
}

fn unreadable_folder(folder: &std::path::Path, error: &std::io::Error) -> CliError {
    let why = format!("cannot read {}: {error}", folder.display());
    if is_others(error) { for_root(&why) } else { CliError::new(ErrorKind::Failed, why) }
}

/// The changes that the caller may see: `check` works for everybody, and says that it cannot see
/// everything.
pub fn visible(settings: &Settings) -> Result<Vec<Found>, CliError> {
    let folder = settings.state.join("changes");
    if fs::read_dir(&folder).is_err_and(|error| is_others(&error)) {
        Ok(Vec::new())
    } else {
        all(settings)
    }
}

/// Who is at work now, if anybody is.
pub fn at_work(settings: &Settings) -> Option<String> {
    Lock::holder(&lock_folder(settings))
}

/// All changes, oldest first. A folder without a journal, or with a journal without a complete
/// line, is skipped: that change never began.
pub fn all(settings: &Settings) -> Result<Vec<Found>, CliError> {
    let folder = settings.state.join("changes");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable_folder(&folder, &error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable_folder(&folder, &error))?;
        let Ok(id) = entry.file_name().into_string() else { continue };
        let path = Layout::new(&settings.state, &id, None).journal();
        match stat_optional(&path) {
            Ok(None) => continue,
            Ok(Some(_)) => {}
            // If the disk cannot be read, there may be an open change; no other one may begin.
            Err(error) => {
                found.push(Found {
                    id,
                    state: Err(format!("cannot look at {}: {error}", path.display())),
                });
                continue;
            }
        }
        // Commands from the journal run as root (S9).
        if let Err(distrust) = trust::check_path(&path)
            .and_then(|()| trust::check_contents(path.parent().unwrap_or(&folder)))
        {
            found.push(Found { id, state: Err(distrust.to_string()) });
            continue;
        }
        let state = match journal::file::read(&path) {
            Ok(reading) => match State::fold(&reading.lines) {
                // The folder of another host, on a shared or copied disk: its journals do not
                // describe this host.
                Ok(Some(state)) if state.manifest.host != settings.host => Err(format!(
                    "it belongs to the host {0}, and this is {1}; if this host was called so \
                        then: backout --host {0} status",
                    state.manifest.host, settings.host
                )),
                Ok(Some(state)) => Ok(state),
                Ok(None) => continue,
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        found.push(Found { id, state });
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// The change that was asked for, or the only open one.
pub fn pick(settings: &Settings) -> Result<Found, CliError> {
    let found = all(settings)?;
    if let Some(id) = &settings.change {
        let list = found.iter().map(|found| found.id.as_str()).collect::<Vec<_>>().join(", ");
        let known =
            if list.is_empty() { "there is none".into() } else { format!("there are: {list}") };
        return found.into_iter().find(|found| found.id == *id).ok_or_else(|| {
            CliError::new(
                ErrorKind::Usage,
                format!("there is no change {id:?} in {}; {known}", settings.state.display()),
            )
            .next("backout status", "see the open changes")
        });
    }
    let mut open: Vec<Found> = found.into_iter().filter(Found::is_open).collect();
    match (open.pop(), open.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => Err(CliError::new(
            ErrorKind::Usage,
            format!("there is no open change in {}", settings.state.display()),
        )
        .next("backout check", "see whether this host can upgrade, and come back")),
        (Some(last), _) => {
            let names: Vec<&str> =
                open.iter().map(|found| found.id.as_str()).chain([last.id.as_str()]).collect();
            Err(CliError::new(
                ErrorKind::Usage,
                format!("there are several open changes: {}", names.join(", ")),
            )
            .next(format!("backout --change {} status", last.id), "say which one is meant"))
        }
    }
}

/// The state of the change that was asked for.
pub fn state(settings: &Settings) -> Result<State, CliError> {
    let found = pick(settings)?;
    found.state.map_err(|why| unreadable(&found.id, &why))
}

/// A journal that cannot be read is never guessed at.
pub fn unreadable(id: &str, why: &str) -> CliError {
    CliError::new(ErrorKind::Halted, format!("the journal of change {id} cannot be used"))
        .cause(why.to_owned())
        .now(vec!["A snapshot it took is held on the pool, named after the change.".into()])
        .next(
            format!("zfs list -t snapshot -o name,creation,backout:change | grep {id}"),
            "see the snapshots of this change",
        )
}

/// The change that was asked for, or the open one, or the newest.
pub fn pick_or_newest(settings: &Settings) -> Result<Found, CliError> {
    let mut found = all(settings)?;
    if settings.change.is_none() && !found.is_empty() && !found.iter().any(Found::is_open) {
        return found.pop().ok_or_else(|| CliError::new(ErrorKind::Usage, "there is no change"));
    }
    pick(settings)
}

/// The open change, if there is one.
///
/// # Errors
/// When it cannot be used, or there are several and none was named.
pub fn open_one(settings: &Settings) -> Result<Option<State>, CliError> {
    if all(settings)?.iter().any(Found::is_open) { state(settings).map(Some) } else { Ok(None) }
}

/// What happened to a change, if its journal can be read.
pub fn story(settings: &Settings, change: &str) -> Option<crate::report::Timeline> {
    let layout = Layout::new(&settings.state, change, None);
    crate::report::timeline(&journal::file::read(&layout.journal()).ok()?.lines)
}
