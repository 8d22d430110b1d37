//! Asks a platform's own commands where no file has the answer: in words that do not change with
//! the caller's language or time zone, and for a limited time.

use std::time::Duration;

use super::exec::{Command, Runner};

/// Limit for an answer.
const LIMIT: Duration = Duration::from_secs(60);

fn command<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(words).timeout(LIMIT);
    command.env.insert("TZ".into(), "UTC0".into());
    command
}

/// What a command prints.
///
/// # Errors
/// When it fails, does not end, or is not there.
pub(super) fn all<S: Into<String>>(
    runner: &Runner,
    words: impl IntoIterator<Item = S>,
) -> Result<String, String> {
    let printed = runner.quiet().run(&command(words)).map_err(|error| error.to_string())?;
    Ok(printed.stdout)
}

/// What a command prints of those of its arguments that are there: it fails for a process that
/// ended meanwhile, and prints what it knows of the others.
///
/// # Errors
/// When it fails and prints nothing, does not end, or is not there.
pub(super) fn what_is_there<S: Into<String>>(
    runner: &Runner,
    words: impl IntoIterator<Item = S>,
) -> Result<String, String> {
    let quiet = runner.quiet();
    let (printed, failed) = quiet.attempt(&command(words)).map_err(|error| error.to_string())?;
    match failed {
        Some(error) if printed.stdout.trim().is_empty() => Err(error.to_string()),
        _ => Ok(printed.stdout),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::host::exec::{ExecError, Printed, StandIn};

    /// A runner whose commands print this, without a word of their own: the others fail, as for a
    /// process that is gone.
    pub(in crate::host) fn answering(answers: &[(&str, &str)]) -> Runner {
        let answers: Vec<(String, String)> =
            answers.iter().map(|(line, text)| ((*line).to_owned(), (*text).to_owned())).collect();
        let answer = move |command: &Command| {
            let line = command.to_string();
            let found = answers.iter().find(|(known, _)| *known == line);
            let failed = || ExecError::Failed {
                command: line.clone(),
                status: "exit status: 1".into(),
                code: Some(1),
                stderr: String::new(),
                stdout: String::new(),
            };
            let printed = |text: &String| Printed { stdout: text.clone(), ..Printed::default() };
            Some(found.map(|(_, text)| printed(text)).ok_or_else(failed))
        };
        let mut runner = Runner::default();
        runner.stand_in = StandIn(Some(Arc::new(answer)));
        runner
    }

    #[test]
    fn commands_are_asked_in_one_language_and_time_zone() {
        let printed = all(&Runner::default(), ["env"]).unwrap();
        assert!(printed.lines().any(|line| line == "TZ=UTC0"), "{printed}");
        assert!(printed.lines().any(|line| line == "LC_ALL=C.UTF-8"), "{printed}");
    }

    #[test]
    fn what_a_failing_command_prints_counts_only_where_something_may_be_gone() {
        let half = ["sh", "-c", "echo there; exit 1"];
        assert!(all(&Runner::default(), half).is_err());
        assert_eq!(what_is_there(&Runner::default(), half).unwrap(), "there\n");
        assert!(what_is_there(&Runner::default(), ["sh", "-c", "exit 1"]).is_err());
    }
}
