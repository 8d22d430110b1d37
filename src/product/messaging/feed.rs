//! The feed: passes, one after the other, and what can be asked of it.

use std::time::{Duration, Instant};

use super::failed;
use super::options::Options;
use super::pass::{Failure, now, pass};
use crate::host::exec::Command;
use crate::product::script::{START_UNIT, become_script};
use crate::product::stream::{HelperError, Streams};
use crate::product::unit::ready;

const USAGE: &str = "messaging-feed run|start|position|source|lag|watch|whole|drain --state FOLDER \
                     [--from PLACE] [--to PLACE] [--since TIME] [--margin TIME] [--pause TIME] \
                     [--fails-on PATTERN]... [--rejects PATTERN]... \
                     [POSITION | UNIT SYSTEMD-RUN-ARGUMENT...]";

/// How often it is looked whether somebody waits.
const LOOK: Duration = Duration::from_millis(50);
/// After so many passes that failed, a person is told.
const OFTEN: u32 = 3;
/// How long after one that failed.
const AGAIN: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 2000 });
/// How a position begins.
const PASS: &str = "pass ";

/// See the usage. `run` feeds until it is ended, or can never go on. A position is the number of a
/// pass: `source` prints that of one which has not begun, so that it brings all that is there now.
///
/// # Errors
/// When it cannot go on, or cannot be told.
pub(in crate::product) fn feed(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let Some((verb, rest)) = arguments.split_first() else { return Err(HelperError::usage(USAGE)) };
    let options = Options::read(rest, USAGE)?;
    let said = match (verb.as_str(), options.words.as_slice()) {
        ("run", []) => return run(&options),
        ("start", [_, _, ..]) => return options.start(),
        ("position", []) => options.position()?,
        ("source", []) => options.source()?,
        ("lag", []) => options.lag()?,
        ("watch", []) => return options.watch(),
        ("whole", []) => return options.whole(),
        ("drain", [position]) => return options.drain(position),
        _ => return Err(HelperError::usage(USAGE)),
    };
    writeln!(streams.output, "{said}").map_err(HelperError::Output)
}

/// Passes, until it is ended.
fn run(options: &Options) -> Result<(), HelperError> {
    let notes = options.notes();
    let _alone = notes.alone()?;
    notes.renew()?;
    ready()?;
    let (mut pause, mut rejected) = (Duration::ZERO, false);
    loop {
        let begin = Instant::now();
        loop {
            let wanted = notes.wanted()? > notes.done()?.map_or(0, |done| done.number);
            if (wanted && pause != AGAIN)
                || (begin.elapsed() >= pause && (wanted || !notes.closed()?))
            {
                break;
            }
            std::thread::sleep(LOOK);
        }
        let (why, rejects) = match pass(options) {
            Ok(()) => {
                (pause, rejected) = (options.pause, false);
                continue;
            }
            Err(Failure::Now(error)) => (error.to_string(), false),
            Err(Failure::Rejected(line)) => {
                (format!("the previous version rejects what was written: {line}"), true)
            }
        };
        // Said twice: a server that ends says such things, too.
        if rejects && rejected {
            return notes.end(&why);
        }
        notes.fail(&why)?;
        (pause, rejected) = (AGAIN, rejects);
    }
}

impl Options {
    /// Starts it in a unit, unless it runs. What failed before counts no more.
    fn start(&self) -> Result<(), HelperError> {
        self.notes().forgive()?;
        become_script("start-unit", START_UNIT, &self.words)
    }

    fn position(&self) -> Result<String, HelperError> {
        // If its server is gone, this says so.
        self.to()?.started(&self.runner)?;
        let number = self.notes().done()?.map_or(0, |done| done.number);
        Ok(format!("{PASS}{number}"))
    }

    fn source(&self) -> Result<String, HelperError> {
        let words = self.from()?.words(&self.runner, "imcheck", &["-s"])?;
        let mut command = Command::new(words);
        command.fails_on.clone_from(&self.fails_on);
        self.runner.run(&command).map_err(failed)?;
        Ok(format!("{PASS}{}", self.notes().begun()? + 1))
    }

    fn lag(&self) -> Result<String, HelperError> {
        let done = self.notes().done()?;
        Ok(done.map_or("- -".to_owned(), |done| format!("{} -", now().saturating_sub(done.began))))
    }

