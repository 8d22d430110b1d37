//! What package managers are told about open changes: APT before it changes packages, dpkg before
//! it removes backout itself. Journals are read, and nothing else.

use std::collections::BTreeSet;

use super::Settings;
use super::changes::{self, Found};
use crate::journal::{FileEntry, Layout, Output, StepId};
use crate::report::{CliError, ErrorKind};
use crate::step::State;

/// A file in the folder of the lock: the package's script removes backout although a change is open.
const REMOVE_ANYWAY: &str = "remove-anyway";

/// A package that APT is about to change or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its name, without the architecture.
    pub name: String,
    /// The installed version.
    pub installed: String,
    /// The version to come; `None`: it is removed.
    pub to_come: Option<String>,
}

/// What APT gives to a hook of `DPkg::Pre-Install-Pkgs`: version 2 or 3 of its protocol
/// (`apt.conf(5)`). Packages that are not installed, or are only configured, are left out, and so is
/// every line that cannot be read: a hook never stands in the way.
pub fn planned(given: &str) -> Vec<Planned> {
    let mut lines = given.lines();
    // PACKAGE OLD DIRECTION NEW ACTION; in version 3 each version has two words more.
    let words = match lines.next().map(str::trim_end) {
        Some("VERSION 2") => 5,
        Some("VERSION 3") => 9,
        _ => return Vec::new(),
    };
    // The configuration of APT ends with an empty line.
    let lines = lines.skip_while(|line| !line.is_empty()).skip(1);
    let one = |line: &str| {
        // Only the last one, a path, can have a space.
        let parts: Vec<&str> = line.splitn(words, ' ').collect();
        let (Some(name), Some(installed), Some(action)) =
            (parts.first(), parts.get(1), parts.get(words - 1))
        else {
            return None;
        };
        let to_come = parts.get(if words == 5 { 3 } else { 5 }).copied();
        // The same version, installed again, takes nothing away.
        if *installed == "-" || *action == "**CONFIGURE**" || to_come == Some(*installed) {
            return None;
        }
        Some(Planned {
            name: name.split(':').next().unwrap_or_default().to_owned(),
            installed: (*installed).to_owned(),
            to_come: to_come.filter(|_| *action != "**REMOVE**").map(str::to_owned),
        })
    };
    lines.filter_map(one).collect()
}

/// An open change, and the packages that were saved for its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenChange {
    /// Its id.
    pub id: String,
    /// From which version to which.
    pub versions: String,
    /// The names of the packages.
    pub packages: BTreeSet<String>,
}

/// The open changes of this host. One whose journal cannot be read has no packages that are known.
pub fn open_changes(settings: &Settings) -> Result<Vec<OpenChange>, CliError> {
    let open = changes::all(settings)?.into_iter().filter(Found::is_open);
    let one = |found: Found| match found.state {
        Ok(state) => OpenChange {
            versions: format!("{} -> {}", state.manifest.from_version, state.manifest.upgrade_to),
            packages: saved(&state),
            id: found.id,
        },
        Err(_) => OpenChange {
            id: found.id,
            versions: "its journal cannot be read".to_owned(),
            packages: BTreeSet::new(),
        },
    };
    Ok(open.map(one).collect())
}

/// The names of the packages that were saved before the upgrade.
fn saved(state: &State) -> BTreeSet<String> {
    let Some(Output::Files { list }) = state.outputs.get(&StepId::SAVE_INSTALLER) else {
        return BTreeSet::new();
    };
    list.iter().filter_map(package).collect()
}

/// The package that a file is of: `NAME_VERSION_ARCHITECTURE.deb`.
fn package(file: &FileEntry) -> Option<String> {
    let name = file.path.file_name()?.to_str()?.strip_suffix(".deb")?;
    Some(name.split('_').next()?.to_owned())
}

/// A name without numbers: `postgresql-17` belongs to a change that saved `postgresql-15`.
fn family(name: &str) -> String {
    name.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect()
}

/// What to tell the administrator, a line each; nothing where no open change is concerned.
pub fn warning(open: &[OpenChange], planned: &[Planned]) -> Vec<String> {
    let mut lines = Vec::new();
    for change in open {
        let families: BTreeSet<String> = change.packages.iter().map(|name| family(name)).collect();
        let concerned = planned.iter().filter(|one| families.contains(&family(&one.name)));
        let concerned: Vec<String> = concerned
            .map(|one| {
                let to_come = one.to_come.as_deref().unwrap_or("(removed)");
                format!("  {} {} -> {to_come}", one.name, one.installed)
            })
            .collect();
        if concerned.is_empty() {
            continue;
        }
        lines.push(format!(
            "backout: the change {} ({}) is open, and APT is about to change its packages:",
            change.id, change.versions
        ));
        lines.extend(concerned);
        lines.push(
            "backout: After this, what was written may no longer fit what backout expects, and \
             `backout downgrade` may be refused."
                .to_owned(),
        );
        lines.push(
            "backout: To decide first, press Ctrl-C. `backout status` shows where the change \
             stands; `backout commit` or `backout downgrade` decides."
                .to_owned(),
        );
    }
    lines
}

