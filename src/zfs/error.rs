//! Errors of ZFS, derived from errno or from what the commands print. Messages differ between
//! versions.

use super::{Dataset, Snapshot};

/// The pool that this is of.
pub(super) fn pool_of(name: &str) -> &str {
    name.split(['/', '@', '#']).next().unwrap_or_default()
}

/// An error of an [`super::Engine`].
#[derive(Debug, thiserror::Error)]
pub enum ZfsError {
    /// The pool, dataset or snapshot does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The name is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// Something uses it: it is mounted, open, or being sent.
    #[error("{what} is in use: {detail}")]
    Busy {
        /// The dataset or snapshot.
        what: String,
        /// What the system said.
        detail: String,
    },
    /// A hold protects the snapshot.
    #[error("{snapshot} is held ({})", .tags.join(", "))]
    Held {
        /// The snapshot.
        snapshot: Snapshot,
        /// The tags of its holds.
        tags: Vec<String>,
    },
    /// Clones depend on the snapshot.
    #[error(
        "{snapshot} has clones ({})",
        .clones.iter().map(Dataset::as_str).collect::<Vec<_>>().join(", "),
    )]
    Cloned {
        /// The snapshot.
        snapshot: Snapshot,
        /// The datasets cloned from it.
        clones: Vec<Dataset>,
    },
    /// There are newer snapshots or bookmarks that nobody accepted to lose.
    #[error("{dataset} has newer snapshots that were not named: {}", .newer.join(", "))]
    Newer {
        /// The dataset.
        dataset: Dataset,
        /// Their names.
        newer: Vec<String>,
    },
    /// The object was replaced: another one has its name now.
    #[error("{what} was replaced: found guid {found}, expected {expected}")]
    Replaced {
        /// The name.
        what: String,
        /// The guid found.
        found: u64,
        /// The guid expected.
        expected: u64,
    },
    /// The pool, or the dataset's quota, has no room.
    #[error("no space: {0}")]
    NoSpace(String),
    /// The pool's I/O is suspended.
    #[error("the I/O of pool {0} is suspended; bring its devices back, then: zpool clear {0}")]
    Suspended(String),
    /// The caller may not do this.
    #[error("permission denied: {0}")]
    Permission(String),
    /// The encryption key is not loaded.
    #[error(
        "the key of {name} is not loaded; load it: zfs load-key -r {pool}",
        name = .0,
        pool = pool_of(.0),
    )]
    KeyNotLoaded(String),
    /// ZFS is not available: no kernel module, or no command.
    #[error("ZFS is not available: {0}")]
    Unavailable(String),
    /// The `zfs` command is an old one, without channel programs.
    #[error(
        "this version of the zfs command is too old: it has no channel programs. A rollback in \
         place needs them where backout runs as root; a downgrade that keeps the upgraded data \
         does not"
    )]
    NoPrograms,
    /// What ZFS printed or returned is not what was expected.
    #[error("unexpected answer of {command}: {detail}")]
    Unexpected {
        /// The command or call.
        command: String,
        /// What was wrong with it.
        detail: String,
    },
    /// Any other failed command, with its own message.
    #[error(transparent)]
    Exec(#[from] crate::host::exec::ExecError),
    /// A call of the library failed.
    #[error("{call} failed: {error}")]
    Call {
        /// The function.
        call: String,
        /// The system's reason.
        error: String,
    },
    /// ZFS would not accept the name.
    #[error(transparent)]
    Name(#[from] super::names::NameError),
}

/// The error for an errno that the kernel module returned for `what`.
pub(super) fn of_errno(errno: i32, call: &str, what: &str) -> ZfsError {
    use nix::errno::Errno;
    let detail = std::io::Error::from_raw_os_error(errno).to_string();
    match Errno::from_raw(errno) {
        Errno::ENOENT | Errno::ESRCH => ZfsError::NotFound(what.to_owned()),
        Errno::EEXIST => ZfsError::Exists(what.to_owned()),
        Errno::EBUSY => ZfsError::Busy { what: what.to_owned(), detail },
        Errno::ENOSPC | Errno::EDQUOT => ZfsError::NoSpace(format!("{what}: {detail}")),
        Errno::EPERM | Errno::EACCES | Errno::EROFS => {
            ZfsError::Permission(format!("{what}: {detail}"))
        }
        // The module returns this for a pool with suspended I/O (`pool_status_check`).
        Errno::EAGAIN => ZfsError::Suspended(pool_of(what).to_owned()),
        _ => ZfsError::Call { call: format!("{call} of {what}"), error: detail },
    }
}
