//! How far a feed has come, noted at times; and whether the log is the one that it reads.

use std::time::{Duration, Instant};

use super::super::client::Server;
use super::super::standby::{Log, Place};
use super::Replay;
use super::follow::{Ahead, At, Halt};

/// How often that is.
const NOTED: Duration = Duration::from_secs(1);

impl<S: Server> Replay<S> {
    /// Notes how far the feed has come, at times, and that the log is the one that it reads.
    pub(super) fn noted(&mut self, log: &Log, at: &mut At) -> Result<(), Ahead> {
        if at.noted.elapsed() < NOTED {
            return Ok(());
        }
        at.noted = Instant::now();
        if let Some(feed) = &self.feed {
            feed.notes.failing(None)?;
        }
        self.note_place(log)?;
        let numbers = log.numbers()?;
        let there = log.is(at.number, &at.file)?;
        let later = numbers.last().is_some_and(|last| *last > at.number);
        if !there && !later {
            let path = log.path(at.number);
            let why = format!("the upgraded server began its log anew: {path} is gone");
            return Err(Halt::Never(why).into());
        }
        // The next one is gone: the first that is there says what is missing.
        if later && !numbers.contains(&(at.number + 1)) {
            let next = numbers.into_iter().find(|number| *number > at.number);
            if let Some(next) = next.filter(|_| at.settled) {
                at.opens(log, next)?;
            }
        }
        Ok(())
    }

    pub(super) fn note_place(&self, log: &Log) -> Result<(), Ahead> {
        let Some(feed) = &self.feed else { return Ok(()) };
        let Some((number, ends)) = feed.last else { return Ok(()) };
        let path = log.path(number);
        // A file that was purged behind the feed is of no use any more.
        if let Ok(place) = Place::new(number, ends, &path) {
            feed.notes.put_place(place)?;
        }
        Ok(())
    }
}
