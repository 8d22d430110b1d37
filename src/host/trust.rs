//! Playbooks, site files and state folders are used with the rights of root. So files that others
//! can write to are refused (S9).

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use nix::unistd::geteuid;

/// Why a file or folder is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// It cannot be looked at.
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Others than root could have written it.
    Writable {
        /// The file or folder.
        path: PathBuf,
        /// Who could have written it.
        why: String,
        /// What to do about it.
        remedy: String,
    },
    /// A link where none was made.
    Link {
        /// The link.
        path: PathBuf,
    },
}

impl Distrust {
    /// What is wrong.
    pub fn reason(&self) -> String {
        match self {
            Self::Read { path, source } => format!("cannot read {}: {source}", path.display()),
            Self::Writable { path, why, .. } => {
                format!(
                    "{} is not used, since it runs with the rights of root and {why}",
                    path.display()
                )
            }
            Self::Link { path } => {
                format!(
                    "{} is not used: it is a symbolic link, and none was made there",
                    path.display()
                )
            }
        }
    }

    /// What to do about it, if that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Read { .. } => None,
            Self::Writable { remedy, .. } => Some(remedy.clone()),
            Self::Link { .. } => Some(
                "see where it leads and who made it; put the file itself in its place".to_owned(),
            ),
        }
    }
}

/// The reason, and the remedy on a line of its own.
impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, "\n  remedy: {remedy}"))
    }
}

/// Checks that only root or the caller can have made a file or folder, and every folder of its
/// path.
///
/// # Errors
/// Names the first one that others could have changed, or that cannot be checked.
pub fn check_path(path: &Path) -> Result<(), Distrust> {
    let read = |path: &Path| {
        let path = path.to_owned();
        |source| Distrust::Read { path, source }
    };
    let real = fs::canonicalize(path).map_err(read(path))?;
    let named = std::path::absolute(path).map_err(read(path))?;
    // The folders of the link and of the file: whoever may write to either chooses what is read.
    let folder = fs::canonicalize(named.parent().unwrap_or(Path::new("/"))).map_err(read(path))?;
    for part in real.ancestors().chain(folder.ancestors()) {
        let metadata = fs::metadata(part).map_err(read(part))?;
        check_owner(if part == real { path } else { part }, &metadata)?;
    }
    Ok(())
}

/// Checks that everything directly in a folder of ours is as we create it: no links, and nobody
/// else may write to it. A missing folder is fine.
///
/// # Errors
/// Names the first that others could have changed, or that is a link.
pub fn check_contents(folder: &Path) -> Result<(), Distrust> {
    let read = |source| Distrust::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(read)?,
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(read)?;
    paths.sort();
    for path in paths {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => return Err(Distrust::Link { path }),
            Ok(metadata) => check_owner(&path, &metadata)?,
            // A file that was being renamed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Distrust::Read { path, source }),
        }
    }
    Ok(())
}

/// Checks that a file or folder belongs to root or the caller, and that nobody else may write to
/// it.
///
/// # Errors
/// When it does not.
pub fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Distrust> {
    const STICKY: u32 = 0o1000;
    let name = crate::host::quote::quote(path);
    let refuse = |why: String| {
        let remedy = format!("look at what is in it, then: chown root: {name}; chmod go-w {name}");
        Err(Distrust::Writable { path: path.to_owned(), why, remedy })
    };
    let (owner, me) = (metadata.uid(), geteuid().as_raw());
    if owner != 0 && owner != me {
        return refuse(format!("it belongs to user {owner}"));
    }
    // In a sticky folder others can create files, but not replace ours. The owner of the file
    // itself is checked anyway.
    let sticky_dir = metadata.is_dir() && metadata.mode() & STICKY != 0;
    match metadata.mode() & 0o022 {
        0 => Ok(()),
        _ if sticky_dir => Ok(()),
        0o020 => refuse(format!("its group {} may write to it", metadata.gid())),
        _ => refuse("everyone may write to it".to_owned()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn s9_a_link_or_what_others_may_write_to_in_our_folder_is_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("journal");
        check_contents(&dir.path().join("none")).expect("nothing there");
        fs::write(&path, "x").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode");
        check_contents(dir.path()).expect("ours");
        for mode in [0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
            assert!(
                matches!(check_contents(dir.path()), Err(Distrust::Writable { .. })),
                "{mode:o}"
            );
        }
        fs::rename(&path, dir.path().join("elsewhere")).expect("renamed");
        fs::set_permissions(dir.path().join("elsewhere"), fs::Permissions::from_mode(0o600))
            .expect("mode");
        symlink(dir.path().join("elsewhere"), &path).expect("link");
        let text = check_contents(dir.path()).expect_err("a link").to_string();
        assert!(text.contains("/journal is not used: it is a symbolic link"), "{text}");
    }
}
