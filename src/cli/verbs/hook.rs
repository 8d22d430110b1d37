//! `backout hook`: what APT and dpkg call. Not for people, and in no help.

use std::io::Read as _;

use clap::Subcommand;

use crate::cli::{Exit, Global, render};
use crate::host::exec::MARKER;
use crate::procedure::package_hook::{open_changes, planned, removable, warning};
use crate::report::CliError;

/// Who calls.
#[derive(Debug, Subcommand)]
pub enum HookVerb {
    /// APT, before it changes packages: warns if an open change has them. Standard input is what
    /// `DPkg::Pre-Install-Pkgs` gives.
    Apt,
    /// dpkg, before it removes backout: refuses while a change is open.
    Remove,
}

/// Larger input is not APT's.
const MAX_BYTES: u64 = 64 << 20;

/// Warns or refuses.
pub fn run(global: &Global, verb: &HookVerb) -> Result<Exit, CliError> {
    match verb {
        HookVerb::Apt => {
            let mut given = Vec::new();
            // Read to the end: APT must not find its pipe closed.
            let _ = std::io::stdin().lock().take(MAX_BYTES).read_to_end(&mut given);
            // A command of the change itself.
            if std::env::var_os(MARKER).is_none() {
                let open = open_changes(&global.settings())?;
                let planned = planned(&String::from_utf8_lossy(&given));
                warning(&open, &planned).iter().for_each(|line| render::line(line));
            }
        }
        HookVerb::Remove => removable(&global.settings())?,
    }
    Ok(Exit::Done)
}