    /// Fails when the feed can never go on, or does not for a while already.
    fn watch(&self) -> Result<(), HelperError> {
        let notes = self.notes();
        if let Some(why) = notes.ended()? {
            return Err(failed(why));
        }
        if notes.alone().is_ok() {
            return Err(failed("the feed does not run"));
        }
        match notes.failing()? {
            Some(failing) if failing.times >= OFTEN => Err(failed(format!(
                "{} passes failed, and are tried again: {}",
                failing.times, failing.why
            ))),
            _ => Ok(()),
        }
    }

    /// Fails when the standby may have half of a pass.
    fn whole(&self) -> Result<(), HelperError> {
        let cut = self.notes().under_way()?;
        let why = "a pass was cut off when the feed ended: the standby may have half of it";
        if cut { Err(failed(why)) } else { Ok(()) }
    }

    /// Returns when this pass, or a later one, is complete.
    fn drain(&self, position: &str) -> Result<(), HelperError> {
        let number = position.strip_prefix(PASS).and_then(|number| number.parse::<u64>().ok());
        let number = number.ok_or_else(|| {
            HelperError::Usage(format!("{position:?} is no position: {PASS}NUMBER"))
        })?;
        let notes = self.notes();
        notes.want(number)?;
        while notes.done()?.is_none_or(|done| done.number < number) {
            self.watch()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own programs")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use crate::product::tests::on;

    /// An installation whose commands succeed, but for `imsrestore -E`, which does this.
    fn installation(restore: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("temp dir");
        fs::create_dir_all(dir.path().join("bin")).expect("a folder");
        let restore = format!("[ \"$1\" = -t ] || {{ {restore}; }}");
        for (name, text) in
            [("imsbackup", ": >\"$4\""), ("imcheck", "true"), ("imsrestore", restore.as_str())]
        {
            let path = dir.path().join("bin").join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        }
        dir
    }

    fn asked(dir: &tempfile::TempDir, verb: &str, more: &[&str]) -> Result<String, String> {
        let folder = dir.path().display().to_string();
        let words = [verb, "--state", &folder, "--from", &folder, "--to", &folder];
        let said = on("messaging-feed", &[&words, more].concat(), b"")?;
        Ok(String::from_utf8(said).expect("text").trim().to_owned())
    }

    const RUN: [&str; 8] =
        ["--since", "A", "--margin", "1 hour", "--pause", "1ms", "--rejects", "^cannot "];

    #[test]
    fn what_is_rejected_twice_ends_the_feed_with_its_words() {
        let dir = installation("echo 'cannot store a:b'");
        asked(&dir, "run", &RUN).expect("it has ended");
        let said = asked(&dir, "watch", &[]).expect_err("ended");
        assert_eq!(said, "the previous version rejects what was written: cannot store a:b");
        assert!(asked(&dir, "whole", &[]).is_err(), "the standby may have half of it");
        assert_eq!(asked(&dir, "drain", &["pass 1"]).expect_err("ended"), said);
    }

    #[test]
    fn what_is_rejected_once_is_tried_again() {
        let once = "cd \"${0%/*}\" || exit; [ -e said ] && [ ! -e end ] || \
                    { : >said; echo 'cannot open the store'; }";
        let dir = installation(once);
        std::thread::scope(|scope| {
            let running = scope.spawn(|| asked(&dir, "run", &RUN));
            // Until it has begun, it does not run.
            while asked(&dir, "drain", &["pass 2"]).is_err() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            fs::write(dir.path().join("bin/end"), "").expect("written");
            running.join().expect("no panic").expect("it has ended");
        });
        let done = asked(&dir, "position", &[]).expect("told");
        assert_ne!(done, "pass 0");
    }

    #[test]
    fn a_position_is_a_pass() {
        let dir = installation("true");
        assert_eq!(asked(&dir, "position", &[]), Ok("pass 0".into()));
        assert_eq!(asked(&dir, "source", &[]), Ok("pass 1".into()));
        assert_eq!(asked(&dir, "lag", &[]), Ok("- -".into()));
        let said = asked(&dir, "drain", &["12"]).expect_err("no position");
        assert_eq!(said, "\"12\" is no position: pass NUMBER");
        assert_eq!(asked(&dir, "watch", &[]), Err("the feed does not run".into()));
    }
}
