//! `backout prove`: after a kept downgrade, compares everything, on clones, while the service runs.

use crate::cli::{Exit, Global, render};
use crate::procedure::{changes, prove};
use crate::report::{CliError, ErrorKind};

/// Compares everything, and says what differs.
pub fn run(global: &Global) -> Result<Exit, CliError> {
    let settings = &global.settings();
    let state = changes::state(settings)?;
    let full = prove::prepare(settings, state)?;
    let say = |text: &str| {
        if !global.json {
            render::line(text);
        }
    };
    let compared = full.carry_out(settings, &say)?;
    if compared.proof.holds() {
        say(&format!("Everything was compared: {}.", compared.proof.counts()));
        return Ok(Exit::Done);
    }
    let mut error = CliError::new(
        ErrorKind::Halted,
        "what the previous version has differs from what the upgraded one had",
    );
    error.cause.push(compared.proof.to_string());
    error.cause.extend(compared.shown);
    error
        .cause
        .push(format!("all of them: {}/*.missing and *.unexpected", compared.folder.display()));
    Err(error
        .now(vec![
            "The previous version serves its clients. The upgraded state is kept.".to_owned(),
        ])
        .next("backout undo", "go back to the upgraded state")
        .next("backout commit --accept not-fully-proved", "accept it: you answer for the items"))
}
