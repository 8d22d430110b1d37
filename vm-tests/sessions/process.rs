//! Programs that a session starts, and the tool's own helpers.

use std::process::{Child, Command};

use anyhow::Result;

use crate::world::run;

/// One that was started here. It is ended with its end.
pub struct Process(pub Child);

impl Process {
    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `backout helper NAME WORDS...`: this program is the tool.
pub fn helper(name: &str, words: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["helper", name]).args(words);
    Ok(command)
}

/// The words of a command, each its own.
pub fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Runs a command that is given by its words.
pub fn run_words(words: &[String]) -> Result<()> {
    run(Command::new(&words[0]).args(&words[1..]), b"").map(drop)
}

/// Stops a unit.
pub fn stop_unit(unit: &str) -> Result<()> {
    run(Command::new("systemctl").args(["stop", unit]), b"").map(drop)
}
