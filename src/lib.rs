//! backout: upgrade a stateful service on ZFS, and bring the previous version back without losing what was written since.
//!
//! The modules in the order in which they build on each other, the lowest first: `host` knows the
//! platform, `zfs` knows ZFS, `playbook` says how a product is handled, `preflight` looks before anything is
//! touched, `plan` is what will be done, `journal` what was done, `step` does it, `change` decides what is
//! next, `cli` talks to people.

pub mod change;
pub mod cli;
pub mod host;
pub mod journal;
pub mod plan;
pub mod playbook;
pub mod preflight;
pub mod step;
pub mod zfs;
