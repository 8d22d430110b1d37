//! A cluster that starts and watches the service.

pub mod await_nodes;
pub mod hand_back;
pub mod leave_alone;
pub mod version_mark;
