//! The arguments of the feed.

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use super::notes::Notes;
use super::pattern;
use super::place::Place;
use crate::host::exec::Runner;
use crate::product::stream::HelperError;

/// See the usage of the helper.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// The folder of the feed's notes.
    state: PathBuf,
    from: Option<Place>,
    to: Option<Place>,
    /// From when on the first pass backs up.
    pub(super) since: String,
    /// How long before its begin a pass backs up from, as `date` takes it.
    pub(super) margin: String,
    /// How long to wait between two passes.
    pub(super) pause: Duration,
    /// Lines that mean that a command failed, although its exit status is 0.
    pub(super) fails_on: Vec<Regex>,
    /// Lines of a restore that mean that the standby rejects something.
    pub(super) rejects: Vec<Regex>,
    /// What is no option.
    pub(super) words: Vec<String>,
    pub(super) runner: Runner,
}

impl Options {
    /// Reads them; what follows the first other word is left as it is.
    ///
    /// # Errors
    /// When one is not known, or its value is none.
    pub(super) fn read(arguments: &[String], usage: &str) -> Result<Self, HelperError> {
        let mut options = Self::default();
        let mut rest = arguments;
        while let [name, value, others @ ..] = rest {
            match name.as_str() {
                "--state" => options.state = value.into(),
                "--from" => options.from = Some(value.parse()?),
                "--to" => options.to = Some(value.parse()?),
                "--since" => options.since = value.clone(),
                "--margin" => options.margin = value.clone(),
                "--pause" => {
                    options.pause = humantime::parse_duration(value)
                        .map_err(|error| HelperError::Usage(format!("{value:?}: {error}")))?;
                }
                "--fails-on" => options.fails_on.push(pattern(value)?),
                "--rejects" => options.rejects.push(pattern(value)?),
                _ => break,
            }
            rest = others;
        }
        if rest.first().is_some_and(|word| word.starts_with("--")) {
            return Err(HelperError::usage(usage));
        }
        options.words = rest.to_vec();
        Ok(options)
    }

    pub(super) fn notes(&self) -> Notes {
        Notes::of(&self.state)
    }

    /// The upgraded version.
    ///
    /// # Errors
    /// When it is not named.
    pub(super) fn from(&self) -> Result<&Place, HelperError> {
        self.from.as_ref().ok_or_else(|| HelperError::usage("messaging-feed: --from PLACE"))
    }

    /// The standby.
    ///
    /// # Errors
    /// As [`Self::from`].
    pub(super) fn to(&self) -> Result<&Place, HelperError> {
        self.to.as_ref().ok_or_else(|| HelperError::usage("messaging-feed: --to PLACE"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, HelperError> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Options::read(&words, "messaging-feed")
    }

    #[test]
    fn options_and_what_follows_them() {
        let options = read(&["--state", "/s", "--from", "/opt", "--pause", "30s", "pass 3"]);
        let options = options.expect("read");
        assert_eq!(options.pause, Duration::from_secs(30));
        assert_eq!(options.words, ["pass 3"]);
        assert!(options.from().is_ok() && options.to().is_err());
    }

    #[test]
    fn an_odd_option_is_no_word() {
        for odd in [&["--form", "/opt"][..], &["--state"], &["--fails-on", "("], &["--pause", "x"]]
        {
            assert!(read(odd).is_err(), "{odd:?}");
        }
    }
}
