//! The programs that the playbook's commands start.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::facts::{Facts, Observed};
use super::{Finding, Sources};
use crate::host::quote::quote;
use crate::playbook::Way;
use crate::playbook::model::{CommandSpec, Strategy};

/// A program that a command of the playbook starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// The commands that start it, such as `installer.save`.
    pub used_by: Vec<String>,
    /// As the command has it.
    pub program: String,
    /// Where it is; `None` if it was not found. An error if a name in it has no value yet.
    pub found: Observed<Option<PathBuf>>,
}

/// Every command of the playbook that the procedures of the occasion run.
pub(super) fn commands<'a>(sources: &Sources<'a>) -> Vec<(&'static str, &'a CommandSpec)> {
    let playbook = sources.playbook;
    let (service, upgrade, down) = (&playbook.service, &playbook.upgrade, &playbook.downgrade);
    let maintenance = service.maintenance.as_ref();
    let beside = playbook.side_by_side.as_ref().filter(|_| sources.site.strategy == Strategy::SideBySide);
    let mut all = vec![
        ("service.stop", service.stop.as_ref()),
        ("service.start", service.start.as_ref()),
        ("service.ready", service.ready.as_ref()),
        ("service.maintenance.start", maintenance.map(|it| &it.start)),
        ("service.maintenance.stop", maintenance.map(|it| &it.stop)),
        ("service.maintenance.ready", maintenance.and_then(|it| it.ready.as_ref())),
    ];
    if beside.is_none() {
        all.extend([
            ("downgrade.uninstall", down.uninstall.as_ref()),
            ("downgrade.install", Some(&down.install)),
            ("downgrade.repair", down.repair.as_ref()),
        ]);
    }
    match Way::of(playbook, sources.site) {
        Way::Zfs => {
            let restore = playbook.restore.as_ref();
            all.extend([
                ("capture.verify", playbook.capture.as_ref().map(|it| &it.verify)),
                ("restore.command", restore.map(|it| &it.command)),
                ("restore.position", restore.and_then(|it| it.position.as_ref())),
            ]);
            all.extend(playbook.passes().iter().map(|pass| ("capture.pass", pass.command.as_ref())));
        }
        Way::Full => {
            let full = playbook.full.as_ref();
            all.extend([
                ("full.capture", full.map(|it| &it.capture)),
                ("full.verify", full.map(|it| &it.verify)),
                ("full.restore", full.map(|it| &it.restore)),
            ]);
        }
        Way::Packages | Way::Coexistent => {}
    }
    if let Some(beside) = beside.filter(|_| !sources.occasion.is_downgrade()) {
        // Programs of the new installation do not exist yet.
        all.extend([
            ("side_by_side.install", Some(&beside.install.command)),
            ("side_by_side.upgrade", beside.upgrade.as_ref().map(|it| &it.command)),
        ]);
    } else if !sources.occasion.is_downgrade() {
        all.extend([
            ("installer.save", playbook.installer.save.as_ref()),
            ("upgrade.command", Some(&upgrade.command)),
            ("upgrade.repair", upgrade.repair.as_ref()),
        ]);
    }
    all.extend(playbook.inventories.iter().map(|inventory| ("inventory", Some(&inventory.command))));
    all.into_iter().filter_map(|(name, spec)| Some((name, spec?))).collect()
}

/// Looks for the programs of all commands.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<Program> {
    let mut programs: Vec<Program> = Vec::new();
    for (name, spec) in commands(sources) {
        let stages = spec.argv.iter().chain(spec.pipe.iter().flatten());
        let fill = |word: &String| sources.text(word).map_err(|why| (word.clone(), why));
        let mut words: Vec<Result<String, (String, String)>> = stages.filter_map(|words| words.first()).map(fill).collect();
        if spec.user.is_some() {
            words.push(Ok("runuser".to_owned()));
        }
        for word in words {
            let (program, found) = match word {
                Ok(program) => (program.clone(), Ok(find(&program))),
                Err((word, why)) => (word, Err(why)),
            };
            match programs.iter_mut().find(|known| known.program == program) {
                Some(known) if known.used_by.iter().any(|user| user == name) => {}
                Some(known) => known.used_by.push(name.to_owned()),
                None => programs.push(Program { used_by: vec![name.to_owned()], program, found }),
            }
        }
    }
    programs
}

/// As execvp(3) looks for it.
fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| runs(path))
}

/// Checks that the programs of all commands exist. Some belong to one version only; those that the
/// next steps need must exist now.
pub(super) fn missing(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "program";
    let needed: &[&str] = if facts.occasion.is_downgrade() {
        &["capture.pass", "capture.verify", "downgrade.uninstall", "downgrade.install"]
    } else {
        &["installer.save", "upgrade.command", "side_by_side.install", "downgrade.uninstall", "downgrade.install"]
    };
    let finding = |program: &Program| {
        let used_by = format!("Used by {}.", program.used_by.join(", "));
        let must = program.used_by.iter().any(|user| needed.contains(&user.as_str()));
        match &program.found {
            Ok(Some(_)) => None,
            Ok(None) => {
                let title = format!("Program {} was not found.", program.program);
                let remedy = [format!("command -v {}", quote(&program.program)), "Install it, or correct the playbook.".to_owned()];
                Some(if must {
                    Finding::refuse(ID, title).detail([used_by]).remedy(remedy)
                } else {
                    Finding::warn(ID, title).detail([used_by, "It may come with the other version.".to_owned()]).remedy(remedy)
                })
            }
            // A checked playbook has no unknown names. This one gets its value during the change.
            Err(_) => None,
        }
    };
    facts.programs.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn programs_missing() {
        let mut facts = facts(Occasion::Upgrade);
        facts.programs[0].found = Ok(None);
        facts.programs.push(Program { used_by: vec!["restore.command".into()], program: "imsrestore".into(), found: Ok(None) });
        facts.programs.push(Program {
            used_by: vec!["inventory".into()],
            program: "{installer_dir}/setup".into(),
            found: Err("no value yet".into()),
        });
        insta::assert_snapshot!(show(&missing(&facts)), @r"
            refused: Program apt-get was not found. [program]
                     Used by installer.save.
              to do: command -v apt-get
                     Install it, or correct the playbook.

            warning: Program imsrestore was not found. [program]
                     Used by restore.command.
                     It may come with the other version.
              to do: command -v imsrestore
                     Install it, or correct the playbook.
            ");
    }
}
