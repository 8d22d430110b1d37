//! A session in each state that a change can be in: what is true, what can be done, and what is
//! refused.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use backout::change::Lock;
use backout::journal::{HaltKind, OpenQuestion, Output};
use backout::step::Record;
use serde_json::Value;

use super::history::{History, ID, INSTALLER};
use super::world::World;

/// The story of a change in which not everything went straight on.
#[test]
fn a_story_with_a_failure_and_an_interruption() {
    let (history, plan) = History::upgrading();
    let error = "`apt-get install --yes tally` ended with status 100\nE: <b>no</b> lock & no key";
    let failed = history
        .within(&plan, "upgrade")
        .and(Record::Failed { step: "upgrade".into(), error: error.into() })
        .and(Record::Started { step: "upgrade".into(), attempt: 2 })
        .and(Record::Started { step: "upgrade".into(), attempt: 3 })
        .and(Record::Interrupted);
    let mut world = World::new();
    failed.put(&world);
    world.types("backout report").types("backout report --format html");
    done("story", &world);
}

/// What is asked in every state.
fn session(name: &str, history: &History) -> World {
    let mut world = World::new();
    history.put(&world);
    world.types("backout status").types("backout --json status").types("backout log");
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    world
}

fn done(name: &str, world: &World) {
    world.golden(&format!("states/{name}"));
}

#[test]
fn no_change() {
    let mut world = World::new();
    world.types("backout status").types("backout --json status").types("backout log");
    for verb in ["report", "downgrade", "resume", "abort", "undo", "commit"] {
        world.types(&format!("backout {verb}"));
    }
    done("no-change", &world);
}

/// `status --watch`: again and again with what is true then, until nobody reads it any more.
#[test]
fn status_is_shown_again() {
    let (history, plan) = History::upgrading();
    let world = World::new();
    history.within(&plan, "upgrade").put(&world);
    let mut command = world.command("backout --json status --watch 1");
    let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
    let printed = child.stdout.take().expect("a pipe");
    let mut looks = serde_json::Deserializer::from_reader(printed).into_iter::<Value>();
    let mut look = || looks.next().expect("another one").expect("an object");
    let state = |look: &Value| look["changes"][0]["state"].as_str().map(str::to_owned);
    let before = look();
    assert_eq!(state(&before).as_deref(), Some("interrupted in the upgrade"), "{before}");
    assert_eq!(state(&look()), state(&before));
    History::upgraded().put(&world);
    // One may have been under way.
    let after = (0..3).map(|_| look()).find(|it| state(it) != state(&before));
    let after = after.expect("what is true now");
    assert_eq!(state(&after).as_deref(), Some("upgraded"), "{after}");
    drop(looks);
    assert!(child.wait().expect("ended").success());
    // For a person each begins with its time.
    let mut command = world.command("backout status --watch 1");
    let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut begins =
        lines.by_ref().filter(|line| line.as_ref().is_ok_and(|it| it.starts_with("-- ")));
    assert!(begins.next().is_some() && begins.next().is_some());
    drop(lines);
    assert!(child.wait().expect("ended").success());
}

#[test]
fn opened() {
    let mut world = session("opened", &History::opened());
    world
        .types("backout resume")
        .types("backout abort")
        .types("backout commit")
        .types("backout downgrade");
    done("opened", &world);
}

#[test]
fn prepared() {
    let mut world = session("prepared", &History::prepared());
    for verb in ["resume", "abort", "undo", "downgrade", "snapshot", "plan"] {
        world.types(&format!("backout {verb}"));
    }
    done("prepared", &world);
}

#[test]
fn upgraded() {
    let mut world = session("upgraded", &History::upgraded());
    for verb in [
        "resume",
        "resume --try-again",
        "abort",
        "undo",
        "upgrade",
        "snapshot",
        "standby start --dry-run",
        "standby stop",
    ] {
        world.types(&format!("backout {verb}"));
    }
    done("upgraded", &world);
}

#[test]
fn upgraded_with_a_standby() {
    let name = "upgraded-standby";
    let mut world = session(name, &History::with_standby());
    for verb in ["standby start --dry-run", "standby stop --dry-run", "undo", "upgrade"] {
        world.types(&format!("backout {verb}"));
    }
    done(name, &world);
}

#[test]
fn rehearsed() {
    let (history, plan) = History::with_standby().rehearse();
    let name = "upgraded-rehearsed";
    done(name, &session(name, &history.whole(&plan)));
}

#[test]
fn standby_cut_off() {
    let (history, plan) = History::upgraded().standby();
    let name = "standby-cut-off";
    let mut world = session(name, &history.within(&plan, "catch-up"));
    for verb in ["standby stop", "downgrade", "commit", "abort --dry-run"] {
        world.types(&format!("backout {verb}"));
    }
    done(name, &world);
}

