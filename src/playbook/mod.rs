//! Playbooks and sites: how a product is handled, and where on this host.

mod check;
mod check_coexistent;
mod check_command;
mod check_places;
mod check_site;
mod check_state;
pub mod cluster;
pub mod coexistent;
mod command;
mod commands;
mod full;
pub mod hosts;
pub mod library;
mod methods;
pub mod model;
pub mod names;
mod occasion;
pub mod pattern;
pub mod problem;
pub mod programs;
mod response_file;
pub mod schema;
mod shape;
pub mod side_by_side;
pub mod site;
pub mod template;
mod validated;
pub mod value;
pub mod version;
mod way;

pub use check_site::ValidatedSite;
pub use command::{CommandTemplate, DEFAULT_TIMEOUT};
pub use model::Playbook;
pub use pattern::{Extractor, Pattern};
pub use problem::{Problem, Problems};
pub use site::Site;
pub use template::Template;
pub use validated::Validated;
pub use way::Way;

#[cfg(test)]
mod tests;
