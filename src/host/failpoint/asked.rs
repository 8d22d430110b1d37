//! What a test asks for on the command line.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

static ASKED: OnceLock<Failpoints> = OnceLock::new();

/// What goes wrong, and where: the options of the command line. A FILE holds names of points, one a
/// line.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Failpoints")]
pub struct Failpoints {
    /// Kill this process at this point, such as `snapshot:done`.
    #[arg(long, global = true, value_name = "POINT", conflicts_with = "crash_log")]
    crash_at: Option<String>,
    /// Kill this process at the first point that is not in this file, and add its name: each run
    /// gets one point further.
    #[arg(long, global = true, value_name = "FILE")]
    crash_log: Option<PathBuf>,
    /// Of these points kill at one of EVERY, beginning with number FIRST (counted from 0); the
    /// others are added with a `-`.
    #[arg(long, global = true, value_name = "EVERY FIRST", requires = "crash_log")]
    crash_sample: Option<Sample>,
    /// At the first point that is not in this file stand still, and ask on the console for the
    /// power to be cut.
    #[arg(long, global = true, value_name = "FILE")]
    cut_fired: Option<PathBuf>,
    /// Do so only at the points in this file; `*:done` is each that ends so.
    #[arg(long, global = true, value_name = "FILE", requires = "cut_fired")]
    cut_only: Option<PathBuf>,
    /// Let the first write whose place is not in this file fail as on a full disk, and add its
    /// name.
    #[arg(long, global = true, value_name = "FILE")]
    full_log: Option<PathBuf>,
    /// Add the microseconds that each command took to this file, one a line.
    #[arg(long, global = true, value_name = "FILE")]
    took_log: Option<PathBuf>,
}

/// One of so many points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    every: NonZeroUsize,
    first: usize,
}

impl Sample {
    fn takes(self, index: usize) -> bool {
        index % self.every == self.first % self.every
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once(' ')
            .and_then(|(every, first)| Some((every.parse().ok()?, first.parse().ok()?)));
        let (every, first) =
            numbers.ok_or("two numbers with a space between them, such as \"6 1\"")?;
        Ok(Self { every, first })
    }
}

/// Called once, before anything else.
pub fn set(asked: Failpoints) {
    let _ = ASKED.set(asked);
}

/// A place where the process may be killed or the power cut.
pub fn point(name: &str) {
    if let Some(asked) = ASKED.get() {
        asked.cut(name);
        asked.crash(name);
    }
}

/// A write that may find no room.
///
/// # Errors
/// "No space left on device".
pub fn full(place: &str) -> io::Result<()> {
    let Some(path) = ASKED.get().and_then(|asked| asked.full_log.as_ref()) else { return Ok(()) };
    if names(path).lines().any(|line| line == place) {
        return Ok(());
    }
    writeln!(appended(path)?, "{place}")?;
    Err(Errno::ENOSPC.into())
}

/// A command took so long.
pub fn took(command: Duration) {
    let path = ASKED.get().and_then(|asked| asked.took_log.as_ref());
    if let Some(Ok(mut file)) = path.map(|path| appended(path)) {
        let _ = writeln!(file, "{}", command.as_micros());
    }
}

impl Failpoints {
    fn cut(&self, name: &str) {
        let is_in = |path: &Path| {
            names(path).lines().any(|line| {
                line == name || line.strip_prefix('*').is_some_and(|end| name.ends_with(end))
            })
        };
        if self.cut_fired.as_deref().is_some_and(|fired| !is_in(fired))
            && self.cut_only.as_deref().is_none_or(is_in)
            && let Ok(mut console) = OpenOptions::new().write(true).open("/dev/console")
        {
            let _ = writeln!(console, "\ncut me here: {name}");
            loop {
                std::thread::park();
            }
        }
    }

    fn crash(&self, name: &str) {
        if self.crash_at.as_deref() == Some(name) {
            die();
        }
        let Some(path) = &self.crash_log else { return };
        let reached = names(path);
        if reached.lines().any(|line| line.strip_prefix('-').unwrap_or(line) == name) {
            return;
        }
        let Ok(mut file) = appended(path) else { return };
        if self.crash_sample.is_some_and(|sample| !sample.takes(reached.lines().count())) {
            let _ = writeln!(file, "-{name}");
            return;
        }
        let _ = writeln!(file, "{name}");
        let _ = file.sync_all();
        die();
    }
}

/// What stands in a file of names; nothing, if it is not there yet.
fn names(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn appended(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn die() {
    let _ = kill(Pid::this(), Signal::SIGKILL);
}
