//! How many commands a procedure runs when there are many datasets and snapshots.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::kind::{Kind, PLAIN};
use super::procedures::{Ended, Verb};
use super::standby::{KINDS, beside};
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::Hook;
use crate::journal::StepId;
use crate::step::recovery_metadata::RecoveryMetadata;
use crate::step::zfs::copies;
use crate::strategy;
use crate::zfs::sim::command::Commands;
use crate::zfs::{CliEngine, Dataset, Engine};

/// Longer than this, a command's words may not fit (`execve(2)`: 2 MiB with the environment).
const WORDS: usize = 512 * 1024;
/// Longer than this, one word does not fit (`MAX_ARG_STRLEN`).
const WORD: usize = 128 * 1024;

/// The commands of each procedure in turn.
fn commands(children: usize, verbs: &[Verb]) -> Vec<Vec<Vec<String>>> {
    let mut world = World::new(Kind { children, ..PLAIN });
    let commands = Commands::new(world.engine.fake.clone());
    world.by_command = Some(CliEngine::new(commands.runner()));
    let of = |verb: &Verb| {
        commands.taken();
        world.run(*verb);
        if *verb == Verb::Upgrade {
            world.client();
        }
        commands.taken()
    };
    verbs.iter().map(of).collect()
}

fn by_verb(commands: &[Vec<String>]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for argv in commands {
        *found.entry(argv.iter().take(2).cloned().collect::<Vec<_>>().join(" ")).or_default() += 1;
    }
    found
}

/// `each`: how many commands each dataset more may cost.
fn grows(verbs: &[Verb], each: &[usize]) {
    let (few, many) = (commands(10, verbs), commands(100, verbs));
    for (((verb, few), many), each) in verbs.iter().zip(&few).zip(&many).zip(each) {
        let said = format!("{verb:?}: {:?} grow to {:?}", by_verb(few), by_verb(many));
        assert!(many.len() <= few.len() + each * 90, "{} to {}; {said}", few.len(), many.len());
        for argv in many {
            let words: usize = argv.iter().map(|word| word.len() + 1).sum();
            assert!(words < WORDS && argv.iter().all(|word| word.len() < WORD), "{verb:?}");
        }
    }
}

#[test]
fn a_snapshot_an_upgrade_and_its_commit_take_as_many_commands_for_many_datasets() {
    grows(&[Verb::Snapshot, Verb::Upgrade, Verb::Commit], &[0, 0, 0]);
}

/// And one command reads what others may do with it: `zfs allow` takes one dataset.
#[test]
fn a_kept_downgrade_unmounts_clones_and_mounts_each_dataset_once() {
    grows(&[Verb::Upgrade, Verb::Keep, Verb::Commit], &[0, 4, 0]);
}

#[test]
fn a_downgrade_in_place_unmounts_and_mounts_each_dataset_once() {
    grows(&[Verb::Upgrade, Verb::InPlace, Verb::Commit], &[0, 2, 0]);
}

#[test]
fn an_undo_unmounts_and_mounts_each_dataset() {
    grows(&[Verb::Upgrade, Verb::Keep, Verb::Undo, Verb::Commit], &[0, 4, 3, 0]);
}

/// Those of `backout prove` and of a repair. Each dataset is cloned, mounted and unmounted.
#[test]
fn clones_for_a_proof_take_three_commands_for_each_dataset() {
    let count = |children: usize| {
        let mut world = World::new(Kind { children, ..PLAIN });
        world.run(Verb::Upgrade);
        world.client();
        world.run(Verb::Keep);
        let commands = Commands::new(world.engine.fake.clone());
        world.by_command = Some(CliEngine::new(commands.runner()));
        let (state, engine) = (world.state(), world.by_command.as_ref().expect("there"));
        let context = crate::step::Context {
            engine,
            runner: &world.runner,
            state: &state,
            layout: &world.layout,
            say: &|_| {},
            items: std::sync::Arc::default(),
            root: world.root.clone(),
        };
        let aside = strategy::aside_of(&state);
        let place = |root: &Dataset| (root.clone(), root.with_suffix(aside).expect("a name"));
        let places: Vec<_> = world.roots.iter().map(place).collect();
        let step = &StepId::SNAPSHOT_UPGRADED;
        let found = copies::copies(&state, engine, &places, step).expect("found");
        assert_eq!(found.len(), children + 3);
        copies::make(&context, &found, &[]).expect("made");
        let maintenance = world.playbook.service.maintenance.as_ref().expect("there");
        copies::clear(&context, &world.roots, &maintenance.stop.template()).expect("cleared");
        commands.taken()
    };
    let (few, many) = (count(10), count(100));
    let said = format!("{:?} grow to {:?}", by_verb(&few), by_verb(&many));
    assert!(many.len() <= few.len() + 3 * 90, "{} to {}; {said}", few.len(), many.len());
}

/// A lost state folder can be recreated from the pool, however many datasets there are.
#[test]
fn the_snapshot_says_what_its_change_needs_of_many_datasets() {
    let world = World::new(Kind { children: 100, ..PLAIN });
    world.run(Verb::Upgrade);
    let manifest = world.state().manifest;
    let snapshot = manifest.datasets[0].dataset.at(&manifest.snapshot).expect("a name");
    let found = RecoveryMetadata::read(&world.engine, &snapshot).expect("read").expect("there");
    assert_eq!(found.manifest.datasets.len(), manifest.datasets.len());
    assert_eq!(found.manifest, manifest);
    let lost = manifest.datasets[50].dataset.at(&manifest.snapshot).expect("a name");
    let fake = &world.engine.fake;
    let guid = fake.snapshot_info(&lost).expect("read").expect("there").guid;
    fake.release(&lost, "backout:app-1").expect("released");
    fake.destroy_snapshot(&lost, guid).expect("destroyed");
    let error = RecoveryMetadata::read(&world.engine, &snapshot).expect_err("one is missing");
    assert!(error.to_string().contains("102 datasets have a snapshot"), "{error}");
}

/// Between the refusal and the moment that the previous version serves, clients wait for each.
#[test]
fn a_switch_runs_few_commands_of_zfs_while_clients_wait() {
    let mut world = beside(KINDS[0]);
    let commands = Commands::new(world.engine.fake.clone());
    world.by_command = Some(CliEngine::new(commands.runner()));
    let plan = world.plan(Verb::Keep, &world.state());
    let window = Rc::new(RefCell::new(Vec::new()));
    let (taken, found) = (commands.clone(), Rc::clone(&window));
    let hook: Hook = Box::new(move |at, _| {
        let more = taken.taken();
        let mut all = found.borrow_mut();
        if at == "point refuse:done" {
            all.clear();
        } else if !all.iter().any(|argv: &Vec<String>| argv == &["served"]) {
            all.extend(more);
            all.push(vec!["==".to_owned(), at.to_owned()]);
        }
        if at == "command s-serve before" {
            all.push(vec!["served".to_owned()]);
        }
        None
    });
    let ended = world.once(Some(plan), Some(hook));
    assert_eq!(ended, Ended::Outcome(Outcome::Finished));
    let window = window.borrow();
    let is = |argv: &&Vec<String>| argv.first().is_some_and(|word| word == "zfs");
    let zfs: Vec<String> = window.iter().filter(is).map(|argv| argv.join(" ")).collect();
    // Of two roots with one below, and two of other use. Three are for tools that take snapshots.
    assert!(zfs.len() <= 128, "{}\n{}", zfs.len(), zfs.join("\n"));
}
