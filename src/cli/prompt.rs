//! Questions to the person at the terminal. Without a terminal an answer that is missing ends the
//! run before anything is touched.

pub mod answers;

use std::io::{BufRead, IsTerminal, Write};

use super::Answers;
use crate::preflight::Finding;
use crate::procedure::init::Choice;
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
    if agreed(question, yes, command)? { Ok(()) } else { Err(declined()) }
}

/// The same where a no is an answer like another.
pub fn agreed(question: &str, yes: bool, command: &str) -> Result<bool, CliError> {
    if yes {
        return Ok(true);
    }
    if !terminal() {
        return Err(CliError::new(ErrorKind::Awaiting, "there is no terminal to ask at")
            .next(format!("{command} --yes"), "begin without asking"));
    }
    let answer = prompt(&format!("{question} [yes/no] "))?;
    Ok(answer.eq_ignore_ascii_case("yes") || answer.eq_ignore_ascii_case("y"))
}

/// Asks for a name to be typed as a yes to what it stands for; anything else is a no.
pub fn names(question: &str, name: &str) -> Result<bool, CliError> {
    Ok(prompt(&format!("{question}\nType its name ({name}) for a yes: "))? == name)
}

/// Asks for one of several values, by number or by the value itself. Its index.
/// `typed`: the command without that answer.
pub fn choose(choice: &Choice, typed: &str) -> Result<usize, CliError> {
    if !terminal() {
        let said = CliError::new(ErrorKind::AnswerMissing, choice.question.clone());
        return Err(choice.items.iter().fold(said, |said, (value, about)| {
            said.next(format!("{typed} {}{value}", choice.option), about.clone())
        }));
    }
    let mut question = format!("{}\n", choice.question);
    for (i, (value, about)) in choice.items.iter().enumerate() {
        question.push_str(format!("  {}  {value}  {about}", i + 1).trim_end());
        question.push('\n');
    }
    loop {
        let answer = prompt(&format!("{question}Type a number: "))?;
        let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let named = || choice.items.iter().position(|(value, _)| *value == answer);
        if let Some(at) = number.filter(|at| *at < choice.items.len()).or_else(named) {
            return Ok(at);
        }
        if answer.is_empty() {
            return Err(declined());
        }
    }
}

fn declined() -> CliError {
    CliError::new(ErrorKind::Awaiting, "not begun: the answer was no")
}

/// Whether somebody can be asked.
pub fn terminal() -> bool {
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
