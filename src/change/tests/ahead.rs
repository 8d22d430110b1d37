//! Before a switch, both versions are compared while clients write.

use std::cell::RefCell;
use std::rc::Rc;

use super::host::DATA;
use super::procedures::{Ended, Verb};
use super::standby::{POOLS, beside};
use crate::change::event::Outcome;
use crate::host::failpoint::testing::Hook;
use crate::journal::{Output, StepId};
use crate::report::{Extent, report};

/// Clients write while both are listed, and are shut out for what was written last only.
#[test]
fn s1_everything_is_compared_before_clients_are_shut_out() {
    let world = beside(POOLS);
    let product = world.product.clone();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = seen.clone();
    let hook: Hook = Box::new(move |at, _| {
        if let Some(command) = at.strip_prefix("command ").and_then(|it| it.strip_suffix(" before"))
        {
            noted.borrow_mut().push(command.to_owned());
        }
        if ["command s-inventory before", "command s-since before"].contains(&at) {
            product.client();
        }
        None
    });
    let plan = world.plan(Verb::Keep, &world.state());
    assert_eq!(world.once(Some(plan), Some(hook)), Ended::Outcome(Outcome::Finished));
    world.serves("1.0");
    let seen = seen.borrow();
    let at = |command: &str| seen.iter().position(|it| it == command).expect("it ran");
    assert!(at("s-mark") < at("s-inventory") && at("s-inventory") < at("s-refuse"), "{seen:?}");
    let state = world.state();
    assert!(state.partly_compared().is_empty() && !state.awaits_full_proof());
    assert!(state.permits_full_proof().is_ok(), "it may be compared again, on clones");
    let said = report(&state).compared.expect("compared");
    assert_eq!(said.lists[0].of, Extent::All);
    let Some(Output::Proof(proof)) = state.outputs.get(&StepId::PROVE) else { panic!() };
    assert!(proof.holds() && proof.expected > 0 && proof.expected < said.lists[0].items, "{proof}");
}

#[test]
fn s1_an_item_that_the_feed_did_not_write_is_found_before_the_switch() {
    for (erase, word) in [(true, "1 missing"), (false, "1 unexpected")] {
        let world = beside(POOLS);
        world.client();
        world
            .product
            .host()
            .on_standby(|host| {
                if erase {
                    let dataset = host.dataset(DATA).expect("there");
                    assert!(host.engine.erase(&dataset, "item b1").expect("erased"));
                } else {
                    host.write(DATA, "item of-nobody");
                }
            })
            .expect("it runs");
        let plan = world.plan(Verb::Keep, &world.state());
        let ended = world.once(Some(plan), None);
        let Ended::Outcome(Outcome::GivenUp { why }) = ended else { panic!("{ended:?}") };
        assert!(why.contains(word), "{why}");
        world.serves("2.0");
    }
}

#[test]
fn what_cannot_be_told_is_compared_while_clients_are_shut_out() {
    // From the beginning: what was fed. Later: everything.
    for (early, partly) in [(true, true), (false, false)] {
        let world = beside(POOLS);
        world.client();
        let product = world.product.clone();
        product.host().beside.untold = early;
        let hook: Hook = Box::new(move |at, _| {
            if at == "command s-refuse before" {
                product.host().beside.untold = true;
            }
            None
        });
        let plan = world.plan(Verb::Keep, &world.state());
        assert_eq!(world.once(Some(plan), Some(hook)), Ended::Outcome(Outcome::Finished));
        world.serves("1.0");
        assert_eq!(!world.state().partly_compared().is_empty(), partly);
    }
}
