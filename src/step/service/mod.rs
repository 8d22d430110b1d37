//! Closing and opening the service, and running it without clients.

pub mod hold;
pub mod maintenance;
pub(crate) mod observed;
pub mod units;
pub mod waiting;
