//! A change while it runs: what to do next is decided in [`decide`], done in [`run`].

pub mod context;
pub mod crumb;
pub mod decide;
pub mod layout;
pub mod lock;
pub mod run;
#[cfg(test)]
mod tests;

pub use context::Context;
pub use decide::{Action, Probe};
pub use layout::Layout;
pub use lock::{Lock, LockError};
