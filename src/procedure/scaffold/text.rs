//! The text of a playbook to begin with.

use std::fmt::Write as _;

use super::{Folder, Found};

/// The playbook. What nobody but its author can know is marked.
pub fn scaffold(name: &str, found: &Found) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list = |all: &[String]| {
        let all: Vec<String> = all.iter().map(|it| quoted(it)).collect();
        format!("[{}]", all.join(", "))
    };
    let say = |it: &Folder| format!("{} ({})", it.path, it.why);
    let (data, is_all) = match found.data.as_slice() {
        [] => {
            let how =
                "`ls -l /proc/$(pgrep -o -x NAME)/fd` shows the files that the server has open";
            (String::new(), format!("no folder with data was found. While it runs, {how}."))
        }
        [first, others @ ..] => {
            let others: Vec<String> = others.iter().map(say).collect();
            let others = match others.as_slice() {
                [] => String::new(),
                others => format!(" Found, too: {}.", others.join(", ")),
            };
            let why = format!("is all data there? How it was found: {}.{others}", first.why);
            (format!("default = {}\n", quoted(&first.path)), why)
        }
    };
    let units = match (found.unknown_units.as_slice(), found.units.as_slice()) {
        ([], []) => {
            "# TO DO: the units that start it: systemctl list-units --type=service\n".to_owned()
        }
        ([], _) => String::new(),
        (unknown, _) => {
            let unknown = unknown.join(", ");
            format!(
                "# TO DO: systemd does not know {unknown}: systemctl list-units --type=service\n"
            )
        }
    };
    let processes = if found.runs {
        "# Those that run now. TO DO: are there others, which run at times only?"
    } else {
        "# TO DO: those of `ps -e -o comm`, when it runs."
    };
    let mut own = found.siblings.clone();
    own.push(found.package.clone());
    own.sort();
    own.dedup();
    let own: Vec<String> =
        own.iter().map(|name| name.replace('.', "\\.").replace('+', "\\+")).collect();
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
# TO DO: {is_all}
about = "where the data is"
{data}
[variables.release]
about = "the release that the new version comes from, as `apt-get install -t` takes it"

[data]
paths = ["{{datadir}}"]
config = {config}

[service]
{todo}units = {units}
{seen}
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

# TO DO: the server answers, with `name`; and whatever the capture needs.

# APT knows the new release, and leaves everything else where it is.
[[requirement]]
name = "release"
about = "APT knows the new release"
command = {{ pipe = [["apt-cache", "policy"], ["{{backout}}", "helper", "apt-release", "--known", "{{release}}"]] }}
expect = '^$'
fix = ["apt-pin", "apt-source"]
remedy = "Add the release to /etc/apt/sources.list.d/ with a priority of 100 in /etc/apt/preferences.d/, and run `apt-get update`. If the release has another name, set `release` in the site file."

[[requirement]]
about = "APT does not move to the new release by itself"
command = {{ pipe = [["apt-cache", "policy"], ["{{backout}}", "helper", "apt-release", "--stays", "{{release}}"]] }}
expect = '^$'
needs = "release"
fix = ["apt-pin"]
remedy = "In /etc/apt/preferences.d/ give the release a priority of 100: the next `apt upgrade` would upgrade the whole host."
warn = true

[[requirement]]
about = "the upgrade removes no packages other than libraries and the product's own"
needs = "release"
command = {{ pipe = [
  ["apt-get", "install", "--simulate", "--target-release={{release}}", {quoted_package}],
  ["sed", "--quiet", "s/^Remv //p"],
] }}
expect = '\A(?:(?:lib\S*|{removable}) [^\n]*(?:\n|\z))*\z'
remedy = "The listed packages would be removed. Make sure that apt can upgrade them too (they are in its sources and not held), or upgrade them first."

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
command = {{ argv = ["{{backout}}", "helper", "dpkg-rehearse", "(lib.*|{own})", "{{installer_files}}"], timeout = "10m" }}
expect = '^$'
remedy = "Remove what is in the way: `apt-mark unhold` for a held package; run `apt-get update` if a dependency is not found."
before = ["downgrade"]

# What `backout check --fix` makes. The pin comes first.
[[fix]]
name = "apt-pin"
about = "nothing moves to the new release by itself"
file = "/etc/apt/preferences.d/backout-{{release}}"
text = """
Package: *
Pin: release n={{release}}*
Pin-Priority: 100
"""

[[fix]]
name = "apt-source"
about = "the packages of the new release are known to APT, from the archives of this release"
command = {{ argv = ["{{backout}}", "helper", "apt-source", "{{release}}"], timeout = "10m" }}

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
        config = list(&found.config),
        todo = units,
        units = list(&found.units),
        seen = processes,
        processes = list(&found.processes),
        quoted_package = quoted(package),
        removable = own.join("|"),
        // In TOML, a backslash is two.
        own = own.join("|").replace('\\', "\\\\"),
    );
    text
}
