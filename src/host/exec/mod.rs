//! The only place that starts a process.
//!
//! Programs are started by argument vector, never through a shell. Each runs with a time limit in a
//! process group of its own, and in the change's control group if there is one. Its output goes to
//! files and memory, not to pipes, because a daemon that it leaves running may hold its output open
//! for ever.

mod account;
mod command;
mod ending;
mod interrupt;
mod quoted;
mod watched_pool;

pub use account::AS_USER;
pub use command::{Command, ExecError, Printed};
pub use interrupt::Interrupt;
pub use quoted::quoted;
pub use watched_pool::{HAS_FILE, WatchedPool, check_interval};

#[cfg(test)]
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use command::shortened;
use ending::Ended;

use crate::host::cgroup::{self, Group, Home};
use crate::host::failpoint;
use crate::host::files::open_own;
use crate::host::secret::Secrets;

/// How many of the last bytes of stderr an error holds. It shows fewer: [`quoted`].
const QUOTED_STDERR: usize = 16 * 1024;
/// How many of the last bytes of stderr the log gets.
const LOGGED_STDERR: usize = 64 * 1024;
/// The environment variable that marks every process started for a change, so that a later run
/// finds those that outlived this one.
pub const MARKER: &str = "BACKOUT_CHANGE";

/// Starts commands for one run of the tool.
#[derive(Debug, Clone, Default)]
pub struct Runner {
    /// Each command, its output and how it ended are appended to this file.
    pub log: Option<PathBuf>,
    /// Value of [`MARKER`] for the processes started.
    pub marker: Option<String>,
    /// The requests to stop.
    pub interrupt: Interrupt,
    /// The pools that the commands may wait for.
    pub pools: Vec<WatchedPool>,
    /// The control group below which commands get one of their own.
    home: Option<Arc<Home>>,
    notes: Arc<Mutex<Vec<String>>>,
    shielded: Arc<AtomicBool>,
    /// No command runs longer than until then.
    until: Arc<Mutex<Option<Instant>>>,
    /// Runs commands instead of the system.
    #[cfg(test)]
    pub(crate) stand_in: StandIn,
}

