//! What can be asked of a playbook's parts.

use std::time::Duration;

use super::model::{CommandSpec, Pass, Playbook, VersionRule};
use super::version;
use crate::host::exec;

/// Time limit of a command that names none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

impl CommandSpec {
    /// The command as data, its templates not yet expanded. A time limit that cannot be read, which the check refuses, counts as the default.
    pub fn command(&self) -> exec::Command {
        let stages = match (&self.argv, &self.pipe) {
            (Some(argv), _) => vec![argv.clone()],
            (None, Some(pipe)) => pipe.clone(),
            (None, None) => Vec::new(),
        };
        let timeout = self.timeout.as_deref().and_then(|text| humantime::parse_duration(text).ok()).unwrap_or(DEFAULT_TIMEOUT);
        exec::Command {
            stages,
            env: self.env.clone(),
            env_from_file: self.env_from_file.iter().map(|(name, path)| (name.clone(), path.into())).collect(),
            cwd: self.cwd.as_ref().map(Into::into),
            user: self.user.clone(),
            stdin: self.stdin.as_ref().map(Into::into),
            stdout: self.stdout.as_ref().map(Into::into),
            timeout,
            daemon: self.daemon,
            fails_on: self.fails_on.clone(),
        }
    }
}

impl Playbook {
    /// The passes of the capture.
    pub fn passes(&self) -> &[Pass] {
        self.capture.as_ref().map_or(&[], |capture| &capture.passes)
    }

    /// The first rule that fits the way from one version to another.
    pub fn rule_for(&self, from: &str, to: &str) -> Option<&VersionRule> {
        self.version.rules.iter().find(|rule| rule.fits(from, to))
    }
}

impl VersionRule {
    /// Whether it speaks of the way from one version to another.
    pub fn fits(&self, from: &str, to: &str) -> bool {
        let passes = |comparisons: &str, version: &str| comparisons.parse::<version::Requirement>().is_ok_and(|it| it.matches(version));
        passes(&self.from, from) && passes(&self.to, to)
    }
}
