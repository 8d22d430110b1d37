//! Waiting for a service: until its processes have ended, until it answers.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::host::identity::{Identity, standby_unit};
use crate::host::processes::{self, Process};
use crate::playbook::CommandTemplate;
use crate::step::Context;

/// How long processes may take to end after the stop returned.
const GONE_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 60 });

/// The service's processes with these names.
pub(in crate::step) fn named(
    context: &Context<'_>,
    names: &[String],
    identity: &Identity,
) -> Result<Vec<Process>> {
    let mut found = processes::named(&context.proc(), names).map_err(anyhow::Error::msg)?;
    found.retain(|process| identity.counts(process));
    Ok(found)
}

/// The service's processes with these names, and whatever uses these paths.
pub(in crate::step) fn remaining(
    context: &Context<'_>,
    names: &[String],
    identity: &Identity,
    paths: &[std::path::PathBuf],
) -> Result<Vec<String>> {
    let root = context.proc();
    let named = named(context, names, identity)?;
    let users = processes::users_of(&root, paths).map_err(anyhow::Error::msg)?;
    // The standby knows its clone by the path of the service's data.
    let users = users.found.into_iter().filter(|process| standby_unit(process).is_none());
    let mut found: Vec<_> =
        named.into_iter().chain(users).map(|process| process.to_string()).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// Waits until nothing is left.
pub(in crate::step) fn wait_gone(
    context: &Context<'_>,
    left: impl Fn() -> Result<Vec<String>>,
) -> Result<()> {
    let begin = Instant::now();
    loop {
        let found = left()?;
        if found.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > GONE_WITHIN || context.runner.interrupt.requested() {
            bail!(
                "the stop returned, and {} still there: {}",
                if found.len() == 1 { "this is" } else { "these are" },
                found.join("; ")
            );
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Repeats a command until it succeeds. `within`: seconds.
///
/// # Errors
/// When it fails for longer than that, or a stop is asked for.
pub fn wait_ready(
    context: &Context<'_>,
    ready: Option<&CommandTemplate>,
    within: u64,
) -> Result<()> {
    let Some(command) = ready else { return Ok(()) };
    let begin = Instant::now();
    loop {
        match context.command(command) {
            Ok(_) => return Ok(()),
            Err(error) if begin.elapsed() > Duration::from_secs(within) => {
                return Err(error.context(format!("the service does not answer after {within} s")));
            }
            Err(error) if context.runner.interrupt.requested() => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(300)),
        }
    }
}
