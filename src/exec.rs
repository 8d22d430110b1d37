//! The only place that starts a process.
//!
//! Programs are started by argument vector, never through a shell. Each runs in a process group of its own, and in the change's control
//! group where there is one, with a time limit; what it prints goes to files, not to pipes: a daemon that a command leaves behind may hold
//! its output open for ever.

pub mod cgroup;
mod command;

pub use command::{Command, ExecError, Output};

#[cfg(test)]
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use regex::RegexSet;

use cgroup::Group;
use command::shortened;

pub use crate::quote::quote;
use crate::secret::Secrets;

/// How long a process group may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(20);
/// How long a process may take to go after SIGKILL. One that waits for a device that does not answer goes when that answers, not before.
const KILLED_WITHIN: Duration = Duration::from_secs(5);
/// How long a command may go on while a pool's I/O is suspended: somebody may be bringing the devices back.
const SUSPENDED_FOR: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 60 });
/// The last bytes of stderr that an error quotes.
const QUOTED_STDERR: usize = 2000;
/// The last bytes of stderr that the log gets.
const LOGGED_STDERR: usize = 64 * 1024;
/// Environment variable that marks every process started for a change, so that a later run finds those that outlived this one.
pub const MARKER: &str = "BACKOUT_CHANGE";

/// Counts the requests to stop (SIGINT, SIGTERM): the first ends the running command gently, the second at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals() -> std::io::Result<Self> {
        let this = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let count = Arc::clone(&this.0);
            // SAFETY: the handler does one atomic addition, which is async-signal-safe.
            #[expect(unsafe_code, reason = "signal-hook leaves it to its caller that a handler is async-signal-safe")]
            unsafe {
                signal_hook::low_level::register(signal, move || {
                    count.fetch_add(1, Ordering::SeqCst);
                })?;
            }
        }
        Ok(this)
    }

    /// Whether a stop was asked for.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Asks for a stop, as a signal would.
    pub fn request(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Starts commands for one run of the tool.
#[derive(Debug, Clone, Default)]
pub struct Runner {
    /// Every command, what it printed and how it ended is appended here.
    pub log: Option<PathBuf>,
    /// Value of [`MARKER`] for the processes started.
    pub marker: Option<String>,
    /// The requests to stop.
    pub interrupt: Interrupt,
    /// Files that tell the states of the pools that the commands may wait for (see [`suspended`]).
    pub pools: Vec<PathBuf>,
    /// Below this control group the commands get one of their own.
    home: Option<PathBuf>,
    notes: Arc<Mutex<Vec<String>>>,
    shielded: Arc<AtomicBool>,
    /// Runs commands instead of the system.
    #[cfg(test)]
    pub(crate) stand_in: StandIn,
}

/// Answers the commands it knows; the others are started.
#[cfg(test)]
pub(crate) type Answers = dyn Fn(&Command) -> Option<Result<Output, ExecError>> + Send + Sync;

/// See [`Runner::stand_in`].
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct StandIn(pub(crate) Option<Arc<Answers>>);

#[cfg(test)]
impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StandIn")
    }
}

impl Runner {
    /// A runner with a log, a marker and the signals of this process.
    pub fn new(log: Option<PathBuf>, marker: Option<String>, interrupt: Interrupt) -> Self {
        Self {
            log,
            marker,
            interrupt,
            pools: Vec::new(),
            home: None,
            notes: Arc::default(),
            shielded: Arc::default(),
            #[cfg(test)]
            stand_in: StandIn::default(),
        }
    }

    /// The same without a log.
    #[must_use]
    pub fn quiet(&self) -> Self {
        let mut quiet = self.clone();
        quiet.log = None;
        quiet
    }

    /// The same, whose commands run in a control group, if systemd runs here and lets us make one. It needs a marker.
    #[must_use]
    pub fn contained(mut self) -> Self {
        self.home = if Path::new("/run/systemd/system").is_dir() { cgroup::home(Path::new("/proc")) } else { None };
        self
    }

    /// The same with a control group whether systemd runs or not.
    #[cfg(test)]
    pub(crate) fn contained_in(mut self, home: PathBuf) -> Self {
        self.home = Some(home);
        self
    }

