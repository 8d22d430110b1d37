//! What must be proved before anything is destroyed: nothing is missing between snapshot and
//! capture ([`continuity`]), and every item is there exactly once, and no other.
//!
//! Nothing here depends on steps or talks to the product. Memory is bounded for lists of any
//! length: they are sorted in runs ([`sort`]) and compared as streams ([`compare`]), compressed on the
//! disk ([`lines`]).

pub mod ahead;
#[cfg(test)]
mod benchmark;
pub mod compare;
pub mod content;
pub mod continuity;
pub mod coverage;
pub mod inventory;
pub mod lines;
pub mod snapshot;
pub mod sort;
pub mod users;
