//! The only place that starts a process.
//!
//! Programs are started by argument vector, never through a shell. Each runs in a process group of its own, with a time limit, and
//! what it prints goes to files, not to pipes: a daemon that a command leaves behind may hold its output open for ever.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use regex::RegexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a process group may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(20);
/// The last bytes of stderr that an error quotes.
const QUOTED_STDERR: usize = 2000;
/// Environment variable that marks every process started for a change, so that a later run finds those that outlived this one.
pub const MARKER: &str = "BACKOUT_CHANGE";

/// A program, or several joined by pipes, with everything that decides how it runs. It is data: a plan records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// One argument vector a program; the first's output is the second's input, and so on.
    pub stages: Vec<Vec<String>>,
    /// Added to the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// Run as this user (`runuser(1)`), not as the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Standard input is read from this file; otherwise it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<PathBuf>,
    /// Standard output is written to this file (created or truncated); otherwise it is kept and returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<PathBuf>,
    /// After this long the process group is ended and the command has failed.
    #[serde(with = "seconds")]
    #[schemars(with = "u64")]
    pub timeout: Duration,
    /// Leaves servers behind on purpose: its processes are not marked as ours and are not ended by a later run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub daemon: bool,
    /// Regular expressions for lines of its output that mean that it failed, whatever its exit status says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fails_on: Vec<String>,
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;
    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs())
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

impl Command {
    /// A single program with a limit of one minute.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            stages: vec![argv.into_iter().map(Into::into).collect()],
            env: BTreeMap::new(),
            cwd: None,
            user: None,
            stdin: None,
            stdout: None,
            timeout: Duration::from_secs(60),
            daemon: false,
            fails_on: Vec::new(),
        }
    }

    /// The same with another time limit.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}

/// As a person would type it in a shell (for reading only).
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stage) in self.stages.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            for (j, word) in stage.iter().enumerate() {
                if j > 0 {
                    f.write_str(" ")?;
                }
                f.write_str(&quote(word))?;
            }
        }
        if let Some(path) = &self.stdout {
            write!(f, " > {}", quote(&path.display().to_string()))?;
        }
        Ok(())
    }
}

/// A word quoted for a POSIX shell where it needs it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./:@,%{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.chars().any(char::is_control) {
        // Bash's form: a line end in a word must not look like the end of the command.
        format!("$'{}'", word.escape_debug().to_string().replace("\\\"", "\""))
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A command line as an error quotes it: a page of SQL hides the reason behind it. The log has all of it.
fn shortened(line: &str) -> String {
    const BEGIN: usize = 160;
    const END: usize = 60;
    let count = line.chars().count();
    if count <= BEGIN + END {
        return line.to_owned();
    }
    let begin: String = line.chars().take(BEGIN).collect();
    let end: String = line.chars().skip(count - END).collect();
    format!("{begin} […] {end}")
}

