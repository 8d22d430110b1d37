//! `backout init`: writes the site file from what is found on this host.

use clap::Args;
use serde_json::json;

use crate::cli::{Exit, Global, prompt, render};
use crate::host::quote::quote;
use crate::procedure::init::{self, Choice, Proposal, Wishes};
use crate::report::CliError;
use crate::zfs::Dataset;

/// What is answered in advance.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The product: a playbook's name. Default: the one that is found here.
    product: Option<String>,
    /// The value of one of the playbook's variables, such as the release. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// A dataset with the product's data. Default: those that the data is on. Can be repeated.
    #[arg(long, value_name = "DATASET")]
    dataset: Vec<Dataset>,
    /// The version to upgrade to, complete or its first parts.
    #[arg(long, value_name = "VERSION")]
    upgrade_to: Option<String>,
    /// A child dataset of other use that stays as it is. Can be repeated.
    #[arg(long, value_name = "DATASET")]
    leave: Vec<Dataset>,
    /// A child dataset of other use that goes back with the data. Can be repeated.
    #[arg(long, value_name = "DATASET")]
    with_data: Vec<Dataset>,
    /// The data is not on ZFS: back up and restore everything.
    #[arg(long, conflicts_with = "dataset")]
    without_zfs: bool,
    /// Write the file without asking. Where there is a choice, its option is still needed.
    #[arg(long)]
    yes: bool,
    /// Show the file, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The command as it was typed, so that an answer can be added to it.
fn typed(arguments: &InitArgs) -> String {
    let mut words = vec!["backout init".to_owned()];
    words.extend(arguments.product.iter().map(quote));
    let set = arguments
        .set
        .iter()
        .map(|(name, value)| format!("--set {}", quote(format!("{name}={value}"))));
    words.extend(set);
    for (option, all) in [
        ("--dataset", &arguments.dataset),
        ("--leave", &arguments.leave),
        ("--with-data", &arguments.with_data),
    ] {
        words.extend(all.iter().map(|name| format!("{option} {}", quote(name.as_str()))));
    }
    words.extend(arguments.upgrade_to.iter().map(|it| format!("--upgrade-to {}", quote(it))));
    words.extend(arguments.without_zfs.then(|| "--without-zfs".to_owned()));
    words.join(" ")
}

/// Finds out, shows, asks, and writes.
pub fn run(global: &Global, arguments: &InitArgs) -> Result<Exit, CliError> {
    let settings = global.settings();
    let wishes = Wishes {
        product: arguments.product.clone(),
        set: arguments.set.clone(),
        datasets: arguments.dataset.clone(),
        upgrade_to: arguments.upgrade_to.clone(),
        leave: arguments.leave.clone(),
        with_data: arguments.with_data.clone(),
        without_zfs: arguments.without_zfs,
    };
    let typed = typed(arguments);
    let choose = |choice: &Choice| prompt::choose(choice, &typed);
    let proposal = init::propose(&settings, &wishes, &choose)?;
    let file = settings.site.display().to_string();
    if !global.json {
        shown(&proposal);
    }
    if !arguments.dry_run {
        prompt::confirm(&format!("Write {file}?"), arguments.yes, &typed)?;
        init::write(&settings, &proposal)?;
    }
    if global.json {
        render::json::line(&json!({
            "result": "init", "file": file, "written": !arguments.dry_run,
            "playbook": proposal.playbook, "installed": proposal.draft.installed,
            "upgrade_to": proposal.draft.upgrade_to, "text": proposal.text,
        }));
    } else if !arguments.dry_run {
        render::line(&format!("{file} is written."));
        render::line(
            "  next:  backout check --fix  what is missing on this host, made where it can",
        );
    }
    Ok(Exit::Done)
}

/// What was found, and the file as it would be.
fn shown(proposal: &Proposal) {
    let draft = &proposal.draft;
    let to = draft.shown.as_deref().unwrap_or(&draft.upgrade_to);
    render::line(&format!("{}: {} -> {to}", proposal.title, draft.installed));
    render::line("");
    for line in proposal.text.lines() {
        render::line(&if line.is_empty() { String::new() } else { format!("    {line}") });
    }
    render::line("");
    if draft.shown.is_none() {
        render::line(&format!("This host cannot get version {} yet.", draft.upgrade_to));
    }
}
