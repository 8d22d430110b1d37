//! The service: its units and its processes.

use serde::Serialize;

use super::sources::Observed;
use super::text::at_most;
use super::{Facts, Finding, Kind, Occasion, Severity, Sources};
use crate::host::identity::{Identity, Whose, standby_unit};
use crate::host::processes::{self, Process};
use crate::host::quote::quote;
use crate::host::systemd::{self, UnitState};

/// A unit of the service (`systemctl show`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// As the playbook has it, with its variables filled in.
    pub name: String,
    /// Its state.
    pub state: Observed<UnitState>,
}

/// Asks systemd.
pub(super) fn gather(sources: &Sources<'_>) -> Vec<Unit> {
    sources
        .playbook
        .service
        .all_units()
        .into_iter()
        .map(|name| unit(sources, &sources.text_known(name)))
        .collect()
}

/// A process that has the name of one of the service's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranger {
    /// It.
    pub process: Process,
    /// Whose it is.
    pub whose: Whose,
    /// Whether it runs a program of this host, as the service does: not one of a container.
    pub shares_program: bool,
}

/// The service's processes, and others of the same names.
pub(super) fn servers(
    sources: &Sources<'_>,
    units: &[Unit],
) -> (Observed<Vec<Process>>, Vec<Stranger>) {
    let service = &sources.playbook.service;
    let found = match processes::named(&sources.roots.proc, &service.processes) {
        Ok(found) => found,
        Err(why) => return (Err(why), Vec::new()),
    };
    let units: Vec<String> = units.iter().map(|unit| unit.name.clone()).collect();
    let alone = service.maintenance.iter().flat_map(|it| [&it.start, &it.stop]);
    let commands = alone.map(|spec| sources.template(spec).to_string());
    let identity = Identity::new(&units, commands);
    let (mut ours, mut strangers) = (Vec::new(), Vec::new());
    // A standby is neither the service nor a stranger.
    for process in found.into_iter().filter(|process| standby_unit(process).is_none()) {
        match identity.whose(&process) {
            Whose::Service => ours.push(process),
            // The playbook's own command stops it.
            Whose::Unclear if service.stop.is_some() => ours.push(process),
            whose => {
                let shares_program = processes::runs_program_of_host(&sources.roots.proc, &process);
                strangers.push(Stranger { process, whose, shares_program });
            }
        }
    }
    (Ok(ours), strangers)
}

fn unit(sources: &Sources<'_>, name: &str) -> Unit {
    let state = sources.output(&UnitState::command(name)).map(|text| UnitState::parse(&text));
    Unit { name: name.to_owned(), state }
}

/// Checks that the units exist, and that nobody else masked them.
pub(super) fn units(facts: &Facts) -> Vec<Finding> {
    if !systemd::IS_OF_PLATFORM {
        return without_systemd(facts, std::env::consts::OS).into_iter().collect();
    }
    facts.units.iter().filter_map(|unit| one(facts, unit)).collect()
}

/// Units on a platform that has none.
fn without_systemd(facts: &Facts, system: &str) -> Option<Finding> {
    let names: Vec<&str> = facts.units.iter().map(|unit| unit.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        Finding::refuse(Kind::Unit, format!("There are no units of systemd on {system}."))
            .detail([format!("The playbook names: {}.", names.join(", "))])
            .remedy(["Give `stop` and `start` in the playbook's [service], and no `units`: \
                 see \"Without systemd\" in the playbook author's guide."])
    })
}

