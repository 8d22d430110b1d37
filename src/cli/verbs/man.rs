//! `backout man`: the manual's pages, for those who package the tool.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};

use crate::cli::{Cli, Exit, render};
use crate::host::files::write_atomic;
use crate::report::CliError;

/// Where they go.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// An existing folder. Each verb gets a page: `backout.8`, `backout-check.8`.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes them. An administrator's commands are in section 8.
pub fn run(arguments: &ManArgs) -> Result<Exit, CliError> {
    let mut command = Cli::command();
    // Passes the options of every command on to the verbs, and gives these their whole names.
    command.build();
    for (name, page) in pages(&command).context("the manual's pages cannot be made")? {
        let path = arguments.folder.join(name);
        write_atomic(&path, &page).with_context(|| format!("cannot write {}", path.display()))?;
        render::line(&path.display().to_string());
    }
    Ok(Exit::Done)
}

/// The pages of a command and of its verbs, with the names of their files.
fn pages(command: &clap::Command) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let man = clap_mangen::Man::new(command.clone()).section("8").manual("backout");
    let mut page = Vec::new();
    man.render(&mut page)?;
    let mut all = vec![(man.get_filename(), page)];
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        all.extend(pages(verb)?);
    }
    Ok(all)
}
