//! The commands `zfs` and `zpool` on the simulated world, for tests of the engine that runs them:
//! they answer as the real ones do, and each is recorded.

mod change;
mod read;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::FakeEngine;
use crate::host::exec::{Command, ExecError, Printed, Runner, StandIn};
use crate::zfs::{Dataset, ZfsError};

/// The commands on a world, and which were run.
#[derive(Clone)]
pub(crate) struct Commands {
    engine: FakeEngine,
    ran: Arc<Mutex<Vec<Vec<String>>>>,
    limits: Arc<Mutex<Vec<Duration>>>,
}

/// What one command prints, and whether it fails.
#[derive(Default)]
struct Answer {
    out: String,
    err: String,
}

impl Answer {
    fn refuse(&mut self, verb: &str, name: &str, why: &str) {
        let _ = writeln!(self.err, "cannot {verb} '{name}': {why}");
    }

    fn refused(&mut self, verb: &str, name: &str, error: &ZfsError) {
        let why = match error {
            ZfsError::NotFound(_) => "dataset does not exist".to_owned(),
            ZfsError::Exists(_) => "dataset already exists".to_owned(),
            ZfsError::Busy { .. } => "dataset is busy".to_owned(),
            ZfsError::NoSpace(_) => "out of space".to_owned(),
            other => other.to_string(),
        };
        self.refuse(verb, name, &why);
    }
}

/// The words of a command: its options with their values, and what follows them.
struct Words<'a> {
    options: Vec<(&'a str, &'a str)>,
    rest: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// `valued`: the options that take a value.
    fn new(words: &'a [String], valued: &str) -> Self {
        let (mut options, mut rest) = (Vec::new(), Vec::new());
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some("-") => rest.extend(words.by_ref()),
                Some(flags) if !flags.is_empty() && rest.is_empty() => {
                    for at in 0..flags.len() {
                        let flag = &flags[at..=at];
                        let value =
                            if valued.contains(flag) { words.next().unwrap_or("") } else { "" };
                        options.push((flag, value));
                    }
                }
                _ => rest.push(word),
            }
        }
        Self { options, rest }
    }

    fn has(&self, flag: &str) -> bool {
        self.options.iter().any(|(found, _)| *found == flag)
    }

    fn value(&self, flag: &str) -> Option<&'a str> {
        self.options.iter().find(|(found, _)| *found == flag).map(|(_, value)| *value)
    }

    /// The values of `-o name=value`.
    fn pairs(&self) -> Vec<(&'a str, &'a str)> {
        let pairs = self.options.iter().filter(|(flag, _)| *flag == "o");
        pairs.filter_map(|(_, pair)| pair.split_once('=')).collect()
    }
}

impl Commands {
    pub(crate) fn new(engine: FakeEngine) -> Self {
        Self { engine, ran: Arc::default(), limits: Arc::default() }
    }

    /// Runs them instead of the system's.
    pub(crate) fn runner(&self) -> Runner {
        let mut runner = Runner::default();
        let this = self.clone();
        runner.stand_in = StandIn(Some(Arc::new(move |command| this.answer(command))));
        runner
    }

    /// Those that were run since the last call.
    pub(crate) fn taken(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.ran.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long each was allowed to take.
    pub(crate) fn limits(&self) -> Vec<Duration> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `None`: another command.
    pub(crate) fn answer(&self, command: &Command) -> Option<Result<Printed, ExecError>> {
        let argv = command.stages.first()?;
        let [program, verb, words @ ..] = argv.as_slice() else { return None };
        if !matches!(program.as_str(), "zfs" | "zpool" | "umount") || verb == "version" {
            return None;
        }
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).push(argv.clone());
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).push(command.timeout);
        let mut to = Answer::default();
        match (program.as_str(), verb.as_str()) {
            ("zpool", "list") => self.pools(words, &mut to),
            ("zfs", "list") => self.list(words, &mut to),
            ("zfs", "get") => self.get(words, &mut to),
            ("zfs", "holds") => self.holds(words, &mut to),
            ("zfs", "program") => self.program(words, &mut to),
            ("zfs", "allow") => self.allow(words, &mut to),
            ("zfs", verb) => self.change(verb, words, &mut to),
            ("umount", _) => self.umount(words, &mut to),
            _ => return None,
        }
        if to.err.is_empty() {
            return Some(Ok(Printed { stdout: to.out, stderr: String::new() }));
        }
        Some(Err(ExecError::Failed {
            command: argv.join(" "),
            status: "exit status: 1".to_owned(),
            code: Some(1),
            stderr: to.err,
            stdout: to.out,
        }))
    }
}

fn unreachable() -> Dataset {
    panic!("no name of a dataset")
}