fn one(facts: &Facts, unit: &Unit) -> Option<Finding> {
    const ID: Kind = Kind::Unit;
    let (name, down) = (&unit.name, facts.occasion.is_downgrade());
    // Damage by the upgrade must not prevent the downgrade.
    let severity = if down { Severity::Warn } else { Severity::Refuse };
    let state = match &unit.state {
        Ok(state) => state,
        Err(why) => {
            // Without a bus, only root can ask. `rights` says that this check cannot see
            // everything.
            let ordinary = facts.occasion == Occasion::Check && facts.is_ordinary_user();
            return Some(
                Finding::new(
                    ID,
                    if ordinary { Severity::Warn } else { severity },
                    format!("The state of {name} could not be read."),
                )
                .detail([why.clone()])
                .remedy([format!("systemctl status {}", quote(name))]),
            );
        }
    };
    let word = quote(name);
    if state.load == "masked" || state.file.starts_with("masked") {
        let runtime = if state.file == "masked-runtime" { "--runtime " } else { "" };
        return Some(
            Finding::new(
                Kind::UnitMasked,
                severity,
                format!("{name} is masked: someone does not want it to start."),
            )
            .detail([format!("{}, {}", state.file, state.active)])
            .remedy([format!("If that is over: systemctl unmask {runtime}{word}")]),
        );
    }
    if state.prevents_mask(name) {
        let lib = "/usr/local/lib/systemd/system";
        return Some(
            Finding::refuse(Kind::UnitFile, format!("{name} cannot be masked."))
                .detail([
                    format!("Its file is {}, where the mask would be.", state.fragment),
                    "While packages change, something could start it.".to_owned(),
                ])
                .remedy([format!(
                    "mkdir -p {lib} && mv {} {lib}/ && systemctl daemon-reload && systemctl \
                     reenable {word}",
                    quote(&state.fragment)
                )]),
        );
    }
    match (state.load.as_str(), state.active.as_str()) {
        ("not-found", _) => {
            Some(Finding::new(ID, severity, format!("There is no unit {name}.")).remedy([
                "systemctl list-units --all --type=service",
                "Correct the site file's \
                    variables or the playbook.",
            ]))
        }
        ("loaded", "active" | "reloading" | "activating") => None,
        // Socket-activated and one-shot units may be inactive. A failed unit is different.
        ("loaded", "failed") if !down => Some(
            Finding::warn(ID, format!("{name} has failed."))
                .detail(["Upgrade only what works: otherwise nobody can tell afterwards what the \
                    upgrade broke."])
                .remedy([format!("systemctl status {word}"), format!("journalctl -u {word} -e")]),
        ),
        ("loaded", _) => None,
        (load, _) => Some(
            Finding::new(ID, severity, format!("{name} cannot be used: {load}."))
                .remedy([format!("systemctl status {word}")]),
        ),
    }
}

/// Checks that the service runs before the upgrade: this proves that its process names are right.
pub(super) fn running(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::NotRunning;
    // It does not run on a node without the data.
    if facts.occasion.is_downgrade() || facts.cluster.as_ref().is_some_and(|cluster| !cluster.data)
    {
        return Vec::new();
    }
    match &facts.servers {
        Err(why) => {
            vec![Finding::refuse(ID, "The processes could not be listed.").detail([why.clone()])]
        }
        // It runs, in no unit: that is said once.
        Ok(found) if found.is_empty() && unclear(facts).next().is_some() => Vec::new(),
        Ok(found) if found.is_empty() && !facts.server_names.is_empty() => vec![
            Finding::warn(ID, "No process of the service is running.")
                .detail([
                    format!("Looked for: {}.", facts.server_names.join(", ")),
                    "If it runs under another name, backout cannot verify that it has stopped."
                        .to_owned(),
                ])
                .remedy(["Start it, or correct `processes` in the playbook: ps -eo pid,comm,args"]),
        ],
        Ok(_) => Vec::new(),
    }
}

/// Asks the upgraded version, if clients could write to it.
pub(super) fn answers(sources: &Sources<'_>) -> Option<Observed<()>> {
    let ready = sources.playbook.service.ready.as_ref()?;
    if !sources.occasion.is_downgrade() || sources.since.is_none() {
        return None;
    }
    Some(sources.command(ready).and_then(|command| sources.output(&command)).map(|_| ()))
}

/// The name by which a person accepts that nothing is proved, and, in place, that it is destroyed.
const UNPROVED: &str = "not-proved";
const DESTROYED: &str = "destroy-not-proved";

/// A new version that does not answer cannot be asked what it holds. There is a way back all the
/// same, from the files, if a person answers for it.
pub(super) fn answering(facts: &Facts) -> Vec<Finding> {
    let Some(Err(why)) = &facts.answers else { return Vec::new() };
    let title = "The upgraded version does not answer its clients.";
    let state = |unit: &Unit| {
        unit.state.as_ref().ok().map(|it| format!("{}: {} ({})", unit.name, it.active, it.sub))
    };
    let states: Vec<String> = facts.units.iter().filter_map(state).collect();
    let start =
        facts.units.iter().rev().map(|unit| format!("systemctl start {}", quote(&unit.name)));
    let start: Vec<String> = start.collect();
    let mended = format!("If it can be mended: {}, and the same command again.", start.join("; "));
    if !facts.captures_from_files {
        let no = "This playbook cannot capture what was written without it.";
        return vec![
            Finding::refuse(Kind::NotAnswering, title)
                .detail([why.clone()])
                .detail(states)
                .detail([no])
                .remedy([mended]),
        ];
    }
    let in_place = facts.in_place();
    let names = if in_place { vec![UNPROVED, DESTROYED] } else { vec![UNPROVED] };
    let flags: Vec<String> = names.iter().map(|name| format!("--accept {name}")).collect();
    vec![
        Finding::confirm(Kind::NotAnswering, title)
            .detail([why.clone()])
            .detail(states)
            .detail([
                "It cannot be asked what it holds. What was written comes back from its files on \
                 the disk; nothing is listed, and nothing is compared after the restore. What a log does \
                 not carry faithfully, and is carried whole otherwise, is not found.",
            ])
            .detail(in_place.then_some(
                "In place the upgraded data is destroyed. Without `--in-place` it is kept.",
            ))
            .remedy([mended])
            .remedy([format!("If it does not start any more: {}", flags.join(" "))])
            .about(names),
    ]
}

