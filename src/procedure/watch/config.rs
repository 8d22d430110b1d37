//! How this host is watched: `/etc/backout/watch.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::host::exec::Command;
use crate::host::files::stat_optional;
use crate::host::trust;
use crate::playbook::TimeLimit;
use crate::report::{CliError, ErrorKind, Limits};

/// Where Debian's node exporter reads files from; used where it is there.
const USUAL_METRICS: &str = "/var/lib/prometheus/node-exporter";

/// The file's keys. Each may be left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder from which the node exporter reads files (`--collector.textfile.directory`).
    metrics: Option<PathBuf>,
    /// A decision is overdue after this time.
    decide_within: Option<TimeLimit>,
    /// A standby may be behind by this time.
    standby_behind: Option<TimeLimit>,
    /// Room is short if the pool is full within this time, as it grows now.
    full_within: Option<TimeLimit>,
    /// Room is short if less is free, in MiB.
    least_free_mib: Option<u64>,
    /// The command that tells somebody.
    pub notify: Option<Notify>,
}

/// The command that tells somebody. It gets the news as text on its standard input, and as
/// `BACKOUT_NEWS_*` in its environment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The program and its arguments. No shell.
    argv: Vec<String>,
    /// Run as this user.
    user: Option<String>,
    /// Its time limit.
    timeout: Option<TimeLimit>,
}

impl Notify {
    /// Without another word in the file.
    const TIMEOUT: Duration = Duration::from_secs(30);

    /// What runs.
    pub fn command(&self, stdin: &Path, env: BTreeMap<String, String>) -> Command {
        Command {
            env,
            stdin: Some(stdin.to_owned()),
            user: self.user.clone(),
            ..Command::new(self.argv.clone())
        }
        .timeout(self.timeout.map_or(Self::TIMEOUT, |limit| *limit))
    }
}

impl Config {
    /// Reads it. Without the file, all is as usual.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let cannot = |why: String| {
            let what = format!("{} cannot be used", path.display());
            CliError::new(ErrorKind::Usage, what).cause(why)
        };
        if matches!(stat_optional(path), Ok(None)) {
            return Ok(Self::default());
        }
        // It names a command that runs as root (S9).
        trust::check_path(path).map_err(|distrust| cannot(distrust.to_string()))?;
        let text = std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
        let config: Self = toml::from_str(&text).map_err(|error| cannot(error.to_string()))?;
        if config.notify.as_ref().is_some_and(|notify| notify.argv.is_empty()) {
            return Err(cannot("[notify]: `argv` is empty; it names the program to run".into()));
        }
        Ok(config)
    }

    /// From when on somebody is told.
    pub fn limits(&self) -> Limits {
        let time = |set: Option<TimeLimit>, usual: u64| {
            set.map_or(Duration::from_secs(usual), |limit| *limit)
        };
        Limits {
            decide_within: time(self.decide_within, 7 * 86400),
            behind: time(self.standby_behind, 600),
            full_within: time(self.full_within, 86400),
            least_free: self.least_free_mib.unwrap_or(256) << 20,
        }
    }

    /// The folder for metrics, if there is one. `asked`: that of the command line.
    pub fn metrics(&self, asked: Option<&Path>) -> Option<PathBuf> {
        let usual = || {
            let usual = Path::new(USUAL_METRICS);
            stat_optional(usual).ok().flatten()?.is_dir().then(|| usual.to_owned())
        };
        asked.map(Path::to_owned).or_else(|| self.metrics.clone()).or_else(usual)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path()).map_err(|error| error.cause.join("\n"))
    }

    #[test]
    fn a_missing_file_or_key_is_as_usual_and_a_wrong_one_is_named() {
        let none = Config::read("/nonexistent/watch.toml".as_ref()).unwrap();
        assert_eq!(none, Config::default());
        assert_eq!(none.limits().decide_within, Duration::from_secs(7 * 86400));
        let some = read("decide_within = \"2h\"\nleast_free_mib = 1\nmetrics = \"/m\"").unwrap();
        assert_eq!(some.limits().decide_within, Duration::from_secs(7200));
        assert_eq!(some.limits().least_free, 1 << 20);
        assert_eq!(some.metrics(None), Some("/m".into()));
        assert_eq!(some.metrics(Some("/n".as_ref())), Some("/n".into()));
        for (text, word) in [
            ("metric = \"/m\"", "metric"),
            ("decide_within = \"soon\"", "soon"),
            ("[notify]\nargv = []", "argv"),
            ("[notify]\nargv = [\"x\"]\nshell = true", "shell"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    #[test]
    fn s9_a_file_that_others_may_write_to_names_no_command() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[notify]\nargv = [\"x\"]").unwrap();
        let mode = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(file.path(), mode).unwrap();
        let why = Config::read(file.path()).unwrap_err().cause.join("\n");
        assert!(why.contains("everyone may write to it"), "{why}");
    }
}
