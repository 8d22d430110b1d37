//! Users who move between two hosts.

pub mod assign;
pub mod capture;
pub mod directory;
pub mod drop_backup;
pub mod hold;
pub mod prove;
pub mod restore;
