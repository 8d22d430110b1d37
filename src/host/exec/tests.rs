//! Real processes.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::*;

fn run(argv: &[&str]) -> Result<Printed, ExecError> {
    Runner::default().run(&Command::new(argv.iter().copied()))
}

#[test]
fn returns_what_was_printed() {
    let output = run(&["printf", "%s|", "a b", "$HOME;"]).expect("runs");
    assert_eq!(output.stdout, "a b|$HOME;|");
}

#[test]
fn a_failure_names_command_status_and_stderr() {
    let error = run(&["ls", "/no such"]).expect_err("fails");
    let text = error.to_string();
    assert!(
        text.starts_with("`ls '/no such'` ended with exit status: 2:\nls: cannot access"),
        "{text}"
    );
}

/// A megabyte of it, in one line and in many.
#[test]
fn s9_an_error_shows_little_of_a_command_s_output() {
    for program in [
        "seq -f '%.0f: a line of what it says' 30000 >&2; exit 1",
        "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1",
    ] {
        let error = run(&["sh", "-c", program]).unwrap_err().to_string();
        assert!(error.lines().count() <= 11, "{error}");
        assert!(error.lines().all(|line| line.chars().count() <= 260), "{error}");
        assert!(error.len() < 4000, "{} bytes", error.len());
    }
}

#[test]
fn what_a_full_disk_does_not_take_is_a_failure() {
    let mut command = Command::new(["printf", "one line"]);
    command.stdout = Some("/dev/full".into());
    let error = Runner::default().run(&command).expect_err("it has no room").to_string();
    assert!(error.contains("No space left on device"), "{error}");
    // A program that does not look.
    command.stages = vec![vec!["sh".into(), "-c".into(), "printf 'a line'; exit 0".into()]];
    let error = Runner::default().run(&command).expect_err("it has no room").to_string();
    assert!(error.contains("No space left on device"), "{error}");
}

#[test]
fn what_is_printed_needs_no_disk() {
    let printed = run(&["readlink", "/proc/self/fd/1", "/proc/self/fd/2"]).expect("runs").stdout;
    assert_eq!(printed, "/memfd:backout (deleted)\n/memfd:backout (deleted)\n");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
fn a_command_is_ended_while_a_pool_is_suspended() {
    let dir = tempfile::tempdir().expect("temp dir");
    std::fs::create_dir(dir.path().join("tank")).expect("folder");
    let watched = |name: &str| WatchedPool {
        pool: name.into(),
        state: dir.path().join(name).join("state"),
        hides_suspension: false,
    };
    let pool = watched("tank").state;
    let mut runner = Runner { pools: vec![watched("none"), watched("tank")], ..Runner::default() };
    std::fs::write(&pool, "ONLINE\n").expect("written");
    runner.run(&Command::new(["sleep", "1.2"])).expect("ends by itself");
    std::fs::write(&pool, "SUSPENDED\n").expect("written");
    let error = runner.run(&Command::new(["sleep", "30"])).expect_err("ended");
    let text = error.to_string();
    assert_eq!(
        text,
        "`sleep 30` was ended: the I/O of pool tank is suspended; bring its devices back, then: \
            zpool clear tank"
    );
    runner.pools.clear();
    runner.run(&Command::new(["true"])).expect("not looked at");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
fn s9_a_secret_reaches_the_command_and_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("temp dir");
    let (path, log) = (dir.path().join("secret"), dir.path().join("log"));
    std::fs::write(&path, "hunter2\n").expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("mode");
    let runner = Runner::new(Some(log.clone()), None, Interrupt::default());
    let script =
        r#"test ${#PASSWORD} = 7 && echo "it is $PASSWORD" && echo "no $PASSWORD" >&2 && exit $1"#;
    let mut command = Command::new(["sh", "-c", script, "sh", "0"]);
    command.env_from_file.insert("PASSWORD".into(), path);
    let output = runner.run(&command).expect("runs");
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("it is [the secret PASSWORD]\n", "no [the secret PASSWORD]\n")
    );
    command.stages[0][4] = "1".into();
    let error = runner.run(&command).expect_err("fails").to_string();
    let said = std::fs::read_to_string(&log).expect("log") + &error + &format!("{command:?}");
    assert!(said.contains("[the secret PASSWORD]") && !said.contains("hunter2"), "{said}");
    command.env_from_file.insert("OTHER".into(), dir.path().join("none"));
    assert!(matches!(runner.run(&command), Err(ExecError::Secret { .. })));
}

#[test]
fn what_is_written_is_for_the_owner_alone() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let dir = tempfile::tempdir().expect("temp dir");
    let (log, out, other) =
        (dir.path().join("log"), dir.path().join("out"), dir.path().join("other"));
    let mut command = Command::new(["echo", "x"]);
    command.stdout = Some(out.clone());
    Runner::new(Some(log.clone()), None, Interrupt::default()).run(&command).expect("runs");
    for path in [&log, &out] {
        assert_eq!(path.metadata().expect("there").mode() & 0o777, 0o600, "{}", path.display());
    }
    symlink(&other, dir.path().join("link")).expect("link");
    command.stdout = Some(dir.path().join("link"));
    assert!(matches!(Runner::default().run(&command), Err(ExecError::Io { .. })));
    assert!(!other.try_exists().expect("looked"));
}