/// Answers the commands that it knows. The others are started.
#[cfg(test)]
pub(crate) type Answers = dyn Fn(&Command) -> Option<Result<Printed, ExecError>> + Send + Sync;

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
            until: Arc::default(),
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

    /// The same, with commands in a control group, if systemd runs here and we may create one.
    /// Needs a marker.
    #[must_use]
    pub fn contained(mut self) -> Self {
        self.home = if Path::new("/run/systemd/system").is_dir() {
            cgroup::home(Path::new("/proc")).map(|home| Arc::new(Home(home)))
        } else {
            None
        };
        self
    }

    /// The same with a control group whether systemd runs or not.
    #[cfg(test)]
    pub(crate) fn contained_in(mut self, home: PathBuf) -> Self {
        self.home = Some(Arc::new(Home(home)));
        self
    }

    /// Takes the notes about commands that ran since the last call.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, text: String) {
        self.log(&format!("[{text}]\n"));
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// From now on commands have this time at most, all together; `None`: as long as each may take.
    pub fn limit(&self, time: Option<Duration>) {
        let until = time.map(|time| Instant::now() + time);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// How long a command may take.
    fn time_for(&self, command: &Command) -> Duration {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(command.timeout, |left| left.min(command.timeout))
    }

    /// Runs `work`, and does not end its commands on a request to stop, so that a ZFS call can
    /// finish.
    pub fn shielded<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.shielded.swap(true, Ordering::SeqCst);
        let result = work();
        self.shielded.store(before, Ordering::SeqCst);
        result
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// [`ExecError`] if it cannot be started, fails, takes too long, or a stop is requested
    /// meanwhile.
    pub fn run(&self, command: &Command) -> Result<Printed, ExecError> {
        let (output, failed) = self.attempt(command)?;
        match failed {
            None => Ok(output),
            Some(error) => Err(error),
        }
    }

    /// Runs a command, and gives what it prints to `read` while it runs. What was read counts only
    /// if the command did not fail.
    ///
    /// # Errors
    /// [`ExecError`] if it cannot be started, takes too long, or a stop is requested meanwhile.
    pub fn stream<R>(
        &self,
        command: Command,
        read: impl FnOnce(&mut dyn BufRead) -> R,
    ) -> Result<(R, Option<ExecError>), ExecError> {
        let failed = |source| ExecError::Start { command: command.to_string(), source };
        #[cfg(test)]
        if self.stand_in.0.is_some() {
            let file = tempfile::NamedTempFile::new().map_err(failed)?;
            let command = Command { stdout: Some(file.path().to_owned()), ..command };
            let (printed, error) = self.attempt(&command)?;
            let mut text = printed.stdout.as_bytes().chain(BufReader::new(file));
            return Ok((read(&mut text), error));
        }
        let (source, target) = std::io::pipe().map_err(failed)?;
        let command = Command { pipe: Some(Arc::new(target)), ..command };
        std::thread::scope(|scope| {
            // Owned by the thread: the pipe ends with the command.
            let running = scope.spawn(move || self.attempt(&command));
            // When reading fails, the pipe is closed, which ends the command.
            let result = read(&mut BufReader::with_capacity(64 << 10, source));
            match running.join() {
                Ok(ended) => ended.map(|(_, error)| (result, error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Runs a command to its end, and returns its output even if it failed.
    ///
    /// # Errors
    /// [`ExecError`] if it cannot be started, takes too long, or a stop is requested meanwhile.
    pub fn attempt(&self, command: &Command) -> Result<(Printed, Option<ExecError>), ExecError> {
        #[cfg(test)]
        if let Some(answered) = self.stand_in.0.as_ref().and_then(|answer| answer(command)) {
            return match answered {
                Ok(output) => Ok((output, None)),
                Err(ExecError::Failed { command, status, code, stderr, stdout }) => {
                    let output = Printed { stdout: stdout.clone(), stderr: stderr.clone() };
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
        let mut out = match (&command.stdout, &command.pipe) {
            (_, Some(pipe)) => {
                let pipe = pipe.try_clone().map_err(io(&scratch))?;
                File::from(std::os::fd::OwnedFd::from(pipe))
            }
            (Some(path), None) => {
                open_own(OpenOptions::new().create(true).write(true).truncate(true), path)
                    .map_err(io(path))?
            }
            (None, None) => scratch_file(command).map_err(io(&scratch))?,
        };
        let start = |source| ExecError::Start { command: line.clone(), source };
        let secrets = Secrets::read(&command.env_from_file)
            .map_err(|source| ExecError::Secret { command: line.clone(), source })?;
        let ids = account::of(command.user.as_deref()).map_err(start)?;
        let mut expression = self.expression(command, &secrets, ids).ok_or_else(|| {
            start(std::io::Error::new(std::io::ErrorKind::InvalidInput, "the command is empty"))
        })?;
        expression = expression
            .stdout_file(out.try_clone().map_err(io(&scratch))?)
            .stderr_file(err.try_clone().map_err(io(&scratch))?)
            .unchecked();
        expression = match &command.stdin {
            Some(path) => expression.stdin_file(File::open(path).map_err(io(path))?),
            None => expression.stdin_null(),
        };
        if let Some(dir) = &command.cwd {
            expression = expression.dir(dir);
        }
        self.log(&format!("$ {whole_line}\n"));
        let mut group = self.group(command);
        let begin = || (Instant::now(), expression.start());
        let (began, started) = match &group {
            None => {
                let _still = cgroup::stay();
                begin()
            }
            Some(inside) => {
                let (begun, whole) = inside.within(begin);
                if !whole {
                    group = None;
                }
                begun
            }
        };
        let handle = Arc::new(started.map_err(start)?);
        let limit = self.time_for(command);
        let ended = self.wait(&handle, limit, group.as_ref());
        failpoint::took(began.elapsed());
        if let Some(group) = &group {
            self.leave_none(group, &line);
        }
        let stderr = secrets.hide(whole(&mut err).map_err(io(&scratch))?);
        let stdout = if command.is_taken() {
            String::new()
        } else {
            secrets.hide(whole(&mut out).map_err(io(&scratch))?)
        };
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
                let said = said(command, &stdout, &stderr);
                let error = (!said.is_empty()).then(|| {
                    failed(
                        format!("{status}, and says that it failed"),
                        status.code(),
                        &said.join("\n"),
                    )
                });
                Ok((Printed { stdout, stderr }, error))
            }
            Ended::Status(status) => {
                self.log(&format!("[{status}]\n"));
                let error = failed(status.to_string(), status.code(), &stderr);
                Ok((Printed { stdout, stderr }, Some(error)))
            }
            Ended::TimedOut => {
                self.log("[ended: time limit]\n");
                Err(ExecError::TimedOut {
                    command: line,
                    limit: Duration::from_secs(limit.as_secs()),
                    stderr: last(&stderr),
                })
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
    fn expression(
        &self,
        command: &Command,
        secrets: &Secrets,
        ids: Option<account::Ids>,
    ) -> Option<duct::Expression> {
        let mut whole: Option<duct::Expression> = None;
        // Few programs check whether their output reaches a full disk: `zfs list` and `redis-cli`
        // succeed with half of it written. cat(1) checks.
        // And what a program leaves running holds the output of cat(1) not open.
        let checked = command.is_taken().then(|| vec!["cat".to_owned()]);
        for stage in command.stages.iter().chain(&checked) {
            let mut words: Vec<&str> = Vec::new();
            if let Some(user) = &command.user {
                words.extend(account::words(user));
            }
            words.extend(stage.iter().map(String::as_str));
            let (program, arguments) = words.split_first()?;
            let mut one = duct::cmd(*program, arguments)
                .before_spawn(move |process| {
                    process.process_group(0);
                    account::become_of(process, ids);
                    Ok(())
                })
                .env("LC_ALL", "C.UTF-8")
                // Otherwise systemctl gives up after 25 s. A busy host is slower than that.
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

    /// The control group for a command, if there can be one.
    fn group(&self, command: &Command) -> Option<Group> {
        let (home, marker) =
            (self.home.as_ref()?, self.marker.as_ref().filter(|_| !command.daemon)?);
        Group::make(&home.0, marker).ok()
    }

    /// Appends to the log. A log that cannot be written never stops a run.
    fn log(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(path) = &self.log
            && let Ok(mut file) = open_own(OpenOptions::new().create(true).append(true), path)
        {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// Where a command's output goes. To memory, because programs rarely check whether a full disk took
/// their output, and a truncated list would pass for a complete one. The output of a daemon goes to
/// a file.
fn scratch_file(command: &Command) -> std::io::Result<File> {
    if command.daemon { tempfile::tempfile() } else { in_memory() }
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn in_memory() -> std::io::Result<File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    Ok(File::from(memfd_create(c"backout", MFdFlags::MFD_CLOEXEC)?))
}

/// A file without a name; on Solaris and illumos `/tmp` is in memory.
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn in_memory() -> std::io::Result<File> {
    tempfile::tempfile()
}

fn whole(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The lines that mean failure although the command exited with 0.
fn said(command: &Command, stdout: &str, stderr: &str) -> Vec<String> {
    let failure = |line: &&str| command.fails_on.iter().any(|pattern| pattern.is_match(line));
    stdout.lines().chain(stderr.lines()).filter(failure).map(str::to_owned).collect()
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
mod tests;
