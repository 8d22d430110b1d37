//! Commands that outlived the run that started them. One of them writing on behind our back is worse than one that is cut off.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::exec::cgroup::Group;
use crate::guard::proc::{Process, processes_marked};

/// How long they may take to end after SIGTERM, and then after SIGKILL.
const GRACE: Duration = Duration::from_secs(20);

/// Ends every process that is in the change's control group, or carries its mark and is not this one; returns what it ended.
///
/// # Errors
/// When the processes cannot be listed, or one does not end.
pub fn end(proc: &Path, change: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for group in Group::left_behind(proc, change) {
        let found = group.settle(Duration::ZERO);
        if !group.end(GRACE, &|| false) {
            bail!("commands of an earlier run do not end: {}", found.join("; "));
        }
        group.remove();
        names.extend(found);
    }
    names.extend(end_marked(proc, change)?);
    Ok(names)
}

/// Those that carry the mark: where there is no control group, or they left it by way of another service.
fn end_marked(proc: &Path, change: &str) -> Result<Vec<String>> {
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
    use crate::exec::{Command, Runner, cgroup};

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
    fn one_that_left_its_session_and_forgot_its_environment_is_ended_by_its_control_group() {
        let change = format!("orphan-group-test-{}", std::process::id());
        let Some(home) = cgroup::home(Path::new("/proc")) else { return };
        let Ok(_group) = Group::make(&home, &change) else { return };
        // As if the run that started it was killed: nobody looks after its group.
        let dir = tempfile::tempdir().expect("temp dir");
        let pid = dir.path().join("pid");
        let script = format!("setsid env -i sh -c 'echo $$ > {}; exec sleep 60' & sleep 0.3", pid.display());
        Runner::default().run(&Command::new(["sh", "-c", script.as_str()])).expect("runs");
        let procs = home.join(format!("backout-{change}/cgroup.procs"));
        let put = std::fs::OpenOptions::new().write(true).open(procs).and_then(|mut file| {
            use std::io::Write;
            file.write_all(&std::fs::read(&pid)?)
        });
        put.expect("put into the group");
        assert!(processes_marked(Path::new("/proc"), &change).expect("listed").is_empty(), "it has no mark");
        let ended = end(Path::new("/proc"), &change).expect("ended");
        assert!(ended.len() == 1 && ended[0].starts_with("sleep (pid "), "{ended:?}");
        assert!(end(Path::new("/proc"), &change).expect("none").is_empty());
        assert!(!home.join(format!("backout-{change}")).exists(), "its group is removed");
    }
}
