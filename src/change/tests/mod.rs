//! Whole procedures on an in-memory pool with a small product, straight, and killed or failed at
//! every place.

#![allow(clippy::disallowed_methods, reason = "a test makes its own files")]

/// How many of the places a test goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Some, which takes seconds.
    Some,
    /// Every one: minutes.
    Every,
}

/// Makes two tests of each: as it stands at some places, and at every place an ignored one in a
/// module of its own (`--ignored every_place`).
macro_rules! some_and_every_place {
    ($(fn $name:ident($reach:ident: $type:ty) $body:block)*) => {
        $(#[test]
        fn $name() {
            let $reach: $type = crate::change::tests::Reach::Some;
            $body
        })*

        mod every_place {
            use super::*;

            $(#[test]
            #[ignore = "every place takes minutes"]
            fn $name() {
                let $reach: $type = crate::change::tests::Reach::Every;
                $body
            })*
        }
    };
}

mod afterwards;
mod ahead;
mod beside;
mod commands;
mod crash;
mod damage;
mod dead;
mod delta;
mod engine;
mod held;
mod host;
mod identity;
mod journal;
mod kind;
mod many;
mod procedures;
mod product;
mod properties;
mod random;
mod rejects;
mod repair;
mod reserve;
mod script;
mod standby;
mod straight;
mod surprises;
mod suspended;
mod switch;
mod switch_back;
mod ways;
mod world;
