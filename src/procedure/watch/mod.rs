//! One round of watching: looks at every open change as `check` and `status` do, tells somebody
//! what is new, and writes metrics. It changes nothing of a change.

mod config;
mod units;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;

pub use config::{Config, Notify};
pub use units::{Units, install, remove};

use super::{Settings, changes, look, way_back};
use crate::host::exec::{Interrupt, Runner, quoted};
use crate::host::files::{stat_optional, write_atomic, write_readable};
use crate::report::{CliError, Condition, News, RoundFacts, Told, Watched, WayBack, metrics};
use crate::step::State;

/// The file in the folder of metrics.
const METRICS: &str = "backout.prom";

/// What a round came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// The open changes.
    pub changes: Vec<Watched>,
    /// What is new of them.
    pub news: Vec<News>,
    /// Another run is at work. Then nothing is told: what is under way is not unfinished.
    pub at_work: Option<String>,
    /// What of the round failed, a line each.
    pub failed: Vec<String>,
    /// The notification command failed.
    pub untold: bool,
}

/// Makes a round. `folder`: where metrics go.
///
/// # Errors
/// When the folder of the changes cannot be read. All else that fails is in the result.
pub fn round(
    settings: &Settings,
    config: &Config,
    folder: Option<&Path>,
) -> Result<Round, CliError> {
    let begin = Instant::now();
    let at_work = changes::at_work(settings);
    let found = changes::all(settings)?;
    let mut failed = Vec::new();
    let mut seen = Vec::new();
    for found in found.iter().filter(|found| found.is_open()) {
        seen.push(match &found.state {
            Err(why) => Watched::unreadable(&found.id, why),
            Ok(state) => {
                let way_back = if at_work.is_some() { None } else { way_back(settings, state) };
                let report = look::report(settings, state, way_back);
                let story = changes::story(settings, &found.id);
                let now = settings.now.fixed_offset();
                Watched::new(report, story, now, &config.limits())
            }
        });
    }
    let (mut news, mut untold) = (Vec::new(), false);
    // A run may have begun meanwhile, and what was seen is half of two states.
    let at_work = at_work.or_else(|| changes::at_work(settings));
    if at_work.is_none() {
        let at = told_at(&settings.state);
        let mut told = read(&at);
        news = told.news(&seen);
        for it in &news {
            match config.notify.as_ref().map_or(Ok(()), |notify| tell(notify, it, &settings.host)) {
                Ok(()) => told.tell(it, settings.now.timestamp()),
                // It is tried again in the next round.
                Err(error) => {
                    untold = true;
                    failed.push(format!("nobody could be told: {}", said(&error)));
                }
            }
        }
        if !news.is_empty()
            && let Err(error) = keep(&at, &told)
        {
            failed.push(format!("{} could not be written: {error}", at.display()));
        }
    }
    if let Some(folder) = folder {
        let round = RoundFacts {
            at: settings.now.timestamp(),
            took: begin.elapsed().as_secs_f64(),
            failures: failed.len(),
            at_work: at_work.is_some(),
        };
        if let Err(error) = publish(&seen, round, folder) {
            failed.push(format!("metrics could not be written: {}", said(&error)));
        }
    }
    Ok(Round { changes: seen, news, at_work, failed, untold })
}

/// An error with its causes, without what a command printed that is no line for a person.
fn said(error: &anyhow::Error) -> String {
    quoted(&format!("{error:#}"))
}

/// All of the way back, as `check` looks at it.
fn way_back(settings: &Settings, state: &State) -> Option<WayBack> {
    way_back::awaits_decision(state).then(|| match way_back::examine(settings, state) {
        Ok((_, _, way_back)) => way_back,
        Err(error) => {
            let why = [error.what].into_iter().chain(error.cause).collect();
            WayBack::because(Condition::Unknown, why)
        }
    })
}

/// Where it stands what was told.
fn told_at(state: &Path) -> PathBuf {
    state.join("watch.json")
}

/// What was told. If it cannot be read, all is told again.
fn read(path: &Path) -> Told {
    std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn keep(path: &Path, told: &Told) -> anyhow::Result<()> {
    Ok(write_atomic(path, &serde_json::to_vec(told)?)?)
}

/// Runs the command that tells somebody.
fn tell(notify: &Notify, news: &News, host: &str) -> anyhow::Result<()> {
    run(notify, &news.text(host), news.facts(host))
}

fn run(notify: &Notify, text: &str, facts: BTreeMap<String, String>) -> anyhow::Result<()> {
    let mut file = tempfile::NamedTempFile::new().context("no room for a temporary file")?;
    file.write_all(text.as_bytes()).context("no room for a temporary file")?;
    let runner = Runner::new(None, None, Interrupt::default());
    runner.run(&notify.command(file.path(), facts)).map(drop)?;
    Ok(())
}

/// Tells somebody that this is a test.
///
/// # Errors
/// When the command fails.
pub fn try_out(notify: &Notify, host: &str) -> anyhow::Result<()> {
    let text = format!(
        "backout on {host}: a test\n\nNothing is wrong. Somebody typed `backout watch try`.\n"
    );
    run(notify, &text, News::facts_of_test(host))
}

/// Writes the metrics, for everybody to read: in one go, so that nobody reads half of them.
fn publish(seen: &[Watched], round: RoundFacts, folder: &Path) -> anyhow::Result<()> {
    let there = stat_optional(folder)?.is_some_and(|found| found.is_dir());
    anyhow::ensure!(there, "{} is no folder", folder.display());
    let text = metrics(seen, round)?;
    let path = folder.join(METRICS);
    write_readable(&path, text.as_bytes()).with_context(|| format!("{}", path.display()))
}