#[test]
fn switch_cut_off() {
    for (step, name) in [("drain", "switch-cut-off"), ("reinstall", "switch-cut-off-serving")] {
        let (history, plan) = History::with_standby().downgrade(true);
        let mut world = session(name, &history.within(&plan, step));
        for verb in ["abort --dry-run", "standby stop", "undo", "commit", "report"] {
            world.types(&format!("backout {verb}"));
        }
        done(name, &world);
    }
}

#[test]
fn backed_out_with_a_standby() {
    let name = "backed-out-standby";
    let mut world = session(name, &History::with_standby_back());
    for verb in ["standby stop --dry-run", "undo --without-standby --dry-run", "rehearse"] {
        world.types(&format!("backout {verb}"));
    }
    done(name, &world);
}

#[test]
fn undo_cut_off() {
    for (step, name) in [("drain", "undo-cut-off"), ("upgrade-again", "undo-cut-off-serving")] {
        let (history, plan) = History::with_standby_back().switch_back();
        let mut world = session(name, &history.within(&plan, step));
        for verb in ["abort --dry-run", "standby stop", "downgrade", "commit", "report"] {
            world.types(&format!("backout {verb}"));
        }
        done(name, &world);
    }
}

/// S10: a file that the downgrade needs is gone.
#[test]
fn s10_a_way_back_that_is_damaged_is_said_and_not_offered() {
    let mut world = World::new();
    let history = History::upgraded();
    history.put(&world);
    let installer = format!("state/changes/{ID}/installer/{INSTALLER}");
    std::fs::remove_file(world.path(&installer)).expect("removed");
    world.types("backout status").types("backout --json status");
    // `check` remembers when it saw it.
    world.changes("backout check");
    let note = format!("state/changes/{ID}/way-back.json");
    let text = std::fs::read_to_string(world.path(&note)).expect("a note");
    assert!(text.contains("is missing"), "{text}");
    let seen = text.split(',').next().expect("a number").replace(char::is_numeric, "");
    assert_eq!(seen, "{\"seen\":");
    world.write(&note, r#"{"seen":1795443000,"why":["It is gone."]}"#);
    world.types("backout status");
    // What only `check` reads is not forgotten by a glance.
    world.write(&installer, INSTALLER);
    world.types("backout status");
    done("upgraded-way-back-damaged", &world);
}

#[test]
fn backed_out_keep() {
    let mut world = session("backed-out-keep", &History::backed_out(true));
    for verb in [
        "report",
        "report --json",
        "resume",
        "abort",
        "downgrade",
        "upgrade",
        "undo --dry-run",
        "undo",
        "undo --json",
    ] {
        world.types(&format!("backout {verb}"));
    }
    done("backed-out-keep", &world);
}

#[test]
fn backed_out_in_place() {
    let mut world = session("backed-out-in-place", &History::backed_out(false));
    for verb in ["resume", "abort", "undo", "downgrade --in-place", "upgrade"] {
        world.types(&format!("backout {verb}"));
    }
    done("backed-out-in-place", &world);
}

#[test]
fn closed() {
    let mut world = session("closed", &History::closed());
    for verb in ["resume", "abort", "undo", "commit", "downgrade"] {
        world.types(&format!("backout {verb}"));
        world.types(&format!("backout --change {ID} {verb}"));
    }
    done("closed", &world);
}

#[test]
fn interrupted_at_stop() {
    let (history, plan) = History::upgrading();
    let mut world =
        session("interrupted-at-stop", &history.within(&plan, "stop").and(Record::Interrupted));
    for verb in [
        "upgrade",
        "snapshot",
        "downgrade",
        "undo",
        "commit",
        "abort --dry-run",
        "resume --accept-differences",
    ] {
        world.types(&format!("backout {verb}"));
    }
    done("interrupted-at-stop", &world);
}

#[test]
fn upgrade_failed() {
    let (history, plan) = History::upgrading();
    let error = "`apt-get install --yes tally` ended with status 100\nE: Could not get lock \
        /var/lib/dpkg/lock-frontend";
    let history = history
        .within(&plan, "upgrade")
        .and(Record::Failed { step: "upgrade".into(), error: error.into() });
    let mut world = session("upgrade-failed", &history);
    for verb in ["abort", "undo", "commit", "upgrade"] {
        world.types(&format!("backout {verb}"));
    }
    done("upgrade-failed", &world);
}

#[test]
fn cut_off_before_the_point_of_no_return() {
    let (history, plan) = History::downgrading(true);
    let mut world =
        session("cut-off-before-return", &history.within(&plan, "set-aside:tank/tally"));
    for verb in ["downgrade", "undo", "commit", "abort --dry-run"] {
        world.types(&format!("backout {verb}"));
    }
    done("cut-off-before-return", &world);
}

#[test]
fn restore_failed_beyond_the_point_of_no_return() {
    let (history, plan) = History::downgrading(false);
    let error = "the restore failed\ntally-import: line 812: unknown label";
    let history = history
        .within(&plan, "restore")
        .and(Record::Failed { step: "restore".into(), error: error.into() });
    let mut world = session("restore-failed-beyond-return", &history);
    for verb in ["abort", "downgrade", "undo", "commit", "resume --accept-differences"] {
        world.types(&format!("backout {verb}"));
    }
    done("restore-failed-beyond-return", &world);
}

#[test]
fn halted_at_prove() {
    let (history, plan) = History::downgrading(true);
    let why = "2 items are missing, 1 is unexpected\n- entries 17 a0b1\n- entries 18 c2d3\n+ \
        entries 19 e4f5";
    let history = history.within(&plan, "prove").and(Record::Halted {
        step: "prove".into(),
        why: why.into(),
        kind: HaltKind::Unsaid,
    });
    let mut world = session("halted-at-prove", &history);
    for verb in ["downgrade", "undo", "commit", "upgrade"] {
        world.types(&format!("backout {verb}"));
    }
    done("halted-at-prove", &world);
}

#[test]
fn halted_at_prove_with_a_repair() {
    let (history, plan) = History::downgrading(true);
    let why = "2 items are missing\nIt stands in one item of 9 KiB, which `backout resume --repair` \
        carries whole from the upgraded data; that may take 2 minutes, and the comparison again:\n  \
        labels (9 KiB): 2 entries differ";
    let history = history
        .within(&plan, "prove")
        .and(Record::Failed { step: "prove".into(), error: why.into() })
        .and(Record::Halted { step: "prove".into(), why: why.into(), kind: HaltKind::Repairable });
    let name = "halted-at-prove-with-a-repair";
    done(name, &session(name, &history));
    let name = "repair-asked-for";
    let history = history.and(Record::Answered { question: OpenQuestion::Repair });
    done(name, &session(name, &history));
}

#[test]
fn halted_at_a_reject() {
    let (history, plan) = History::downgrading(false);
    let why = format!(
        "the previous version rejects 1 item, and perhaps more that come behind:\n  rejected: label 17, longer than 64 characters\n\
         all of them: /var/lib/backout/changes/{ID}/rejects.seen\nthe data has come to 4700, and must come to 4711"
    );
    let history = history
        .within(&plan, "restore")
        .and(Record::Failed { step: "restore".into(), error: why.clone() })
        .and(Record::Halted { step: "restore".into(), why, kind: HaltKind::Unsaid });
    let mut world = session("halted-at-reject", &history);
    for verb in
        ["abort", "commit", "resume --accept-differences", "resume --accept-rejects --try-again"]
    {
        world.types(&format!("backout {verb}"));
    }
    done("halted-at-reject", &world);
}

#[test]
fn backed_out_but_for_the_rejects() {
    let (history, plan) = History::downgrading(true);
    let output =
        Output::Rejects { count: 2, file: format!("/var/lib/backout/changes/{ID}/rejects").into() };
    let history = history
        .within(&plan, "restore")
        .and(Record::Answered { question: OpenQuestion::Rejects })
        .and(Record::Done { step: "restore".into(), adopted: false, output })
        .behind(&plan, "restore");
    done("backed-out-but-for-rejects", &session("backed-out-but-for-rejects", &history));
}

#[test]
fn differences_answered_for() {
    let (history, plan) = History::downgrading(true);
    let why = "2 items are missing";
    let history = history
        .within(&plan, "prove")
        .and(Record::Halted { step: "prove".into(), why: why.into(), kind: HaltKind::Unsaid })
        .and(Record::Answered { question: OpenQuestion::Differences });
    done("differences-answered-for", &session("differences-answered-for", &history));
}

#[test]
fn halted_after_too_many_tries() {
    let (history, plan) = History::downgrading(false);
    let why = "it was tried 8 times; the last time: cannot unmount '/var/lib/tally': pool or \
        dataset is busy";
    let history = history.within(&plan, "unmount").and(Record::Halted {
        step: "unmount".into(),
        why: why.into(),
        kind: HaltKind::Unsaid,
    });
    done("halted-after-tries", &session("halted-after-tries", &history));
}

/// What is asked in a state that a procedure was cut off in, beside its status.
fn refused_in(name: &str, history: &History, verbs: &[&str]) {
    let mut world = World::new();
    history.put(&world);
    world.types("backout status").types("backout --json status");
    for verb in verbs {
        world.types(&format!("backout {verb}"));
    }
    done(name, &world);
}

#[test]
fn start_begun_in_a_kept_downgrade() {
    let (history, plan) = History::downgrading(true);
    let history = history.within(&plan, "start");
    refused_in("start-begun-in-kept-downgrade", &history, &["abort", "undo", "commit"]);
}

#[test]
fn upgrade_cut_off_behind_its_packages() {
    let (history, plan) = History::upgrading();
    let history = history.within(&plan, "start");
    refused_in("upgrade-cut-off-at-start", &history, &["abort", "upgrade", "commit"]);
}

#[test]
fn downgrade_of_a_half_made_upgrade() {
    let (history, plan) = History::upgrading();
    let (history, plan) = history.within(&plan, "upgrade").downgrade(true);
    let history = history.before(&plan, "stop");
    refused_in("half-upgrade-downgrading", &history, &["downgrade", "upgrade"]);
}

#[test]
fn abort_under_way() {
    let (history, plan) = History::downgrading(true);
    let (history, plan) = history.within(&plan, "set-aside:tank/tally").abort();
    let begun = history.clone().before(&plan, "stop");
    refused_in("abort-begun", &begun, &["abort", "downgrade"]);
    let history = history.within(&plan, "put-back:tank/tally");
    refused_in("abort-under-way", &history, &["abort", "downgrade", "undo", "commit"]);
}

#[test]
fn undo_under_way() {
    let (history, plan) = History::backed_out(true).undo();
    let history = history.within(&plan, "put-back:tank/tally");
    refused_in("undo-under-way", &history, &["abort", "downgrade", "undo", "commit"]);
}

#[test]
fn commit_under_way() {
    let (history, plan) = History::backed_out(true).commit();
    let history = history.within(&plan, "drop-snapshot");
    refused_in("commit-under-way", &history, &["abort", "undo", "commit"]);
}

#[test]
fn two_hosts() {
    let opened = History::opened_coexistent();
    refused_in("two-hosts-opened", &opened, &["upgrade", "snapshot", "downgrade"]);
    let (history, plan) = opened.migrate(&["ann", "ben"]);
    let held = history.clone().within(&plan, "capture:1.2");
    refused_in(
        "two-hosts-on-hold",
        &held,
        &["migrate --all", "commit", "resume --accept-differences"],
    );
    let why = "ben: 1 item is missing";
    let halted = history
        .clone()
        .within(&plan, "prove:1.2")
        .and(Record::Failed { step: "prove:1.2".into(), error: why.into() })
        .and(Record::Halted {
            step: "prove:1.2".into(),
            why: why.into(),
            kind: HaltKind::Differences,
        });
    refused_in("two-hosts-halted", &halted, &["migrate --all", "commit"]);
    let between = history.clone().within(&plan, "assign:1.2");
    refused_in("two-hosts-between", &between, &["abort", "migrate --all", "commit"]);
    refused_in(
        "two-hosts-coexisting",
        &history.whole(&plan),
        &["upgrade", "resume", "abort", "undo"],
    );
}

#[test]
fn other_ways_back() {
    let full = ["full-upgraded", "full-downgrading", "full-backed-out"];
    let packages = ["packages-upgraded", "packages-downgrading", "packages-backed-out"];
    for ([upgraded, downgrading, backed_out], opened) in
        [(full, History::opened_full()), (packages, History::opened_packages())]
    {
        let (history, plan) = opened.upgrade();
        let history = history.whole(&plan);
        refused_in(upgraded, &history, &["undo", "downgrade --keep"]);
        let (history, plan) = history.downgrade(true);
        let begun = history.clone().within(&plan, "reinstall");
        refused_in(downgrading, &begun, &["undo", "commit"]);
        refused_in(backed_out, &history.whole(&plan), &["abort", "downgrade"]);
    }
}

#[test]
fn several_open_changes() {
    let mut world = World::new();
    let other = "generic-20261124090000";
    History::upgraded().put(&world);
    History::prepared().named(other).put(&world);
    world.types("backout status").types(&format!("backout --change {other} status"));
    for verb in ["downgrade", "resume", "abort", "undo", "commit", "log", "plan", "upgrade"] {
        world.types(&format!("backout {verb}"));
    }
    done("several-open-changes", &world);
}

#[test]
fn another_run_is_at_work() {
    let mut world = World::new();
    let (history, plan) = History::upgrading();
    history.within(&plan, "upgrade").put(&world);
    let _held = Lock::take(&world.path("run"), "upgrade").expect("free");
    world.types("backout status").types("backout --json status");
    for verb in ["snapshot", "upgrade", "downgrade", "resume", "abort", "undo", "commit"] {
        world.types(&format!("backout {verb} --yes"));
    }
    done("another-run-at-work", &world);
}
