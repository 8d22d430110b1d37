//! Commands that outlived the run that started them. One of them writing on behind our back is worse than one that is cut off.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::guard::proc::{Process, processes_marked};

/// How long they may take to end after SIGTERM, and then after SIGKILL.
const GRACE: Duration = Duration::from_secs(20);

/// Ends every process that carries the change's mark and is not this one; returns what it ended.
///
/// # Errors
/// When the processes cannot be listed, or one does not end.
pub fn end(proc: &Path, change: &str) -> Result<Vec<String>> {
    let left = || processes_marked(proc, change).map_err(anyhow::Error::msg);
    let found = left()?;
    let names: Vec<String> = found.iter().map(ToString::to_string).collect();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let begin = Instant::now();
        loop {
            let now: Vec<Process> = left()?;
            if now.is_empty() {
                return Ok(names);
            }
            for process in &now {
                let _ = kill(Pid::from_raw(process.pid), signal);
            }
            if begin.elapsed() > GRACE {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    bail!("commands of an earlier run do not end: {}", names.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{Command, Runner};

    #[test]
    fn a_command_that_outlived_its_run_is_ended() {
        let change = format!("orphan-test-{}", std::process::id());
        let runner = Runner::new(None, Some(change.clone()), crate::exec::Interrupt::default());
        runner.run(&Command::new(["sh", "-c", "setsid sleep 60 & sleep 0.1"])).expect("runs");
        let ended = end(Path::new("/proc"), &change).expect("ended");
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert!(end(Path::new("/proc"), &change).expect("none").is_empty());
    }
}
