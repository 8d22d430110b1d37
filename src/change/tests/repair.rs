//! What differs at the proof is carried whole from the upgraded data, if a person asks for it.

use super::crash::{each_once, everything};
use super::host::Mode;
use super::kind::{Kind, PLAIN, ROUGH};
use super::procedures::{Ended, Verb};
use super::straight::upgraded;
use super::world::World;
use crate::change::event::Outcome;
use crate::host::failpoint::testing::{Hook, Strike};
use crate::journal::{HaltKind, OpenQuestion};
use crate::report::{Command, offers, permitted};
use crate::zfs::{ENDING_PROOF, Engine as _};

/// What runs with and without units; from a position, and from the beginning.
const KINDS: [Kind; 3] = [PLAIN, ROUGH, Kind { told: true, ..ROUGH }];

/// Halted at the proof: the log lacks the even ones, which nobody noticed.
fn differs(kind: Kind, verb: Verb) -> World {
    let world = upgraded(kind);
    {
        let mut host = world.product.host();
        (host.overlooks, host.forgets) = (true, true);
    }
    let plan = world.plan(verb, &world.state());
    let ended = world.once(Some(plan), None);
    let wanted = if verb == Verb::Keep { HaltKind::Repairable } else { HaltKind::Differences };
    halted(&ended, wanted);
    world
}

#[track_caller]
fn halted(ended: &Ended, wanted: HaltKind) -> &str {
    let Ended::Outcome(Outcome::Halted { step, why, kind }) = ended else { panic!("{ended:?}") };
    assert_eq!((step.as_str(), *kind), ("prove", wanted), "{why}");
    why
}

#[track_caller]
fn no_clones(world: &World) {
    for root in &world.roots {
        let clone = root.with_suffix(ENDING_PROOF).expect("a name");
        assert_eq!(world.engine.fake.dataset(&clone).expect("asked"), None, "{clone}");
    }
}

/// Begun already, and gone on with however often it is cut off.
fn repaired(world: &World, mut hook: impl FnMut() -> Option<Hook>) {
    let mut last = Ended::Killed;
    for _ in 0..2000 {
        last = world.once(None, hook());
        if world.state().current().is_none() {
            return;
        }
        match &last {
            Ended::Outcome(Outcome::Halted { why, .. }) if !why.starts_with("it was tried") => {
                panic!("{why}")
            }
            _ => {}
        }
    }
    panic!("it does not come to an end: {last:?}");
}

#[test]
fn s1_what_differs_is_carried_whole_when_a_person_asks_for_it() {
    for kind in KINDS {
        let world = differs(kind, Verb::Keep);
        let ended = world.once(None, None);
        let why = halted(&ended, HaltKind::Repairable);
        assert!(why.contains("It stands in one item of 9 B"), "{why}");
        assert!(why.ends_with("\n  even (9 B): differs"), "{why}");
        let offered = offers(&world.state());
        assert!(offered.iter().any(|next| next.command == "backout resume --repair"));
        world.answer(OpenQuestion::Repair);
        repaired(&world, || None);
        world.serves("1.0");
        no_clones(&world);
        world.run(Verb::Undo);
        world.serves("2.0");
    }
}

#[test]
fn in_place_there_is_nothing_to_repair_from() {
    for kind in KINDS {
        let world = differs(kind, Verb::InPlace);
        let ended = world.once(None, None);
        let why = halted(&ended, HaltKind::Differences);
        assert!(why.ends_with("with the programs that read it."), "{why}");
        assert!(permitted(&world.state(), Command::Answer(OpenQuestion::Repair)).is_err());
    }
}

#[test]
fn what_cannot_be_carried_is_found_by_the_next_proof() {
    for kind in KINDS {
        for fault in 0..3 {
            let world = differs(kind, Verb::Keep);
            {
                let mut host = world.product.host();
                (host.dead, host.unwritable, host.unloadable) =
                    (fault == 0, fault == 1, fault == 2);
            }
            world.answer(OpenQuestion::Repair);
            halted(&world.once(None, None), HaltKind::Repairable);
            let why = ["it crashes", "it has no words for it"][usize::from(fault > 0)];
            assert!(world.said().iter().any(|said| said.contains(why)), "{:?}", world.said());
            no_clones(&world);
            {
                let mut host = world.product.host();
                (host.dead, host.unwritable, host.unloadable) = (false, false, false);
            }
            world.answer(OpenQuestion::Repair);
            repaired(&world, || None);
            world.serves("1.0");
        }
    }
}

#[test]
fn s8_a_repair_is_killed_at_every_place_one_after_the_other_and_rebooted() {
    for kind in KINDS {
        let straight = differs(kind, Verb::Keep);
        straight.answer(OpenQuestion::Repair);
        repaired(&straight, || None);
        for reboot in [false, true] {
            // A boot opens what no unit keeps closed, and clients might write.
            if reboot && !kind.unit {
                continue;
            }
            let world = differs(kind, Verb::Keep);
            world.answer(OpenQuestion::Repair);
            let fired = everything();
            repaired(&world, || {
                if reboot && !fired.borrow().is_empty() {
                    world.product.reboot();
                }
                Some(each_once(&fired))
            });
            assert!(fired.borrow().iter().any(|place| place.contains("write-odd even half")));
            assert!(fired.borrow().len() > 20, "{:?}", fired.borrow());
            assert_eq!(world.picture(), straight.picture(), "{kind:?}");
            world.serves("1.0");
            no_clones(&world);
        }
    }
}

/// An abort from each place of a repair: the server on the clones is stopped, and they are gone.
#[test]
fn s8_a_repair_that_is_cut_off_anywhere_can_be_aborted() {
    for kind in KINDS {
        let picture = {
            let world = differs(kind, Verb::Keep);
            world.run(Verb::Abort);
            world.picture()
        };
        for n in 1.. {
            let world = differs(kind, Verb::Keep);
            world.answer(OpenQuestion::Repair);
            let (mut left, place) = (n, std::rc::Rc::new(std::cell::RefCell::new(String::new())));
            let at = std::rc::Rc::clone(&place);
            let hook: Hook = Box::new(move |found, _| {
                left -= 1;
                (left == 0).then(|| {
                    found.clone_into(&mut at.borrow_mut());
                    Strike::Kill
                })
            });
            let ended = world.once(None, Some(hook));
            let place = place.borrow();
            let state = world.state();
            if ended != Ended::Killed || permitted(&state, Command::Abort).is_err() {
                assert!(n > 20, "{n} places only");
                break;
            }
            world.run(Verb::Abort);
            world.serves("2.0");
            assert_eq!(world.product.host().mode, Mode::Open);
            no_clones(&world);
            assert_eq!(world.picture(), picture, "{place}");
        }
    }
}
