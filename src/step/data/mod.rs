//! The data: captured, listed, restored, proved.

pub mod ahead;
pub mod capture;
pub mod inventory;
pub mod prove;
pub mod repair;
pub mod restore;
pub mod target_position;
pub mod touched;
pub mod verify;
pub mod whole;
