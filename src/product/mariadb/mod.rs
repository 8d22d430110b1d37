//! MariaDB: its binary log, read and replayed; and its settings.

mod alter;
mod binlog;
mod client;
mod errors;
mod group;
mod gtid;
mod left_out;
mod name;
mod position;
mod query;
mod replay;
mod rows;
mod session;
mod settings;
mod standby;
#[cfg(test)]
mod tests;
mod touched;
mod verify;
mod whole;

pub(super) use position::position;
pub(super) use replay::{feed, past_rejects, replay};
pub(super) use settings::settings;
pub(super) use standby::{carried, carry, check, fed, hold, lag, mark, reached, watch};
pub(super) use touched::{select, touched};
pub(super) use verify::verify_log;
pub(super) use whole::{differing, inserts, item, load, notice};
