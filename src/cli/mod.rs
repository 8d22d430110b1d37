//! What people type. This is the only place that talks to a terminal.

mod exit;
mod job;
mod prompt;
mod render;
mod verbs;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, Local};
use clap::{Args, Parser, Subcommand};

pub use exit::Exit;
use job::Job;

use self::verbs::{
    abort, adopt, check, commit, completions, downgrade, fix, helper, hook, init, log, man,
    migrate, plan, playbook, prove, report, resume, snapshot, standby, status, undo, upgrade,
    watch,
};
use crate::procedure::Settings;
use crate::report::CliError;
use crate::zfs::EngineName;

/// Upgrade a stateful service on ZFS, and bring the previous version back without losing what was
/// written since.
#[derive(Debug, Parser)]
#[command(
    name = "backout",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = exit::STATUSES,
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// The heading of the options of every command, in its help.
const EVERYWHERE: &str = "Options of every command";

/// Where the site file is.
const SITE: &str = "/etc/backout/site.toml";

/// Where the journals of all changes are.
const STATE: &str = "/var/lib/backout";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The site file: this host's values for the playbook.
    #[arg(
        help_heading = EVERYWHERE,
        long,
        global = true,
        value_name = "FILE",
        default_value = SITE,
        env = "BACKOUT_SITE",
        hide_env_values = true
    )]
    site: PathBuf,
    /// Look for playbooks in this folder first. Can be repeated.
    #[arg(
        help_heading = EVERYWHERE,
        long = "playbooks",
        global = true,
        value_name = "DIR",
        value_parser = folder,
    )]
    playbooks: Vec<PathBuf>,
    /// The folder with the journals of all changes.
    #[arg(
        help_heading = EVERYWHERE,
        long,
        global = true,
        value_name = "DIR",
        default_value = STATE,
        env = "BACKOUT_STATE",
        hide_env_values = true,
    )]
    state: PathBuf,
    /// Which change, if there are several.
    #[arg(help_heading = EVERYWHERE, long, global = true, value_name = "ID")]
    change: Option<String>,
    /// This host's name when the change was opened, if it was renamed since.
    #[arg(help_heading = EVERYWHERE, long, global = true, value_name = "NAME")]
    host: Option<String>,
    /// The folder of the lock that lets one run work at a time. Default: /run/backout, or STATE/run
    /// if you are not root.
    #[arg(help_heading = EVERYWHERE, long, global = true, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// How to talk to ZFS: `lzc` (its library) or `cli` (its commands). Default: the library, where
    /// it can be used.
    #[arg(
        help_heading = EVERYWHERE,
        long,
        global = true,
        value_name = "ENGINE",
        hide_possible_values = true,
    )]
    engine: Option<EngineName>,
    /// Print JSON: one object per result, one line per event.
    #[arg(help_heading = EVERYWHERE, long, global = true)]
    json: bool,
    /// Redraw nothing on the terminal, for a screen reader or a log of the session.
    #[arg(help_heading = EVERYWHERE, long, global = true)]
    plain: bool,
    #[cfg(feature = "crash-points")]
    #[command(flatten)]
    failpoints: crate::host::failpoint::Failpoints,
}

