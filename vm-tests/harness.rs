//! The main function of a test that has options of its own. The others are those of the usual
//! harness.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// The library's own has no place for what the options are about.
pub const HELP: &str = "{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}";

/// What every test understands.
#[derive(Debug, clap::Args)]
#[command(mut_arg("filter", |first| first.index(1).help("Run only the tests whose names contain \
    this, or one of these")))]
pub struct Harness {
    #[command(flatten)]
    arguments: Arguments,
    /// More of the same.
    #[arg(value_name = "FILTER", index = 2)]
    more: Vec<String>,
}

impl Harness {
    /// Runs those of the trials that were asked for.
    pub fn run(mut self, mut trials: Vec<Trial>) -> ExitCode {
        // The library knows one filter.
        if let Some(first) = self.arguments.filter.take() {
            let filters: Vec<String> = std::iter::once(first).chain(self.more).collect();
            let fits = |name: &str, filter: &String| {
                if self.arguments.exact { name == filter } else { name.contains(filter.as_str()) }
            };
            trials.retain(|trial| filters.iter().any(|filter| fits(trial.name(), filter)));
        }
        libtest_mimic::run(&self.arguments, trials).exit_code()
    }
}

/// A test that fails by a panic.
#[allow(dead_code, reason = "not every test is such a function")]
pub fn test(name: impl Into<String>, body: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, || {
        body();
        Ok(())
    })
}
