//! Installers, packages and configuration.

pub mod config;
pub mod install;
pub mod installer;
pub mod keep;
pub mod switch;
