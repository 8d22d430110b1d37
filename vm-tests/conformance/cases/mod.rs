//! The cases. Each says what it shows (DESCRIPTION) and how (STRATEGY).

pub mod datasets;
pub mod many;
pub mod reading;
pub mod rollback;
pub mod snapshots;
