//! Everything that is printed: text for people, JSON for programs.

pub mod json;
mod plan;
mod progress;
mod text;

pub use plan::plan;
pub use progress::Watcher;
pub use text::{error, findings, finished, found, line, status};
