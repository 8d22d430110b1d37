//! Secrets that a command gets in its environment. Each is read from a file when the command
//! starts, and is written nowhere: not to the journal, the log or a command line, and not where the
//! command prints it (S9).

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::host::quote::quote;
use crate::host::trust::{self, Distrust};

/// A shorter one could not be distinguished from other text in the output of a command.
const LEAST: usize = 4;
/// A longer one is not a password, but the wrong file.
const MOST: u64 = 4096;

/// Why a secret cannot be used. The content of the file is never quoted.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Others could have written it, or it cannot be checked.
    Unsafe {
        /// The variable.
        name: String,
        /// Why.
        source: Distrust,
    },
    /// Everyone may read it.
    Readable {
        /// The variable.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// It is not one line of text.
    Content {
        /// The variable.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
}

impl SecretError {
    /// What is wrong.
    pub fn reason(&self) -> String {
        match self {
            Self::Unsafe { name, source } => {
                format!("the file of the secret {name}: {}", source.reason())
            }
            Self::Readable { name, path } => {
                format!("{} holds the secret {name}, and everyone may read it", path.display())
            }
            Self::Content { name, path, why } => {
                format!("{} does not hold the secret {name}: {why}", path.display())
            }
        }
    }

    /// What to do about it, if that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Unsafe { source, .. } => source.remedy(),
            Self::Readable { path, .. } => Some(format!("chmod o-rwx {}", quote(path))),
            Self::Content { .. } => Some("write it there, in one line".to_owned()),
        }
    }
}

/// The reason, and the remedy on a line of its own.
impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, "\n  remedy: {remedy}"))
    }
}

/// The secrets of one command.
#[derive(Default)]
pub struct Secrets(Vec<(String, String)>);

/// Never the values.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Secrets {
    /// Reads all of them.
    ///
    /// # Errors
    /// For the first one that cannot be used.
    pub fn read(files: &BTreeMap<String, PathBuf>) -> Result<Self, SecretError> {
        files
            .iter()
            .map(|(name, path)| Ok((name.clone(), read(name, path)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Names and values, for the environment of a process.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The text, with each value replaced by its name.
    pub fn hide(&self, text: String) -> String {
        self.0.iter().fold(text, |text, (name, value)| {
            if text.contains(value.as_str()) {
                text.replace(value.as_str(), &format!("[the secret {name}]"))
            } else {
                text
            }
        })
    }
}

/// One secret: the single line of a file that only root or the caller can have written, and that
/// not everyone can read.
///
/// # Errors
/// When the file cannot be used, and why.
pub fn read(name: &str, path: &Path) -> Result<String, SecretError> {
    let distrust = |source| SecretError::Unsafe { name: name.to_owned(), source };
    let unreadable = |source| distrust(Distrust::Read { path: path.to_owned(), source });
    let wrong = |why| SecretError::Content { name: name.to_owned(), path: path.to_owned(), why };
    trust::check_path(path).map_err(distrust)?;
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file, which cannot be replaced any more.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(wrong("it is not a file"));
    }
    trust::check_owner(path, &metadata).map_err(distrust)?;
    if metadata.mode() & 0o007 != 0 {
        return Err(SecretError::Readable { name: name.to_owned(), path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST {
        return Err(wrong("it is longer than a secret is"));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not text"))?;
    let line = text
        .strip_suffix('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .unwrap_or(&text);
    match line {
        "" => Err(wrong("it is empty")),
        _ if line.contains(['\n', '\0']) => Err(wrong("it has more than one line")),
        _ if line.len() < LEAST => Err(wrong(
            "it has fewer than 4 characters, too few to be found and hidden in what a command \
                prints",
        )),
        _ => Ok(line.to_owned()),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(dir: &tempfile::TempDir, text: &str, mode: u32) -> PathBuf {
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("mode");
        let path = dir.path().join("secret");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode");
        path
    }

    #[test]
    fn s9_a_secret_is_the_line_of_a_file_that_is_not_for_everyone() {
        let dir = tempfile::tempdir().expect("temp dir");
        assert_eq!(read("P", &file(&dir, "a b;$c\n", 0o600)).expect("read"), "a b;$c");
        assert_eq!(
            read("P", &file(&dir, "a b;$c", 0o640)).expect("its group may read it"),
            "a b;$c"
        );
        for (text, mode, why) in [
            ("hunter2\n", 0o644, "everyone may read it"),
            ("hunter2\n", 0o606, "everyone may write to it"),
            ("hunter2\n", 0o620, "may write to it"),
            ("", 0o600, "it is empty"),
            ("\n", 0o600, "it is empty"),
            ("abc\n", 0o600, "fewer than 4 characters"),
            ("one\ntwo\n", 0o600, "more than one line"),
        ] {
            let error = read("PASSWORD", &file(&dir, text, mode)).expect_err(why).to_string();
            assert!(
                error.contains(why) && error.contains("PASSWORD") && error.contains("remedy: "),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
        let text = read("P", &dir.path().join("none")).expect_err("not there").to_string();
        assert!(text.starts_with("the file of the secret P: cannot read /"), "{text}");
    }

    #[test]
    fn s9_what_is_printed_does_not_show_it() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = file(&dir, "hunter2\n", 0o600);
        let secrets =
            Secrets::read(&BTreeMap::from([("PASSWORD".to_owned(), path)])).expect("read");
        assert_eq!(
            secrets.hide("denied for hunter2: 'hunter2'".into()),
            "denied for [the secret PASSWORD]: '[the secret PASSWORD]'"
        );
        assert_eq!(format!("{secrets:?}"), r#"["PASSWORD"]"#);
    }
}