/// What a command that succeeded printed.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Standard output (lossy UTF-8), empty when it went to a file.
    pub stdout: String,
    /// Standard error (lossy UTF-8) of all programs of the pipe.
    pub stderr: String,
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It could not be started.
    #[error("cannot start `{command}`: {source}")]
    Start {
        /// The command line.
        command: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It ended with another status than 0.
    #[error("`{command}` ended with {status}{}", after(.stderr))]
    Failed {
        /// The command line.
        command: String,
        /// Exit status or signal, in words.
        status: String,
        /// Exit status; `None` when a signal ended it.
        code: Option<i32>,
        /// The last part of what it wrote to standard error.
        stderr: String,
        /// The last part of what it wrote to standard output.
        stdout: String,
    },
    /// It ran longer than it may and was ended.
    #[error("`{command}` was ended after its time limit of {}{}", humantime::format_duration(*.limit), after(.stderr))]
    TimedOut {
        /// The command line.
        command: String,
        /// The limit.
        limit: Duration,
        /// The last part of what it wrote to standard error.
        stderr: String,
    },
    /// A signal asked us to stop while it ran; its process group was ended.
    #[error("`{command}` was stopped because backout was asked to stop")]
    Interrupted {
        /// The command line.
        command: String,
    },
    /// Its files (input, output, log) could not be opened or read.
    #[error("cannot use {} for `{command}`: {source}", .path.display())]
    Io {
        /// The command line.
        command: String,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

fn after(stderr: &str) -> String {
    let text = stderr.trim();
    if text.is_empty() { String::new() } else { format!(":\n{text}") }
}

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
            shielded: Arc::default(),
            #[cfg(test)]
            stand_in: StandIn::default(),
        }
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
        #[cfg(test)]
        if let Some(answered) = self.stand_in.0.as_ref().and_then(|answer| answer(command)) {
            return answered;
        }
        let whole_line = command.to_string();
        let line = shortened(&whole_line);
        let io = |path: &Path| {
            let (command, path) = (line.clone(), path.to_owned());
            move |source| ExecError::Io { command, path, source }
        };
        let scratch = std::env::temp_dir();
        let mut err = tempfile::tempfile().map_err(io(&scratch))?;
        let mut out = match &command.stdout {
            Some(path) => File::create(path).map_err(io(path))?,
            None => tempfile::tempfile().map_err(io(&scratch))?,
        };
        let start = |source| ExecError::Start { command: line.clone(), source };
        let mut expression =
            self.expression(command).ok_or_else(|| start(std::io::Error::new(std::io::ErrorKind::InvalidInput, "the command is empty")))?;
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
        let handle = expression.start().map_err(start)?;
        let ended = self.wait(&handle, command.timeout);
        let stderr = tail(&mut err).map_err(io(&scratch))?;
        // An error may stand long before the end.
        let all_stderr = if command.fails_on.is_empty() { String::new() } else { whole(&mut err).map_err(io(&scratch))? };
        let stdout = if command.stdout.is_some() { String::new() } else { whole(&mut out).map_err(io(&scratch))? };
        self.log(&stdout);
        self.log(&stderr);
        match ended {
            Ended::Status(status) if status.success() => {
                out.flush().map_err(io(&scratch))?;
                let Some(told) = failure_told(&command.fails_on, [&stdout, &all_stderr]) else { return Ok(Output { stdout, stderr }) };
                self.log(&format!("[it says that it failed: {told}]\n"));
                Err(ExecError::Failed {
                    command: line,
                    status: format!("{status}, but it says that it failed"),
                    code: status.code(),
                    stderr: told,
                    stdout: last(&stdout),
                })
            }
            Ended::Status(status) => {
                self.log(&format!("[{status}]\n"));
                Err(ExecError::Failed {
                    command: line,
                    status: status.to_string(),
                    code: status.code(),
                    stderr: last(&stderr),
                    stdout: last(&stdout),
                })
            }
            Ended::TimedOut => {
                self.log("[ended: time limit]\n");
                Err(ExecError::TimedOut { command: line, limit: command.timeout, stderr: last(&stderr) })
            }
            Ended::Interrupted => {
                self.log("[ended: asked to stop]\n");
                Err(ExecError::Interrupted { command: line })
            }
            Ended::Lost(source) => Err(start(source)),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    fn expression(&self, command: &Command) -> Option<duct::Expression> {
        let mut whole: Option<duct::Expression> = None;
        for stage in &command.stages {
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
            for (name, value) in &command.env {
                one = one.env(name, value);
            }
            whole = Some(match whole {
                Some(left) => left.pipe(one),
                None => one,
            });
        }
        whole
    }

    fn wait(&self, handle: &duct::Handle, limit: Duration) -> Ended {
        let begin = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match handle.try_wait() {
                Ok(Some(output)) => return Ended::Status(output.status),
                Ok(None) => {}
                Err(error) => return Ended::Lost(error),
            }
            if self.interrupt.requested() && !self.shielded.load(Ordering::SeqCst) {
                self.end(handle);
                return Ended::Interrupted;
            }
            if begin.elapsed() > limit {
                self.end(handle);
                return Ended::TimedOut;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// SIGTERM to the process groups, then SIGKILL after [`GRACE`] or a second request to stop.
    fn end(&self, handle: &duct::Handle) {
        let groups: Vec<Pid> = handle.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok()).map(Pid::from_raw).collect();
        let begin = Instant::now();
        for group in &groups {
            let _ = killpg(*group, Signal::SIGTERM);
        }
        while groups.iter().any(|group| killpg(*group, None).is_ok()) {
            let _ = handle.try_wait();
            if begin.elapsed() > GRACE || self.interrupt.count() > 1 {
                for group in &groups {
                    let _ = killpg(*group, Signal::SIGKILL);
                }
                let _ = handle.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = handle.wait();
    }

    /// Appends to the log; a log that cannot be written never stops a run.
    fn log(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(path) = &self.log
            && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path)
        {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// The first line that one of the patterns fits. A pattern that cannot be read fits everything: it must not hide a failure.
fn failure_told(patterns: &[String], texts: [&str; 2]) -> Option<String> {
    if patterns.is_empty() {
        return None;
    }
    match RegexSet::new(patterns) {
        Ok(set) => texts.iter().flat_map(|text| text.lines()).find(|line| set.is_match(line)).map(str::to_owned),
        Err(error) => Some(error.to_string()),
    }
}

enum Ended {
    Status(std::process::ExitStatus),
    TimedOut,
    Interrupted,
    Lost(std::io::Error),
}

fn whole(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// At most the last 64 KiB.
fn tail(file: &mut File) -> std::io::Result<String> {
    const MOST: u64 = 64 * 1024;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn last(text: &str) -> String {
    let text = text.trim_end();
    let mut from = text.len().saturating_sub(QUOTED_STDERR);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
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
    fn what_a_command_says_counts_more_than_its_exit_status() {
        for (script, fails) in [("echo 12 records", false), ("echo ERROR: disk", true), ("echo 12; echo ERROR: disk >&2", true)] {
            let command = Command { fails_on: vec!["^ERROR:".into()], ..Command::new(["sh", "-c", script]) };
            let result = Runner::default().run(&command);
            assert_eq!(result.is_err(), fails, "{script}");
            if let Err(error) = result {
                assert!(error.to_string().ends_with("exit status: 0, but it says that it failed:\nERROR: disk"), "{error}");
            }
        }
    }

    #[test]
    fn a_request_to_stop_ends_the_command_but_not_a_shielded_one() {
        let runner = Runner::default();
        runner.interrupt.request();
        assert!(matches!(runner.run(&Command::new(["sleep", "30"])), Err(ExecError::Interrupted { .. })));
        runner.shielded(|| runner.run(&Command::new(["true"]))).expect("finished");
    }

    #[test]
    fn display_quotes_for_a_shell() {
        assert_eq!(Command::new(["echo", "it's", "", "a-b"]).to_string(), r"echo 'it'\''s' '' a-b");
        assert_eq!(quote("${x}\n\"y\" it's"), r#"$'${x}\n"y" it\'s'"#);
    }
}
