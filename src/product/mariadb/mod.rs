//! MariaDB's binary log, as `mariadb-binlog` prints it.

mod client;
mod events;
mod log;
mod rejects;
mod replay;
mod settings;
mod verify;

pub(super) use rejects::past_rejects;
pub(super) use replay::replay;
pub(super) use settings::settings;
pub(super) use verify::verify_log;
