//! The timer that makes a round every 15 minutes: put into its place, started, and removed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::host::exec::{Command, Interrupt, Runner};
use crate::host::files::{remove_optional, stat_optional, write_readable};
use crate::host::quote::quote;
use crate::host::{own_path, systemd};
use crate::playbook::TimeLimit;
use crate::procedure::Settings;

const SERVICE: &str = "backout-watch.service";
const TIMER: &str = "backout-watch.timer";

/// The units as a package has them.
const TEXTS: [(&str, &str); 2] = [
    (SERVICE, include_str!("units/backout-watch.service")),
    (TIMER, include_str!("units/backout-watch.timer")),
];

/// What stands in the service of a package.
const PROGRAM: &str = "/usr/bin/backout";

/// How often a round is made, as the timer of a package says it.
const EVERY: &str = "OnUnitActiveSec=15min";

/// A thirtieth of it: many hosts do not begin at once.
const SPREAD: &str = "RandomizedDelaySec=30s";

/// The folder of an administrator's own units.
const PLACE: &str = "/etc/systemd/system";

/// Folders of a package's units.
const OF_PACKAGES: [&str; 2] = ["/usr/lib/systemd/system", "/lib/systemd/system"];

/// The first line of what is written here: a unit without it is somebody else's.
const OURS: &str = "# Written by `backout watch install`; `backout watch remove` removes it.\n";

/// Where units are.
#[derive(Debug, Clone)]
pub struct Units {
    /// Of the administrator.
    place: PathBuf,
    /// Of packages.
    packages: Vec<PathBuf>,
}

impl Default for Units {
    fn default() -> Self {
        Self { place: PLACE.into(), packages: OF_PACKAGES.map(PathBuf::from).to_vec() }
    }
}

impl Units {
    /// Whether a package has the timer.
    fn packaged(&self) -> bool {
        let there = |folder: &PathBuf| !matches!(stat_optional(&folder.join(TIMER)), Ok(None));
        self.packages.iter().any(there)
    }

    /// Writes the units where no package has them as they are wanted. What was written.
    fn write(&self, texts: &[(&str, String)]) -> anyhow::Result<Vec<PathBuf>> {
        for (name, _) in texts {
            self.is_ours(name)?;
        }
        let mut written = Vec::new();
        for (name, text) in texts {
            let path = self.place.join(name);
            write_readable(&path, format!("{OURS}{text}").as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            written.push(path);
        }
        Ok(written)
    }

    /// Whether there is a unit of ours. Fails on somebody else's.
    fn is_ours(&self, name: &str) -> anyhow::Result<bool> {
        let path = self.place.join(name);
        let unread = || format!("cannot read {}", path.display());
        if stat_optional(&path).with_context(unread)?.is_none() {
            return Ok(false);
        }
        let text = std::fs::read_to_string(&path).with_context(unread)?;
        anyhow::ensure!(
            text.starts_with(OURS),
            "{} was not written by `backout watch install`, and stays as it is",
            path.display()
        );
        Ok(true)
    }

    /// Removes those that are ours. What was removed.
    fn clear(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut removed = Vec::new();
        for (name, _) in TEXTS {
            if self.is_ours(name)? {
                let path = self.place.join(name);
                remove_optional(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
                removed.push(path);
            }
        }
        Ok(removed)
    }
}

/// The units for this program with these words behind it. `every`: how often.
fn texts(program: &str, words: &[String], every: Option<TimeLimit>) -> Vec<(&'static str, String)> {
    let command: Vec<String> =
        std::iter::once(program).chain(words.iter().map(String::as_str)).map(escaped).collect();
    let mut texts: Vec<_> = TEXTS.map(|(name, text)| (name, text.to_owned())).into();
    for (_, text) in &mut texts {
        let ours = format!("ExecStart={}\n", command.join(" "));
        *text = text.replace(&format!("ExecStart={PROGRAM} watch\n"), &ours);
        if let Some(every) = every {
            *text = text
                .replace(EVERY, &format!("OnUnitActiveSec={}s", every.as_secs()))
                .replace(SPREAD, &format!("RandomizedDelaySec={}s", every.as_secs() / 30))
                .replace("every 15 minutes", &format!("every {every}"));
        }
    }
    texts
}

/// A word as systemd reads it.
fn escaped(word: &str) -> String {
    quote(word.replace('%', "%%").replace('$', "$$"))
}

/// The words that make the unit look where this call does.
fn words(settings: &Settings, config: &Path, metrics: Option<&Path>) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let mut words = vec!["--state".into(), text(&settings.state)];
    words.extend(["--site".into(), text(&settings.site)]);
    for folder in &settings.playbooks {
        words.extend(["--playbooks".into(), text(folder)]);
    }
    if let Some(folder) = &settings.run_dir {
        words.extend(["--run-dir".into(), text(folder)]);
    }
    words
        .into_iter()
        .chain(["watch".into(), "--config".into(), text(config)])
        .chain(metrics.into_iter().flat_map(|folder| ["--metrics".into(), text(folder)]))
        .collect()
}

fn systemctl(words: &[&str]) -> anyhow::Result<()> {
    let command = Command::new(["systemctl"].iter().chain(words).copied());
    Runner::new(None, None, Interrupt::default())
        .run(&command.timeout(Duration::from_secs(60)))
        .map(drop)?;
    Ok(())
}

fn needs_systemd() -> anyhow::Result<()> {
    anyhow::ensure!(
        systemd::is_running(),
        "systemd does not run here; let another program run `backout watch` every 15 minutes"
    );
    Ok(())
}

/// Starts the timer: that of the package, or, with another place, time or file than usual, or
/// without a package, one of our own. What was written.
///
/// # Errors
/// When a unit of that name is somebody else's, or systemd refuses.
pub fn install(
    units: &Units,
    settings: &Settings,
    config: &Path,
    metrics: Option<&Path>,
    every: Option<TimeLimit>,
    as_usual: bool,
) -> anyhow::Result<Vec<PathBuf>> {
    needs_systemd()?;
    let written = if as_usual && every.is_none() && units.packaged() {
        Vec::new()
    } else {
        let program = own_path().context("the path of this program is not known")?;
        let words = words(settings, config, metrics);
        let words = if as_usual { vec!["watch".to_owned()] } else { words };
        units.write(&texts(&program, &words[..], every))?
    };
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "--now", TIMER])?;
    Ok(written)
}

