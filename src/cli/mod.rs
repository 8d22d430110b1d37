//! What people type. This is the only place that talks to a terminal.

mod exit;
mod job;
mod prompt;
mod render;
mod verbs;

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::{DateTime, Local};
use clap::{Args, Parser, Subcommand};

pub use exit::Exit;
use job::Job;

use self::verbs::{abort, adopt, check, commit, downgrade, helper, log, migrate, plan, playbook, resume, snapshot, status, undo, upgrade};
use crate::procedure::Settings;
use crate::report::CliError;
use crate::zfs::EngineName;

/// Upgrade a stateful service on ZFS, and bring the previous version back without losing what was written since.
#[derive(Debug, Parser)]
#[command(name = "backout", version, max_term_width = 100, disable_help_subcommand = true, after_help = exit::STATUSES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The site file: this host's values for a playbook.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/backout/site.toml",
        env = "BACKOUT_SITE",
        hide_env_values = true
    )]
    site: PathBuf,
    /// A folder of playbooks that come before the others. May be given more than once.
    #[arg(long = "playbooks", global = true, value_name = "DIR")]
    playbooks: Vec<PathBuf>,
    /// Where the journals of the changes are.
    #[arg(long, global = true, value_name = "DIR", default_value = "/var/lib/backout", env = "BACKOUT_STATE", hide_env_values = true)]
    state: PathBuf,
    /// The change, where there is more than one.
    #[arg(long, global = true, value_name = "ID")]
    change: Option<String>,
    /// This host's name, if it was renamed since the change was opened.
    #[arg(long, global = true, value_name = "NAME")]
    host: Option<String>,
    /// Where the lock is that lets one run work at a time; by default /run/backout, for a user who is not root STATE/run.
    #[arg(long, global = true, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// How ZFS is asked: `lzc`, by its library, or `cli`, by its command; by default by the library where that can be used.
    #[arg(long, global = true, value_name = "ENGINE", hide_possible_values = true)]
    engine: Option<EngineName>,
    /// Print JSON: one object for a result, one event a line while running.
    #[arg(long, global = true)]
    json: bool,
    #[cfg(feature = "crash-points")]
    #[command(flatten)]
    failpoints: crate::host::failpoint::Failpoints,
}

impl Global {
    /// The same as the layers below know it.
    fn settings(&self) -> Settings {
        let system = || nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        Settings {
            site: self.site.clone(),
            playbooks: self.playbooks.clone(),
            state: self.state.clone(),
            change: self.change.clone(),
            host: self.host.clone().unwrap_or_else(|| system().unwrap_or_default()),
            run_dir: self.run_dir.clone(),
            engine: self.engine,
            now: now(),
        }
    }
}

/// How a person answers in advance.
#[derive(Debug, Clone, Default, Args)]
pub struct Answers {
    /// Begin without asking. What needs an answer of its own is still refused.
    #[arg(long)]
    yes: bool,
    /// Answer yes to what a check named: a snapshot's name, or the word in brackets. May be given more than once.
    #[arg(long, value_name = "NAME")]
    accept: Vec<String>,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// The answers for an unattended run, as `backout plan --answers FILE` writes them.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// A value of the file that the vendor's installer reads. May be given more than once; before the upgrade only.
    #[arg(long, value_name = "KEY=VALUE")]
    silent: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Can this host upgrade, and come back? Changes nothing.
    Check,
    /// Show the steps with their real names and commands. Changes nothing.
    Plan(plan::PlanArgs),
    /// Take the snapshot before an upgrade that is made later.
    Snapshot(Answers),
    /// Take the snapshot (unless there is one) and upgrade.
    Upgrade(Answers),
    /// Bring the previous version back, with everything that was written since.
    Downgrade(downgrade::DowngradeArgs),
    /// Go on with what was interrupted.
    Resume(resume::ResumeArgs),
    /// Give up what was begun: back to the state before it. Possible until the point of no return.
    Abort(Answers),
    /// After a downgrade that kept the upgraded state: back to that.
    Undo(Answers),
    /// Two hosts: move users to the one with the new version, a batch at a time, or back.
    Migrate(migrate::MigrateArgs),
    /// The state folder is lost: make the change's folder again, from what its snapshot says.
    Adopt(adopt::AdoptArgs),
    /// Say what is true now, and what can be done next.
    Status,
    /// Accept the upgrade or the downgrade, and drop the way back.
    Commit(Answers),
    /// Show the journal of a change.
    Log(log::LogArgs),
    /// List, show and check playbooks.
    #[command(subcommand)]
    Playbook(playbook::PlaybookVerb),
}

/// The time: shown to people, and part of a new change's name. Nothing else depends on it.
#[expect(clippy::disallowed_methods, reason = "the command line's one clock")]
fn now() -> DateTime<Local> {
    Local::now()
}

/// Parses the command line, does what it says, and returns the exit status.
pub fn main() -> ExitCode {
    // No verb for people: it stands in no help, and has none of their options.
    if let Some((name, arguments)) = helper::asked(std::env::args_os()) {
        return helper::run(&name, &arguments);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Help and version are no errors.
            return ExitCode::from(if error.use_stderr() { Exit::Usage.status() } else { 0 });
        }
    };
    let global = &cli.global;
    #[cfg(feature = "crash-points")]
    crate::host::failpoint::set(global.failpoints.clone());
    // A verb changes nothing before it has returned its job; what is true after that, the job says.
    let result = decide(global, &cli.verb).map_err(CliError::unchanged).and_then(|job| job.carry_out(global));
    match result {
        Ok(exit) => ExitCode::from(exit.status()),
        Err(error) => {
            let exit = Exit::from(error.kind);
            render::error(global, error);
            ExitCode::from(exit.status())
        }
    }
}

/// What the verb comes to. Nothing is changed here, but for a file that `plan --answers` writes.
fn decide(global: &Global, verb: &Verb) -> Result<Job, CliError> {
    match verb {
        Verb::Check => check::run(global).map(Job::Ended),
        Verb::Plan(arguments) => plan::run(global, arguments).map(Job::Ended),
        Verb::Snapshot(answers) => answers.with_file("snapshot").and_then(|answers| snapshot::run(global, &answers)),
        Verb::Upgrade(answers) => answers.with_file("upgrade").and_then(|answers| upgrade::run(global, &answers)),
        Verb::Downgrade(arguments) => downgrade::run(global, arguments),
        Verb::Resume(arguments) => resume::run(global, arguments),
        Verb::Abort(answers) => answers.with_file("abort").and_then(|answers| abort::run(global, &answers)),
        Verb::Undo(answers) => answers.with_file("undo").and_then(|answers| undo::run(global, &answers)),
        Verb::Migrate(arguments) => migrate::run(global, arguments),
        Verb::Adopt(arguments) => adopt::run(global, arguments),
        Verb::Status => status::run(global).map(Job::Ended),
        Verb::Commit(answers) => answers.with_file("commit").and_then(|answers| commit::run(global, &answers)),
        Verb::Log(arguments) => log::run(global, arguments).map(Job::Ended),
        Verb::Playbook(verb) => playbook::run(global, verb).map(Job::Ended),
    }
}
