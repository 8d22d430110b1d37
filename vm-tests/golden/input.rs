//! Files that cannot be used: each says what is wrong, where, and what to do; and changes nothing.

use backout::journal::file;
use backout::step::{Line, Plan, Record};

use super::history::{History, ID};
use super::world::{SITE, World};

fn site(name: &str, text: impl AsRef<[u8]>) {
    let mut world = World::new();
    world.write("site.toml", text);
    world.types("backout check").types("backout upgrade --yes");
    world.golden(&format!("input/{name}"));
}

#[test]
fn site_files() {
    site("site-unknown-field", SITE.replace("upgrade_to", "upgrade_too"));
    site("site-wrong-type", SITE.replace("[\"tank/tally\"]", "\"tank/tally\""));
    site("site-not-toml", "playbook = generic\n");
    site("site-empty", "");
    site("site-unknown-playbook", SITE.replace("\"generic\"", "\"genric\""));
    site("site-unknown-variable", format!("{SITE}[variables]\nprot = \"7778\"\n"));
    site("site-value-missing", SITE.replace("generic", "mariadb"));
    site("site-no-datasets", SITE.replace("[\"tank/tally\"]", "[]"));
    site("site-bad-dataset", SITE.replace("tank/tally", "tank/tally@now"));
    site(
        "site-nested-datasets",
        SITE.replace("[\"tank/tally\"]", "[\"tank/tally\", \"tank/tally/changes\"]"),
    );
    site("site-bad-rollback", format!("{SITE}rollback = \"destroy\"\n"));
    site("site-not-text", [0xff, 0xfe, 0x00, 0x41]);
}

#[test]
fn a_site_file_that_is_not_there() {
    let mut world = World::new();
    world
        .types("backout --site none.toml check")
        .types("backout --site . check")
        .types("backout --site none.toml --json check");
    world.golden("input/site-missing");
}

#[test]
fn s9_a_site_file_that_others_may_write_to() {
    let mut world = World::new();
    world.mode("site.toml", 0o666);
    world.types("backout check").types("backout upgrade --yes");
    world.mode("site.toml", 0o644);
    world.mode("", 0o777);
    world.types("backout check");
    world.mode("", 0o755);
    world.golden("input/site-writable");
}

#[test]
fn s9_a_playbook_that_others_may_write_to() {
    let mut world = World::new();
    let text = backout::playbook::built_in::BUILT_IN[0].text;
    world.write("own/generic.toml", text);
    world.mode("own", 0o755);
    world.mode("own/generic.toml", 0o666);
    world.types("backout --playbooks own check").types("backout --playbooks own playbook list");
    world.types("backout playbook check own/generic.toml");
    world.mode("own/generic.toml", 0o644);
    world.types("backout playbook check own/generic.toml");
    world.golden("input/playbook-writable");
}

#[test]
fn playbooks() {
    let mut world = World::new();
    let text = backout::playbook::built_in::BUILT_IN[0].text;
    world.write("faults.toml", "format = 1\nname = \"faults\"\ntitel = \"Faults\"\n");
    world.write("other-name.toml", text);
    world.write("generic.toml", text.replace("format = 1", "format = 2"));
    world.write("notes.txt", text);
    for file in ["faults.toml", "other-name.toml", "generic.toml", "notes.txt", "none.toml", "run"]
    {
        world.types(&format!("backout playbook check {file}"));
    }
    for name in ["New-One", "new one", "../x", "generic"] {
        world.types_for(&format!("backout playbook new {name}"), "name");
    }
    world.types_for("backout playbook new tally", "name =");
    world
        .types("backout --json playbook check faults.toml")
        .types("backout --playbooks . playbook list");
    world.golden("input/playbooks");
}

/// No ZFS, and nothing else: the check says so, and nothing begins.
#[test]
fn a_host_without_zfs() {
    let mut world = World::new();
    for line in ["backout check", "backout upgrade --yes", "backout snapshot --yes"] {
        world.types_for(line, "[zfs]");
    }
    world.golden("input/no-zfs");
}

