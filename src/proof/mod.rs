//! What has to be shown before anything is destroyed: that nothing is missing between snapshot and
//! capture ([`continuity`]), and that every item is there, once, and no other.
//!
//! Nothing here knows of a step, or asks the product. Memory is bounded for lists of any length: they are sorted in runs
//! ([`sort`]) and compared as streams ([`compare`]).

pub mod compare;
pub mod continuity;
pub mod coverage;
pub mod inventory;
pub mod lines;
pub mod sort;
pub mod users;
