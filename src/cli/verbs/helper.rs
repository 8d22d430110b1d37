//! `backout helper`: the small programs that playbooks name within their commands.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::cli::Exit;
use crate::product::{self, HelperError, Streams};

/// The helper that a command line asks for, and its arguments.
pub fn asked(mut words: impl Iterator<Item = OsString>) -> Option<(String, Vec<OsString>)> {
    words.nth(1).filter(|verb| verb == "helper")?;
    let name = words.next().unwrap_or_default().to_string_lossy().into_owned();
    Some((name, words.collect()))
}

/// Runs it between standard input and standard output.
pub fn run(name: &str, arguments: &[OsString]) -> ExitCode {
    let is_help = |word: &str| matches!(word, "--help" | "-h" | "help");
    let asks = arguments.first().and_then(|word| word.to_str()).is_some_and(|it| it == "--help");
    if is_help(name) || asks {
        let about = product::help((!is_help(name)).then_some(name));
        // Nobody reads on: no fault.
        let _ = io::stdout().write_all(about.as_bytes());
        return ExitCode::SUCCESS;
    }
    let (mut input, mut output) = (io::stdin().lock(), io::BufWriter::new(io::stdout().lock()));
    let mut streams = Streams { input: &mut input, output: &mut output };
    let Err(error) = product::run(name, arguments, &mut streams) else { return ExitCode::SUCCESS };
    // Messages begin with its name, so that they are not taken for the product's own.
    let _ = writeln!(io::stderr(), "backout helper {name}: {error}");
    let exit = if matches!(error, HelperError::Usage(_)) { Exit::Usage } else { Exit::Failed };
    ExitCode::from(exit.status())
}