#[test]
fn a_missing_program_is_named() {
    let text = run(&["no-such-program"]).expect_err("fails").to_string();
    assert!(text.starts_with("cannot start `no-such-program`: "), "{text}");
}

#[test]
fn a_time_limit_ends_the_whole_process_group() {
    let dir = tempfile::tempdir().expect("temp dir");
    let pid = dir.path().join("pid");
    let script = format!("sleep 60 & echo $! > {}; wait", pid.display());
    let command = Command::new(["sh", "-c", script.as_str()]).timeout(Duration::from_millis(500));
    let error = Runner::default().run(&command).expect_err("too long");
    assert!(matches!(error, ExecError::TimedOut { .. }), "{error}");
    let pid: i32 = std::fs::read_to_string(&pid).expect("pid").trim().parse().expect("number");
    let alive = || {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    let begin = Instant::now();
    while alive() && begin.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!alive(), "the child's child is still there");
}

#[test]
fn a_daemon_that_keeps_the_output_open_does_not_hold_us() {
    let command =
        Command::new(["sh", "-c", "sleep 3 & echo started"]).timeout(Duration::from_secs(2));
    assert_eq!(Runner::default().run(&command).expect("ends with the parent").stdout, "started\n");
}

#[test]
fn a_pipe_fails_when_its_first_program_does() {
    let command =
        Command { stages: vec![vec!["false".into()], vec!["cat".into()]], ..Command::new(["x"]) };
    assert!(matches!(Runner::default().run(&command), Err(ExecError::Failed { .. })));
}

#[test]
fn a_request_to_stop_ends_the_command_but_not_a_shielded_one() {
    let runner = Runner::default();
    runner.interrupt.request();
    assert!(matches!(
        runner.run(&Command::new(["sleep", "30"])),
        Err(ExecError::Interrupted { .. })
    ));
    runner.shielded(|| runner.run(&Command::new(["true"]))).expect("finished");
}

/// A runner whose commands are in a control group; `None` where none can be made.
fn contained(change: &str) -> Option<Runner> {
    let home = cgroup::home(Path::new("/proc"))?;
    let change = format!("{change}-{}", std::process::id());
    let group = Group::make(&home, &change).ok()?;
    let ((), usable) = group.within(|| ());
    group.remove();
    usable.then(|| Runner::new(None, Some(change), Interrupt::default()).contained_in(home))
}

#[test]
fn what_is_started_outside_is_outside_and_no_group_is_left() {
    let Some(runner) = contained("outside-test") else { return };
    let asks = Command::new(["cat", "/proc/self/cgroup"]);
    let group = format!("backout-outside-test-{}", std::process::id());
    let home = runner.home.as_ref().expect("there").0.clone();
    for _ in 0..2 {
        let inside = runner.run(&asks).expect("runs").stdout;
        assert!(inside.contains(&group), "{inside}");
        let daemon = Command { daemon: true, ..asks.clone() };
        let outside = runner.run(&daemon).expect("runs").stdout;
        assert!(!outside.contains(&group), "{outside}");
    }
    runner.run(&asks).expect("runs");
    drop(runner);
    assert!(!home.join(group).try_exists().expect("looked"), "it is left");
}

/// Leaves its process group and its environment, and says who it is.
fn escaping(pid: &Path) -> String {
    format!("setsid env -i sh -c 'echo $$ > {}; exec sleep 60' & sleep 0.3", pid.display())
}

