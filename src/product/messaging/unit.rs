//! The main process of a unit in which servers of the product run. They leave their parent, and the
//! service manager would not know when they are ready, nor how they are stopped.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::{SERVERS, failed, servers};
use crate::host::exec::{Interrupt, Runner};
use crate::product::stream::{HelperError, Streams};
use crate::product::unit::ready;

/// How often it is looked whether they run.
const LOOK: Duration = Duration::from_millis(100);

/// Starts the servers, and stops them when it is asked to end: `messaging-unit INSTALLATION
/// [COMPONENT...]`. It fails when all of them have ended.
pub(in crate::product) fn unit(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [installation, components @ ..] = arguments else {
        return Err(HelperError::usage("messaging-unit INSTALLATION [COMPONENT...]"));
    };
    // What leaves its parent becomes a child of this process.
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).map_err(failed)?;
    let interrupt = Interrupt::on_signals(&[]).map_err(failed)?;
    let program = |name: &str| format!("{installation}/bin/{name}");
    let mut words = vec![program("start-msg")];
    words.extend(components.iter().cloned());
    let started = servers(&Runner::new(None, None, interrupt.clone()), words);
    if started.is_ok() {
        ready()?;
        while !interrupt.requested() {
            if none_left()? {
                return Err(failed("all of its processes have ended"));
            }
            std::thread::sleep(LOOK);
        }
    }
    // Also what an unfinished start left.
    let stopped = servers(&Runner::default(), vec![program("stop-msg")]);
    if !interrupt.requested() {
        started?;
    }
    stopped?;
    let begin = Instant::now();
    while !none_left()? {
        if begin.elapsed() > SERVERS {
            return Err(failed("stop-msg returned, and processes are still there"));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Whether this process has no child any more. Takes notice of those that have ended.
fn none_left() -> Result<bool, HelperError> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return Ok(false),
            Err(Errno::ECHILD) => return Ok(true),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
