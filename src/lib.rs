//! backout: upgrade a stateful service on ZFS, and bring the previous version back without losing
//! what was written since.
//!
//! The layers, the lowest first; none uses one above it. `host` knows the platform, `zfs` knows
//! ZFS, `playbook` says how a product is handled, `product` has small programs for some products,
//! `journal` what was done, `proof` shows that nothing is missing, `preflight` looks before
//! anything is touched, `step` makes one effect, `strategy` orders steps into a plan, `change` runs
//! it, `report` says what is true of a change and what may be typed, `procedure` decides what a
//! verb does, `cli` talks to people.

pub mod change;
pub mod cli;
pub mod host;
pub mod journal;
pub mod playbook;
pub mod preflight;
pub mod procedure;
pub mod product;
pub mod proof;
pub mod report;
pub mod step;
pub mod strategy;
pub mod zfs;
