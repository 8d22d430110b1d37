//! A playbook to begin with, from what a host tells about a Debian package. Small readers, and a
//! text that is made of what they found.

mod data;
mod running;
mod text;
mod units;

use std::collections::BTreeSet;
use std::path::Path;

use crate::host::exec::{Command, Interrupt, Runner};
use crate::preflight::sources::Observed;
pub use text::scaffold;

use running::Server;

/// What a host tells about a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub package: String,
    /// Its source package, which its siblings have, too.
    pub source: String,
    /// The installed packages of that source.
    pub siblings: Vec<String>,
    /// One line about it.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The services that it brings.
    pub units: Vec<String>,
    /// Those that it brings by their files, and that systemd does not know.
    pub unknown_units: Vec<String>,
    /// The processes that these start.
    pub processes: Vec<String>,
    /// Whether these run now.
    pub runs: bool,
    /// Folders and files with its configuration.
    pub config: Vec<String>,
    /// Folders that may hold its data, the surest first. All of them are there.
    pub data: Vec<Folder>,
}

/// A folder that may hold data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// It.
    pub path: String,
    /// How it was found.
    pub why: String,
}

/// Asks dpkg, systemd and the processes that run.
///
/// # Errors
/// When the package is not installed.
pub fn look(package: &str) -> Observed<Found> {
    let runner = Runner::new(None, None, Interrupt::default());
    let ask = |argv: &[&str]| {
        let command = Command::new(argv.iter().copied());
        runner.run(&command).map(|printed| printed.stdout).map_err(|error| error.to_string())
    };
    let format = "--showformat=${source:Package}\n${Version}\n${binary:Summary}\n${Conffiles}\n";
    let about = ask(&["dpkg-query", "--show", format, package])?;
    let files = ask(&["dpkg-query", "--listfiles", package])?;
    let format = "--showformat=${source:Package} ${db:Status-Status} ${Package}\n";
    let siblings = ask(&["dpkg-query", "--show", format]).unwrap_or_default();
    let programs: Vec<&str> = files.lines().filter(|path| is_program(path)).collect();
    let servers = running::servers(Path::new("/proc"), &programs);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let real = |path: &str| {
        let path = std::fs::canonicalize(path).ok()?;
        path.file_name()?.to_str().map(str::to_owned)
    };
    let mut brought = units::brought(&files, real);
    // A server in an instance of a template, or in a unit that somebody made for it.
    let run = servers.iter().filter_map(|server| server.unit.clone());
    brought.extend(run.filter(|unit| !unit.starts_with("backout-")));
    let mut starts = Vec::new();
    for unit in brought.iter().collect::<BTreeSet<_>>() {
        let properties = "--property=Id,LoadState,ExecStart,User,StateDirectory";
        let mut answer = ask(&["systemctl", "show", properties, unit]).unwrap_or_default();
        if answer.trim().is_empty() {
            let file = files.lines().find(|path| path.ends_with(&format!("/system/{unit}")));
            answer = units::shown(&file.map(read).unwrap_or_default());
        }
        starts.push((unit.clone(), answer));
    }
    let mut found = of_texts(package, &about, &files, &starts, &servers);
    found.siblings = siblings_of(&found.source, &siblings);
    let scripts = ask(&["dpkg-query", "--control-path", package, "postinst"]).unwrap_or_default();
    let lists =
        files.lines().filter(|it| it.contains("/sysusers.d/") || it.contains("/tmpfiles.d/"));
    let scripts: String = scripts.lines().chain(lists).map(read).collect();
    found.data = data::found(&data::Clues {
        servers: &servers,
        starts: &starts.into_iter().map(|(_, answer)| answer).collect::<String>(),
        accounts: &ask(&["getent", "passwd"]).unwrap_or_default(),
        files: &files,
        scripts: &scripts,
    });
    Ok(found)
}

fn is_program(path: &str) -> bool {
    ["bin", "sbin", "lib", "libexec", "opt", "share"]
        .iter()
        .any(|it| path.strip_prefix("/usr").unwrap_or(path).starts_with(&format!("/{it}/")))
}

/// The installed packages of a source.
fn siblings_of(source: &str, listed: &str) -> Vec<String> {
    let of = |line: &str| {
        let mut words = line.split_whitespace();
        let its = words.next() == Some(source) && words.next() == Some("installed");
        its.then(|| words.next().map(str::to_owned)).flatten()
    };
    listed.lines().filter_map(of).collect()
}

/// Folders in `/etc` that many packages have files in.
fn is_shared(folder: &str) -> bool {
    let names = [
        "alternatives",
        "apt",
        "dbus-1",
        "default",
        "init",
        "logcheck",
        "network",
        "security",
        "ssl",
        "systemd",
        "udev",
        "ufw",
        "xdg",
    ];
    names.contains(&folder) || folder.starts_with("cron.") || folder.ends_with(".d")
}

/// The configuration: the package's own folders, and single files in folders of all.
fn config(conffiles: &[&str], files: &str) -> Vec<String> {
    let folder = |path: &str| -> Option<(String, bool)> {
        let mut parts = path.strip_prefix("/etc/")?.split('/');
        let first = parts.next().filter(|it| !it.is_empty())?;
        Some((first.to_owned(), parts.next().is_some()))
    };
    let mut found = BTreeSet::new();
    for path in conffiles {
        match folder(path) {
            Some((name, true)) if !is_shared(&name) => found.insert(format!("/etc/{name}")),
            _ => found.insert((*path).to_owned()),
        };
    }
    // What the package's script writes stands in the package's folder.
    let own = files.lines().filter_map(folder).filter(|(name, _)| !is_shared(name));
    found.extend(own.map(|(name, _)| format!("/etc/{name}")));
    found.into_iter().collect()
}

