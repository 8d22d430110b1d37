//! What is said after something was changed, on hosts made of scripts.

use backout::step::Record;

use super::history::{History, ID};
use super::world::World;

const NOTHING: &str = "Nothing was changed.";

/// Two hosts, and a directory with one user.
fn two_hosts() -> World {
    let world = World::new();
    let store = world.path("store").display().to_string();
    world.write(
        "site.toml",
        format!(
            "playbook = \"generic\"\nupgrade_to = \"3.0\"\nstrategy = \"coexistent\"\nstore = \"{store}\"\n\
             [hosts.old]\nname = \"old\"\n[hosts.new]\nname = \"new\"\nrun = [\"on-new\"]\n"
        ),
    );
    world.program("dpkg-query", "echo installed 2.6.1");
    world.program("on-new", "echo installed 3.0");
    world.program("tallyctl", "exit 1");
    world.program("tally-directory", "case $1 in list) echo ann;; *) echo host: old;; esac");
    world
}

/// The change is open when its folder turns out to be one that others can write to.
#[test]
fn a_change_that_was_opened_is_a_change() {
    let mut world = two_hosts();
    world.write("store/file", "");
    world.mode("store", 0o777);
    let (status, said) = world.changes("backout migrate --user ann --yes --accept tested");
    assert_eq!(status, 6, "{said}");
    assert!(said.contains("[DIR]/store") && !said.contains(NOTHING), "{said}");
    assert!(said.contains("  now:   Nothing was done yet.\n"), "{said}");
}

/// A folder stands where a file is to be written: half of the change's files are made then.
#[test]
fn a_change_that_is_half_made_is_no_change() {
    let mut world = World::new();
    let lines = History::opened().lines();
    let Some(Record::Opened(manifest)) = lines.first().map(|line| &line.record) else {
        panic!("opened")
    };
    world.write("opening", serde_json::to_string(manifest).expect("json"));
    let snapshot = format!("tank/tally@backout-{ID}");
    let row = |name: &str, guid: u32| {
        format!("{name}\t{guid}\tfilesystem\tyes\ton\t1\t1\t1\t0\t0\t-\t-\toff\t/var/lib/{name}")
    };
    world.program("dpkg-query", "echo installed 3.0");
    let manifest = world.path("opening");
    let script = format!(
        "case \"$*\" in\n\
         *backout:opening*) /bin/cat {}; echo;;\n\
         *backout:installer*) echo '[]';;\n\
         *name,property,value*backout:change*) for name; do case \"$name\" in *@*) printf '%s\\tbackout:change\\t{ID}\\n' \"$name\";; esac; done;;\n\
         *name,property*backout:change*) for name; do case \"$name\" in *@*) printf '%s\\tbackout:change\\n' \"$name\";; esac; done;;\n\
         *backout:*) ;;\n\
         *list*) status=0; for name; do case \"$name\" in\n\
         tank/tally) echo '{}';;\n\
         tank/tally/changes) echo '{}';;\n\
         *@*) printf '%s\\t100\\t5\\t1\\t0\\t1\\t1\\t\\n' \"$name\";;\n\
         tank/*) echo \"cannot open '$name': dataset does not exist\" >&2; status=1;;\n\
         esac; done; exit $status;;\n\
         *) echo \"cannot open: dataset does not exist\" >&2; exit 1;;\n\
         esac",
        manifest.display(),
        row("tank/tally", 11),
        row("tank/tally/changes", 12),
    );
    world.program("zfs", &script);
    world.write(&format!("state/changes/{ID}/playbook.toml/file"), "");
    world.write(&format!("state/changes/{ID}/installer/file"), "");
    for folder in ["state", "state/changes", &format!("state/changes/{ID}")] {
        world.mode(folder, 0o700);
    }
    let (status, said) = world.changes(&format!("backout adopt {snapshot} --yes"));
    assert_eq!(status, 1, "{said}");
    assert!(
        said.contains("error: the change could not be adopted\n")
            && said.contains("cannot copy the playbook")
            && !said.contains(NOTHING),
        "{said}"
    );
    assert!(said.contains(&format!("[DIR]/state/changes/{ID}")), "{said}");
}

/// The objects that were printed, a line each.
fn objects(said: &str) -> Vec<serde_json::Value> {
    said.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
}

/// What a person would be shown, or asked for, a program is told too.
#[test]
fn findings_are_in_the_json() {
    let mut world = two_hosts();
    let text = backout::playbook::built_in::BUILT_IN[0].text;
    assert!(text.contains("name = \"generic\""));
    let text =
        text.replace("warn = false", "warn = true\nstrategies = [\"in-place\", \"coexistent\"]");
    world.write("own/generic.toml", text);
    world.mode("own", 0o755);
    let line = "backout --json --playbooks own migrate --user ann --dry-run --accept tested";
    let said = world.says(line);
    let objects = objects(&said);
    let found: Vec<_> = objects.iter().filter(|it| it["result"] == "findings").collect();
    let [found] = found.as_slice() else { panic!("{said}") };
    assert_eq!(found["change"], objects[0]["change"], "{said}");
    let brief: Vec<_> = found["findings"].as_array().expect("a list").iter().collect();
    let of = |check: &str| brief.iter().find(|it| it["guard"] == check).copied();
    assert_eq!(of("requirement").map(|it| &it["severity"]), Some(&"warn".into()), "{said}");
    assert_eq!(of("question").map(|it| &it["answered"]), Some(&true.into()), "{said}");
}

/// A refusal names in its text what refused; the findings are all there beside it.
#[test]
fn findings_of_a_refusal_are_in_the_json() {
    let mut world = World::new();
    let said = world.says("backout --json upgrade --yes");
    let objects = objects(&said);
    let [error] = objects.as_slice() else { panic!("{said}") };
    let findings = error["findings"].as_array().expect("a list");
    assert!(findings.iter().any(|it| it["severity"] == "refuse" && it["guard"] == "zfs"), "{said}");
    assert!(findings.iter().any(|it| it["severity"] == "warn"), "{said}");
}
