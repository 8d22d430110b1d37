//! A change while it runs: what to do next is decided in [`decide`], done in [`run`].

pub mod decide;
pub mod lock;
pub mod run;
#[cfg(test)]
mod tests;

pub use decide::Action;
pub use lock::{Lock, LockError};
