//! Turns the message of a failed command into an error with a meaning.
//!
//! The texts come from libzfs (`libzfs_util.c`, `zfs_main.c`) 2.1 and 2.3, which differ in order
//! and wording. The exit status is no help: `zfs set` fails with 1 or 255.

use std::io::ErrorKind;

use crate::host::exec::ExecError;
use crate::zfs::ZfsError;
use crate::zfs::error::pool_of;

/// Messages without names, in lower case, and their meaning. The first match counts.
const TEXTS: &[(&str, Meaning)] = &[
    ("i/o is currently suspended", Meaning::Suspended),
    ("suspended", Meaning::Suspended),
    ("modules are not loaded", Meaning::Unavailable),
    ("/dev/zfs", Meaning::Unavailable),
    ("failed to initialize libzfs", Meaning::Unavailable),
    ("permission denied", Meaning::Permission),
    ("operation not permitted", Meaning::Permission),
    ("must be run as root", Meaning::Permission),
    ("must be superuser", Meaning::Permission),
    ("must be loaded", Meaning::Key),
    ("key not loaded", Meaning::Key),
    ("key is not loaded", Meaning::Key),
    ("out of space", Meaning::NoSpace),
    ("no space left", Meaning::NoSpace),
    ("quota exceeded", Meaning::NoSpace),
    ("size is less than current used", Meaning::NoSpace),
    ("no such tag on this dataset", Meaning::NoTag),
    ("tag already exists", Meaning::TagThere),
    ("already mounted", Meaning::Mounted),
    ("not currently mounted", Meaning::NotMounted),
    ("is busy", Meaning::Busy),
    ("unmount failed", Meaning::Busy),
    ("does not exist", Meaning::NotFound),
    ("no such pool", Meaning::NotFound),
    ("could not find any snapshots", Meaning::NotFound),
    // A promotion that would give two snapshots the same name.
    ("conflicting snapshot", Meaning::Exists),
    ("already exists", Meaning::Exists),
    ("dataset exists", Meaning::Exists),
];

/// The meaning of a failed command's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The pool's I/O is suspended.
    Suspended,
    /// No kernel module.
    Unavailable,
    /// This user may not do it.
    Permission,
    /// The encryption key is not loaded.
    Key,
    /// The pool or the quota is full.
    NoSpace,
    /// `zfs release` of a hold that does not exist.
    NoTag,
    /// `zfs hold` with a tag that exists already.
    TagThere,
    /// `zfs mount` of a mounted dataset.
    Mounted,
    /// `zfs unmount` of a dataset that is not mounted.
    NotMounted,
    /// In use.
    Busy,
    /// It does not exist.
    NotFound,
    /// It exists already.
    Exists,
}

/// The text in lower case, without quoted parts: a name may contain any of the words.
fn without_names(text: &str) -> String {
    text.split('\'').step_by(2).collect::<Vec<_>>().join("''").to_ascii_lowercase()
}

fn meaning_of(text: &str) -> Option<Meaning> {
    let text = without_names(text);
    TEXTS.iter().find(|(words, _)| text.contains(words)).map(|(_, meaning)| *meaning)
}

/// Whether every line of a message has this meaning: of many names, each that failed did so for
/// this reason.
pub fn only(meaning: Meaning, stderr: &str) -> bool {
    let mut lines = stderr.lines().filter(|line| !line.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| meaning_of(line) == Some(meaning))
}

/// The meaning of a command's error, if known.
pub fn meaning(error: &ExecError) -> Option<Meaning> {
    match error {
        ExecError::Start { source, .. } if source.kind() == ErrorKind::NotFound => {
            Some(Meaning::Unavailable)
        }
        ExecError::Failed { stderr, .. } => meaning_of(stderr),
        _ => None,
    }
}

/// The error for a command about `what` (the name of a pool, dataset or snapshot).
pub fn refine(error: ExecError, what: &str) -> ZfsError {
    let detail = match &error {
        ExecError::Failed { stderr, .. } => stderr.trim().to_owned(),
        other => other.to_string(),
    };
    match meaning(&error) {
        Some(Meaning::Suspended) => ZfsError::Suspended(pool_of(what).to_owned()),
        Some(Meaning::Unavailable) => ZfsError::Unavailable(detail),
        Some(Meaning::Permission) => ZfsError::Permission(detail),
        Some(Meaning::Key) => ZfsError::KeyNotLoaded(what.to_owned()),
        Some(Meaning::NoSpace) => ZfsError::NoSpace(detail),
        Some(Meaning::Busy) => ZfsError::Busy { what: what.to_owned(), detail },
        Some(Meaning::NotFound) => ZfsError::NotFound(named(&detail).unwrap_or(what).to_owned()),
        Some(Meaning::Exists) => ZfsError::Exists(named(&detail).unwrap_or(what).to_owned()),
        Some(Meaning::NoTag | Meaning::TagThere | Meaning::Mounted | Meaning::NotMounted)
        | None => ZfsError::Exec(error),
    }
}

