//! One pass: what was delivered, changed or removed since a time comes from the one version to the
//! other.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::failed;
use super::notes::Done;
use super::options::Options;
use super::place::Place;
use crate::host::exec::{Command, Printed};
use crate::host::files::remove_optional;
use crate::product::stream::HelperError;

/// How long a command of it may take.
const PATIENCE: Duration = Duration::from_secs(12 * 60 * 60);

/// Why a pass is not complete.
#[derive(Debug)]
pub(super) enum Failure {
    /// The next one may be.
    Now(HelperError),
    /// The standby rejects something, and every pass will: this line says so.
    Rejected(String),
}

impl From<HelperError> for Failure {
    fn from(error: HelperError) -> Self {
        Self::Now(error)
    }
}

/// From when on a pass backs up: where the last one began, if the standby's server is the one that
/// got it; otherwise from the first time on.
fn since(first: &str, done: Option<&Done>, server: &str) -> String {
    let done = done.filter(|done| done.server == server);
    done.map_or(first.to_owned(), |done| done.since.clone())
}

/// Makes the next pass. When it is complete, everything from before its begin is on the standby. It
/// may be killed at any moment, and the next one does the same again.
pub(super) fn pass(options: &Options) -> Result<(), Failure> {
    let notes = options.notes();
    let (from, to) = (options.from()?, options.to()?);
    let number = notes.begun()? + 1;
    // Whoever looks from now on waits for the next one.
    notes.begin(number)?;
    let server = to.started(&options.runner)?;
    let before = format!("--date=-{}", options.margin);
    let date = Command::new(["date", &before, "+%Y%m%d:%H%M%S"]);
    let next = options.runner.run(&date).map_err(failed)?.stdout.trim().to_owned();
    let began = now();
    let since = since(&options.since, notes.done()?.as_ref(), &server);
    let backup = notes.backup();
    let file = backup.display().to_string();
    let run = |place: &Place, program: &str, arguments: &[&str]| {
        let words = place.words(&options.runner, program, arguments)?;
        let mut command = Command::new(words).timeout(PATIENCE);
        command.fails_on.clone_from(&options.fails_on);
        options.runner.attempt(&command).map_err(failed)
    };
    let well =
        |(printed, error): (Printed, Option<_>)| error.map_or(Ok(printed), |it| Err(failed(it)));
    well(run(from, "imsbackup", &["-x", "-v", "-f", &file, "-d", &since, "/"])?)?;
    well(run(to, "imsrestore", &["-t", "-f", &file])?)?;
    notes.set_under_way(true)?;
    let (printed, error) = run(to, "imsrestore", &["-E", "-f", &file])?;
    // What is said of a server that was ended meanwhile rejects nothing.
    if to.started(&options.runner)? != server {
        return Err(failed("the standby was started again meanwhile").into());
    }
    if let Some(line) = rejected(options, &printed) {
        return Err(Failure::Rejected(line));
    }
    well((printed, error))?;
    notes.set_under_way(false)?;
    notes.complete(&Done { number, since: next, server, began })?;
    remove(&backup)?;
    Ok(())
}

fn remove(backup: &Path) -> Result<(), HelperError> {
    remove_optional(backup)
        .map_err(|error| failed(format!("cannot remove {}: {error}", backup.display())))
}

/// The first line that means a rejected item.
fn rejected(options: &Options, printed: &Printed) -> Option<String> {
    let lines = printed.stdout.lines().chain(printed.stderr.lines());
    let mut found = lines.filter(|line| options.rejects.iter().any(|reject| reject.is_match(line)));
    found.next().map(str::to_owned)
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a lag is for people")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_gets_everything_again() {
        let done = Done { number: 4, since: "B".into(), server: "one".into(), began: 0 };
        assert_eq!(since("A", Some(&done), "one"), "B");
        assert_eq!(since("A", Some(&done), "two"), "A");
        assert_eq!(since("A", None, "one"), "A");
    }
}