fn alive(pid: &Path) -> bool {
    let pid = std::fs::read_to_string(pid).expect("pid");
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_child_that_escaped_is_ended_after_its_command() {
    let dir = tempfile::tempdir().expect("temp dir");
    let pid = dir.path().join("pid");
    let command = Command::new(["sh".to_owned(), "-c".to_owned(), escaping(&pid)]);
    Runner::default().run(&command).expect("runs");
    assert!(alive(&pid), "without a control group it escapes: the test proves nothing");
    let escaped: i32 = std::fs::read_to_string(&pid).expect("pid").trim().parse().expect("number");
    nix::sys::signal::kill(Pid::from_raw(escaped), Signal::SIGKILL).expect("ended");
    let Some(runner) = contained("escape-test") else { return };
    runner.run(&command).expect("runs");
    assert!(!alive(&pid));
    let notes = runner.notes();
    assert!(
        notes.len() == 1
            && notes[0].contains("left something running, which was ended: sleep (pid "),
        "{notes:?}"
    );
    assert!(runner.notes().is_empty());
    let left = Command { daemon: true, ..command };
    runner.run(&left).expect("runs");
    assert!(alive(&pid), "a server left behind on purpose stays");
    let escaped: i32 = std::fs::read_to_string(&pid).expect("pid").trim().parse().expect("number");
    nix::sys::signal::kill(Pid::from_raw(escaped), Signal::SIGKILL).expect("ended");
}

#[test]
fn a_time_limit_and_a_request_to_stop_end_a_child_that_escaped() {
    let dir = tempfile::tempdir().expect("temp dir");
    let Some(runner) = contained("escape-limit-test") else { return };
    let pid = dir.path().join("pid");
    let command =
        Command::new(["sh".to_owned(), "-c".to_owned(), format!("{}; sleep 60", escaping(&pid))]);
    let error = runner.run(&command.clone().timeout(Duration::from_secs(1))).expect_err("too long");
    assert!(matches!(error, ExecError::TimedOut { .. }), "{error}");
    assert!(!alive(&pid));
    let interrupt = runner.interrupt.clone();
    let asking = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(600));
        interrupt.request();
    });
    assert!(matches!(runner.run(&command), Err(ExecError::Interrupted { .. })));
    asking.join().expect("asked");
    assert!(!alive(&pid));
}

#[test]
fn what_ends_by_itself_in_time_is_no_news() {
    let Some(runner) = contained("settle-test") else { return };
    runner.run(&Command::new(["sh", "-c", "setsid sleep 0.3 & true"])).expect("runs");
    assert!(runner.notes().is_empty());
}

#[test]
fn a_line_that_means_a_failure_is_one_though_the_status_is_0() {
    let mut command = Command::new(["sh", "-c", "echo fine; echo 'ERROR: disk full' >&2"]);
    Runner::default().run(&command).expect("it ends with 0");
    command.fails_on = vec![regex::Regex::new("^ERROR").expect("a pattern")];
    let text = Runner::default().run(&command).expect_err("it says so").to_string();
    assert!(text.ends_with("exit status: 0, and says that it failed:\nERROR: disk full"), "{text}");
    command.fails_on = vec![regex::Regex::new("^fine$").expect("a pattern")];
    let (output, failed) = Runner::default().attempt(&command).expect("runs");
    assert_eq!((output.stdout.as_str(), failed.is_some()), ("fine\n", true));
}

#[test]
fn display_quotes_for_a_shell() {
    assert_eq!(Command::new(["echo", "it's", "", "a-b"]).to_string(), r#"echo "it's" '' a-b"#);
}

#[test]
fn display_shows_names_and_input_as_a_person_reads_them() {
    let mut command = Command::new(["log", "--from={position}", "{capture_files}"]);
    command.stages.push(
        ["{backout}", "helper", "x", "{a b}", "${Version}", "{a,b}"].map(str::to_owned).to_vec(),
    );
    command.stdin = Some("{program_dir}/rows.sql".into());
    let wanted = "log --from={position} {capture_files} < {program_dir}/rows.sql | backout helper \
        x '{a b}' '${Version}' '{a,b}'";
    assert_eq!(command.to_string(), wanted);
}

#[test]
fn what_a_command_prints_is_read_while_it_runs() {
    let runner = Runner::default();
    let lines = |source: &mut dyn BufRead| source.lines().count();
    let (count, failed) = runner.stream(Command::new(["seq", "300000"]), lines).expect("runs");
    assert_eq!((count, failed.is_none()), (300_000, true));
    let half = Command::new(["sh", "-c", "echo a; exit 3"]);
    let (count, failed) = runner.stream(half, lines).expect("runs");
    assert_eq!((count, failed.is_some()), (1, true), "what was read of it does not count");
    // One that stops reading ends the command.
    let (first, failed) =
        runner.stream(Command::new(["yes"]), |source| source.lines().next()).expect("ends");
    assert_eq!(first.and_then(Result::ok).as_deref(), Some("y"));
    assert!(failed.is_some());
}

/// `vm-tests/bench` reads what it prints.
#[test]
#[expect(clippy::disallowed_methods, reason = "what is measured is beside bare commands")]
#[ignore = "a measurement"]
fn measured_commands_beside_bare_ones() {
    let bare = Instant::now();
    for _ in 0..40 {
        assert!(std::process::Command::new("sleep").arg("0.07").status().expect("runs").success());
    }
    let bare = bare.elapsed().as_millis();
    let begin = Instant::now();
    for _ in 0..40 {
        run(&["sleep", "0.07"]).expect("runs");
    }
    let ours = begin.elapsed().as_millis();
    println!("overhead\t-\t-\t40 commands of 70 ms, natively, beside bare ones\t{ours} {bare} ms");
    let Some(runner) = contained("measured") else { return };
    let begin = Instant::now();
    for _ in 0..40 {
        runner.run(&Command::new(["sleep", "0.07"])).expect("runs");
    }
    let ours = begin.elapsed().as_millis();
    println!("overhead\t-\t-\tthe same in a control group\t{ours} {bare} ms");
}