/// A journal with these bytes: none of the verbs may guess.
fn journal(name: &str, bytes: impl AsRef<[u8]>) {
    let mut world = World::new();
    History::upgraded().put(&world);
    world.write(&format!("state/changes/{ID}/journal"), bytes);
    world.types("backout status").types("backout --json status").types("backout log");
    for verb in ["upgrade", "downgrade", "resume", "abort", "undo", "commit"] {
        world.types(&format!("backout {verb} --yes"));
    }
    world.golden(&format!("input/{name}"));
}

fn sealed(json: &str) -> String {
    // The checksum of a line is what `encode` makes of it, so a foreign line is made from one of
    // ours.
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
}

#[test]
fn damaged_journals() {
    let text = History::upgraded().text();
    let lines: Vec<&str> = text.lines().collect();
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line;
        format!("{}\n", lines.join("\n"))
    };
    let damaged = lines[4].replacen("step", "stop", 1);
    assert_ne!(damaged, lines[4]);
    journal("journal-damaged-line", with(4, &damaged));
    journal("journal-line-missing", format!("{}\n{}\n", lines[0], lines[2]));
    journal("journal-line-twice", with(4, lines[3]));
    journal("journal-first-line-damaged", with(0, "00000000 {}"));
    journal("journal-not-a-journal", "Dear diary,\ntoday nothing happened.\n");
    journal("journal-not-text", [0_u8, 159, 146, 150, b'\n', 1, 2, 3, b'\n']);
    let order = format!(
        "{}\n{}\n",
        lines[0],
        sealed(r#"{"seq":2,"at":"2026-11-23T14:02:00+01:00","record":"finished"}"#).trim_end()
    );
    journal("journal-impossible-order", order);
}

