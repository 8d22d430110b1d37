//! Every command of a playbook, with its place.

use crate::playbook::model::cluster::{Agent, Cluster};
use crate::playbook::model::coexistent::{Coexistent, Directory, UserInventory};
use crate::playbook::model::full::Full;
use crate::playbook::model::side_by_side::{InstallBeside, SideBySide};
use crate::playbook::model::{
    Ahead, Aside, Capture, CommandSpec, Detect, DetectedValue, Discovery, Downgrade, Fix, Hold,
    Install, Installer, Inventory, Maintenance, Pass, Playbook, Requirement, Restore, Serve,
    Service, Standby, Touched, Version, Whole,
};

/// Commands with their places, such as `capture.verify`. Those of a list have the same place.
type Placed<'a> = Vec<(&'static str, &'a CommandSpec)>;

impl Playbook {
    /// Every command in it. No `..` in these patterns, so that the compiler asks about a new field.
    pub fn commands(&self) -> Vec<(&'static str, &CommandSpec)> {
        let Self {
            format: _,
            name: _,
            title: _,
            about: _,
            variables: _,
            stateless: _,
            data: _,
            service,
            version,
            discover,
            detect,
            requirements,
            fixes,
            questions: _,
            response_file: _,
            installer,
            upgrade,
            downgrade,
            capture,
            restore,
            whole,
            aside,
            standby,
            full,
            side_by_side,
            coexistent,
            cluster,
            hold,
            inventories,
            limits: _,
        } = self;
        let mut all = of_service(service);
        let Version { command, pattern: _, rules: _ } = version;
        all.push(("version.command", command));
        all.extend(
            discover
                .values()
                .map(|Discovery { about: _, command, pattern: _ }| ("discover", command)),
        );
        all.extend(detect.iter().flat_map(of_detect));
        all.extend(requirements.iter().map(of_requirement));
        all.extend(fixes.iter().filter_map(of_fix));
        let Installer { save, files: _, at_least: _ } = installer;
        all.extend(save.iter().map(|it| ("installer.save", it)));
        all.extend(of_packages(upgrade, downgrade));
        all.extend(capture.iter().flat_map(of_capture));
        all.extend(restore.iter().flat_map(of_restore));
        all.extend(whole.iter().flat_map(of_whole));
        all.extend(aside.iter().flat_map(of_aside));
        all.extend(standby.iter().flat_map(of_standby));
        all.extend(full.iter().flat_map(of_full));
        all.extend(side_by_side.iter().flat_map(of_side_by_side));
        all.extend(coexistent.iter().flat_map(of_coexistent));
        all.extend(cluster.iter().flat_map(of_cluster));
        all.extend(hold.iter().flat_map(of_hold));
        all.extend(inventories.iter().flat_map(of_inventory));
        all
    }
}

fn of_hold(hold: &Hold) -> Vec<(&'static str, &CommandSpec)> {
    let Hold { start, stop, held, during: _ } = hold;
    vec![("hold.start", start), ("hold.stop", stop), ("hold.held", held)]
}

fn of_aside(aside: &Aside) -> Vec<(&'static str, &CommandSpec)> {
    let Aside { files, also: _, serve } = aside;
    let mut all = given([("aside.files", files)]);
    all.extend(serve.iter().flat_map(|Serve { previous, upgraded }| {
        [("aside.serve.previous", previous), ("aside.serve.upgraded", upgraded)]
    }));
    all
}

fn of_inventory(inventory: &Inventory) -> Vec<(&'static str, &CommandSpec)> {
    let Inventory { name: _, command, ignore: _, ends: _, touched } = inventory;
    let mut all = vec![("inventory", command)];
    if let Some(Touched { find, command, fed, ahead }) = touched {
        all.extend([("inventory.touched.find", find), ("inventory.touched.command", command)]);
        all.extend(given([("inventory.touched.fed", fed)]));
        all.extend(ahead.iter().flat_map(|Ahead { mark, since }| {
            [("inventory.touched.ahead.mark", mark), ("inventory.touched.ahead.since", since)]
        }));
    }
    all
}

