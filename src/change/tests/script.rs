//! The playbook of the small product.

use super::kind::Kind;
use crate::playbook::{DataStrategy, Playbook};

const FULL: &str = r#"
capture = { argv = ["app", "full", "{capture_dir}"] }
verify = { argv = ["app", "verify", "{capture_dir}"] }
restore = { argv = ["app", "fill", "{capture_dir}"] }
"#;

fn maintenance(own: &str) -> String {
    format!(
        r#"
[service.maintenance]
start = {{ argv = ["app", "mstart"] }}
stop = {{ argv = ["app", "mstop"] }}
ready = {{ argv = ["app", "mready"] }}
ready_within = "0s"
address = "mine"
{own}
"#
    )
}

fn data(kind: Kind, restore: &str, position: &str, past: &str, interrupted: &str) -> String {
    let service = if kind.from_files { "stopped" } else { "maintenance" };
    let files = if kind.from_files && kind.resumable {
        "position_from_files = { argv = ['app', 'position-of', '{capture_files}'] }"
    } else {
        ""
    };
    let (standby, list, fed) = if kind.ahead {
        (STANDBY, "\"s-inventory\", \"{address}\", \"--named\"", AHEAD)
    } else if kind.standby {
        (STANDBY, "\"s-inventory\", \"{address}\"", FED)
    } else {
        ("", "\"inventory\"", "")
    };
    format!(
        r#"
[capture]
verify = {{ argv = ["app", "verify", "{{capture_dir}}"] }}
[[capture.pass]]
about = "rotate"
service = "running"
command = {{ argv = ["app", "rotate"] }}
[[capture.pass]]
about = "the operations"
service = "{service}"
command = {{ argv = ["app", "capture", "{{capture_dir}}", "{{snapshot}}"] }}
[restore]
command = {{ argv = ["app", "restore", {restore}] }}
{position}
{files}
interrupted = "{interrupted}"
rejects = ['^rejected ']
past_rejects = {{ argv = ["app", "past", {past}] }}
[whole]
notice = {{ argv = ["app", "odd"] }}
write = {{ argv = ["app", "write-odd", "{{item}}", "{{item_dir}}"] }}
load = {{ argv = ["app", "load-odd", "{{item}}", "{{item_dir}}"] }}
differing = {{ argv = ["app", "differing", "{{differing_dir}}"] }}
[aside]
files = {{ argv = ["app", "files"] }}
also = ["/etc/app.conf"]
[aside.serve]
previous = {{ argv = ["app", "mstart"] }}
upgraded = {{ argv = ["app", "mstart-upgraded", "{{proof_root}}"] }}
[[limit]]
about = "items of colour are grey"

{standby}
[[inventory]]
name = "items"
command = {{ argv = ["app", {list}] }}
[inventory.touched]
find = {{ argv = ["app", "touched", "{{capture_dir}}"] }}
command = {{ argv = ["app", {list}, "{{touched_file}}"] }}
{fed}
"#
    )
}

const FED: &str = "fed = { argv = ['app', 's-fed', '{feed_dir}'] }";
const AHEAD: &str = "fed = { argv = ['app', 's-fed', '{feed_dir}'] }
[inventory.touched.ahead]
mark = { argv = ['app', 's-mark'] }
since = { argv = ['app', 's-since', '{ahead_mark}'] }";

const STANDBY: &str = r#"
[standby]
start = { argv = ["app", "s-start", "{standby_root}", "{standby_programs}"] }
stop = { argv = ["app", "s-stop"] }
ready = { argv = ["app", "s-ready"] }
ready_within = "0s"
address = "standby"
[standby.feed]
start = { argv = ["app", "s-feed", "{feed_dir}"] }
stop = { argv = ["app", "s-feed-stop"] }
position = { argv = ["app", "s-position"] }
source = { argv = ["app", "s-source"] }
lag = { argv = ["app", "s-lag"] }
watch = { argv = ["app", "s-watch"] }
[standby.switch]
refuse = { argv = ["app", "s-refuse"] }
allow = { argv = ["app", "s-allow"] }
drain = { argv = ["app", "s-drain", "{position}"] }
settle = { argv = ["app", "s-settle"] }
end = { argv = ["app", "s-end"] }
rest = { argv = ["app", "s-rest", "{position}"] }
serve = { argv = ["app", "s-serve", "{standby_programs}"] }
serve_stop = { argv = ["app", "s-serve-stop"] }
[standby.forget]
argv = ["app", "s-forget"]
[standby.back]
"#;

pub(super) fn playbook(kind: Kind, root: &std::path::Path) -> Playbook {
    let service = if kind.unit {
        "units = ['app.service']".to_owned()
    } else {
        "stop = { argv = ['app', 'stop'] }\nstart = { argv = ['app', 'start'], daemon = true }"
            .to_owned()
    };
    let (position, restore, past, interrupted) = if kind.resumable {
        let position = "position = { argv = ['app', 'position'] }";
        (
            position,
            "'{capture_dir}', '{position}'",
            "'{capture_dir}', '{rejects_file}', '{position}'",
            "continue",
        )
    } else {
        let service = if kind.loads { "service = 'stopped'" } else { "" };
        (service, "'{capture_dir}'", "'{capture_dir}', '{rejects_file}'", "rollback")
    };
    let order = if kind.reinstall_first { "reinstall-first" } else { "rollback-first" };
    let (others, own) =
        if kind.told { (r#", "appfront""#, r#"processes = ["appd"]"#) } else { ("", "") };
    let (mend_upgrade, mend_downgrade) =
        if kind.strict { ("install-new", "uninstall") } else { ("repair", "repair") };
    let uninstall = if kind.uninstall { "uninstall = { argv = ['app', 'uninstall'] }" } else { "" };
    let (stateless, paths, maintenance, data) = match kind.data_strategy {
        DataStrategy::Packages | DataStrategy::Coexistent => {
            ("stateless = true", String::new(), String::new(), String::new())
        }
        DataStrategy::Zfs => (
            "",
            r#"paths = ["/srv/app", "/srv/index"]"#.to_owned(),
            maintenance(own),
            data(kind, restore, position, past, interrupted),
        ),
        DataStrategy::Full => {
            let folders = format!(r#"["{0}/srv/app", "{0}/srv/index"]"#, root.display());
            let full = format!(
                "{}\n[full]\npaths = {folders}\n{FULL}",
                data(kind, restore, position, past, interrupted)
            );
            ("", format!("paths = {folders}"), maintenance(own), full)
        }
    };
    let text = format!(
        r#"
format = 1
name = "app"
title = "App"
{stateless}
[data]
{paths}
config = ["{config}"]
[service]
{service}
processes = ["appd"{others}]
ready = {{ argv = ["app", "ready"] }}
ready_within = "0s"
address = "open"
{maintenance}
[version]
command = {{ argv = ["app", "version"] }}
pattern = '^installed ([0-9.]+)'
[[version.rule]]
from = "=1"
to = "=2"
verdict = "allow"
[installer]
save = {{ argv = ["app", "save"] }}
[upgrade]
command = {{ argv = ["app", "upgrade"] }}
repair = {{ argv = ["app", "{mend_upgrade}"] }}
[downgrade]
order = "{order}"
{uninstall}
install = {{ argv = ["app", "install", "{{installer_files}}"] }}
repair = {{ argv = ["app", "{mend_downgrade}"] }}
{data}
"#,
        config = root.join("etc/app.conf").display()
    );
    toml::from_str(&text).expect("a playbook")
}
