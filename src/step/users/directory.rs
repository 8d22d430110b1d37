//! Shared by the steps that move users: where the directory says a user is, and lists of what users
//! have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::host::exec::Command;
use crate::step::Context;

use crate::playbook::Extractor;
use crate::playbook::hosts::{OnHost, Show};
use crate::preflight::coexistent::said;
use serde::{Deserialize, Serialize};

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
pub(in crate::step) fn place(context: &Context<'_>, show: &Show, user: &str) -> Result<(String, bool)> {
    let command = context.fill(&show.command, &[("user", user.to_owned())])?;
    said(context.runner, show, &command, user)
}

/// A command for one user on its host, its values filled in.
pub(in crate::step) fn for_user(context: &Context<'_>, it: &OnHost, user: &str) -> Result<Command> {
    Ok(it.host.command(&context.fill(&it.command, &[("user", user.to_owned())])?))
}

/// Each user's items, sorted: the lines of the list that belong to the user.
pub(in crate::step) type Items = BTreeMap<String, Vec<String>>;

/// Takes a list on its host.
pub(in crate::step) fn take(context: &Context<'_>, list: &UserList, users: &[String]) -> Result<Items> {
    let command = list.command.host.command(&context.fill(&list.command.command, &[])?);
    let printed =
        context.runner.run(&command).with_context(|| format!("the {} on {} could not be listed", list.name, list.command.host.name))?;
    of_users(&printed.stdout, &list.user, users)
}

/// The lines that belong to these users.
fn of_users(text: &str, pattern: &Extractor, users: &[String]) -> Result<Items> {
    let wanted: BTreeSet<&str> = users.iter().map(String::as_str).collect();
    // A pattern that matches no user would prove everything.
    if text.lines().any(|line| !line.trim().is_empty()) && pattern.find_in_lines(text).is_none() {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        bail!("no line of the list matches its pattern for users, /{pattern}/; the first is: {first}");
    }
    let mut items: Items = users.iter().map(|user| (user.clone(), Vec::new())).collect();
    for line in text.lines() {
        let user = pattern.find(line);
        if let Some(list) = user.filter(|user| wanted.contains(user)).and_then(|user| items.get_mut(user)) {
            list.push(line.to_owned());
        }
    }
    items.values_mut().for_each(|list| list.sort_unstable());
    Ok(items)
}

/// The file of a list in a batch's folder.
pub(in crate::step) fn list_file(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(format!("list-{name}"))
}

/// The file of a user's backup in a batch's folder.
pub(in crate::step) fn backup_file(folder: &Path, user: &str) -> std::path::PathBuf {
    folder.join("users").join(user)
}

/// The items of a list's file.
pub(in crate::step) fn read(folder: &Path, list: &UserList, users: &[String]) -> Result<Items> {
    let path = list_file(folder, &list.name);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    of_users(&text, &list.user, users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_belong_to_the_user_whose_name_is_whole() {
        let user = r"^user/([^/|]+)".to_owned().try_into().unwrap();
        let text = "user/ann|1|x\nuser/anna|2|x\nuser/ann/Sent|3|x\nheading\nuser/ben|4|x\n";
        let items = of_users(text, &user, &["ann".to_owned(), "cleo".to_owned()]).unwrap();
        assert_eq!(items["ann"], ["user/ann/Sent|3|x", "user/ann|1|x"]);
        assert!(items["cleo"].is_empty());
        assert_eq!(items.len(), 2);
        assert!(of_users("", &user, &["ann".to_owned()]).is_ok());
        let text = of_users("box ann 1\n", &user, &["ann".to_owned()]).unwrap_err().to_string();
        assert!(text.ends_with("the first is: box ann 1"), "{text}");
    }
}
