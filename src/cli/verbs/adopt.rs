//! `backout adopt`: the state folder is lost; what the snapshot says of its change makes a journal
//! again.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Answers, Exit, Global, Job, prompt, render};
use crate::procedure::{adopt, changes};
use crate::report::CliError;

/// What is adopted.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The snapshot from before the upgrade: `DATASET@backout-CHANGE`.
    #[arg(value_name = "SNAPSHOT")]
    snapshot: String,
    /// A folder with the previous version's packages, if they were lost with the state folder.
    #[arg(long, value_name = "DIR")]
    installer: Option<PathBuf>,
    #[command(flatten)]
    answers: Answers,
}

/// Makes the folder of a change again, as it was between upgrade and decision.
pub fn run(global: &Global, arguments: &AdoptArgs) -> Result<Job, CliError> {
    let settings = &global.settings();
    let lock = changes::lock(settings, "adopt")?;
    let answers = arguments.answers.with_file("adopt")?;
    let it = adopt::prepare(settings, &arguments.snapshot, arguments.installer.clone())?;
    let (manifest, installed) = (&it.manifest, &it.installed);
    if !global.json {
        render::line(&format!(
            "{}: {} -> {}",
            manifest.change, manifest.from_version, manifest.upgrade_to
        ));
        render::line(&format!(
            "The snapshot says all that is needed to go back to it; version {installed} is \
                installed."
        ));
        render::line(
            "The configuration from before the upgrade is lost; the present one takes its place, \
                and the service is opened.",
        );
    }
    if answers.dry_run {
        return Ok(Job::Ended(Exit::Done));
    }
    prompt::confirm_name(
        &manifest.change,
        &answers,
        &format!("backout adopt {}", arguments.snapshot),
    )?;
    Ok(Job::work(it.work(lock)?))
}
