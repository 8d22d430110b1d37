//! Commands that outlived the run that started them. One of them writing on behind our back is worse than one that is cut off.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::guard::proc::{Process, processes_marked};

/// How long they may take to end after SIGTERM, and then after SIGKILL.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 20 });

/// Ends every process that carries the change's mark and is not this one; returns what it ended.
///
/// Anybody can give a process of theirs the mark, and start a new one whenever it is ended. Ours start nothing new once they are killed, so a new one that
/// is not root's does not stand in the way for ever.
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
    let ours = |process: &Process| {
        let owner = std::fs::metadata(proc.join(process.pid.to_string())).map(|metadata| metadata.uid());
        owner.is_ok_and(|owner| owner == 0 || found.iter().any(|first| first.pid == process.pid))
    };
    if left()?.iter().any(ours) {
        bail!("commands of an earlier run do not end: {}", names.join("; "))
    }
    Ok(names)
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
    #[test]
    fn another_user_cannot_stand_in_the_way() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let change = format!("orphan-guest-{}", std::process::id());
        let script = r#"while :; do env BACKOUT_CHANGE="$1" sleep 60; done"#;
        let mut command = Command::new(["sh", "-c", script, "sh", change.as_str()]).timeout(Duration::from_secs(6));
        command.user = Some("nobody".into());
        let guest = std::thread::spawn(move || Runner::default().run(&command));
        while processes_marked(Path::new("/proc"), &change).expect("listed").is_empty() && !guest.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = end(Path::new("/proc"), &change).expect("not ours");
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert!(!guest.is_finished());
        let _ = guest.join();
    }
}
