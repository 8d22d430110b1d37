//! Helpers that are scripts of the shell: this process becomes the shell.

use std::os::unix::process::CommandExt as _;

use crate::product::stream::{HelperError, Streams};

/// The script.
pub(super) const STOP_UNIT: &str = include_str!("../../playbooks/lib/stop-unit.sh");
const START_UNIT: &str = include_str!("../../playbooks/lib/start-unit.sh");

/// Stops units; it succeeds when they are not there.
pub(super) fn stop_unit(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    become_script("stop-unit", STOP_UNIT, arguments)
}

/// Starts a transient unit, unless it runs.
pub(super) fn start_unit(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    if arguments.is_empty() {
        return Err(HelperError::usage("start-unit UNIT SYSTEMD-RUN-ARGUMENT..."));
    }
    become_script("start-unit", START_UNIT, arguments)
}

/// Becomes the script, with these arguments.
#[expect(
    clippy::disallowed_methods,
    reason = "this process becomes the script: nothing is started that could be left behind"
)]
pub(super) fn become_script(
    name: &str,
    script: &str,
    arguments: &[String],
) -> Result<(), HelperError> {
    let error = std::process::Command::new("sh").args(["-c", script, name]).args(arguments).exec();
    Err(HelperError::Failed(format!("cannot start sh: {error}")))
}
