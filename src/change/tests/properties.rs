//! The restored datasets are set up as the upgraded ones were, wherever their properties came from.

use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::Verb;
use super::straight::upgraded;
use super::world::World;
use crate::zfs::sim::command::Commands;
use crate::zfs::{CliEngine, Dataset, Engine};

fn name(text: &str) -> Dataset {
    text.parse().expect("a name")
}

/// What is set on the datasets, and who may do what, as the world has it.
fn set_up(world: &World) -> Vec<String> {
    let engine = &world.engine.fake;
    let mut lines = Vec::new();
    for dataset in ["t/app", "t/app/log", &world.roots[1].to_string()].map(name) {
        let own = engine.own(&dataset).expect("read").into_iter();
        let own = own.filter(|(property, _)| !property.starts_with("backout:"));
        lines.extend(own.map(|(property, value)| format!("{dataset} {property}={value}")));
        for all in engine.delegations_of(std::slice::from_ref(&dataset)).expect("read") {
            lines.extend(all.given.iter().map(|words| format!("{dataset} {}", words.join(" "))));
        }
        let info = engine.dataset(&dataset).expect("read").expect("there");
        lines.push(format!("{dataset} at {:?}, mounted: {}", info.mountpoint, info.mounted));
    }
    lines
}

/// A dataset that came by `zfs receive`, with a quota and permissions of others.
fn received(kind: Kind) -> World {
    let world = World::new(kind);
    let fake = &world.engine.fake;
    fake.set_received(&name("t/app")).expect("there");
    fake.set_received(&name("t/app/log")).expect("there");
    // Set here, over a value that was received; and not received at all.
    fake.set(&name("t/app"), "compression", "zstd").expect("set");
    fake.set(&name("t/app"), "com.example:owner", "db = 1").expect("set");
    fake.set(&name("t/app/log"), "quota", "1000000").expect("set");
    fake.set(&name("t/app/log"), "filesystem_limit", &u64::MAX.to_string()).expect("set");
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let given = [words("-u bob snapshot,hold"), words("-l -g staff mount")];
    fake.delegate(&name("t/app"), &given).expect("given");
    fake.delegate(&name("t/app/log"), &[words("-d -e compression")]).expect("given");
    world.run(Verb::Upgrade);
    world.client();
    world
}

#[test]
fn a_received_dataset_comes_back_as_it_was() {
    for kind in [PLAIN, ROUGH] {
        let mut world = received(kind);
        // As the commands print and take it.
        let commands = Commands::new(world.engine.fake.clone());
        world.by_command = Some(CliEngine::new(commands.runner()));
        let mut before = set_up(&world);
        let has = |line: &str| before.iter().any(|found| found == line);
        assert!(has("t/app mountpoint=/srv/app") && has("t/app/log recordsize=16K"), "{before:?}");
        assert!(has("t/app -u bob snapshot,hold"), "{before:?}");
        let unlimited = format!("filesystem_limit={}", u64::MAX);
        before
            .iter_mut()
            .for_each(|line| *line = line.replace(&unlimited, "filesystem_limit=none"));
        world.run(Verb::Keep);
        world.serves("1.0");
        assert_eq!(set_up(&world), before);
        world.run(Verb::Undo);
        world.serves("2.0");
        world.client();
        world.run(Verb::Keep);
        assert_eq!(set_up(&world), before);
        world.run(Verb::Commit);
        world.serves("1.0");
        assert_eq!(set_up(&world), before);
    }
}

/// What is changed after the upgrade is the operator's wish, and holds for the restored dataset.
#[test]
fn what_was_set_since_the_upgrade_is_kept() {
    let world = upgraded(PLAIN);
    world.engine.fake.set(&name("t/app/log"), "quota", "5000000").expect("set");
    world.run(Verb::Keep);
    let quota = world.engine.fake.local(&name("t/app/log"), "quota").expect("read");
    assert_eq!(quota.as_deref(), Some("5000000"));
}

/// Tools that go by a property pass over what is kept; what was set before comes back with it.
#[test]
fn what_is_kept_is_excluded_from_snapshots_until_it_is_back() {
    const ASKED: [&str; 2] = ["com.sun:auto-snapshot", "syncoid:sync"];
    for kind in [PLAIN, ROUGH] {
        let world = World::new(kind);
        let fake = &world.engine.fake;
        fake.set(&name("t/app/log"), ASKED[0], "true").expect("set");
        world.run(Verb::Upgrade);
        world.client();
        let values =
            |dataset: &str| ASKED.map(|asked| fake.local(&name(dataset), asked).expect("read"));
        let (before, log) = (values("t/app"), values("t/app/log"));
        let excluded = [Some("false".to_owned()), Some("false".to_owned())];
        world.run(Verb::Keep);
        assert_eq!((values("t/app"), values("t/app/log")), (before.clone(), log.clone()));
        assert_eq!(values("t/app.upgraded"), excluded);
        assert_eq!(values("t/app.upgraded/log"), excluded);
        world.run(Verb::Undo);
        assert_eq!((values("t/app"), values("t/app/log")), (before, log));
        let remembered = |own: &String| own.contains("auto-snapshot") && own.contains("backout");
        let own = fake.own(&name("t/app/log")).expect("read");
        assert!(!own.iter().map(|(name, _)| name).any(remembered), "{own:?}");
        assert_eq!(values("t/app.undone"), excluded);
    }
}