/// The first quoted name on the last line that has one. In a list of names this is the one that
/// failed.
fn named(text: &str) -> Option<&str> {
    text.lines().rev().find_map(|line| line.split('\'').nth(1)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(stderr: &str) -> ExecError {
        ExecError::Failed {
            command: "zfs x".into(),
            status: "exit status: 255".into(),
            code: Some(255),
            stderr: stderr.into(),
            stdout: String::new(),
        }
    }

    #[test]
    fn texts_of_both_versions_are_known() {
        for (text, expected) in [
            ("cannot open 'tank/x': dataset does not exist\n", Meaning::NotFound),
            ("cannot open 'nopool': no such pool\n", Meaning::NotFound),
            (
                "cannot create snapshot 't/a@x': dataset already exists\nno snapshots were \
                    created\n",
                Meaning::Exists,
            ),
            ("cannot unmount '/t/a': pool or dataset is busy\n", Meaning::Busy),
            (
                "umount: /t/a: target is busy.\ncannot unmount '/t/a': unmount failed\n",
                Meaning::Busy,
            ),
            ("cannot destroy snapshot t/a@x: dataset is busy\n", Meaning::Busy),
            (
                "cannot hold snapshot 't/a@x': tag already exists on this dataset\n",
                Meaning::TagThere,
            ),
            (
                "cannot release hold from snapshot 't/a@x': no such tag on this dataset\n",
                Meaning::NoTag,
            ),
            ("cannot mount 't/a': filesystem already mounted\n", Meaning::Mounted),
            ("cannot unmount 't/a': not currently mounted\n", Meaning::NotMounted),
            (
                "cannot promote 't/c': conflicting snapshot 'x' from parent 't/a@y'\n",
                Meaning::Exists,
            ),
            ("cannot create snapshot 't/a@x': out of space\n", Meaning::NoSpace),
            (
                "cannot set property for 't/a': size is less than current used or reserved space\n",
                Meaning::NoSpace,
            ),
            ("cannot open 't': pool I/O is currently suspended\n", Meaning::Suspended),
            ("cannot set property for 't/a': permission denied\n", Meaning::Permission),
            (
                "Channel program execution failed:\nPermission denied. Channel programs must be \
                    run as root.\n",
                Meaning::Permission,
            ),
            (
                "The ZFS modules are not loaded.\nTry running '/sbin/modprobe zfs' as root to \
                    load them.\n",
                Meaning::Unavailable,
            ),
            ("cannot mount 't/a': encryption key not loaded\n", Meaning::Key),
        ] {
            assert_eq!(meaning(&failed(text)), Some(expected), "{text}");
        }
        assert_eq!(meaning(&failed("something else\n")), None);
    }

    #[test]
    fn one_other_reason_among_many_is_not_overlooked() {
        let missing = "cannot open 't/a': dataset does not exist\ncannot open 't/b': dataset does \
            not exist\n";
        assert!(only(Meaning::NotFound, missing));
        assert!(!only(Meaning::NotFound, ""));
        assert!(!only(Meaning::NotFound, &format!("{missing}cannot open 't/c': I/O error\n")));
    }

    #[test]
    fn words_in_a_name_mean_nothing() {
        assert_eq!(
            meaning(&failed("cannot open 't/is busy already exists': dataset does not exist\n")),
            Some(Meaning::NotFound)
        );
        assert_eq!(meaning(&failed("cannot frob 't/out of space'\n")), None);
    }

    #[test]
    fn of_several_names_the_one_that_failed_is_said() {
        let error = refine(
            failed(
                "cannot create snapshot 't/b c@x': dataset already exists\nno snapshots were \
                    created\n",
            ),
            "t/a@x t/b c@x",
        );
        assert_eq!(error.to_string(), "t/b c@x exists already");
    }
}