impl Standby {
    /// Whether it runs with the programs of the host, and not from a root of its own.
    pub fn is_on_host(&self) -> bool {
        let roots = ["previous_root", "standby_programs", "upgraded_root"];
        let own =
            |command: &CommandSpec| command.template().names().any(|name| roots.contains(&name));
        !of_standby(self).into_iter().any(|(_, command)| own(command))
    }
}

fn of_standby(standby: &Standby) -> Placed<'_> {
    let mut all = Vec::new();
    for it in standby.both_ways() {
        all.extend(it.usual.map(|command| (it.place, command)));
        all.extend(it.back.map(|command| (it.back_place, command)));
    }
    all.extend(standby.forget.iter().map(|command| ("standby.forget", command)));
    all
}

fn of_service(service: &Service) -> Placed<'_> {
    let Service {
        units: _,
        units_upgraded: _,
        stop_within: _,
        stop,
        start,
        processes: _,
        ready,
        ready_within: _,
        address: _,
        maintenance,
    } = service;
    let commands = [("service.stop", stop), ("service.start", start), ("service.ready", ready)];
    let mut all = given(commands);
    if let Some(Maintenance { start, stop, ready, ready_within: _, address: _, processes: _ }) =
        maintenance
    {
        all.extend([("service.maintenance.start", start), ("service.maintenance.stop", stop)]);
        all.extend(given([("service.maintenance.ready", ready)]));
    }
    all
}

fn of_detect(detect: &Detect) -> Placed<'_> {
    let Detect { upgrade_to: _, versions, values } = detect;
    let versions = versions.iter().map(|it| ("detect.versions", it));
    values.iter().map(of_detected).chain(versions).collect()
}

fn of_detected(value: &DetectedValue) -> (&'static str, &CommandSpec) {
    let DetectedValue { variable: _, command, pattern: _, otherwise: _ } = value;
    ("detect.value", command)
}

fn of_fix(fix: &Fix) -> Option<(&'static str, &CommandSpec)> {
    let Fix { name: _, about: _, file: _, text: _, command, restarts: _ } = fix;
    command.as_ref().map(|it| ("fix", it))
}

fn of_requirement(requirement: &Requirement) -> (&'static str, &CommandSpec) {
    let Requirement {
        about: _,
        command,
        expect: _,
        remedy: _,
        warn: _,
        accept: _,
        name: _,
        needs: _,
        fix: _,
        before: _,
        strategies: _,
    } = requirement;
    ("requirement", command)
}

fn of_packages<'a>(upgrade: &'a Install, downgrade: &'a Downgrade) -> Placed<'a> {
    let Install { command, repair, candidate, candidate_pattern: _ } = upgrade;
    let mut all = vec![("upgrade.command", command)];
    all.extend(given([("upgrade.repair", repair), ("upgrade.candidate", candidate)]));
    let Downgrade { order: _, uninstall, install, repair } = downgrade;
    all.push(("downgrade.install", install));
    all.extend(given([("downgrade.uninstall", uninstall), ("downgrade.repair", repair)]));
    all
}

fn of_capture(capture: &Capture) -> Placed<'_> {
    let Capture { passes, verify, everything: _ } = capture;
    let mut all = vec![("capture.verify", verify)];
    for Pass {
        about: _,
        service: _,
        command,
        new_files: _,
        grown_files: _,
        numbered_files: _,
        new_file_at_start: _,
        unchanged_files: _,
    } in passes
    {
        all.extend(given([("capture.pass", command)]));
    }
    all
}

fn of_restore(restore: &Restore) -> Placed<'_> {
    let Restore {
        service: _,
        command,
        position,
        position_from_files,
        interrupted: _,
        rejects: _,
        past_rejects,
    } = restore;
    let mut all = vec![("restore.command", command)];
    all.extend(given([
        ("restore.position", position),
        ("restore.position_from_files", position_from_files),
        ("restore.past_rejects", past_rejects),
    ]));
    all
}

fn of_whole(whole: &Whole) -> Placed<'_> {
    let Whole { notice, write, load, differing } = whole;
    let mut all = vec![("whole.notice", notice), ("whole.write", write), ("whole.load", load)];
    all.extend(given([("whole.differing", differing)]));
    all
}