/// A folder that is there: one that is not would be passed over unsaid.
fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Ok(path),
        Ok(_) => Err("it is not a folder".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err("there is no such folder".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

impl Global {
    /// Whether it looks where a call without options does.
    fn looks_as_usual(&self) -> bool {
        self.site == Path::new(SITE)
            && self.state == Path::new(STATE)
            && self.playbooks.is_empty()
            && self.run_dir.is_none()
    }

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

/// The heading of the answers, in the help of a command.
const ANSWERS: &str = "Answers in advance";

/// How a person answers in advance.
#[derive(Debug, Clone, Default, Args)]
pub struct Answers {
    /// Begin without asking. A check that asks for a yes by name still refuses.
    #[arg(help_heading = ANSWERS, long)]
    yes: bool,
    /// Answer yes to a check, by the name that it shows: a snapshot, or the word in brackets. Can
    /// be repeated.
    #[arg(help_heading = ANSWERS, long, value_name = "NAME")]
    accept: Vec<String>,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show the commands of each step, too.
    #[arg(long)]
    commands: bool,
    /// Read the answers from this file. `backout plan --answers FILE` writes one.
    #[arg(help_heading = ANSWERS, long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// A value for the vendor's installer. Before the upgrade only. Can be repeated.
    #[arg(help_heading = ANSWERS, long, value_name = "KEY=VALUE")]
    silent: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Find this host's products, data and new release, and write the site file.
    Init(init::InitArgs),
    /// Check whether this host can upgrade and come back; after an upgrade: whether the way back is
    /// still open. Changes nothing, but for what `--fix` offers.
    Check(fix::FixArgs),
    /// Show every step of an upgrade or a downgrade. Changes nothing.
    Plan(plan::PlanArgs),
    /// Take the snapshot now, for an upgrade later.
    Snapshot(Answers),
    /// Take the snapshot, unless there is one, and upgrade.
    Upgrade(Answers),
    /// Bring the previous version back, with everything that was written since the upgrade.
    Downgrade(downgrade::DowngradeArgs),
    /// Keep the previous version running beside the upgraded one, ready to take over.
    #[command(subcommand)]
    Standby(standby::StandbyVerb),
    /// Rehearse the switch to a standby: it catches up, and is compared with the upgraded version
    /// while that refuses writes for a moment. Nothing is exchanged.
    Rehearse(standby::RehearseArgs),
    /// Go on after an interruption, a failure or a halt.
    Resume(resume::ResumeArgs),
    /// Give up an unfinished procedure: return to the state before it. Possible until the point of
    /// no return.
    Abort(Answers),
    /// After a downgrade that kept the upgraded state: return to it.
    Undo(undo::UndoArgs),
    /// Two hosts: move users to the host with the new version, in batches, or back.
    Migrate(migrate::MigrateArgs),
    /// After the state folder was lost: make the change again from its snapshot.
    Adopt(adopt::AdoptArgs),
    /// Show what is true now, and what to type next.
    Status(status::StatusArgs),
    /// One round for a timer: look at every open change as `check` and `status` do, tell somebody
    /// what is new, and write metrics. And the timer itself.
    Watch(watch::WatchArgs),
    /// After a kept downgrade: compare everything with the upgraded state, on clones, while the
    /// service runs.
    Prove,
    /// Accept the upgrade or the downgrade, and drop the way back.
    Commit(Answers),
    /// Show the journal of a change.
    Log(log::LogArgs),
    /// Tell the story of a change: steps, downtime, interruptions, sizes, proof.
    Report(report::ReportArgs),
    /// List, show and check playbooks.
    #[command(subcommand)]
    Playbook(playbook::PlaybookVerb),
    /// Print the script that completes the command line in a shell.
    Completions(completions::CompletionsArgs),
    /// Write the manual's pages into a folder, for a package.
    #[command(hide = true)]
    Man(man::ManArgs),
    /// What APT and dpkg call.
    #[command(subcommand, hide = true)]
    Hook(hook::HookVerb),
}

/// The time: shown to people, and part of a new change's name. Nothing else depends on it.
#[expect(clippy::disallowed_methods, reason = "the command line's one clock")]
fn now() -> DateTime<Local> {
    Local::now()
}

/// `backout help VERB...` is `backout VERB... --help`.
fn helped(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).is_some_and(|word| word == "help") {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

/// Parses the command line, does what it says, and returns the exit status.
pub fn main() -> ExitCode {
    // No verb for people: it stands in no help, and has none of their options.
    if let Some((name, arguments)) = helper::asked(std::env::args_os()) {
        return helper::run(&name, &arguments);
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(helped(words)) {
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
    let result = decide(global, &cli.verb)
        .map_err(CliError::unchanged)
        .and_then(|job| job.carry_out(global));
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
        Verb::Init(arguments) => init::run(global, arguments).map(Job::Ended),
        Verb::Check(arguments) if arguments.fix => fix::job(global, arguments.clone()),
        Verb::Check(_) => check::run(global).map(Job::Ended),
        Verb::Plan(arguments) => plan::run(global, arguments).map(Job::Ended),
        Verb::Snapshot(answers) => {
            answers.with_file("snapshot").and_then(|answers| snapshot::run(global, &answers))
        }
        Verb::Upgrade(answers) => {
            answers.with_file("upgrade").and_then(|answers| upgrade::run(global, &answers))
        }
        Verb::Downgrade(arguments) => downgrade::run(global, arguments),
        Verb::Standby(verb) => standby::run(global, verb),
        Verb::Rehearse(arguments) => standby::rehearse(global, arguments),
        Verb::Resume(arguments) => resume::run(global, arguments),
        Verb::Abort(answers) => {
            answers.with_file("abort").and_then(|answers| abort::run(global, &answers))
        }
        Verb::Undo(arguments) => undo::run(global, arguments),
        Verb::Migrate(arguments) => migrate::run(global, arguments),
        Verb::Adopt(arguments) => adopt::run(global, arguments),
        Verb::Status(arguments) => status::run(global, arguments).map(Job::Ended),
        Verb::Watch(arguments) => Ok(watch::job(arguments)),
        Verb::Prove => prove::run(global).map(Job::Ended),
        Verb::Commit(answers) => {
            answers.with_file("commit").and_then(|answers| commit::run(global, &answers))
        }
        Verb::Log(arguments) => log::run(global, arguments).map(Job::Ended),
        Verb::Report(arguments) => report::run(global, arguments).map(Job::Ended),
        Verb::Playbook(verb) => playbook::run(global, verb).map(Job::Ended),
        Verb::Completions(arguments) => completions::run(arguments).map(Job::Ended),
        Verb::Man(arguments) => man::run(arguments).map(Job::Ended),
        Verb::Hook(verb) => hook::run(global, verb).map(Job::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// clap takes the value of the one for that of the other, and panics.
    #[test]
    fn no_argument_of_a_command_has_the_name_of_one_of_every_command() {
        fn look(command: &clap::Command, everywhere: &[&str]) {
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                let name = argument.get_id().as_str();
                assert!(!everywhere.contains(&name), "{} {name}", command.get_name());
            }
            command.get_subcommands().for_each(|command| look(command, everywhere));
        }
        let command = <Cli as clap::CommandFactory>::command();
        let global = command.get_arguments().filter(|argument| argument.is_global_set());
        let everywhere: Vec<&str> = global.map(|argument| argument.get_id().as_str()).collect();
        assert!(everywhere.len() > 5);
        look(&command, &everywhere);
    }
}
