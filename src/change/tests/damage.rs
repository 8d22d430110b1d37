//! What the way back needs is damaged before anything is destroyed.

use std::fs;
use std::path::PathBuf;

use super::kind::{PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::Side;
use crate::zfs::{Engine, PROP_ROLLED_BACK};

/// A file of each kind.
fn needed(world: &World) -> Vec<PathBuf> {
    let config = world.root.join("etc/app.conf");
    let config = config.strip_prefix("/").expect("absolute");
    let layout = &world.layout;
    vec![
        layout.capture().join("1/operations"),
        layout.installer().join("app.pkg"),
        layout.config(Side::Previous).join(config),
        layout.config(Side::Upgraded).join(config),
        layout.inventory().join("1/items.expected.lz4"),
    ]
}

#[test]
fn s2_nothing_is_destroyed_when_what_the_way_back_needs_is_damaged() {
    for kind in [PLAIN, ROUGH] {
        for (index, moment) in
            (0..5).flat_map(|index| ["started", "done"].map(|moment| (index, moment)))
        {
            let world = upgraded(kind);
            let plan = world.plan(Verb::InPlace, &world.state());
            let place = format!("point verify:{moment}");
            let at = place.clone();
            let hook: Hook = Box::new(move |found, _| (found == at).then_some(Strike::Kill));
            assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
            let file = needed(&world).swap_remove(index);
            let mut bytes = fs::read(&file).expect("it is there");
            bytes[3] ^= 1;
            fs::write(&file, bytes).expect("written");
            let ended = world.once(None, None);
            let (Ended::Outcome(Outcome::Failed { step, error: why })
            | Ended::Outcome(Outcome::Halted { step, why, .. })) = &ended
            else {
                panic!("{ended:?}, {} damaged at {place}", file.display());
            };
            assert_eq!(step, "verify");
            assert!(why.contains(&file.display().to_string()), "{why}");
            for mount in &world.manifest.datasets {
                assert_eq!(
                    world.engine.local(&mount.dataset, PROP_ROLLED_BACK).expect("asked"),
                    None
                );
            }
            world.run(Verb::Abort);
            world.serves("2.0");
        }
    }
}

#[test]
fn a_damaged_configuration_behind_the_rollback_is_put_back_and_said() {
    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::InPlace, &world.state());
    let hook: Hook = Box::new(|found, _| (found == "point reinstall:done").then_some(Strike::Kill));
    assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
    fs::write(&needed(&world)[2], "for nobody").expect("written");
    world.go_on();
    assert_eq!(
        fs::read_to_string(world.root.join("etc/app.conf")).expect("readable"),
        "for nobody"
    );
    assert!(
        world.said().iter().any(|text| text.contains("it is put back as it is")),
        "{:?}",
        world.said()
    );
}

#[test]
fn a_list_that_is_damaged_behind_the_rollback_needs_an_answer() {
    let world = upgraded(PLAIN);
    let plan = world.plan(Verb::InPlace, &world.state());
    let hook: Hook = Box::new(|found, _| (found == "point restore:done").then_some(Strike::Kill));
    assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
    fs::remove_file(&needed(&world)[4]).expect("removed");
    let ended = world.once(None, None);
    let Ended::Outcome(Outcome::Halted { step, why, .. }) = &ended else { panic!("{ended:?}") };
    assert_eq!(step, "prove");
    assert!(why.ends_with("Nothing can be proved of items."), "{why}");
    world.accept();
    world.serves("1.0");
}
