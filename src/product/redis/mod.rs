//! Redis: what was appended to its append-only file is put behind the data of the snapshot, for the
//! previous version to load; and a list of what a server holds.

mod ask;
mod client;
mod commands;
mod config;
mod dir;
mod feed;
mod keys;
mod load;
mod log;
mod manifest;
mod only;
mod pipe;
mod plain;
mod refused;
mod sums;
mod touched;
mod words;

pub(super) use ask::ask;
pub(super) use dir::dir;
pub(super) use feed::{feed, standby};
pub(super) use keys::keys;
pub(super) use load::{load, verify};
pub(super) use pipe::past_rejects;
pub(super) use refused::refused;
pub(super) use touched::touched;