/// Servers of the service's name that run in no unit.
pub(super) fn unclear(facts: &Facts) -> impl Iterator<Item = &Stranger> {
    facts.strangers.iter().filter(|it| it.whose == Whose::Unclear)
}

/// Whether it has something of the data open.
fn uses_data(facts: &Facts, process: &Process) -> bool {
    facts.users.as_ref().is_ok_and(|users| users.found.iter().any(|it| it.pid == process.pid))
}

/// Servers of the same name: who they are, and whether they can be told from the service.
pub(super) fn strangers(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::OtherServer;
    let of = |unclear: bool| {
        facts.strangers.iter().filter(move |it| (it.whose == Whose::Unclear) == unclear)
    };
    let line = |stranger: &Stranger| match &stranger.whose {
        Whose::Other(whose) => format!("{}: {whose}", stranger.process),
        _ => format!("{}: {}", stranger.process, stranger.process.cmdline),
    };
    let mut findings = Vec::new();
    if of(true).next().is_some() {
        let units: Vec<&str> = facts.units.iter().map(|unit| unit.name.as_str()).collect();
        let ids: Vec<String> = of(true).map(|it| it.process.pid.to_string()).collect();
        let its = of(true).all(|it| uses_data(facts, &it.process));
        findings.push(
            Finding::refuse(ID, "A server of this name runs in no unit.")
                .detail(at_most(of(true).map(line)))
                .detail([
                    format!("The service's units: {}.", units.join(", ")),
                    "Stopping them would not end it, so nobody could tell that the service has \
                     stopped."
                        .to_owned(),
                ])
                .detail(its.then_some("It uses the service's data: it is the service itself."))
                .remedy([format!("ps -o pid,user,lstart,cgroup,args -p {}", ids.join(","))])
                .remedy([if its {
                    "Stop it the way it was started, and start it by its unit."
                } else {
                    "If it is the service, stop it, and start it by its unit. If it is another \
                     server, run it in a unit of its own."
                }]),
        );
    }
    let replaced = facts.beside.is_none();
    let (sharing, apart): (Vec<_>, Vec<_>) =
        of(false).partition(|it| replaced && it.shares_program);
    if !sharing.is_empty() {
        findings
            .push(sharing_programs(facts, &sharing).detail(at_most(sharing.into_iter().map(line))));
    }
    if !apart.is_empty() {
        findings.push(
            Finding::warn(ID, "Other servers of this name run here; they are left alone.")
                .detail(at_most(apart.into_iter().map(line))),
        );
    }
    findings
}