    /// What is to be said of the commands that ran since the last call.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, text: String) {
        self.log(&format!("[{text}]\n"));
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Runs `work` without ending its commands on a request to stop (a ZFS call in hand is finished).
    pub fn shielded<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.shielded.swap(true, Ordering::SeqCst);
        let result = work();
        self.shielded.store(before, Ordering::SeqCst);
        result
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// [`ExecError`] when it cannot be started, fails, takes too long, or a stop is asked for meanwhile.
    pub fn run(&self, command: &Command) -> Result<Output, ExecError> {
        let (output, failed) = self.attempt(command)?;
        match failed {
            None => Ok(output),
            Some(error) => Err(error),
        }
    }

    /// Runs a command to its end, and returns what it printed though it failed.
    ///
    /// # Errors
    /// [`ExecError`] when it cannot be started, takes too long, or a stop is asked for meanwhile.
    pub fn attempt(&self, command: &Command) -> Result<(Output, Option<ExecError>), ExecError> {
        #[cfg(test)]
        if let Some(answered) = self.stand_in.0.as_ref().and_then(|answer| answer(command)) {
            return match answered {
                Ok(output) => Ok((output, None)),
                Err(ExecError::Failed { command, status, code, stderr, stdout }) => {
                    let output = Output { stdout: stdout.clone(), stderr: stderr.clone() };
                    Ok((output, Some(ExecError::Failed { command, status, code, stderr, stdout })))
                }
                Err(error) => Err(error),
            };
        }
        let whole_line = command.to_string();
        let line = shortened(&whole_line);
        let io = |path: &Path| {
            let (command, path) = (line.clone(), path.to_owned());
            move |source| ExecError::Io { command, path, source }
        };
        let scratch = std::env::temp_dir();
        let mut err = scratch_file(command).map_err(io(&scratch))?;
        let mut out = match &command.stdout {
            Some(path) => private(OpenOptions::new().write(true).truncate(true), path).map_err(io(path))?,
            None => scratch_file(command).map_err(io(&scratch))?,
        };
        let start = |source| ExecError::Start { command: line.clone(), source };
        let secrets = Secrets::read(&command.env_from_file).map_err(|source| ExecError::Secret { command: line.clone(), source })?;
        let mut expression = self
            .expression(command, &secrets)
            .ok_or_else(|| start(std::io::Error::new(std::io::ErrorKind::InvalidInput, "the command is empty")))?;
        expression =
            expression.stdout_file(out.try_clone().map_err(io(&scratch))?).stderr_file(err.try_clone().map_err(io(&scratch))?).unchecked();
        expression = match &command.stdin {
            Some(path) => expression.stdin_file(File::open(path).map_err(io(path))?),
            None => expression.stdin_null(),
        };
        if let Some(dir) = &command.cwd {
            expression = expression.dir(dir);
        }
        self.log(&format!("$ {whole_line}\n"));
        let mut group = self.group(command);
        let started = match &group {
            None => {
                let _still = cgroup::stay();
                expression.start()
            }
            Some(inside) => {
                let (started, whole) = inside.within(|| expression.start());
                if !whole {
                    group = None;
                }
                started
            }
        };
        let handle = started.map_err(start)?;
        let ended = self.wait(&handle, command.timeout, group.as_ref());
        if let Some(group) = &group {
            self.leave_none(group, &line);
        }
        let stderr = secrets.hide(whole(&mut err).map_err(io(&scratch))?);
        let stdout = if command.stdout.is_some() { String::new() } else { secrets.hide(whole(&mut out).map_err(io(&scratch))?) };
        self.log(&stdout);
        self.log(last_of(&stderr, LOGGED_STDERR));
        let failed = |status: String, code: Option<i32>, stderr: &str| ExecError::Failed {
            command: line.clone(),
            status,
            code,
            stderr: last(stderr),
            stdout: last(&stdout),
        };
        match ended {
            Ended::Status(status) if status.success() => {
                out.flush().map_err(io(&scratch))?;
                let said =
                    said(command, &stdout, &stderr).map_err(|error| start(std::io::Error::new(std::io::ErrorKind::InvalidInput, error)))?;
                let error =
                    (!said.is_empty()).then(|| failed(format!("{status}, and says that it failed"), status.code(), &said.join("\n")));
                Ok((Output { stdout, stderr }, error))
            }
            Ended::Status(status) => {
                self.log(&format!("[{status}]\n"));
                let error = failed(status.to_string(), status.code(), &stderr);
                Ok((Output { stdout, stderr }, Some(error)))
            }
            Ended::TimedOut => {
                self.log("[ended: time limit]\n");
                Err(ExecError::TimedOut { command: line, limit: command.timeout, stderr: last(&stderr) })
            }
            Ended::Suspended(pool) => {
                self.log("[ended: a pool is suspended]\n");
                Err(ExecError::Suspended { command: line, pool, stderr: last(&stderr) })
            }
            Ended::Interrupted => {
                self.log("[ended: asked to stop]\n");
                Err(ExecError::Interrupted { command: line })
            }
            Ended::Lost(source) => Err(start(source)),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    fn expression(&self, command: &Command, secrets: &Secrets) -> Option<duct::Expression> {
        let mut whole: Option<duct::Expression> = None;
        // Few programs look whether what they print gets to a full disk: `zfs list` and `redis-cli` end well with half of it written. cat(1) does.
        let checked = command.stdout.as_ref().map(|_| vec!["cat".to_owned()]);
        for stage in command.stages.iter().chain(&checked) {
            let mut words: Vec<&str> = Vec::new();
            if let Some(user) = &command.user {
                words.extend(["runuser", "-u", user, "--"]);
            }
            words.extend(stage.iter().map(String::as_str));
            let (program, arguments) = words.split_first()?;
            let mut one = duct::cmd(*program, arguments)
                .before_spawn(|process| {
                    process.process_group(0);
                    Ok(())
                })
                .env("LC_ALL", "C.UTF-8")
                // systemctl gives up after 25 s otherwise; a busy host is slower than that.
                .env("SYSTEMD_BUS_TIMEOUT", "110");
            if let Some(marker) = self.marker.as_ref().filter(|_| !command.daemon) {
                one = one.env(MARKER, marker);
            }
            let plain = command.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            for (name, value) in plain.chain(secrets.pairs()) {
                one = one.env(name, value);
            }
            whole = Some(match whole {
                Some(left) => left.pipe(one),
                None => one,
            });
        }
        whole
    }

    /// The control group for a command, where there can be one.
    fn group(&self, command: &Command) -> Option<Group> {
        let (home, marker) = (self.home.as_ref()?, self.marker.as_ref().filter(|_| !command.daemon)?);
        Group::make(home, marker).ok()
    }

    /// A command that has ended leaves nothing running: it would work on behind our back.
    fn leave_none(&self, group: &Group, line: &str) {
        let left = group.settle(cgroup::SETTLE);
        if !left.is_empty() {
            let gone = group.end(GRACE, &|| self.interrupt.count() > 1);
            let what = if gone { "which was ended" } else { "which does not end" };
            self.note(format!("`{line}` left something running, {what}: {}", left.join(", ")));
        }
        group.remove();
    }

    fn wait(&self, handle: &duct::Handle, limit: Duration, group: Option<&Group>) -> Ended {
        let begin = Instant::now();
        let mut pause = Duration::from_millis(1);
        let mut storage = Storage::default();
        loop {
            match handle.try_wait() {
                Ok(Some(output)) => return Ended::Status(output.status),
                Ok(None) => {}
                Err(error) => return Ended::Lost(error),
            }
            if self.interrupt.requested() && !self.shielded.load(Ordering::SeqCst) {
                self.end(handle, group);
                return Ended::Interrupted;
            }
            if begin.elapsed() > limit {
                self.end(handle, group);
                return Ended::TimedOut;
            }
            if let Some(pool) = storage.suspended_for_long(&self.pools) {
                self.end(handle, group);
                // /proc/spl/kstat/zfs/POOL/state
                let name = pool.parent().and_then(Path::file_name).unwrap_or_default();
                return Ended::Suspended(name.to_string_lossy().into_owned());
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// SIGTERM to the process groups and the control group, then SIGKILL after [`GRACE`] or a second request to stop.
    fn end(&self, handle: &duct::Handle, control: Option<&Group>) {
        let groups: Vec<Pid> = handle.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok()).map(Pid::from_raw).collect();
        let begin = Instant::now();
        for group in &groups {
            let _ = killpg(*group, Signal::SIGTERM);
        }
        if let Some(control) = control {
            control.signal(Signal::SIGTERM);
        }
        let control_left = || control.is_some_and(|control| !control.pids().is_empty());
        while groups.iter().any(|group| killpg(*group, None).is_ok()) || control_left() {
            let _ = handle.try_wait();
            if begin.elapsed() > GRACE || self.interrupt.count() > 1 {
                for group in &groups {
                    let _ = killpg(*group, Signal::SIGKILL);
                }
                if let Some(control) = control {
                    control.end(GRACE, &|| true);
                }
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let killed = Instant::now();
        while killed.elapsed() < KILLED_WITHIN && matches!(handle.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Appends to the log; a log that cannot be written never stops a run.
    fn log(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(path) = &self.log
            && let Ok(mut file) = private(OpenOptions::new().append(true), path)
        {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// Opens a file of ours, or makes it, for the owner alone. What stands in its place as a link is not followed.
fn private(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    options.create(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW).open(path)
}

enum Ended {
    Status(std::process::ExitStatus),
    TimedOut,
    Suspended(String),
    Interrupted,
    Lost(std::io::Error),
}

/// Whether a pool's I/O is suspended, as its file under `/proc/spl/kstat/zfs` says: reading that never waits for the pool, and `zpool` may.
pub fn suspended(pool: &Path) -> bool {
    std::fs::read_to_string(pool).is_ok_and(|state| state.trim() == "SUSPENDED")
}

/// Since when storage does not answer, looked at now and then.
#[derive(Default)]
struct Storage {
    looked: Option<Instant>,
    since: Option<Instant>,
}

impl Storage {
    fn suspended_for_long<'a>(&mut self, pools: &'a [PathBuf]) -> Option<&'a Path> {
        if self.looked.is_some_and(|looked| looked.elapsed() < Duration::from_secs(1)) {
            return None;
        }
        self.looked = Some(Instant::now());
        let found = pools.iter().find(|pool| suspended(pool));
        let since = found.map(|_| self.since.unwrap_or_else(Instant::now));
        self.since = since;
        found.filter(|_| since.is_some_and(|since| since.elapsed() >= SUSPENDED_FOR)).map(PathBuf::as_path)
    }
}

/// Where a command prints to: memory, because programs hardly ever look whether a full disk took what they printed, and a list that was cut short would be
/// taken for the whole. What a daemon prints all its life goes to a file.
fn scratch_file(command: &Command) -> std::io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    if command.daemon {
        return tempfile::tempfile();
    }
    Ok(File::from(memfd_create(c"backout", MFdFlags::MFD_CLOEXEC)?))
}

fn whole(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The lines that mean a failure though the command ended with 0.
fn said(command: &Command, stdout: &str, stderr: &str) -> Result<Vec<String>, regex::Error> {
    let patterns = RegexSet::new(&command.fails_on)?;
    Ok(stdout.lines().chain(stderr.lines()).filter(|line| patterns.is_match(line)).map(str::to_owned).collect())
}

fn last(text: &str) -> String {
    last_of(text.trim_end(), QUOTED_STDERR).to_owned()
}

fn last_of(text: &str, most: usize) -> &str {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(argv: &[&str]) -> Result<Output, ExecError> {
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
        assert!(text.starts_with("`ls '/no such'` ended with exit status: 2:\nls: cannot access"), "{text}");
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
        let pool = dir.path().join("tank/state");
        let mut runner = Runner { pools: vec![dir.path().join("none"), pool.clone()], ..Runner::default() };
        std::fs::write(&pool, "ONLINE\n").expect("written");
        runner.run(&Command::new(["sleep", "1.2"])).expect("ends by itself");
        std::fs::write(&pool, "SUSPENDED\n").expect("written");
        let error = runner.run(&Command::new(["sleep", "30"])).expect_err("ended");
        let text = error.to_string();
        assert_eq!(text, "`sleep 30` was ended: the I/O of pool tank is suspended; bring its devices back, then: zpool clear tank");
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
        let script = r#"test ${#PASSWORD} = 7 && echo "it is $PASSWORD" && echo "no $PASSWORD" >&2 && exit $1"#;
        let mut command = Command::new(["sh", "-c", script, "sh", "0"]);
        command.env_from_file.insert("PASSWORD".into(), path);
        let output = runner.run(&command).expect("runs");
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("it is [the secret PASSWORD]\n", "no [the secret PASSWORD]\n"));
        command.stages[0][4] = "1".into();
        let error = runner.run(&command).expect_err("fails").to_string();
        let said = std::fs::read_to_string(&log).expect("log")
            + &error
            + &format!("{command:?}")
            + &serde_json::to_string(&command).expect("JSON");
        assert!(said.contains("[the secret PASSWORD]") && !said.contains("hunter2"), "{said}");
        command.env_from_file.insert("OTHER".into(), dir.path().join("none"));
        assert!(matches!(runner.run(&command), Err(ExecError::Secret { .. })));
    }

    #[test]
    fn what_is_written_is_for_the_owner_alone() {
        use std::os::unix::fs::{MetadataExt, symlink};
        let dir = tempfile::tempdir().expect("temp dir");
        let (log, out, other) = (dir.path().join("log"), dir.path().join("out"), dir.path().join("other"));
        let mut command = Command::new(["echo", "x"]);
        command.stdout = Some(out.clone());
        Runner::new(Some(log.clone()), None, Interrupt::default()).run(&command).expect("runs");
        for path in [&log, &out] {
            assert_eq!(path.metadata().expect("there").mode() & 0o777, 0o600, "{}", path.display());
        }
        symlink(&other, dir.path().join("link")).expect("link");
        command.stdout = Some(dir.path().join("link"));
        assert!(matches!(Runner::default().run(&command), Err(ExecError::Io { .. })));
        assert!(!other.exists());
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
        let alive = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        let begin = Instant::now();
        while alive() && begin.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!alive(), "the child's child is still there");
    }

    #[test]
    fn a_daemon_that_keeps_the_output_open_does_not_hold_us() {
        let command = Command::new(["sh", "-c", "sleep 3 & echo started"]).timeout(Duration::from_secs(2));
        assert_eq!(Runner::default().run(&command).expect("ends with the parent").stdout, "started\n");
    }

    #[test]
    fn a_pipe_fails_when_its_first_program_does() {
        let command = Command { stages: vec![vec!["false".into()], vec!["cat".into()]], ..Command::new(["x"]) };
        assert!(matches!(Runner::default().run(&command), Err(ExecError::Failed { .. })));
    }

    #[test]
    fn a_request_to_stop_ends_the_command_but_not_a_shielded_one() {
        let runner = Runner::default();
        runner.interrupt.request();
        assert!(matches!(runner.run(&Command::new(["sleep", "30"])), Err(ExecError::Interrupted { .. })));
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

    /// Leaves its process group and its environment, and says who it is.
    fn escaping(pid: &Path) -> String {
        format!("setsid env -i sh -c 'echo $$ > {}; exec sleep 60' & sleep 0.3", pid.display())
    }

    fn alive(pid: &Path) -> bool {
        let pid = std::fs::read_to_string(pid).expect("pid");
        std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
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
        assert!(notes.len() == 1 && notes[0].contains("left something running, which was ended: sleep (pid "), "{notes:?}");
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
        let command = Command::new(["sh".to_owned(), "-c".to_owned(), format!("{}; sleep 60", escaping(&pid))]);
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
        command.fails_on = vec!["^ERROR".into()];
        let text = Runner::default().run(&command).expect_err("it says so").to_string();
        assert!(text.ends_with("exit status: 0, and says that it failed:\nERROR: disk full"), "{text}");
        command.fails_on = vec!["^fine$".into()];
        let (output, failed) = Runner::default().attempt(&command).expect("runs");
        assert_eq!((output.stdout.as_str(), failed.is_some()), ("fine\n", true));
    }

    #[test]
    fn display_quotes_for_a_shell() {
        assert_eq!(Command::new(["echo", "it's", "", "a-b"]).to_string(), r"echo 'it'\''s' '' a-b");
    }
}
