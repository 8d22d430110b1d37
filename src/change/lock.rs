//! One run at a time on a host. The lock belongs to the kernel (`flock(2)`), so it ends with its
//! process.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::host::files::{open_own, private_dir};

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run has it.
    #[error(
        "another run of backout is at work on this host{}",
        .holder.as_ref().map_or(String::new(), |holder| format!(" ({holder})")),
    )]
    Held {
        /// What the holder wrote about itself.
        holder: Option<String>,
    },
    /// The file cannot be made or locked.
    #[error("cannot lock {}: {source}", .path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Others can write to its folder.
    #[error(transparent)]
    Unsafe(#[from] crate::host::trust::Distrust),
}

impl Lock {
    /// Takes the lock in `folder`, or says who holds it. `what` tells others what this run does.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(folder: &Path, what: &str) -> Result<Self, LockError> {
        let path = folder.join("lock");
        let io = |source| LockError::Io { path: path.clone(), source };
        private_dir(folder).map_err(io)?;
        // Whoever may write to the folder could replace the file with another one of root's, or
        // hold the lock for ever.
        crate::host::trust::check_path(folder)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let file = open_own(&mut options, &path).map_err(io)?;
        match Self::attempt(file) {
            Ok(mut file) => {
                let _ = file.set_len(0);
                let _ = file.seek(SeekFrom::Start(0));
                let _ = write!(&*file, "process {}: {what}", std::process::id());
                Ok(Self { _file: file })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                Err(LockError::Held {
                    holder: Some(holder.trim().to_owned()).filter(|text| !text.is_empty()),
                })
            }
            Err((_, errno)) => Err(io(errno.into())),
        }
    }

    /// A few attempts: [`Lock::holder`] takes the lock for a moment.
    fn attempt(mut file: File) -> Result<Flock<File>, (File, Errno)> {
        for _ in 0..10 {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Err((back, Errno::EWOULDBLOCK)) => file = back,
                other => return other,
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Flock::lock(file, FlockArg::LockExclusiveNonblock)
    }

    /// What the current run wrote about itself; `None` if there is none. Creates and changes
    /// nothing.
    pub fn holder(folder: &Path) -> Option<String> {
        let file = open_own(OpenOptions::new().read(true), &folder.join("lock")).ok()?;
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                Some(holder.trim().to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_has_it() {
        let dir = tempfile::tempdir().expect("temp dir");
        assert_eq!(Lock::holder(dir.path()), None);
        let first = Lock::take(dir.path(), "downgrade of mariadb-1").expect("free");
        assert!(
            Lock::holder(dir.path())
                .is_some_and(|holder| holder.ends_with("downgrade of mariadb-1"))
        );
        let text = Lock::take(dir.path(), "status").expect_err("held").to_string();
        assert!(
            text.ends_with(&format!("(process {}: downgrade of mariadb-1)", std::process::id())),
            "{text}"
        );
        drop(first);
        Lock::take(dir.path(), "resume").expect("free again");
    }
    #[test]
    fn s9_neither_a_link_nor_a_folder_for_everyone_is_used() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().expect("temp dir");
        let other = dir.path().join("other");
        symlink(&other, dir.path().join("lock")).expect("link");
        assert!(matches!(Lock::take(dir.path(), "x"), Err(LockError::Io { .. })));
        assert!(!other.try_exists().expect("looked"));
        let open = dir.path().join("open");
        private_dir(&open).expect("folder");
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).expect("mode");
        assert!(matches!(Lock::take(&open, "x"), Err(LockError::Unsafe(_))));
    }
}
