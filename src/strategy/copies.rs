//! What a full proof on clones is made with. Pure.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::parts::{Parts, within};
use crate::journal::{ChangeManifest, Side};
use crate::playbook::{CommandTemplate, Playbook};
use crate::step::{Action, TakeInventory};

/// A server without clients on a copy of the data.
#[derive(Debug, Clone)]
pub struct CopyServer {
    /// Starts the previous version.
    pub previous: CommandTemplate,
    /// Starts the upgraded version.
    pub upgraded: CommandTemplate,
    /// Stops either.
    pub stop: CommandTemplate,
    /// Succeeds when it answers.
    pub ready: Option<CommandTemplate>,
    /// Limit for that, in seconds.
    pub ready_within: u64,
    /// The paths of the data on this host.
    pub data: Vec<PathBuf>,
}

/// The server on a copy.
///
/// # Errors
/// When the playbook does not have it, or its texts cannot be filled in.
pub fn copy_server(playbook: &Playbook, manifest: &ChangeManifest) -> Result<CopyServer> {
    let parts = Parts { playbook, manifest };
    let serve = playbook.aside.as_ref().and_then(|aside| aside.serve.as_ref());
    let serve = serve.context("the playbook does not say how a server runs on a copy")?;
    let maintenance = playbook.service.maintenance.as_ref();
    let maintenance = maintenance.context("the playbook has no service.maintenance")?;
    Ok(CopyServer {
        previous: parts.command(&serve.previous)?,
        upgraded: parts.command(&serve.upgraded)?,
        stop: parts.command(&maintenance.stop)?,
        ready: parts.optional(maintenance.ready.as_ref())?,
        ready_within: within(maintenance.ready_within),
        data: parts.paths(&playbook.data.paths)?,
    })
}

/// The lists of everything.
///
/// # Errors
/// When the playbook's texts cannot be filled in.
pub fn full_lists(playbook: &Playbook, manifest: &ChangeManifest) -> Result<Vec<TakeInventory>> {
    let steps = Parts { playbook, manifest }.inventories(Side::Upgraded, false)?;
    Ok(steps
        .into_iter()
        .filter_map(|step| match step.action {
            Action::Inventory(list) => Some(list),
            _ => None,
        })
        .collect())
}
