//! What people type: one file a verb.

pub mod abort;
pub mod adopt;
pub mod check;
pub mod commit;
pub mod completions;
pub mod downgrade;
pub mod fix;
pub mod helper;
pub mod hook;
pub mod init;
pub mod log;
pub mod man;
pub mod migrate;
pub mod plan;
pub mod playbook;
pub mod playbook_try;
pub mod prove;
pub mod replace;
pub mod report;
pub mod resume;
pub mod snapshot;
pub mod standby;
pub mod status;
pub mod undo;
pub mod upgrade;
pub mod watch;