/// The version changes for all servers that run the same programs, and only the service's data has
/// a way back.
fn sharing_programs(facts: &Facts, sharing: &[&Stranger]) -> Finding {
    const ID: Kind = Kind::OtherServer;
    if facts.occasion.is_downgrade() {
        return Finding::warn(ID, "Other servers here run the programs that go back.").detail([
            "At their next start they have the previous version, which may not read what the \
             upgraded one has written of their data.",
        ]);
    }
    let mut names: Vec<String> = sharing
        .iter()
        .filter_map(
            |it| if let Whose::Other(whose) = &it.whose { Some(whose.clone()) } else { None },
        )
        .collect();
    names.sort();
    names.dedup();
    let last = "The way back is for the service's data only. What the new version writes of theirs, \
                the previous one may not read.";
    Finding::confirm(ID, "Other servers here run the programs that the upgrade replaces.")
        .detail([last])
        .remedy([
            "Move their data to another host first, or confirm, and restore them by a backup \
                  if the version goes back.",
        ])
        .about(names)
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, process, show};
    use super::*;

    #[test]
    fn units_are_refused_where_there_is_no_systemd() {
        let mut facts = facts(Occasion::Upgrade);
        let found: Vec<Finding> = without_systemd(&facts, "freebsd").into_iter().collect();
        insta::assert_snapshot!(show(&found), @r#"
            refused: There are no units of systemd on freebsd. [unit]
                     The playbook names: db.service.
              to do: Give `stop` and `start` in the playbook's [service], and no `units`: see "Without systemd" in the playbook author's guide.
            "#);
        facts.units.clear();
        assert!(without_systemd(&facts, "freebsd").is_none(), "the playbook's own commands");
    }

    #[test]
    fn unit_states() {
        let state = |load: &str, active: &str, file: &str| UnitState {
            load: load.into(),
            active: active.into(),
            file: file.into(),
            ..UnitState::default()
        };
        let table = [
            (state("loaded", "active", "enabled"), None, None),
            (state("loaded", "inactive", "disabled"), None, None),
            (state("loaded", "failed", "enabled"), Some(Severity::Warn), None),
            (state("not-found", "inactive", ""), Some(Severity::Refuse), Some(Severity::Warn)),
            (state("masked", "inactive", "masked"), Some(Severity::Refuse), Some(Severity::Warn)),
            (
                state("loaded", "active", "masked-runtime"),
                Some(Severity::Refuse),
                Some(Severity::Warn),
            ),
            (state("bad-setting", "inactive", ""), Some(Severity::Refuse), Some(Severity::Warn)),
        ];
        let mut text = Vec::new();
        for (state, up, down) in table {
            for (occasion, expected) in
                [(Occasion::Upgrade, up), (Occasion::Downgrade { in_place: true }, down)]
            {
                let mut facts = facts(occasion);
                facts.units[0].state = Ok(state.clone());
                let found = units(&facts);
                assert_eq!(
                    found.first().map(|finding| finding.severity),
                    expected,
                    "{occasion:?} {state:?}"
                );
                if occasion == Occasion::Upgrade {
                    text.extend(found);
                }
            }
        }
        insta::assert_snapshot!(show(&text), @r"
            warning: db.service has failed. [unit]
                     Upgrade only what works: otherwise nobody can tell afterwards what the upgrade broke.
              to do: systemctl status db.service
                     journalctl -u db.service -e

            refused: There is no unit db.service. [unit]
              to do: systemctl list-units --all --type=service
                     Correct the site file's variables or the playbook.

            refused: db.service is masked: someone does not want it to start. [unit-masked]
                     masked, inactive
              to do: If that is over: systemctl unmask db.service

            refused: db.service is masked: someone does not want it to start. [unit-masked]
                     masked-runtime, active
              to do: If that is over: systemctl unmask --runtime db.service

            refused: db.service cannot be used: bad-setting. [unit]
              to do: systemctl status db.service
            ");
        let mut facts = facts(Occasion::Upgrade);
        facts.units[0].state = Err("cannot start `systemctl`".into());
        insta::assert_snapshot!(show(&units(&facts)), @r"
            refused: The state of db.service could not be read. [unit]
                     cannot start `systemctl`
              to do: systemctl status db.service
            ");
    }

    #[test]
    fn s5_servers_that_are_not_the_service() {
        let mut facts = facts(Occasion::Upgrade);
        let stranger = |pid, cgroup: &str, whose| Stranger {
            shares_program: pid == 77,
            process: Process {
                cgroup: cgroup.into(),
                ..process(pid, "dbd", "/usr/sbin/dbd --datadir=/home/x")
            },
            whose,
        };
        facts.strangers = vec![
            stranger(77, "", Whose::Other("db@2.service".into())),
            stranger(78, "", Whose::Other("a container (0::/machine.slice/x.scope)".into())),
            stranger(79, "0::/user.slice/session-1.scope", Whose::Unclear),
        ];
        insta::assert_snapshot!(show(&strangers(&facts)), @r"
            refused: A server of this name runs in no unit. [other-server]
                     dbd (79): /usr/sbin/dbd --datadir=/home/x
                     The service's units: db.service.
                     Stopping them would not end it, so nobody could tell that the service has stopped.
              to do: ps -o pid,user,lstart,cgroup,args -p 79
                     If it is the service, stop it, and start it by its unit. If it is another server, run it in a unit of its own.

            confirm: Other servers here run the programs that the upgrade replaces. [other-server]
                     The way back is for the service's data only. What the new version writes of theirs, the previous one may not read.
                     dbd (77): db@2.service
              to do: Move their data to another host first, or confirm, and restore them by a backup if the version goes back.

            warning: Other servers of this name run here; they are left alone. [other-server]
                     dbd (78): a container (0::/machine.slice/x.scope)
            ");
        assert_eq!(strangers(&facts)[1].subjects, ["db@2.service"]);
        facts.occasion = Occasion::Downgrade { in_place: false };
        let found = strangers(&facts);
        assert_eq!(found[1].severity, Severity::Warn, "it must not prevent the way back");
        insta::assert_snapshot!(show(&found[1..2]), @r"
            warning: Other servers here run the programs that go back. [other-server]
                     At their next start they have the previous version, which may not read what the upgraded one has written of their data.
                     dbd (77): db@2.service
            ");
    }

    #[test]
    fn s2_a_new_version_that_does_not_answer_is_answered_for_by_name() {
        for in_place in [false, true] {
            let mut facts = facts(Occasion::Downgrade { in_place });
            facts.answers = Some(Err("cannot connect".into()));
            facts.requirements[0].outcome = Err("cannot connect".into());
            facts.requirements[0].answered = false;
            let found = super::super::check(&facts);
            assert!(found.iter().all(|it| it.severity == Severity::Confirm), "{found:?}");
            let names: Vec<&str> = found.iter().flat_map(Finding::names).collect();
            assert_eq!(names.contains(&"destroy-not-proved"), in_place);
            assert!(names.contains(&"not-proved"));
            if in_place {
                insta::assert_snapshot!(show(&answering(&facts)), @r"
            confirm: The upgraded version does not answer its clients. [not-answering]
                     cannot connect
                     db.service: active ()
                     It cannot be asked what it holds. What was written comes back from its files on the disk; nothing is listed, and nothing is compared after the restore. What a log does not carry faithfully, and is carried whole otherwise, is not found.
                     In place the upgraded data is destroyed. Without `--in-place` it is kept.
              to do: If it can be mended: systemctl start db.service, and the same command again.
                     If it does not start any more: --accept not-proved --accept destroy-not-proved
            ");
            }
            facts.captures_from_files = false;
            assert_eq!(answering(&facts)[0].severity, Severity::Refuse);
            // What it did answer stays a refusal.
            facts.requirements[0].answered = true;
            assert_eq!(super::super::product::requirements(&facts)[0].severity, Severity::Refuse);
        }
    }

    #[test]
    fn a_unit_file_in_the_place_of_the_mask() {
        let mut facts = facts(Occasion::Downgrade { in_place: false });
        let state = facts.units[0].state.as_mut().expect("read");
        state.fragment = "/etc/systemd/system/db.service".into();
        insta::assert_snapshot!(show(&units(&facts)), @r"
            refused: db.service cannot be masked. [unit-file]
                     Its file is /etc/systemd/system/db.service, where the mask would be.
                     While packages change, something could start it.
              to do: mkdir -p /usr/local/lib/systemd/system && mv /etc/systemd/system/db.service /usr/local/lib/systemd/system/ && systemctl daemon-reload && systemctl reenable db.service
            ");
    }

    #[test]
    fn a_server_in_no_unit_is_one_finding() {
        let mut facts = facts(Occasion::Check);
        let server =
            Process { uses: Some("open /srv/db/x".into()), ..process(79, "dbd", "dbd -d") };
        facts.servers = Ok(Vec::new());
        facts.strangers =
            vec![Stranger { process: server.clone(), whose: Whose::Unclear, shares_program: true }];
        facts.users = Ok(processes::InUse { found: vec![server], unreadable: 0 });
        let mut found = running(&facts);
        found.extend(strangers(&facts));
        found.extend(super::super::users::others(&facts));
        insta::assert_snapshot!(show(&found), @r"
            refused: A server of this name runs in no unit. [other-server]
                     dbd (79): dbd -d
                     The service's units: db.service.
                     Stopping them would not end it, so nobody could tell that the service has stopped.
                     It uses the service's data: it is the service itself.
              to do: ps -o pid,user,lstart,cgroup,args -p 79
                     Stop it the way it was started, and start it by its unit.
            ");
    }

    #[test]
    fn nothing_runs() {
        let mut facts = facts(Occasion::Check);
        facts.servers = Ok(Vec::new());
        insta::assert_snapshot!(show(&running(&facts)), @r"
            warning: No process of the service is running. [not-running]
                     Looked for: dbd.
                     If it runs under another name, backout cannot verify that it has stopped.
              to do: Start it, or correct `processes` in the playbook: ps -eo pid,comm,args
            ");
    }
}
