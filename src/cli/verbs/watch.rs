//! `backout watch`: one round for a timer; and the timer.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::job::Job;
use crate::cli::{Exit, Global, render};
use crate::host::quote::quote;
use crate::playbook::TimeLimit;
use crate::procedure::watch::{self, Config, Round, Units};
use crate::report::{CliError, ErrorKind};

/// Where the file is that says how this host is watched.
const CONFIG: &str = "/etc/backout/watch.toml";

/// One round, or the timer.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    #[command(subcommand)]
    verb: Option<WatchVerb>,
    /// The file that says how this host is watched, and who is told. It may be missing.
    #[arg(long, global = true, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    /// The folder for metrics, `backout.prom`, from which the node exporter reads. Default: what
    /// the file says; or that of Debian's node exporter, where it is there.
    #[arg(long, global = true, value_name = "DIR")]
    metrics: Option<PathBuf>,
}

/// What else can be done.
#[derive(Debug, Clone, Subcommand)]
enum WatchVerb {
    /// Make a round every 15 minutes from now on: write the units of systemd, unless a package has
    /// them, and start the timer.
    Install {
        /// As often as this, such as `5m`.
        #[arg(long, value_name = "TIME", value_parser = every)]
        every: Option<TimeLimit>,
    },
    /// End that, and remove the units that `install` wrote.
    Remove,
    /// Run the notification command once, to see whether it arrives.
    Try,
}

fn every(text: &str) -> Result<TimeLimit, String> {
    let time = TimeLimit::try_from(text.to_owned()).map_err(|error| error.to_string())?;
    if time.as_secs() == 0 { Err("less than a second".to_owned()) } else { Ok(time) }
}

/// Nothing is changed before the job is carried out.
pub fn job(arguments: &WatchArgs) -> Job {
    let arguments = arguments.clone();
    Job::Other(Box::new(move |global| run(global, &arguments)))
}

fn run(global: &Global, arguments: &WatchArgs) -> Result<Exit, CliError> {
    let config = Config::read(&arguments.config).map_err(CliError::unchanged)?;
    let failed = |what: &str, error: &anyhow::Error| {
        CliError::new(ErrorKind::Failed, what)
            .because(error)
            .now(vec!["No change was touched, and no service.".to_owned()])
    };
    match &arguments.verb {
        None => round(global, arguments, &config),
        Some(WatchVerb::Install { every }) => {
            let (settings, metrics) = (global.settings(), arguments.metrics.as_deref());
            let file = arguments.config.as_path();
            let usual = metrics.is_none() && file == Path::new(CONFIG) && global.looks_as_usual();
            let written =
                watch::install(&Units::default(), &settings, file, metrics, *every, usual)
                    .map_err(|error| failed("the timer could not be installed", &error))?;
            ended(global, "installed", "written", &written);
            Ok(Exit::Done)
        }
        Some(WatchVerb::Remove) => {
            let removed = watch::remove(&Units::default())
                .map_err(|error| failed("the timer could not be removed", &error))?;
            ended(global, "removed", "removed", &removed);
            Ok(Exit::Done)
        }
        Some(WatchVerb::Try) => {
            let Some(notify) = &config.notify else {
                let file = arguments.config.display();
                let what = format!("{file} has no command: nobody would be told");
                let how = "write one, such as:\n  [notify]\n  argv = [\"/usr/local/sbin/tell\"]";
                return Err(CliError::new(ErrorKind::Usage, what).cause(how).unchanged());
            };
            watch::try_out(notify, &global.settings().host)
                .map_err(|error| failed("the notification command failed", &error))?;
            if global.json {
                render::json::line(&json!({ "result": "watch", "done": "tried" }));
            } else {
                render::line("The command succeeded. Did the message arrive?");
            }
            Ok(Exit::Done)
        }
    }
}

fn ended(global: &Global, done: &str, what: &str, files: &[PathBuf]) {
    if global.json {
        render::json::line(&json!({ "result": "watch", "done": done, "files": files }));
        return;
    }
    for file in files {
        render::line(&format!("{what}: {}", file.display()));
    }
    render::line(&format!("The timer backout-watch.timer is {done}."));
    if done == "installed" {
        render::line("  next:  systemctl list-timers backout-watch.timer");
        render::line("         journalctl -u backout-watch.service");
    }
}

fn round(global: &Global, arguments: &WatchArgs, config: &Config) -> Result<Exit, CliError> {
    let settings = global.settings();
    let folder = config.metrics(arguments.metrics.as_deref());
    let round = watch::round(&settings, config, folder.as_deref())?;
    render::journald::news(&round);
    if global.json {
        render::json::line(&said(&round));
    } else if !render::journald::takes_lines() || !round.failed.is_empty() {
        shown(&round, &settings.host);
    }
    if round.failed.is_empty() {
        return Ok(Exit::Done);
    }
    let mut error = CliError::new(ErrorKind::Failed, "a part of the round failed").now(vec![
        "No change was touched, and no service. What failed is tried again in the next round."
            .to_owned(),
    ]);
    error.cause = round.failed;
    if round.untold {
        let file = quote(&arguments.config);
        let command = if file == CONFIG { String::new() } else { format!(" --config {file}") };
        let command = format!("backout watch try{command}");
        error = error.next(command, "run the notification command once");
    }
    Err(error)
}

fn said(round: &Round) -> serde_json::Value {
    let changes: Vec<_> = round
        .changes
        .iter()
        .map(|it| json!({ "change": it.change, "state": it.standing(), "alerts": it.alerts }))
        .collect();
    json!({
        "result": "watch", "changes": changes, "news": round.news, "at_work": round.at_work,
        "failed": round.failed,
    })
}

fn shown(round: &Round, host: &str) {
    if let Some(holder) = &round.at_work {
        render::line(&format!("A run of backout is at work: {holder}"));
    }
    if round.changes.is_empty() {
        render::line("There is no open change on this host.");
    }
    for it in &round.changes {
        let alerts: Vec<&str> = it.alerts.keys().map(|alert| alert.name()).collect();
        let alerts =
            if alerts.is_empty() { "nothing to tell".to_owned() } else { alerts.join(", ") };
        render::line(&format!("{}: {}; {alerts}", it.change, it.standing().word()));
    }
    for news in &round.news {
        render::line("");
        render::line(news.text(host).trim_end());
    }
}
