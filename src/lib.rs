//! backout: upgrade a stateful service on ZFS, and bring the previous version back without losing what was written since.
//!
//! The modules in the order in which they build on each other, the lowest first: `quote` writes words as people type them, `look` says what is at a path, `pattern` finds files, `trust`
//! says whose files may be used, `secret` reads what is written down nowhere, `exec` starts processes, `zfs` knows ZFS, `playbook` says how a product
//! is handled, `preflight` looks before anything is touched, `plan` is what will be done, `journal`
//! what was done, `step` does it, `change` decides what is next, `cli` talks to people.

pub mod change;
pub mod cli;
pub mod exec;
pub mod journal;
pub mod look;
pub mod pattern;
pub mod plan;
pub mod playbook;
pub mod preflight;
pub mod quote;
pub mod secret;
pub mod step;
pub mod trust;
pub mod zfs;
