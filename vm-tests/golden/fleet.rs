//! The report of many hosts: each history is a host of its own, and says its report as one does.

use backout::journal::{HaltKind, Proof, StepId};
use backout::step::Record;
use serde_json::Value;

use super::history::{History, ID, INSTALLER};
use super::world::World;

/// What `backout --json report` prints on a host with this history, at a time that stands still.
fn said(history: &History) -> String {
    let mut world = World::new();
    history.put(&world);
    said_in(&mut world)
}

fn said_in(world: &mut World) -> String {
    world.says("backout --json report").replace("[NOW]", "2026-11-23T20:00:00+01:00")
}

fn halted() -> History {
    let (history, plan) = History::downgrading(true);
    let history = history.within(&plan, "prove");
    history.and(Record::Halted {
        step: StepId::PROVE,
        why: "2 items are missing: <tank>.missing\nsee the lists".into(),
        kind: HaltKind::Differences,
    })
}

fn failed() -> History {
    let (history, plan) = History::upgrading();
    let error = "`apt-get install --yes tally` ended with status 100\nE: no lock".to_owned();
    history.within(&plan, "upgrade").and(Record::Failed { step: "upgrade".into(), error })
}

/// What is said of a refusal, with only what is the same on every host.
fn refused(said: &str) -> String {
    let mut said: Value = serde_json::from_str(said).expect("an object");
    let causes = said["cause"].as_array_mut().expect("a list");
    let same = |it: &Value| {
        let text = it.as_str().unwrap_or_default();
        text.contains("[requirement]") || text.contains("[question]")
    };
    causes.retain(same);
    assert_eq!(causes.len(), 2, "{causes:?}");
    said["what"] = "1 of the checks refused".into();
    said.as_object_mut().expect("an object").remove("findings");
    format!("{said}\n")
}

/// A fleet of one host in each condition.
fn fleet(world: &World) {
    let put = |name: &str, text: &str| world.write(&format!("hosts/{name}.json"), text);
    put("db1", &said(&History::upgraded()));
    put("db2", &said(&halted()));
    put("db3", &said(&History::backed_out(true)));
    put("db4", &said(&History::closed()));
    put("db5", &said(&failed()));
    let (history, plan) = History::upgrading();
    put("db6", &said(&history.within(&plan, "stop")));
    let mut damaged = World::new();
    History::upgraded().put(&damaged);
    let installer = format!("state/changes/{ID}/installer/{INSTALLER}");
    std::fs::remove_file(damaged.path(&installer)).expect("removed");
    put("db7", &said_in(&mut damaged));
    let none = World::new().says("backout --json status");
    put("db8", &none);
    let refused = refused(&World::new().says("backout --json upgrade --yes"));
    put("db9", &format!("{none}{refused}"));
    let proof = Proof { expected: 9, found: 8, missing: 1, unexpected: 0 };
    let proved = Record::Proved { proof, lists: Vec::new() };
    put("db10", &said(&History::backed_out(true).and(proved)));
}

#[test]
fn the_worst_host_comes_first() {
    let mut world = World::new();
    fleet(&world);
    world
        .types("backout report --fleet hosts --expect db1 --expect db11")
        .types("backout --json report --fleet hosts/db1.json hosts/db2.json")
        .types("backout report --fleet hosts --expect db11 --format html");
    world.golden("fleet/fleet");
}

#[test]
fn files_that_no_host_said_are_named() {
    let mut world = World::new();
    let good = said(&History::upgraded());
    world.write("hosts/a.json", &good);
    world.write("hosts/b.json", good.replace("\"format\":1", "\"format\":2"));
    world.write("hosts/c.json", "[]\n");
    world.write("hosts/d.json", "");
    world.write("hosts/e.json", "{\"result\":\"findings\",\"findings\":[]}\n");
    world.write("hosts/f.json", &good[..good.len() / 2]);
    world.write("hosts/notes.txt", "not looked at");
    world.write("none/notes.txt", "");
    world
        .types("backout report --fleet hosts")
        .types("backout report --fleet none")
        .types("backout report --fleet gone.json")
        .types("backout report --expect a")
        .types("backout report --fleet hosts --commands");
    world.golden("fleet/unusable");
}
