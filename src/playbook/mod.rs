//! Playbooks and sites: how a product is handled, and where on this host.
//!
//! A file goes three ways: `raw` holds its fields against the schema and notes every text that its
//! type cannot be read from, `model` is what it says, in types ([`value`]), and `check` is what
//! must be so beyond that. Each fault is told with its line and remedy ([`problem`]).

pub mod built_in;
mod check;
pub mod library;
pub mod model;
pub mod names;
pub mod problem;
pub mod programs;
pub mod raw;
mod validated;
pub mod value;

pub use check::site::ValidatedSite;
pub use model::Playbook;
pub use model::command::{CommandTemplate, DEFAULT_TIMEOUT};
pub use model::data_strategy::DataStrategy;
pub use model::site::Site;
pub use model::{coexistent, hosts, side_by_side, site};
pub use problem::{Problem, Problems, nearest};
pub use raw::schema;
pub use validated::Validated;
pub use value::TimeLimit;
pub use value::pattern::{Extractor, Pattern};
pub use value::template::Template;
pub use value::{template, version};

#[cfg(test)]
mod tests;
