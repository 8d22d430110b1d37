//! Where an installation is: in a folder of this host, or in one that only the processes of a unit
//! see. There, its data is a clone, at the place of the service's.

use std::str::FromStr;

use super::failed;
use crate::host::exec::{Command, Runner};
use crate::product::script::become_program;
use crate::product::stream::{HelperError, Streams};

/// `/FOLDER`, or `UNIT:/FOLDER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    unit: Option<String>,
    folder: String,
}

impl FromStr for Place {
    type Err = HelperError;

    fn from_str(text: &str) -> Result<Self, HelperError> {
        let (unit, folder) = match text.split_once(':') {
            Some((unit, folder)) if !text.starts_with('/') => (Some(unit.to_owned()), folder),
            _ => (None, text),
        };
        let whole = folder.starts_with('/') && unit.as_ref().is_none_or(|unit| !unit.is_empty());
        whole.then(|| Self { unit, folder: folder.to_owned() }).ok_or_else(|| {
            HelperError::Usage(format!("{text:?} is neither /FOLDER nor UNIT:/FOLDER"))
        })
    }
}

/// The main process of a unit that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Main {
    pid: u32,
    /// Another one after each start.
    invocation: String,
}

impl Main {
    /// From what `systemctl show` prints of MainPID and InvocationID; `None` if it does not run.
    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let pid = value("MainPID=")?.parse().ok().filter(|pid| *pid != 0)?;
        Some(Self { pid, invocation: value("InvocationID=")?.to_owned() })
    }

    fn of(unit: &str, runner: &Runner) -> Result<Self, HelperError> {
        let words = ["systemctl", "show", "--property=MainPID,InvocationID", "--", unit];
        let printed = runner.run(&Command::new(words)).map_err(failed)?;
        let gone = || HelperError::Failed(format!("{unit} does not run"));
        Self::parse(&printed.stdout).ok_or_else(gone)
    }
}

impl Place {
    /// The words that run a program of that installation.
    ///
    /// # Errors
    /// When the unit does not run.
    pub(super) fn words(
        &self,
        runner: &Runner,
        program: &str,
        arguments: &[&str],
    ) -> Result<Vec<String>, HelperError> {
        let mut words = Vec::new();
        if let Some(unit) = &self.unit {
            let target = format!("--target={}", Main::of(unit, runner)?.pid);
            words.extend(["nsenter".into(), target, "--mount".into(), "--net".into()]);
        }
        words.push(format!("{}/bin/{program}", self.folder));
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        Ok(words)
    }

    /// Another text after each start of the unit; `-` where there is none.
    ///
    /// # Errors
    /// When the unit does not run.
    pub(super) fn started(&self, runner: &Runner) -> Result<String, HelperError> {
        match &self.unit {
            Some(unit) => Ok(Main::of(unit, runner)?.invocation),
            None => Ok("-".to_owned()),
        }
    }
}

/// Becomes a program of an installation: `messaging-run PLACE PROGRAM [ARGUMENT...]`.
pub(in crate::product) fn run(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [place, program, rest @ ..] = arguments else {
        return Err(HelperError::usage("messaging-run PLACE PROGRAM [ARGUMENT...]"));
    };
    let place: Place = place.parse()?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let words = place.words(&Runner::default(), program, &rest)?;
    let (program, arguments) = words.split_first().ok_or_else(|| failed("nothing to run"))?;
    Err(become_program(program, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_one_in_a_unit() {
        let plain: Place = "/opt/sun/comms/messaging64".parse().expect("a place");
        let words = plain.words(&Runner::default(), "imcheck", &["-s"]).expect("no unit");
        assert_eq!(words, ["/opt/sun/comms/messaging64/bin/imcheck", "-s"]);
        let inside: Place = "backout-standby-x.service:/run/x".parse().expect("a place");
        assert_eq!(inside.unit.as_deref(), Some("backout-standby-x.service"));
        assert_eq!(inside.folder, "/run/x");
        let colon: Place = "/opt/a:/b".parse().expect("a place");
        assert_eq!((colon.unit, colon.folder.as_str()), (None, "/opt/a:/b"));
        for odd in ["", "opt", "unit:", "unit:opt", ":/opt"] {
            assert!(odd.parse::<Place>().is_err(), "{odd}");
        }
    }

    #[test]
    fn a_unit_that_does_not_run_has_no_main_process() {
        let running = "InvocationID=0b7c\nMainPID=412\n";
        let main = Main { pid: 412, invocation: "0b7c".into() };
        assert_eq!(Main::parse(running), Some(main));
        assert_eq!(Main::parse("MainPID=0\nInvocationID=\n"), None);
        assert_eq!(Main::parse(""), None);
    }
}
