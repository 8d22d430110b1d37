//! `backout watch`: a round in a world with an open change. What was seen depends on the host, and
//! is not compared; who was told, and when, is.

use std::fs;

use super::history::{History, ID};
use super::world::World;

const LINE: &str = "backout watch --config watch.toml --metrics metrics";

/// A world with a command that writes down what it was told; it fails while `broken` is there.
fn world(history: &History) -> World {
    let world = World::new();
    history.put(&world);
    let at = |name: &str| world.path(name).display().to_string();
    world.program(
        "tell",
        &format!(
            "[ ! -e {0} ] || {{ echo no route >&2; exit 3; }}\n\
             {{ echo \"state=$BACKOUT_NEWS_STATE host=$BACKOUT_NEWS_HOST\"\n\
             echo \"change=$BACKOUT_NEWS_CHANGE raised=$BACKOUT_NEWS_RAISED\"\n\
             while read -r line; do echo \"| $line\"; done; }} >>{1}",
            at("broken"),
            at("told")
        ),
    );
    world.write("watch.toml", format!("[notify]\nargv = [\"{}\"]\n", at("bin/tell")));
    fs::create_dir(world.path("metrics")).expect("folder");
    world
}

fn told(world: &World) -> String {
    fs::read_to_string(world.path("told")).unwrap_or_default()
}

fn metrics(world: &World) -> String {
    fs::read_to_string(world.path("metrics/backout.prom")).expect("metrics")
}

#[test]
fn a_round_tells_once_and_tries_again_where_it_could_not() {
    let (history, plan) = History::upgrading();
    let mut world = world(&history.within(&plan, "upgrade"));
    world.write("broken", "");
    let (status, said) = world.changes(LINE);
    assert_eq!(status, 1, "{said}");
    for part in [
        "nobody could be told: ",
        "no route",
        "cause:",
        "No change was touched, and no service.",
        "backout watch try",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(told(&world), "");
    assert!(metrics(&world).contains("\nbackout_watch_failures 1\n"));
    fs::remove_file(world.path("broken")).expect("removed");
    let (status, said) = world.changes(LINE);
    assert_eq!(status, 0, "{said}");
    let text = told(&world);
    for part in [
        "state=alert host=fixture\n",
        &format!("change={ID} raised=unfinished\n"),
        "| backout on fixture: unfinished\n",
        "| It is interrupted in the upgrade: `backout status`.\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let metrics = metrics(&world);
    let alert = format!("backout_change_alert{{alert=\"unfinished\",change=\"{ID}\"}} 1\n");
    assert!(metrics.contains(&alert) && metrics.contains("\nbackout_changes_open 1\n"));
    world.changes(LINE);
    assert_eq!(told(&world), text, "told once");
    fs::remove_dir_all(world.path("state/changes").join(ID)).expect("removed");
    world.changes(LINE);
    assert!(told(&world).contains("state=clear"), "{}", told(&world));
    let (status, said) = world.changes(LINE);
    assert_eq!((status, said.trim()), (0, "There is no open change on this host."));
}

#[test]
fn while_a_run_is_at_work_nobody_is_told() {
    let (history, plan) = History::upgrading();
    let mut world = world(&history.within(&plan, "upgrade"));
    let lock = backout::change::Lock::take(&world.path("run"), "upgrade").expect("free");
    let (status, said) = world.changes(LINE);
    assert!(status == 0 && said.contains("A run of backout is at work"), "{said}");
    assert_eq!(told(&world), "");
    assert!(metrics(&world).contains("\nbackout_run_active 1\n"));
    drop(lock);
}

#[test]
fn what_cannot_be_done_is_said() {
    let mut world = world(&History::opened());
    world.write("none.toml", "");
    world.write("wrong.toml", "[notify]\nargs = [\"x\"]\n");
    for line in [
        "backout watch try --config none.toml",
        "backout watch try --config wrong.toml",
        "backout watch --metrics nowhere --config none.toml",
        "backout --json watch --config none.toml",
        "backout watch install --every 0s",
    ] {
        world.types(line);
    }
    let (status, said) = world.changes("backout watch try --config watch.toml");
    assert_eq!((status, said.trim()), (0, "The command succeeded. Did the message arrive?"));
    assert!(told(&world).contains("state=test"));
    world.golden("watching/refused");
}
