//! The files of secrets.

use std::path::Path;

use serde::Serialize;

use super::programs::commands;
use super::{Facts, Finding, Kind, Sources};
use crate::host::secret;

/// A secret that cannot be used. What is in its file is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnusableSecret {
    /// Which, and why.
    pub why: String,
    /// What to do about it, if that is known.
    pub remedy: Option<String>,
}

/// Why files with secrets cannot be used, each reason once. A path with a name that gets its value
/// later is checked later.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<UnusableSecret> {
    let playbook = sources.playbook;
    let asking = playbook
        .discover
        .values()
        .map(|ask| &ask.command)
        .chain(playbook.requirements.iter().map(|it| &it.command));
    let all = commands(sources)
        .into_iter()
        .map(|(_, spec)| spec)
        .chain(asking)
        .chain([&playbook.version.command]);
    let mut found = Vec::new();
    for (name, path) in
        all.chain(playbook.upgrade.candidate.as_ref()).flat_map(|spec| &spec.env_from_file)
    {
        let Ok(path) = sources.text(path) else { continue };
        if path.is_empty() {
            continue;
        }
        if let Err(error) = secret::read(name, Path::new(&path)) {
            let it = UnusableSecret { why: error.reason(), remedy: error.remedy() };
            if !found.contains(&it) {
                found.push(it);
            }
        }
    }
    found
}

/// Checks that the files with the commands' secrets can be used.
pub(super) fn usable(facts: &Facts) -> Vec<Finding> {
    let finding = |it: &UnusableSecret| {
        let remedy = it
            .remedy
            .as_deref()
            .unwrap_or("Make sure that the file exists, and check what is in it.");
        Finding::refuse(Kind::Secret, "A secret cannot be used.")
            .detail([it.why.clone()])
            .remedy([remedy])
    };
    facts.secrets.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn s9_a_secret_that_everyone_may_read() {
        let mut facts = facts(Occasion::Upgrade);
        facts.secrets = vec![UnusableSecret {
            why: "/etc/p holds the secret P, and everyone may read it".into(),
            remedy: Some("chmod o-rwx /etc/p".into()),
        }];
        insta::assert_snapshot!(show(&usable(&facts)), @r"
            refused: A secret cannot be used. [secret]
                     /etc/p holds the secret P, and everyone may read it
              to do: chmod o-rwx /etc/p
            ");
    }
}
