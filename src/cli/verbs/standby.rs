//! `backout standby`: the previous version kept running beside the upgraded one. `backout rehearse`:
//! all of a switch to it but the exchange.

use clap::{Args, Subcommand};

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::{Work, changes, standby};
use crate::report::CliError;
use crate::strategy::SwitchInput;

/// What is done with it.
#[derive(Debug, Subcommand)]
pub enum StandbyVerb {
    /// Start the previous version on a clone of the snapshot, and feed it with what is written. The
    /// running service is not touched. A downgrade is then a switch of seconds. After a downgrade:
    /// the upgraded version, on a clone of its data, so that an undo is such a switch, too.
    Start(StartArgs),
    /// End it, and leave nothing of it. The usual way back stays.
    Stop(StopArgs),
}

/// See [`StandbyVerb::Start`].
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Do not wait until it has caught up.
    #[arg(long)]
    no_wait: bool,
    /// Begin without asking.
    #[arg(long)]
    yes: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show the commands of each step, too.
    #[arg(long)]
    commands: bool,
}

/// See [`StandbyVerb::Stop`].
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Begin without asking.
    #[arg(long)]
    yes: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show the commands of each step, too.
    #[arg(long)]
    commands: bool,
}

/// How it is rehearsed.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// Compare everything, not only what was fed. Writes wait for that.
    #[arg(long)]
    full: bool,
    /// If it takes longer, it is given up, and writes are accepted again.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = seconds)]
    deadline: u64,
    /// Begin without asking.
    #[arg(long)]
    yes: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show the commands of each step, too.
    #[arg(long)]
    commands: bool,
}

/// How long a switch to a standby may take.
#[derive(Debug, Args)]
pub(super) struct SwitchTimes {
    /// A switch to the standby that takes longer is given up, and the version that serves goes on.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = seconds)]
    deadline: u64,
    /// How long the standby may take to catch up before the switch.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds)]
    catch_up: u64,
}

impl SwitchTimes {
    /// As the plan takes them.
    pub(super) fn input(&self) -> SwitchInput {
        let usual = SwitchInput::usual();
        SwitchInput { deadline: self.deadline, catch_up: self.catch_up, ..usual }
    }
}

/// A time of whole seconds: `90s`, `2m`.
fn seconds(text: &str) -> Result<u64, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.as_secs() > 0 => Ok(time.as_secs()),
        Ok(_) => Err("it is less than a second".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Rehearses the switch.
pub fn rehearse(global: &Global, arguments: &RehearseArgs) -> Result<Job, CliError> {
    let settings = &global.settings();
    let lock = changes::lock(settings, "rehearse")?;
    let state = changes::state(settings)?;
    let plan = standby::rehearse(settings, &state, arguments.full, arguments.deadline)?;
    render::plan(global, &state.manifest.change, &plan, arguments.commands);
    if arguments.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    let answers = Answers { yes: arguments.yes, ..Answers::default() };
    prompt::confirm_yes("Rehearse it? Writes wait for a moment.", &answers, "backout rehearse")?;
    Ok(Job::work(Work::begin(lock, state, plan)))
}

/// Starts or ends it.
pub fn run(global: &Global, verb: &StandbyVerb) -> Result<Job, CliError> {
    let settings = &global.settings();
    let (what, yes, dry_run, commands) = match verb {
        StandbyVerb::Start(it) => ("standby start", it.yes, it.dry_run, it.commands),
        StandbyVerb::Stop(it) => ("standby stop", it.yes, it.dry_run, it.commands),
    };
    let lock = changes::lock(settings, what)?;
    let state = changes::state(settings)?;
    let plan = match verb {
        StandbyVerb::Start(it) => standby::start(settings, &state, !it.no_wait)?,
        StandbyVerb::Stop(_) => standby::stop(settings, &state)?,
    };
    render::plan(global, &state.manifest.change, &plan, commands);
    if dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    let answers = Answers { yes, ..Answers::default() };
    let question = match verb {
        StandbyVerb::Start(_) => "Start it?",
        StandbyVerb::Stop(_) => "End it?",
    };
    prompt::confirm_yes(question, &answers, &format!("backout {what}"))?;
    Ok(Job::work(Work::begin(lock, state, plan)))
}
