//! A file as it stands: its fields and their types, held against the schema of the model, before
//! anything is read from it.

pub mod schema;
pub(super) mod shape;
