//! Whole procedures on an in-memory pool with a small product, straight, and killed or failed at every place.

#![allow(clippy::disallowed_methods, reason = "a test makes its own files")]

mod afterwards;
mod crash;
mod damage;
mod engine;
mod host;
mod journal;
mod kind;
mod product;
mod random;
mod rejects;
mod reserve;
mod script;
mod straight;
mod surprises;
mod suspended;
mod ways;
mod world;