/// Ends the timer, and removes the units that [`install`] wrote. What was removed.
///
/// # Errors
/// When a unit of that name is somebody else's, or systemd refuses.
pub fn remove(units: &Units) -> anyhow::Result<Vec<PathBuf>> {
    needs_systemd()?;
    for (name, _) in TEXTS {
        units.is_ours(name)?;
    }
    if units.packaged() || units.is_ours(TIMER)? {
        systemctl(&["disable", "--now", TIMER])?;
    }
    let removed = units.clear()?;
    systemctl(&["daemon-reload"])?;
    Ok(removed)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    fn of(texts: &[(&'static str, String)], name: &str) -> String {
        texts.iter().find(|it| it.0 == name).unwrap().1.clone()
    }

    #[test]
    fn the_units_run_this_program_as_often_as_asked() {
        let usual = texts(PROGRAM, &["watch".into()], None);
        assert_eq!(of(&usual, SERVICE), TEXTS[0].1);
        assert_eq!(of(&usual, TIMER), TEXTS[1].1);
        let every = TimeLimit::try_from("1m".to_owned()).unwrap();
        let words = ["--state".into(), "/a b%$".into(), "watch".into()];
        let other = texts("/opt/backout", &words, Some(every));
        let service = of(&other, SERVICE);
        let line = "ExecStart=/opt/backout --state '/a b%%$$' watch\n";
        assert!(service.contains(line), "{service}");
        let timer = of(&other, TIMER);
        for line in ["OnUnitActiveSec=60s", "RandomizedDelaySec=2s"] {
            assert!(timer.lines().any(|it| it == line), "{line}: {timer}");
        }
        assert!(timer.contains("every 1m\n"));
    }

    #[test]
    fn units_of_somebody_else_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let units = Units { place: dir.path().into(), packages: vec![dir.path().join("none")] };
        let texts = texts(PROGRAM, &["watch".into()], None);
        assert_eq!(units.clear().unwrap(), Vec::<PathBuf>::new());
        assert_eq!(units.write(&texts).unwrap().len(), 2);
        assert_eq!(units.write(&texts).unwrap().len(), 2, "again");
        assert_eq!(units.clear().unwrap().len(), 2);
        std::fs::write(dir.path().join(TIMER), "[Timer]\n").unwrap();
        assert!(units.write(&texts).is_err() && units.clear().is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was written");
    }
}
