//! What a change's journal means to a person: what is true now, and what may be typed next. Pure.
//!
//! One table, in [`permitted()`], says which commands a state permits. `status` and errors offer
//! from it, and the verbs refuse from it: what is offered is accepted.

mod command;
mod error;
mod permitted;
mod status;

pub use command::Command;
pub use error::{CliError, ErrorKind};
pub use permitted::{Next, Refusal, Why, offers, permit, permitted};
pub use status::{Report, report};
