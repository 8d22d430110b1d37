//! Questions to the person at the terminal. Without a terminal an answer that is missing ends the
//! run before anything is touched.

pub mod answers;

use std::io::{BufRead, IsTerminal, Write};

use super::Answers;
use crate::preflight::Finding;
use crate::report::{CliError, ErrorKind};

/// The findings that need a yes of their own: each is asked for, or refused for the lack of one.
pub fn confirm_each(findings: &[Finding], answers: &Answers) -> Result<(), CliError> {
    for finding in findings.iter().filter(|finding| finding.asks()) {
        let names = finding.names();
        let flags = names
            .iter()
            .map(|name| format!("--accept {}", crate::host::quote::quote(name)))
            .collect::<Vec<_>>()
            .join(" ");
        if answers.yes || !terminal() {
            let mut error = CliError::new(ErrorKind::AnswerMissing, "an answer is missing");
            error.findings = Box::new([finding.clone()]);
            if let Some(file) = &answers.answers {
                let name = names.first().copied().unwrap_or_default();
                return Err(error.next(
                    format!("{name:?} = \"yes\" below [accept] in {}", file.display()),
                    format!("or on the command line: {flags}"),
                ));
            }
            return Err(error.next(
                format!("… {flags}"),
                "the same command with these words answers yes to this, and to nothing else",
            ));
        }
        if !prompt(&format!("{finding}\nType `yes` to go on nevertheless: "))?
            .eq_ignore_ascii_case("yes")
        {
            return Err(declined());
        }
    }
    Ok(())
}

/// The last question before a procedure begins: the change's name must be typed.
pub fn confirm_name(name: &str, answers: &Answers, command: &str) -> Result<(), CliError> {
    if answers.yes {
        return Ok(());
    }
    if !terminal() {
        return Err(CliError::new(ErrorKind::Awaiting, "there is no terminal to ask at")
            .next(format!("{command} --yes"), "begin without asking"));
    }
    if prompt(&format!("Type the name of the change to begin ({name}): "))? == name {
        Ok(())
    } else {
        Err(declined())
    }
}

/// The same for what takes nothing away.
pub fn confirm_yes(question: &str, answers: &Answers, command: &str) -> Result<(), CliError> {
    confirm(question, answers.yes, command)
}

/// The same, where nothing but this is asked. `yes`: it was answered on the command line.
pub fn confirm(question: &str, yes: bool, command: &str) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !terminal() {
        return Err(CliError::new(ErrorKind::Awaiting, "there is no terminal to ask at")
            .next(format!("{command} --yes"), "begin without asking"));
    }
    let answer = prompt(&format!("{question} [yes/no] "))?;
    if answer.eq_ignore_ascii_case("yes") || answer.eq_ignore_ascii_case("y") {
        Ok(())
    } else {
        Err(declined())
    }
}

fn declined() -> CliError {
    CliError::new(ErrorKind::Awaiting, "not begun: the answer was no")
}

fn terminal() -> bool {
    std::io::stdin().is_terminal()
}

fn prompt(question: &str) -> Result<String, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(ErrorKind::Awaiting, format!("no answer could be read: {error}"))
    };
    let mut out = std::io::stderr();
    write!(out, "{question}").and_then(|()| out.flush()).map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    Ok(line.trim().to_owned())
}
