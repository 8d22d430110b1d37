//! Shared by the steps that move users: where the directory says a user is, and lists of what users
//! have.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::host::exec::Command;
use crate::playbook::Extractor;
use crate::playbook::hosts::{OnHost, Show};
use crate::preflight::coexistent::said;
use crate::proof::users;
use crate::step::Context;

/// A list of what users have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserList {
    /// What is listed.
    pub name: String,
    /// Prints it.
    pub command: OnHost,
    /// One group: the user that a line belongs to.
    pub user: Extractor,
}

/// The same for a running procedure.
pub(in crate::step) fn place(
    context: &Context<'_>,
    show: &Show,
    user: &str,
) -> Result<(String, bool)> {
    let command = context.fill(&show.command, &[("user", user.to_owned())])?;
    said(context.runner, show, &command, user)
}

/// A command for one user on its host, its values filled in.
pub(in crate::step) fn for_user(context: &Context<'_>, it: &OnHost, user: &str) -> Result<Command> {
    Ok(it.host.command(&context.fill(&it.command, &[("user", user.to_owned())])?))
}

/// Takes a list on its host, and writes it to the compressed file of `path`.
pub(in crate::step) fn take(
    context: &Context<'_>,
    list: &UserList,
    of: &[String],
    path: &Path,
) -> Result<()> {
    let command = list.command.host.command(&context.fill(&list.command.command, &[])?);
    let scratch = path.parent().context("a list stands in a folder")?;
    let what = || format!("the {} on {} could not be listed", list.name, list.command.host.name);
    let (lines, failed) = context
        .runner
        .stream(command, |source| users::read(source, &list.user, of, scratch))
        .with_context(what)?;
    failed.map_or(Ok(()), Err).with_context(what)?;
    users::keep(path, lines.with_context(what)?)
}

/// The file of a list in a batch's folder.
pub(in crate::step) fn list_file(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("list-{name}"))
}

/// The file of a user's backup in a batch's folder.
pub(in crate::step) fn backup_file(folder: &Path, user: &str) -> std::path::PathBuf {
    folder.join("users").join(user)
}