/// Whether backout itself may be removed.
///
/// # Errors
/// When a change is open: without the tool nobody can decide about it.
pub fn removable(settings: &Settings) -> Result<(), CliError> {
    let open = open_changes(settings)?;
    let Some(first) = open.first() else { return Ok(()) };
    let mut error = CliError::new(
        ErrorKind::Refused,
        "a change is open, and without backout nobody can decide about it",
    );
    error = open.iter().fold(error, |error, change| {
        error.cause(format!("the change {} ({})", change.id, change.versions))
    });
    Err(error
        .now(vec![format!(
            "backout stays installed. The journal is in {}.",
            Layout::new(&settings.state, &first.id, None).folder().display()
        )])
        .next("backout status", "see where the change stands")
        .next("backout commit", "keep what runs now; then backout can be removed")
        .next(
            format!("touch {}", changes::lock_folder(settings).join(REMOVE_ANYWAY).display()),
            "remove it all the same; journal, snapshots and holds stay, and an installed backout \
             goes on with them",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as APT 2.6 (Debian 12) writes them; of its configuration, two.
    const VERSION_3: &str = "\
VERSION 3
APT::Architecture=amd64
DPkg::Pre-Install-Pkgs::=/usr/bin/backout%20hook%20apt

redis-tools 5:8.0.2-3 amd64 same < 5:8.0.3-1 amd64 same /var/cache/apt/archives/redis-tools.deb
redis-server 5:8.0.2-3 amd64 none > - - none **REMOVE**
libjemalloc2 5.3.0-1 amd64 same > 5.2.1-5 amd64 same /root/my files/libjemalloc2.deb
redis-sentinel 5:8.0.2-3 amd64 none = 5:8.0.2-3 amd64 none /var/cache/apt/archives/sentinel.deb
liblzf1 - - none < 3.6-3 amd64 same /var/cache/apt/archives/liblzf1_3.6-3_amd64.deb
redis-tools 5:8.0.2-3 amd64 same < 5:8.0.3-1 amd64 same **CONFIGURE**
";

    fn open() -> OpenChange {
        OpenChange {
            id: "redis-20261129070000".into(),
            versions: "7.0.15 -> 8.0".into(),
            packages: ["redis-server", "redis-tools"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn what_is_installed_and_will_change_or_go() {
        let of = |one: &Planned| (one.name.clone(), one.to_come.clone());
        let found: Vec<_> = planned(VERSION_3).iter().map(of).collect();
        let some = |version: &str| Some(version.to_owned());
        assert_eq!(
            found,
            [
                ("redis-tools".to_owned(), some("5:8.0.3-1")),
                ("redis-server".to_owned(), None),
                ("libjemalloc2".to_owned(), some("5.2.1-5")),
            ]
        );
        let second =
            "VERSION 2\nA=b\n\nredis:amd64 1 < 2 /a b.deb\nx 1 > - **REMOVE**\ny - < 1 f\n";
        let found: Vec<_> = planned(second).iter().map(of).collect();
        assert_eq!(found, [("redis".to_owned(), some("2")), ("x".to_owned(), None)]);
    }

    #[test]
    fn nothing_is_made_of_what_cannot_be_read() {
        for given in [
            "",
            "/a/b_1_all.deb\n",
            "VERSION 4\n\nx 1 < 2 f\n",
            "VERSION 3\n\nx\n \n",
            "VERSION 2\nx=y",
        ] {
            assert_eq!(planned(given), [], "{given:?}");
        }
    }

    #[test]
    fn only_the_packages_of_an_open_change_are_worth_a_word() {
        assert!(warning(&[], &planned(VERSION_3)).is_empty());
        let other = OpenChange { packages: ["mariadb-server".to_owned()].into(), ..open() };
        assert!(warning(&[other], &planned(VERSION_3)).is_empty());
        let text = warning(&[open()], &planned(VERSION_3)).join("\n");
        insta::assert_snapshot!(text, @r"
        backout: the change redis-20261129070000 (7.0.15 -> 8.0) is open, and APT is about to change its packages:
          redis-tools 5:8.0.2-3 -> 5:8.0.3-1
          redis-server 5:8.0.2-3 -> (removed)
        backout: After this, what was written may no longer fit what backout expects, and `backout downgrade` may be refused.
        backout: To decide first, press Ctrl-C. `backout status` shows where the change stands; `backout commit` or `backout downgrade` decides.
        ");
    }

    #[test]
    fn the_new_version_has_other_numbers_in_its_name() {
        let saved = ["postgresql-15", "libmariadb3"].map(str::to_owned).into();
        let change = OpenChange { packages: saved, ..open() };
        let removed = |name: &str| Planned {
            name: name.to_owned(),
            installed: "1".to_owned(),
            to_come: None,
        };
        let concerned =
            |name: &str| !warning(std::slice::from_ref(&change), &[removed(name)]).is_empty();
        assert!(concerned("postgresql-17") && concerned("libmariadb3"));
        assert!(!concerned("postgresql-common") && !concerned("libmariadb-dev"));
    }

    #[test]
    fn the_name_of_a_package_is_in_that_of_its_file() {
        let file = |path: &str| FileEntry { path: path.into(), size: 0, sha256: String::new() };
        let name = |path: &str| package(&file(path));
        assert_eq!(name("redis-server_5%3a7.0.15-1_amd64.deb").as_deref(), Some("redis-server"));
        assert_eq!(name("setup.bin"), None);
    }
}
