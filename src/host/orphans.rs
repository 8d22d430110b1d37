//! Commands that outlived the run that started them. One that writes on unnoticed is worse than one
//! that is interrupted.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::cgroup::Group;
use crate::host::processes::{self, Process};

/// How long they may take to end after SIGTERM, and then after SIGKILL.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 20 });

/// How long a package command may continue. Interrupted, it may leave half a system, such as a C
/// library without its files.
const LET_FINISH: Duration = Duration::from_secs(if cfg!(test) { 3 } else { 900 });

/// Waits until commands of an earlier run end by themselves, for a limited time and unless `hurry`
/// says otherwise. Calls `say` once.
///
/// # Errors
/// When the processes cannot be listed.
pub fn let_finish(
    proc: &Path,
    change: &str,
    hurry: &dyn Fn() -> bool,
    say: &dyn Fn(&str),
) -> Result<()> {
    let begin = Instant::now();
    let mut told = false;
    while begin.elapsed() < LET_FINISH && !hurry() {
        let mut names: Vec<String> = Group::left_behind(proc, change)
            .iter()
            .flat_map(|group| group.settle(Duration::ZERO))
            .collect();
        let marked = processes::marked(proc, change).map_err(anyhow::Error::msg)?;
        names.extend(
            marked
                .iter()
                .map(ToString::to_string)
                .filter(|name| !names.contains(name))
                .collect::<Vec<_>>(),
        );
        let Some(first) = names.first() else { break };
        if !told {
            say(&format!("waits for the package command of an earlier run: {first}"));
            told = true;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Ends every process in the change's control group, and every other process with its mark except
/// this one. Returns what it ended.
///
/// Any user can give a process the mark, and start a new one whenever it is ended. Our processes
/// start nothing new once they are killed. So a new one that does not belong to root cannot block
/// us for ever.
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

/// Those with the mark: if there is no control group, or they left it through another service.
fn end_marked(proc: &Path, change: &str) -> Result<Vec<String>> {
    let left = || processes::marked(proc, change).map_err(anyhow::Error::msg);
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
        let first = || found.iter().any(|first| first.pid == process.pid);
        processes::owner(proc, process.pid).is_some_and(|owner| owner == 0 || first())
    };
    if left()?.iter().any(ours) {
        bail!("commands of an earlier run do not end: {}", names.join("; "))
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::cgroup;
    use crate::host::exec::{Command, Runner};

    #[test]
    fn a_command_that_outlived_its_run_is_ended() {
        let change = format!("orphan-test-{}", std::process::id());
        let runner =
            Runner::new(None, Some(change.clone()), crate::host::exec::Interrupt::default());
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
        // As if the run that started it was killed: nobody cleans up its group.
        let dir = tempfile::tempdir().expect("temp dir");
        let pid = dir.path().join("pid");
        let script =
            format!("setsid env -i sh -c 'echo $$ > {}; exec sleep 60' & sleep 0.3", pid.display());
        Runner::default().run(&Command::new(["sh", "-c", script.as_str()])).expect("runs");
        let procs = home.join(format!("backout-{change}/cgroup.procs"));
        let put = std::fs::OpenOptions::new().write(true).open(procs).and_then(|mut file| {
            use std::io::Write;
            file.write_all(&std::fs::read(&pid)?)
        });
        put.expect("put into the group");
        assert!(
            processes::marked(Path::new("/proc"), &change).expect("listed").is_empty(),
            "it has no mark"
        );
        let ended = end(Path::new("/proc"), &change).expect("ended");
        assert!(ended.len() == 1 && ended[0].starts_with("sleep (pid "), "{ended:?}");
        assert!(end(Path::new("/proc"), &change).expect("none").is_empty());
        assert!(
            !home.join(format!("backout-{change}")).try_exists().expect("looked"),
            "its group is removed"
        );
    }

    #[test]
    fn one_that_installs_may_finish() {
        let change = format!("orphan-finish-test-{}", std::process::id());
        let runner =
            Runner::new(None, Some(change.clone()), crate::host::exec::Interrupt::default());
        let start =
            || runner.run(&Command::new(["sh", "-c", "setsid sleep 1 & sleep 0.1"])).expect("runs");
        let told = std::cell::RefCell::new(Vec::new());
        let say = |text: &str| told.borrow_mut().push(text.to_owned());
        start();
        let_finish(Path::new("/proc"), &change, &|| false, &say).expect("waited");
        assert!(told.borrow().len() == 1 && told.borrow()[0].contains("sleep ("), "{told:?}");
        assert!(end(Path::new("/proc"), &change).expect("none").is_empty(), "it ended by itself");
        start();
        let_finish(Path::new("/proc"), &change, &|| true, &say).expect("not waited");
        assert_eq!(end(Path::new("/proc"), &change).expect("ended").len(), 1);
    }

    #[test]
    fn another_user_cannot_stand_in_the_way() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let change = format!("orphan-guest-{}", std::process::id());
        let script = r#"while :; do env BACKOUT_CHANGE="$1" sleep 60; done"#;
        let mut command = Command::new(["sh", "-c", script, "sh", change.as_str()])
            .timeout(Duration::from_secs(6));
        command.user = Some("nobody".into());
        let guest = std::thread::spawn(move || Runner::default().run(&command));
        while processes::marked(Path::new("/proc"), &change).expect("listed").is_empty()
            && !guest.is_finished()
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = end(Path::new("/proc"), &change).expect("not ours");
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert!(!guest.is_finished());
        let _ = guest.join();
    }
}
