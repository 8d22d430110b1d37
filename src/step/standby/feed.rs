//! What is written to the version that serves comes to the standby.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::host::files::private_dir;
use crate::journal::Output;
use crate::playbook::CommandTemplate;
use crate::playbook::model::BEING_FILLED;
use crate::step::standby::run;
use crate::step::{Context, Repeated, Step};

/// See [`crate::step::Action::FeedStart`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// Starts it; harmless if it runs.
    pub start: CommandTemplate,
    /// Ends it; succeeds when it does not run.
    pub stop: CommandTemplate,
}

/// See [`crate::step::Action::CatchUp`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatchUp {
    /// Prints how far the standby has come.
    pub position: CommandTemplate,
    /// Prints how far the version that serves has come.
    pub source: CommandTemplate,
    /// Returns when the standby has come to `{position}`, and fails after a while.
    pub drain: CommandTemplate,
    /// Prints how far the standby is behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<CommandTemplate>,
    /// Fails when the feed cannot catch up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<CommandTemplate>,
    /// In seconds; without a limit it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
}

/// Starts it.
pub(in crate::step) struct Start<'a>(pub &'a Feed);
/// Ends it.
pub(in crate::step) struct Stop<'a>(pub &'a Feed);

/// How often the standby is asked how far it has come.
const ASK: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 500 });
/// How often a person is told.
const TELL: Duration = Duration::from_secs(10);

impl Repeated for Start<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.start.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let folder = context.layout.feed();
        private_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let said = run(context, &self.0.start);
        let said = said.context("the feed of the standby could not be started")?;
        if !said.is_empty() {
            (context.say)(&said);
        }
        Ok(Output::Nothing)
    }
}

impl Repeated for Stop<'_> {
    fn preview(&self) -> Vec<String> {
        vec![self.0.stop.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        run(context, &self.0.stop).context("the feed of the standby could not be ended")?;
        Ok(Output::Nothing)
    }
}

impl CatchUp {
    /// How far it is behind, in words; nothing where the playbook cannot tell.
    fn behind(&self, context: &Context<'_>) -> String {
        let said = self.lag.as_ref().and_then(|lag| run(context, lag).ok());
        said.and_then(|said| behind(&said)).map_or(String::new(), |text| format!(", {text} behind"))
    }

    /// How far `whose` has come, and the version that serves.
    fn told(&self, context: &Context<'_>, whose: &str, position: &str, source: &str) -> String {
        if position == BEING_FILLED {
            return format!("{whose} is being filled; the version that serves is at {source}");
        }
        let behind = self.behind(context);
        format!("{whose} has come to {position}, the version that serves to {source}{behind}")
    }
}

/// `SECONDS TRANSACTIONS`, in words; either may be `-`.
pub fn behind(lag: &str) -> Option<String> {
    let (seconds, transactions) = lag.trim().split_once(char::is_whitespace)?;
    let known = |text: &str| (text.trim() != "-").then(|| text.trim().to_owned());
    let parts = [
        known(seconds).map(|text| format!("{text} s")),
        known(transactions).map(|text| format!("{text} transactions")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

impl Repeated for CatchUp {
    fn preview(&self) -> Vec<String> {
        vec![self.source.to_string(), self.position.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let (begin, mut told) = (Instant::now(), Instant::now());
        loop {
            if let Some(watch) = &self.watch {
                run(context, watch).context("the standby cannot catch up")?;
            }
            // Where clients write all the time, both never print the same.
            let source = run(context, &self.source)
                .context("the version that serves does not say how far it has come")?;
            let position = run(context, &self.position)
                .context("the standby does not say how far it has come")?;
            let drain = context.fill(&self.drain, &[("position", source.clone())])?;
            if position == source || context.runner.run(&drain).is_ok() {
                return Ok(Output::Text { text: source });
            }
            if self.within.is_some_and(|within| begin.elapsed() >= Duration::from_secs(within)) {
                bail!(
                    "the standby did not catch up within {} s: {}",
                    self.within.unwrap_or_default(),
                    self.told(context, "it", &position, &source)
                );
            }
            if context.runner.interrupt.requested() {
                bail!("asked to stop while the standby catches up; the feed goes on");
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                (context.say)(&self.told(context, "the standby", &position, &source));
            }
            std::thread::sleep(ASK);
        }
    }
}
