//! A playbook to begin with, from what a host tells about a Debian package. Small readers, and a
//! text that is made of what they found.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::host::exec::{Command, Interrupt, Runner};
use crate::preflight::sources::Observed;

/// What a host tells about a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub package: String,
    /// Its source package, which its siblings have, too.
    pub source: String,
    /// One line about it.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The services that it brings.
    pub units: Vec<String>,
    /// The processes that these start.
    pub processes: Vec<String>,
    /// Folders with its configuration.
    pub config: Vec<String>,
    /// Folders that may hold its data.
    pub data: Vec<String>,
}

/// Asks dpkg and systemd.
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
    let units = units(&files);
    let mut starts = String::new();
    for unit in &units {
        let properties = "--property=ExecStart,User,StateDirectory";
        starts.push_str(&ask(&["systemctl", "show", properties, unit]).unwrap_or_default());
    }
    let mut found = of_texts(package, &about, &files, &starts);
    for user in users(&starts) {
        let entry = ask(&["getent", "passwd", &user]).unwrap_or_default();
        found.data.extend(entry.split(':').nth(5).map(str::to_owned));
    }
    let mut seen = BTreeSet::new();
    found.data.retain(|path| path.starts_with("/var/") && seen.insert(path.clone()));
    Ok(found)
}

/// The services among a package's files; a template stands for no server.
fn units(files: &str) -> Vec<String> {
    let named = files.lines().filter_map(|path| {
        let (folder, name) = path.rsplit_once('/')?;
        (folder.ends_with("/systemd/system") && name.ends_with(".service")).then_some(name)
    });
    named.filter(|name| !name.contains('@')).map(str::to_owned).collect()
}

fn users(starts: &str) -> Vec<String> {
    let users = starts.lines().filter_map(|line| line.strip_prefix("User="));
    users.filter(|user| !user.is_empty()).map(str::to_owned).collect()
}

/// What the programs printed. Pure.
fn of_texts(package: &str, about: &str, files: &str, starts: &str) -> Found {
    let mut lines = about.lines();
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (source, version, title) = (next(), next(), next());
    let (mut config, mut processes) = (BTreeSet::new(), Vec::new());
    for path in lines.filter_map(|line| line.split_whitespace().next()) {
        let folder: Vec<&str> = path.split('/').take(3).collect();
        let common = ["default", "init.d", "logrotate.d", "cron.d", "cron.daily", "apparmor.d"];
        if folder.get(1) == Some(&"etc") && folder.get(2).is_some_and(|it| !common.contains(it)) {
            config.insert(folder.join("/"));
        }
    }
    let paths = starts.split("path=").skip(1).filter_map(|rest| rest.split_whitespace().next());
    for name in paths.filter_map(|path| path.rsplit('/').next()) {
        // The kernel keeps fifteen bytes.
        let name: String = name.chars().take(15).collect();
        if !processes.contains(&name) {
            processes.push(name);
        }
    }
    let states = starts.lines().filter_map(|line| line.strip_prefix("StateDirectory="));
    let mut data: Vec<String> =
        states.flat_map(str::split_whitespace).map(|name| format!("/var/lib/{name}")).collect();
    data.extend(
        files
            .lines()
            .filter(|it| it.matches('/').count() == 3)
            .filter(|path| path.starts_with("/var/lib/"))
            .map(str::to_owned),
    );
    let config = config.into_iter().collect();
    let package = package.to_owned();
    Found { package, source, title, version, units: units(files), processes, config, data }
}

