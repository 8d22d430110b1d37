//! Files and folders, copied or renamed.

pub mod copy;
pub mod move_aside;
pub mod move_back;
pub mod same;