#[test]
fn journals_of_other_versions() {
    let lines = History::upgraded().lines();
    let first = file::encode(&lines[0]).expect("encoded");
    let json = first[9..].trim_end();
    journal(
        "journal-newer-format",
        sealed(
            &json
                .replace(r#""format":1"#, r#""format":2"#)
                .replace(r#""tool":"0.1.0""#, r#""tool":"2.0.0""#),
        ),
    );
    let unknown = sealed(r#"{"seq":2,"at":"2026-11-23T14:02:00+01:00","record":"teleported"}"#);
    journal("journal-unknown-record", format!("{first}{unknown}"));
}

/// A crash in the middle of a write: what is whole counts.
#[test]
fn a_torn_last_line() {
    let mut world = World::new();
    let (history, plan) = History::upgrading();
    let history = history.within(&plan, "upgrade");
    history.put(&world);
    let text = history.text();
    world.write(&format!("state/changes/{ID}/journal"), &text[..text.len() - 20]);
    world.types("backout status").types("backout log");
    world.golden("input/journal-torn-last-line");
}

/// Nothing of it ever reached the disk: there is no change.
#[test]
fn an_empty_journal() {
    let mut world = World::new();
    world.write(&format!("state/changes/{ID}/journal"), "");
    world.types("backout status").types("backout resume");
    let first: Vec<Line> = History::opened().lines();
    let torn = file::encode(&first[0]).expect("encoded");
    world.write(&format!("state/changes/{ID}/journal"), &torn[..40]);
    world.types("backout status");
    world.golden("input/journal-empty");
}

#[test]
fn copies_that_were_edited() {
    let mut world = World::new();
    History::backed_out(true).put(&world);
    let copy = format!("state/changes/{ID}/site.toml");
    world.write(&copy, SITE.replace("3.0", "3.1"));
    world.types("backout undo --yes").types("backout commit --yes");
    std::fs::remove_file(world.path(&copy)).expect("removed");
    world.types("backout undo --yes").types("backout status");
    world.golden("input/copy-edited");
}

#[test]
fn names_of_changes() {
    let mut world = World::new();
    History::upgraded().put(&world);
    world
        .types("backout --change nothing status")
        .types("backout --change nothing downgrade --yes");
    world
        .types("backout --change ../../etc status")
        .types(&format!("backout --change {ID} status"));
    world.golden("input/change-unknown");
}

#[test]
fn a_state_folder_that_is_a_file() {
    let mut world = World::new();
    world.write("state/changes", "");
    world.types("backout status").types("backout upgrade --yes");
    world.golden("input/state-is-a-file");
}

#[test]
fn the_state_folder_of_another_host() {
    let mut world = World::new();
    History::upgraded().put(&world);
    world
        .types("backout --host other status")
        .types("backout --host other downgrade --yes")
        .types("backout --host other upgrade --yes");
    world.types("backout --host fixture status");
    world.golden("input/state-of-another-host");
}

#[test]
fn s9_a_state_folder_that_others_may_write_to() {
    let mut world = World::new();
    History::upgraded().put(&world);
    world.mode("state/changes", 0o777);
    world.types("backout status").types("backout downgrade --yes").types("backout log");
    world.mode("state/changes", 0o700);
    world.mode(&format!("state/changes/{ID}/journal"), 0o602);
    world.types("backout status");
    world.golden("input/state-writable");
}

/// A mistake in the playbook that shows in the downgrade does not close the way back.
#[test]
fn a_playbook_that_was_mended() {
    let mut world = World::new();
    let (history, plan) = History::downgrading(true);
    let error = "tally-import: unknown option --node".to_owned();
    let failed = Record::Failed { step: "restore".into(), error };
    history.within(&plan, "restore").and(failed).put(&world);
    let text = backout::playbook::built_in::BUILT_IN[0].text;
    let mended = text.replace("\"tally-import\", \"--node={node_id}\"", "\"tally-import\"");
    assert_ne!(text, mended);
    let own = |name: &str, text: &str| {
        world.write(&format!("{name}/generic.toml"), text);
        world.mode(name, 0o755);
        world.mode(&format!("{name}/generic.toml"), 0o644);
    };
    own("mended", &mended);
    own("elsewhere", &mended.replace("\"/var/lib/tally\"", "\"/var/lib/tallies\""));
    own("later", &mended.replace("name = \"entries\"", "name = \"all-entries\""));
    world
        .types("backout playbook replace")
        .types("backout playbook replace redis")
        .types("backout playbook replace elsewhere/generic.toml --yes")
        .types("backout playbook replace later/generic.toml --yes")
        .types("backout playbook replace mended/generic.toml --dry-run")
        .types("backout playbook replace mended/generic.toml");
    let (status, said) = world.changes("backout playbook replace mended/generic.toml --yes");
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("next: backout resume"), "{said}");
    world.types("backout playbook replace mended/generic.toml --yes");
    assert!(world.says("backout log").contains("mended files were taken in (edition 1)"));
    // The copies that count are the new ones.
    let edition = format!("state/changes/{ID}/edition-1/playbook.toml");
    world.write(&edition, text);
    world.types("backout abort --yes");
    let (status, said) = world.changes("backout playbook replace mended/generic.toml --yes");
    assert_eq!(status, 0, "{said}");
    assert_eq!(std::fs::read_to_string(world.path(&edition)).expect("there"), mended);
    world.golden("input/playbook-mended");
}

/// A procedure under way is planned again from the mended playbook, wherever it stands.
#[test]
fn a_mended_playbook_fits_to_what_is_under_way() {
    let text = backout::playbook::built_in::BUILT_IN[0].text;
    let mended = text.replace("\"tallyctl\"", "\"/usr/bin/tallyctl\"");
    let kept = |history: History, plan: &Plan| {
        plan.steps.iter().map(|step| history.clone().within(plan, step.id.as_str())).collect()
    };
    let (upgrade, plan) = History::upgrading();
    let mut all: Vec<History> = kept(upgrade, &plan);
    for keep in [true, false] {
        let (downgrade, plan) = History::downgrading(keep);
        let found: Vec<History> = kept(downgrade, &plan);
        let (abort, plan) = found[found.len() / 4].clone().abort();
        all.extend(found.into_iter().chain(kept(abort, &plan)));
    }
    let (undo, plan) = History::backed_out(true).undo();
    all.extend(kept(undo, &plan));
    for history in all {
        let mut world = World::new();
        history.put(&world);
        world.write("mended/generic.toml", &mended);
        world.mode("mended", 0o755);
        world.mode("mended/generic.toml", 0o644);
        let (status, said) = world.changes("backout playbook replace mended/generic.toml --yes");
        assert_eq!(status, 0, "{said}");
        assert!(said.contains("The change has these files from now on."), "{said}");
        let said = world.says("backout status");
        assert!(said.contains("backout resume"), "{said}");
    }
}