/// The playbook. What nobody but its author can know is marked.
pub fn scaffold(name: &str, found: &Found) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list = |all: &[String]| {
        let all: Vec<String> = all.iter().map(|it| quoted(it)).collect();
        format!("[{}]", all.join(", "))
    };
    let data = found.data.first().cloned().unwrap_or_else(|| format!("/var/lib/{name}"));
    let others: Vec<&str> = found.data.iter().skip(1).map(String::as_str).collect();
    let others = match others.as_slice() {
        [] => String::new(),
        others => format!(" Found, too: {}.", others.join(", ")),
    };
    let package = &found.package;
    let installed = "[\"dpkg-query\", \"--show\", \"--showformat=${source:Package} \
                     ${db:Status-Status} ${binary:Package}=${Version}\\n\"]";
    let sed = format!("[\"sed\", \"-n\", \"s/^{} installed //p\"]", found.source);
    // Without epoch and revision.
    let upstream = found.version.split_once(':').map_or(found.version.as_str(), |(_, it)| it);
    let major: String = upstream.split(['-', '+', '~']).next().unwrap_or_default().into();
    let mut text = String::new();
    let _ = write!(
        text,
        r#"# From the package {package} {version} of this host. What is marked TO DO is for you.
# `backout playbook check` says what is missing, `backout playbook try` what the commands say.
format = 1
name = {name}
title = {title}

[variables.datadir]
# TO DO: is all data there?{others}
about = "where the data is"
default = {data}

[variables.release]
about = "the release that the new version comes from, as `apt-get install -t` takes it"

[data]
paths = ["{{datadir}}"]
config = {config}

[service]
units = {units}
# TO DO: those of `ps -e -o comm`, when it runs.
processes = {processes}
# TO DO: ready = a command that succeeds when the service answers.

# TO DO: [service.maintenance]: the server without its clients.

[version]
command = {{ argv = ["dpkg-query", "--show", "--showformat=${{db:Status-Status}} ${{Version}}", {quoted_package}] }}
pattern = '^installed (?:\d+:)?(\d[0-9.]*)'

# TO DO: only what you have tried.
[[version.rule]]
from = "={major}"
to = ">={major}"
verdict = "confirm"
note = "This upgrade path was not tested."

[detect]

[[detect.value]]
variable = "release"
command = {{ argv = ["apt-cache", "policy"] }}
pattern = '^release .*\bn=([a-z0-9]+)(?:,|$)'

[[requirement]]
about = "the archive still has the packages of the installed version"
command = {{ pipe = [
  {installed},
  {sed},
  ["xargs", "--no-run-if-empty", "apt-get", "download", "--print-uris"],
], timeout = "5m" }}
remedy = "Without them there is no way back. Run `apt-get update`, or add an archive that still has them."

[[requirement]]
about = "the previous packages can be installed, and nothing else is removed"
command = {{ argv = ["{{backout}}", "helper", "dpkg-rehearse", "(lib|{source}|{package}).*", "{{installer_files}}"], timeout = "10m" }}
expect = '^$'
remedy = "Remove what is in the way: `apt-mark unhold` for a held package; run `apt-get update` if a dependency is not found."
before = ["downgrade"]

[installer]
save = {{ pipe = [
  {installed},
  {sed},
  ["xargs", "--no-run-if-empty", "apt-get", "download"],
], cwd = "{{installer_dir}}", timeout = "30m" }}

[upgrade]
command = {{ argv = ["apt-get", "install", "--yes", "--fix-broken", "--target-release={{release}}", "-o", "Dpkg::Options::=--force-confold", {quoted_package}], env = {{ DEBIAN_FRONTEND = "noninteractive" }}, timeout = "1h" }}
repair = {{ argv = ["{{backout}}", "helper", "dpkg-repair", "--release", "{{release}}"], timeout = "1h" }}
candidate = {{ argv = ["apt-get", "install", "--simulate", "--target-release={{release}}", {quoted_package}] }}
candidate_pattern = '(?m)^Inst {package} .*\((?:\d+:)?(\d[0-9.]*)'

# TO DO: "reinstall-first", if the package's scripts do not look at the data.
[downgrade]
order = "rollback-first"
install = {{ argv = ["apt-get", "install", "--yes", "--fix-broken", "--allow-downgrades", "-o", "Dpkg::Options::=--force-confold", "{{installer_files}}"], env = {{ DEBIAN_FRONTEND = "noninteractive" }}, timeout = "1h" }}
repair = {{ argv = ["{{backout}}", "helper", "dpkg-repair", "{{installer_files}}"], timeout = "1h" }}

# TO DO: [capture], [restore], [[inventory]], [[limit]]: the author's guide, 6 to 8.
"#,
        version = found.version,
        name = quoted(name),
        title = quoted(&found.title),
        data = quoted(&data),
        config = list(&found.config),
        units = list(&found.units),
        processes = list(&found.processes),
        quoted_package = quoted(package),
        source = found.source,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::Validated;

    const ABOUT: &str = "etcd\n1:3.4.23-4+b4\nhighly-available key value store\n /etc/default/etcd \
                         0a\n /etc/etcd/etcd.conf 0b\n";
    const FILES: &str = "/.\n/etc\n/lib/systemd/system/etcd.service\n/lib/systemd/system/etcd@.service\n\
                         /var/lib/etcd\n/usr/bin/etcd\n";
    const STARTS: &str = "ExecStart={ path=/usr/bin/etcd ; argv[]=/usr/bin/etcd $ARGS ; }\nUser=etcd\n\
                          StateDirectory=etcd\n";

    #[test]
    fn half_of_a_playbook_comes_from_the_package() {
        let found = of_texts("etcd-server", ABOUT, FILES, STARTS);
        assert_eq!(found.units, ["etcd.service"]);
        assert_eq!(found.processes, ["etcd"]);
        assert_eq!(found.config, ["/etc/etcd"]);
        assert_eq!(found.data, ["/var/lib/etcd", "/var/lib/etcd"]);
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
}
