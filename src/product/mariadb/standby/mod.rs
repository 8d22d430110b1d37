//! The previous version, kept beside the upgraded one: what its feed reads and notes, and how far it
//! has come.

mod carry;
mod fed;
mod hold;
mod lag;
mod log;
mod mark;
mod notes;
mod reached;

pub(in crate::product) use carry::{carry, check};
pub(in crate::product) use fed::fed;
pub(in crate::product) use hold::hold;
pub(in crate::product) use lag::lag;
pub(super) use log::Log;
pub(in crate::product) use mark::mark;
pub(super) use notes::{Notes, Place};
pub(in crate::product) use notes::{carried, watch};
pub(in crate::product) use reached::reached;
