//! A change while it runs: [`decide`] decides what to do next, [`run`] does it.

pub mod decide;
pub mod event;
pub mod lock;
pub mod run;
#[cfg(test)]
mod tests;

pub use decide::Action;
pub use lock::{Lock, LockError};
