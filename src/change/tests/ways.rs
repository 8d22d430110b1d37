//! The ways back without datasets: a backup of everything in folders, and packages alone.

use super::Reach;
use super::crash::{Case, backed_out, cases_everywhere, half_way};
use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::playbook::DataStrategy;

const FULL: Kind = Kind { data_strategy: DataStrategy::Full, ..PLAIN };
const FULL_ROUGH: Kind =
    Kind { data_strategy: DataStrategy::Full, told: true, strict: true, uninstall: true, ..ROUGH };
const PACKAGES: Kind = Kind { data_strategy: DataStrategy::Packages, ..PLAIN };

/// The folders below `/srv`.
fn folders(world: &World) -> Vec<String> {
    world.product.folders().into_iter().filter(|line| !line.contains(": ")).collect()
}

#[test]
fn s1_everything_comes_back_without_zfs() {
    for kind in [FULL, FULL_ROUGH] {
        let world = upgraded(kind);
        world.run(Verb::Keep);
        world.serves("1.0");
        let truth = world.product.host().truth.clone();
        world.client();
        let aside = [
            "/srv/app",
            "/srv/app.upgraded",
            "/srv/app.upgraded/log",
            "/srv/app/log",
            "/srv/index",
            "/srv/index.upgraded",
        ];
        assert_eq!(folders(&world), aside);
        world.run(Verb::Undo);
        assert!(folders(&world).contains(&"/srv/app.undone".to_owned()));
        // What was written since the downgrade stays aside.
        world.product.host().truth = truth;
        world.serves("2.0");
        world.run(Verb::Keep);
        world.serves("1.0");
        world.run(Verb::Commit);
        world.serves("1.0");
        assert_eq!(folders(&world), ["/srv/app", "/srv/app/log", "/srv/index"]);
    }
}

#[test]
fn a_product_without_data_goes_back_and_forth() {
    let world = upgraded(PACKAGES);
    world.run(Verb::Keep);
    world.serves("1.0");
    world.run(Verb::Undo);
    world.serves("2.0");
    world.run(Verb::Keep);
    world.run(Verb::Commit);
    world.serves("1.0");
}

#[test]
fn s4_a_folder_that_is_not_ours_stops_the_move() {
    let world = upgraded(FULL);
    let plan = world.plan(Verb::Keep, &world.state());
    let stranger = world.root.join("srv/app.upgraded");
    std::fs::create_dir(&stranger).unwrap();
    let Ended::Outcome(Outcome::Halted { why, .. }) = world.once(Some(plan), None) else {
        panic!("not halted")
    };
    assert!(why.contains("exists already, and is not of this change"), "{why}");
    std::fs::remove_dir(&stranger).unwrap();
    world.go_on();
    world.serves("1.0");
}

const CASES: [Case; 6] = [
    (World::new, Verb::Upgrade, "2.0"),
    (upgraded, Verb::Keep, "1.0"),
    (upgraded, Verb::Commit, "2.0"),
    (half_way, Verb::Abort, "2.0"),
    (backed_out, Verb::Undo, "2.0"),
    (backed_out, Verb::Commit, "1.0"),
];

fn without_data() -> Vec<Case> {
    // A kept downgrade stands for both: there is no restore that could be cut off.
    fn cut(kind: Kind) -> World {
        let world = upgraded(kind);
        let plan = world.plan(Verb::Keep, &world.state());
        let hook: Hook =
            Box::new(|at, _| (at == "point reinstall:started").then_some(Strike::Kill));
        assert_eq!(world.once(Some(plan), Some(hook)), Ended::Killed);
        world
    }
    CASES
        .into_iter()
        .map(|(before, verb, version)| {
            if verb == Verb::Abort {
                (cut as fn(Kind) -> World, verb, version)
            } else {
                (before, verb, version)
            }
        })
        .collect()
}

some_and_every_place! {
    fn s8_killed_at_every_place_without_zfs(reach: Reach) {
        cases_everywhere(reach, &CASES, FULL, Strike::Kill, false, 2);
        cases_everywhere(reach, &CASES, FULL_ROUGH, Strike::Kill, false, 2);
    }

    fn s8_failed_at_every_place_without_zfs(reach: Reach) {
        cases_everywhere(reach, &CASES, FULL, Strike::Fail, false, 1);
    }

    fn s8_killed_at_every_place_without_data(reach: Reach) {
        cases_everywhere(reach, &without_data(), PACKAGES, Strike::Kill, false, 2);
    }
}