/// What the programs printed. Pure, but for the folders of data.
fn of_texts(
    package: &str,
    about: &str,
    files: &str,
    starts: &[(String, String)],
    servers: &[Server],
) -> Found {
    let mut lines = about.lines();
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (source, version, title) = (next(), next(), next());
    let listed = lines.filter(|line| !line.trim_end().ends_with(" obsolete"));
    let conffiles: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    let mut found =
        Found { package: package.to_owned(), source, title, version, ..Found::default() };
    let mut processes: Vec<String> = servers.iter().map(|server| server.comm.clone()).collect();
    found.runs = !processes.is_empty();
    for (unit, answer) in starts {
        let value = |key: &str| answer.lines().find_map(|line| line.strip_prefix(key));
        let id = value("Id=").filter(|id| !id.is_empty()).unwrap_or(unit).to_owned();
        match value("LoadState=") {
            Some("not-found") => found.unknown_units.push(id),
            Some("masked") => {}
            // Where systemd does not run, nobody can say more.
            _ if found.units.contains(&id) => {}
            _ => found.units.push(id),
        }
        if found.runs {
            continue;
        }
        let paths = answer.split("path=").skip(1).filter_map(|it| it.split_whitespace().next());
        for path in paths.chain(answer.trim().is_empty().then_some("/etc/init.d/")) {
            let name = path.rsplit('/').next().unwrap_or_default();
            // An init script starts a program, which is mostly called like it.
            let stem = unit.trim_end_matches(".service");
            let its = |it: &&str| is_program(it) && it.ends_with(&format!("bin/{stem}"));
            let script = path.starts_with("/etc/init.d/");
            let name = if script { files.lines().find(its).map(|_| stem) } else { Some(name) };
            processes.extend(name.map(str::to_owned));
        }
    }
    for name in processes {
        // The kernel keeps fifteen bytes.
        let name: String = name.chars().take(15).collect();
        if !found.processes.contains(&name) {
            found.processes.push(name);
        }
    }
    found.config = config(&conffiles, files);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::Validated;

    const ABOUT: &str = "etcd\n1:3.4.23-4+b4\nhighly-available key value store\n /etc/default/etcd \
                         0a\n /etc/etcd/etcd.conf 0b\n";
    const FILES: &str = "/.\n/etc\n/lib/systemd/system/etcd.service\n/lib/systemd/system/etcd@.service\n\
                         /var/lib/etcd\n/usr/bin/etcd\n";
    const STARTS: &str = "Id=etcd.service\nLoadState=loaded\nExecStart={ path=/usr/bin/etcd ; \
                          argv[]=/usr/bin/etcd $ARGS ; }\nUser=etcd\nStateDirectory=etcd\n";

    #[test]
    fn half_of_a_playbook_comes_from_the_package() {
        let starts = [("etcd.service".to_owned(), STARTS.to_owned())];
        let found = of_texts("etcd-server", ABOUT, FILES, &starts, &[]);
        assert_eq!(found.units, ["etcd.service"]);
        assert_eq!(found.processes, ["etcd"]);
        assert_eq!(found.config, ["/etc/default/etcd", "/etc/etcd"]);
        let text = scaffold("etcd", &found);
        assert!(text.contains("from = \"=3.4.23\""), "{text}");
        // What is left is what only its author knows.
        let wrong = Validated::parse("etcd.toml", Some("etcd"), &text).expect_err("half of it");
        let what: Vec<&str> = wrong.problems.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "`capture` is missing",
                "`restore` is missing",
                "`inventory` is missing",
                "`service.maintenance` is missing",
            ]
        );
    }

    #[test]
    fn units_as_systemd_knows_them() {
        // systemd knows the second by another name; one is masked, and one is not there.
        let known = [
            ("b.service", "Id=b.service\nLoadState=loaded\n"),
            ("b2.service", "Id=b.service\nLoadState=loaded\n"),
            ("keymap.service", "LoadState=masked\n"),
            ("d.service", "LoadState=not-found\n"),
            ("slapd.service", ""),
        ];
        let known = known.map(|(unit, says)| (unit.to_owned(), says.to_owned()));
        let found = of_texts("x", "", "/usr/sbin/slapd\n", &known, &[]);
        assert_eq!(found.units, ["b.service", "slapd.service"]);
        assert_eq!(found.unknown_units, ["d.service"]);
        assert_eq!(found.processes, ["slapd"]);
        // What runs is known better.
        let server = Server { comm: "tallyd".to_owned(), ..Server::default() };
        assert_eq!(of_texts("x", "", "", &known, &[server]).processes, ["tallyd"]);
    }

    #[test]
    fn configuration_beside_the_packages_folder_goes_back_file_by_file() {
        let conffiles = ["/etc/default/slapd", "/etc/pam.d/slapd", "/etc/ldap/a/b", "/etc/x.conf"];
        assert_eq!(
            config(&conffiles, "/etc\n/etc/default\n/etc/ldap\n/etc/openldap/x\n"),
            ["/etc/default/slapd", "/etc/ldap", "/etc/openldap", "/etc/pam.d/slapd", "/etc/x.conf"]
        );
    }
}
