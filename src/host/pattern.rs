//! The files that a glob pattern names. A name that is not UTF-8 cannot be matched and is an error,
//! because a file that is left out silently is lost.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::host::files::stat_optional;

/// Why the files of a pattern cannot be named.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// It is not a pattern.
    #[error("{pattern:?} is not a glob pattern: {source}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        source: glob::PatternError,
    },
    /// A folder of the path cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A name is not UTF-8.
    #[error("the name of {path:?} is not UTF-8 text, so it cannot be written down: rename it")]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

impl PatternError {
    /// Whether only the caller's rights are the reason.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// Everything that the pattern names, sorted.
///
/// # Errors
/// When a folder cannot be read, or the pattern would name a file whose name is not UTF-8.
pub fn find(pattern: &str) -> Result<Vec<PathBuf>, PatternError> {
    let mut prefix = PathBuf::new();
    let mut literal = true;
    for part in Path::new(pattern).components() {
        let word = part.as_os_str().to_string_lossy();
        if matches!(part, Component::Normal(_)) && word.contains(['*', '?', '[']) {
            if literal && !is_there(&prefix)? {
                return Ok(Vec::new());
            }
            literal = false;
            let mut folders = expand(&prefix.to_string_lossy())?;
            if word == "**" {
                folders.extend(expand(&prefix.join("**").to_string_lossy())?);
            }
            for folder in folders {
                if stat_optional(&folder)
                    .map_err(|source| PatternError::Read { path: folder.clone(), source })?
                    .is_some_and(|found| found.is_dir())
                {
                    all_text(&folder, &word, pattern)?;
                }
            }
        }
        prefix.push(part);
    }
    if literal && !is_there(&prefix)? {
        return Ok(Vec::new());
    }
    expand(pattern)
}

/// Whether the part without wildcards exists. `glob` treats a folder that cannot be read like a
/// missing one.
fn is_there(path: &Path) -> Result<bool, PatternError> {
    // A pattern that begins with a wildcard starts in the current folder.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Ok(stat_optional(path)
        .map_err(|source| PatternError::Read { path: path.to_owned(), source })?
        .is_some())
}

fn expand(pattern: &str) -> Result<Vec<PathBuf>, PatternError> {
    let found = glob::glob(pattern)
        .map_err(|source| PatternError::Pattern { pattern: pattern.to_owned(), source })?;
    found
        .map(|path| {
            path.map_err(|error| PatternError::Read {
                path: error.path().to_owned(),
                source: error.into(),
            })
        })
        .collect()
}

/// Checks that each name in the folder that could match is UTF-8.
fn all_text(folder: &Path, word: &str, pattern: &str) -> Result<(), PatternError> {
    let read = |source| PatternError::Read { path: folder.to_owned(), source };
    let meant = glob::Pattern::new(word)
        .map_err(|source| PatternError::Pattern { pattern: pattern.to_owned(), source })?;
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let name = entry.map_err(read)?.file_name();
        if name.to_str().is_none() && meant.matches(&name.to_string_lossy()) {
            return Err(PatternError::NotText { path: folder.join(name) });
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn any_name_is_found_and_one_that_is_not_text_is_told() {
        let dir = tempfile::tempdir().expect("temp dir");
        let base = dir.path().join("a [b]; *$(x)");
        fs::create_dir(&base).expect("folder");
        let odd = ["-rf.log", "a b;c.log", "li\nne.log", "é.log", "$(x).log"];
        for name in odd {
            fs::write(base.join(name), "").expect("file");
        }
        let pattern = format!("{}/*.log", glob::Pattern::escape(&base.display().to_string()));
        assert_eq!(find(&pattern).expect("found").len(), odd.len());
        // Files that the pattern cannot match may have any name.
        fs::write(base.join(OsStr::from_bytes(b"\xff.tmp")), "").expect("file");
        assert_eq!(find(&pattern).expect("found").len(), odd.len());
        fs::write(base.join(OsStr::from_bytes(b"\xff.log")), "").expect("file");
        let text = find(&pattern).expect_err("not text").to_string();
        assert!(text.contains(r#"/a [b]; *$(x)/\xFF.log" is not UTF-8 text"#), "{text}");
        let deep = format!("{}/**/*.log", dir.path().display());
        assert!(matches!(find(&deep), Err(PatternError::NotText { .. })));
        assert!(find(&format!("{}/none/*", dir.path().display())).expect("nothing").is_empty());
        assert!(matches!(find("/a[/x"), Err(PatternError::Pattern { .. })));
    }

    #[test]
    fn what_cannot_be_looked_at_is_no_empty_list() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::os::unix::fs::symlink("loop", dir.path().join("loop")).expect("link");
        fs::write(dir.path().join("file"), "").expect("written");
        for nothing in ["missing/*.log", "missing", "file/*.log", "loop/*.log"] {
            assert_eq!(
                find(&dir.path().join(nothing).to_string_lossy()).expect("nothing there"),
                Vec::<PathBuf>::new(),
                "{nothing}"
            );
        }
        // Like an error of the disk: the name is longer than any can be.
        let long = "x".repeat(300);
        for pattern in [format!("{long}/*.log"), long] {
            let found = find(&dir.path().join(&pattern).to_string_lossy());
            assert!(matches!(found, Err(PatternError::Read { .. })), "{found:?}");
        }
    }
}
