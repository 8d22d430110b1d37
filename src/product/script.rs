//! Helpers that become another program; some are scripts of the shell.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;

use crate::product::stream::{HelperError, Streams};

/// The scripts.
pub(super) const STOP_UNIT: &str = include_str!("../../playbooks/lib/stop-unit.sh");
pub(super) const START_UNIT: &str = include_str!("../../playbooks/lib/start-unit.sh");

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
pub(super) fn become_script(
    name: &str,
    script: &str,
    arguments: &[String],
) -> Result<(), HelperError> {
    let all = ["-c", script, name].into_iter().chain(arguments.iter().map(String::as_str));
    Err(become_program("sh", all))
}

/// Becomes a program; why that failed.
#[expect(
    clippy::disallowed_methods,
    reason = "this process becomes the program: nothing is started that could be left behind"
)]
pub(super) fn become_program<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> HelperError {
    let error = std::process::Command::new(program).args(arguments).exec();
    HelperError::Failed(format!("cannot start {program}: {error}"))
}