fn of_full(full: &Full) -> Placed<'_> {
    let Full { paths: _, capture, verify, restore } = full;
    vec![("full.capture", capture), ("full.verify", verify), ("full.restore", restore)]
}

fn of_side_by_side(beside: &SideBySide) -> Placed<'_> {
    let SideBySide { link: _, new: _, install, upgrade, version, use_config, data_links: _ } =
        beside;
    let mut all = vec![("side_by_side.version", version)];
    all.extend(given([("side_by_side.use_config", use_config)]));
    let InstallBeside { command, repair } = install;
    all.push(("side_by_side.install", command));
    all.extend(given([("side_by_side.install.repair", repair)]));
    if let Some(InstallBeside { command, repair }) = upgrade {
        all.push(("side_by_side.upgrade", command));
        all.extend(given([("side_by_side.upgrade.repair", repair)]));
    }
    all
}

fn of_coexistent(coexistent: &Coexistent) -> Placed<'_> {
    let Coexistent { directory, backup, verify, clear, restore, inventories } = coexistent;
    let Directory { user: _, users, show, host: _, held: _, hold, assign } = directory;
    let mut all = vec![
        ("coexistent.directory.users", users),
        ("coexistent.directory.show", show),
        ("coexistent.directory.hold", hold),
        ("coexistent.directory.assign", assign),
        ("coexistent.backup", backup),
        ("coexistent.verify", verify),
        ("coexistent.clear", clear),
        ("coexistent.restore", restore),
    ];
    let lists = inventories.iter().map(|UserInventory { name: _, command, user: _ }| command);
    all.extend(lists.map(|it| ("coexistent.inventory", it)));
    all
}

fn of_cluster(cluster: &Cluster) -> Placed<'_> {
    let Cluster {
        here,
        disable,
        disabled,
        before_enable,
        enable,
        enabled,
        enabled_within: _,
        agent,
        write_mark,
        read_mark,
        mark: _,
    } = cluster;
    let mut all = given([("cluster.here", here), ("cluster.before_enable", before_enable)]);
    all.extend([
        ("cluster.disable", disable),
        ("cluster.disabled", disabled),
        ("cluster.enable", enable),
        ("cluster.enabled", enabled),
        ("cluster.write_mark", write_mark),
        ("cluster.read_mark", read_mark),
    ]);
    if let Some(Agent { version, pattern: _, ready, remedy: _, upgrade }) = agent {
        all.extend([("cluster.agent.version", version), ("cluster.agent.upgrade", upgrade)]);
        all.extend(given([("cluster.agent.ready", ready)]));
    }
    all
}

/// Those that the playbook has.
fn given<'a, const N: usize>(commands: [(&'static str, &'a Option<CommandSpec>); N]) -> Placed<'a> {
    commands.into_iter().filter_map(|(place, command)| Some((place, command.as_ref()?))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    /// The places of all commands in a playbook's JSON, without the names and numbers of lists.
    fn places(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) if fields.contains_key("argv") || fields.contains_key("pipe") => {
                found.insert(at.trim_start_matches('.').to_owned());
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let place = format!("{at}.{name}");
                    match value {
                        Value::Object(named) if name == "discover" => {
                            named.values().for_each(|value| places(value, &place, found));
                        }
                        _ => places(value, &place, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| places(item, at, found)),
            _ => {}
        }
    }

    #[test]
    fn no_command_of_a_playbook_is_forgotten() {
        let playbook = crate::playbook::library::find("generic", &[]).expect("built in");
        let json = serde_json::to_value(playbook.playbook()).expect("json");
        let mut written = BTreeSet::new();
        places(&json, "", &mut written);
        let place = |place: &str| {
            // For these, the place says what the command is for, not the name of the field.
            match place {
                "detect.value"
                | "discover"
                | "fix"
                | "requirement"
                | "inventory"
                | "coexistent.inventory"
                | "capture.pass" => {
                    format!("{place}.command")
                }
                "side_by_side.install" | "side_by_side.upgrade" => format!("{place}.command"),
                _ => place.to_owned(),
            }
        };
        let known: BTreeSet<String> = playbook.commands().iter().map(|(at, _)| place(at)).collect();
        assert_eq!(known, written);
    }
}
