//! What `redis-cli --pipe` says at its end. Open changes of version 0.1.0 restore with it.

use std::io::{self, BufRead, BufReader, Write};
use std::process::Stdio;

use regex::bytes::Regex;

use crate::product::stream::{HelperError, Streams};

/// Runs `redis-cli --pipe` with this program's standard input and prints its output. Succeeds if
/// every command was answered and every error is a command that the server rejected. A rejected
/// command changes nothing, and a transaction (MULTI) that contains one is rejected completely.
pub(in crate::product) fn past_rejects(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [program, options @ ..] = arguments else {
        return Err(HelperError::usage("redis-past-rejects REDIS-CLI [ARGUMENT...]"));
    };
    let cannot = |error: io::Error| HelperError::Failed(format!("cannot run {program}: {error}"));
    let (output, stdout) = io::pipe().map_err(cannot)?;
    let mut child = start(program, options, stdout).map_err(cannot)?;
    let end = judge(&mut BufReader::new(output), streams.output);
    let waited = child.wait().map_err(cannot);
    let end = end?;
    waited?;
    end.verdict()
}

#[expect(
    clippy::disallowed_methods,
    reason = "it reads what the client says, which ends with the pipe between them"
)]
fn start(
    program: &str,
    options: &[String],
    stdout: io::PipeWriter,
) -> io::Result<std::process::Child> {
    std::process::Command::new(program)
        .args(options)
        .stdin(Stdio::inherit())
        .stderr(Stdio::from(stdout.try_clone()?))
        .stdout(Stdio::from(stdout))
        .spawn()
}

/// How a run of the client ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct End {
    /// The server's last reply came.
    through: bool,
    /// The errors that the client counted.
    errors: Option<u64>,
    /// How many of them were rejected commands.
    rejected: u64,
}

impl End {
    fn verdict(&self) -> Result<(), HelperError> {
        let failed = |why: String| Err(HelperError::Failed(why));
        match self.errors {
            _ if !self.through => failed(
                "the server's last reply did not come: nobody knows what it carried out".into(),
            ),
            None => failed("redis-cli did not say how many errors there were".into()),
            Some(errors) if errors != self.rejected => failed(format!(
                "of {errors} errors {} are rejected commands: the others are of another kind, and \
                    must be mended first",
                self.rejected
            )),
            Some(_) => Ok(()),
        }
    }
}

/// Passes on what the client prints, and counts rejected commands.
fn judge(input: &mut dyn BufRead, output: &mut dyn Write) -> Result<End, HelperError> {
    let pattern = |text| Regex::new(text).map_err(|error| HelperError::Failed(error.to_string()));
    let count = pattern(r"(?-u)^errors: (\d+), ")?;
    let rejected =
        pattern(r"(?-u)^(?:ERR|WRONGTYPE|EXECABORT|NOGROUP|BUSYGROUP|BUSYKEY|NOSCRIPT) ")?;
    let (mut end, mut line) = (End::default(), Vec::new());
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(HelperError::Input)? == 0 {
            break;
        }
        output.write_all(&line).map_err(HelperError::Output)?;
        end.through |= line.starts_with(b"Last reply received from server");
        if let Some(found) = count.captures(&line) {
            end.errors = std::str::from_utf8(&found[1]).ok().and_then(|text| text.parse().ok());
        }
        end.rejected += u64::from(rejected.is_match(&line));
    }
    output.flush().map_err(HelperError::Output)?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::tests::kept;

    fn judged(text: &[u8]) -> (End, Vec<u8>) {
        let (mut input, mut output) = (text, Vec::new());
        (judge(&mut input, &mut output).unwrap(), output)
    }

    #[test]
    fn rejected_commands_alone_are_passed_over() {
        let text = kept("redis/tests/rejected.said");
        let (end, output) = judged(&text);
        assert_eq!(end, End { through: true, errors: Some(5), rejected: 5 });
        assert!(end.verdict().is_ok() && output == text, "what the client prints is passed on");
    }

    #[test]
    fn a_full_server_is_no_reject() {
        let (end, _) = judged(&kept("redis/tests/full.said"));
        assert_eq!(end, End { through: true, errors: Some(14), rejected: 5 });
        let said = end.verdict().unwrap_err().to_string();
        assert!(
            said.starts_with(
                "of 14 errors 5 are rejected commands: the others are of another kind"
            ),
            "{said}"
        );
    }

    #[test]
    fn a_client_that_does_not_get_through_is_said() {
        let (end, _) =
            judged(b"Could not connect to Redis at /run/redis.sock: No such file or directory\n");
        assert!(
            end.verdict().unwrap_err().to_string().contains("the server's last reply did not come")
        );
        let (end, _) = judged(b"Last reply received from server.\n");
        assert!(end.verdict().unwrap_err().to_string().contains("did not say how many errors"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let said = crate::product::tests::on("redis-past-rejects", &["/no/such/redis-cli"], b"")
            .unwrap_err();
        assert!(said.starts_with("cannot run /no/such/redis-cli: No such file"), "{said}");
        assert!(
            crate::product::tests::on("redis-past-rejects", &[], b"")
                .unwrap_err()
                .starts_with("usage: ")
        );
    }
}
