//! A command as data, what it printed, and why it did not succeed.

use std::collections::BTreeMap;
use std::fmt;
use std::io::PipeWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use super::quoted::quoted;
use crate::host::quote::quote;
use crate::host::secret::SecretError;

/// A program, or several joined by pipes, with everything that decides how it runs: plain words.
/// Plans record what becomes one, a `CommandTemplate`.
#[derive(Debug, Clone)]
pub struct Command {
    /// One argument vector for each program. The output of each is the input of the next.
    pub stages: Vec<Vec<String>>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// Added to the environment. Each value is read from its file when the command starts, and
    /// written nowhere.
    pub env_from_file: BTreeMap<String, PathBuf>,
    /// Working directory.
    pub cwd: Option<PathBuf>,
    /// Run as this user, not as the caller: by `runuser(1)` on Linux.
    pub user: Option<String>,
    /// Standard input is read from this file. Without one it is empty.
    pub stdin: Option<PathBuf>,
    /// Standard output is written to this file (created or truncated). Without one it is kept and
    /// returned.
    pub stdout: Option<PathBuf>,
    /// Standard output is written to this pipe, whose reader is in this process: see
    /// [`super::Runner::stream`].
    pub pipe: Option<Arc<PipeWriter>>,
    /// The time limit. After it, the process group is ended and the command has failed.
    pub timeout: Duration,
    /// Leaves servers running on purpose: its processes are not marked as ours, and a later run
    /// does not end them.
    pub daemon: bool,
    /// Regular expressions for lines of its output that mean failure, although it exits with 0.
    pub fails_on: Vec<Regex>,
}

impl Command {
    /// A single program with a limit of one minute.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self::piped(vec![argv.into_iter().map(Into::into).collect()])
    }

    /// Programs joined by pipes, with the same limit.
    pub fn piped(stages: Vec<Vec<String>>) -> Self {
        Self {
            stages,
            env: BTreeMap::new(),
            env_from_file: BTreeMap::new(),
            cwd: None,
            user: None,
            stdin: None,
            stdout: None,
            pipe: None,
            timeout: Duration::from_secs(60),
            daemon: false,
            fails_on: Vec::new(),
        }
    }

    /// Whether its output goes somewhere, and is not returned.
    pub(super) fn is_taken(&self) -> bool {
        self.stdout.is_some() || self.pipe.is_some()
    }

    /// The same with another time limit.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}

/// As a person would type it in a shell. For display only.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stage) in self.stages.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            for (j, word) in stage.iter().enumerate() {
                if j > 0 {
                    f.write_str(" ")?;
                }
                f.write_str(&shown(word))?;
            }
            if let Some(path) = self.stdin.as_ref().filter(|_| i == 0) {
                write!(f, " < {}", shown(&path.to_string_lossy()))?;
            }
        }
        if let Some(path) = &self.stdout {
            write!(f, " > {}", quote(path))?;
        }
        Ok(())
    }
}

/// A word as a person would type it. A name in braces that has no value yet stands as it is, and
/// this program's own path as its name.
fn shown(word: &str) -> String {
    if word == "{backout}" {
        return "backout".to_owned();
    }
    let mut rest = word.to_owned();
    while let Some((begin, name, end)) = name_in(&rest) {
        rest = format!("{begin}{name}{end}");
    }
    if quote(&rest) == rest { word.to_owned() } else { quote(word) }
}

/// What stands before, in and behind the first name in braces.
fn name_in(text: &str) -> Option<(&str, &str, &str)> {
    let (begin, rest) = text.split_once('{')?;
    let (name, end) = rest.split_once('}')?;
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    plain.then_some((begin, name, end))
}

/// A command line shortened for an error: a page of SQL would hide the reason. The log has all of
/// it.
pub(super) fn shortened(line: &str) -> String {
    const BEGIN: usize = 160;
    const END: usize = 60;
    let count = line.chars().count();
    if count <= BEGIN + END {
        return line.to_owned();
    }
    let begin: String = line.chars().take(BEGIN).collect();
    let end: String = line.chars().skip(count - END).collect();
    format!("{begin} […] {end}")
}

/// The output of a successful command.
#[derive(Debug, Clone, Default)]
pub struct Printed {
    /// Standard output (lossy UTF-8); empty if it went to a file.
    pub stdout: String,
    /// Standard error (lossy UTF-8) of all programs of the pipe.
    pub stderr: String,
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It could not be started.
    #[error("cannot start `{command}`: {source}")]
    Start {
        /// The command line.
        command: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Its exit status was not 0.
    #[error("`{command}` ended with {status}{}", after(.stderr))]
    Failed {
        /// The command line.
        command: String,
        /// Exit status or signal, in words.
        status: String,
        /// Exit status; `None` if a signal ended it.
        code: Option<i32>,
        /// The last part of what it wrote to standard error.
        stderr: String,
        /// The last part of what it wrote to standard output.
        stdout: String,
    },
    /// It exceeded its time limit and was ended.
    #[error(
        "`{command}` was ended after its time limit of {}{}",
        humantime::format_duration(*.limit),
        after(.stderr),
    )]
    TimedOut {
        /// The command line.
        command: String,
        /// The limit.
        limit: Duration,
        /// The last part of what it wrote to standard error.
        stderr: String,
    },
    /// The I/O of a pool is suspended, and the command did not finish.
    #[error("`{command}` was ended: the I/O of pool {pool} is suspended; bring its devices back, \
        then: zpool clear {pool}{}", after(.stderr))]
    Suspended {
        /// The command line.
        command: String,
        /// The pool.
        pool: String,
        /// The last part of what it wrote to standard error.
        stderr: String,
    },
    /// A signal asked us to stop while it ran, and its process group was ended.
    #[error("`{command}` was stopped because backout was asked to stop")]
    Interrupted {
        /// The command line.
        command: String,
    },
    /// A secret of its environment cannot be used.
    #[error("cannot start `{command}`: {source}")]
    Secret {
        /// The command line.
        command: String,
        /// What is wrong with its file.
        source: SecretError,
    },
    /// Its files (input, output, log) could not be opened or read.
    #[error("cannot use {} for `{command}`: {source}", .path.display())]
    Io {
        /// The command line.
        command: String,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

fn after(stderr: &str) -> String {
    let text = quoted(stderr);
    if text.is_empty() { String::new() } else { format!(":\n{text}") }
}
