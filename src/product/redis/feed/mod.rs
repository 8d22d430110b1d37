//! Feeds a server of the one version with what a server of the other one appends to its append-only
//! file, as it does so: exactly once, however often the feed or one of the servers is killed.

mod growth;
mod keys;
mod link;
mod options;
mod place;
mod run;
mod standby;
mod state;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client::{Client, said};
use super::manifest::Manifest;
use crate::product::stream::{HelperError, Streams};
use growth::end_from;
use options::Options;
use place::{Place, first_mark, last_mark};

pub(in crate::product) use standby::standby;

const USAGE: &str = "redis-feed run|rest|position|source|lag|watch|keys|mark|since|drain|start \
                     --state FOLDER --socket SOCKET [--user USER] [--password-file FILE] \
                     --source FOLDER --standby FOLDER --name NAME [--unit UNIT] \
                     [--server PROGRAM [--root FOLDER] --config FILE] [POSITION|COMMAND...]";

/// How much of the source is read to tell how far it is ahead.
const AHEAD: u64 = 1 << 28;

/// The feed, and what can be asked of it.
///
/// # Errors
/// When it cannot go on, or cannot be told.
pub(in crate::product) fn feed(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let Some((verb, rest)) = arguments.split_first() else { return Err(HelperError::usage(USAGE)) };
    let options = Options::read(rest, USAGE)?;
    let output = &mut *streams.output;
    let mut say = |text: String| {
        writeln!(output, "{text}").map_err(HelperError::Output)?;
        output.flush().map_err(HelperError::Output)
    };
    match (verb.as_str(), options.words.as_slice()) {
        ("start", [_, ..]) => options.start_once(options.state().runs()?),
        ("run", []) => run::run(&options),
        ("rest", []) => {
            run::rest(&options)?;
            options.settle()?;
            // The next that the switch does is to stop it.
            options.stays(Some("standby"))
        }
        ("keys", []) => keys::print(&options.state, &options.source, &options.began()?, output),
        // With its database, which a position does not say.
        ("mark", []) => say(options.marked()?.value()),
        ("since", [place]) => {
            let place = Place::of_value(place)
                .ok_or_else(|| HelperError::Usage(format!("{place:?} is no mark")))?;
            match options.broken(&place)? {
                Some(why) => say(format!("*\t{why}")),
                None => keys::since(&options.source, place, output),
            }
        }
        ("position", []) => say(options.position()?.to_string()),
        ("source", []) => say(options.ahead()?.0.to_string()),
        ("lag", []) => say(options.lag()?),
        ("watch", []) => options.watch(),
        ("drain", [position]) => options.drain(&position.parse()?),
        _ => Err(HelperError::usage(USAGE)),
    }
}

/// The last file of an append-only file: its name, its number and where it is.
fn last_file(manifest: &Manifest) -> Result<(String, u64, PathBuf), HelperError> {
    let (name, number) = manifest.growing.last().ok_or_else(|| {
        HelperError::Failed("the append-only file has no part that is appended to".into())
    })?;
    Ok((name.clone(), *number, manifest.path_of(name)))
}

fn length(path: &Path) -> Result<u64, HelperError> {
    path.metadata()
        .map(|found| found.len())
        .map_err(|error| HelperError::Failed(format!("cannot read {}: {error}", path.display())))
}

fn no_mark(path: &Path) -> HelperError {
    HelperError::Failed(format!("{} has no mark of a feed: it is no standby's", path.display()))
}

/// Why a server does not have all that it was fed with; `None` if it has.
fn refused(client: &mut Client) -> Result<Option<String>, HelperError> {
    let stats = client.done(&[b"INFO", b"stats"])?.text();
    let count = said(&stats, "unexpected_error_replies").unwrap_or("?");
    Ok((count != "0").then(|| {
        format!("the fed server refused {count} of the commands that it was given; see its log")
    }))
}

impl Options {
    /// What the fed server has.
    fn position(&self) -> Result<Place, HelperError> {
        if let Some(place) = self.state().place() {
            return Ok(place);
        }
        self.marked()
    }

    /// What it has by its own append-only file.
    fn marked(&self) -> Result<Place, HelperError> {
        let (_, _, path) = last_file(&Manifest::read(&self.standby, &self.name)?)?;
        let mark = last_mark(&path)?;
        mark.map(|(place, _)| place).ok_or_else(|| no_mark(&path))
    }

    /// Where the feed began.
    fn began(&self) -> Result<Place, HelperError> {
        let (_, _, path) = last_file(&Manifest::read(&self.standby, &self.name)?)?;
        let file = self.marked()?.file;
        first_mark(&path, &file)?.ok_or_else(|| no_mark(&path))
    }

    /// How far the source is, and how many items ahead, as far as that was read.
    fn ahead(&self) -> Result<(Place, Option<u64>), HelperError> {
        let place = self.position()?;
        let (file, _, path) = last_file(&Manifest::read(&self.source, &self.name)?)?;
        let offset = length(&path)?;
        if file != place.file || offset < place.offset || offset - place.offset > AHEAD {
            return Ok((Place { file, offset, database: None }, None));
        }
        let (end, items) = end_from(&self.source, Place { database: Some(0), ..place })?;
        Ok((end, Some(items)))
    }

    /// `SECONDS ITEMS`.
    fn lag(&self) -> Result<String, HelperError> {
        let (end, items) = self.ahead()?;
        let place = self.position()?;
        let seconds = if (&place.file, place.offset) == (&end.file, end.offset) {
            Some(0)
        } else {
            self.state().behind_for().map(|time| time.as_secs())
        };
        let shown = |number: Option<u64>| number.map_or("-".to_owned(), |it| it.to_string());
        Ok(format!("{} {}", shown(seconds), shown(items)))
    }

    /// Fails where the feed can never go on.
    fn watch(&self) -> Result<(), HelperError> {
        if let Some(why) = self.state().ended() {
            return Err(HelperError::Failed(why));
        }
        let place = self.position()?;
        match self.broken(&place)? {
            Some(why) => Err(HelperError::Failed(why)),
            None if self.state().runs()? => Ok(()),
            None => Err(HelperError::Failed("the feed does not run".into())),
        }
    }

    /// Why the source does not go on from this place any more.
    fn broken(&self, place: &Place) -> Result<Option<String>, HelperError> {
        let (file, _, path) = last_file(&Manifest::read(&self.source, &self.name)?)?;
        if file != place.file {
            return Ok(Some(format!(
                "the append-only file was rewritten: it goes on in {file}, and the feed is in {}",
                place.file
            )));
        }
        let length = length(&path)?;
        Ok((length < place.offset).then(|| {
            format!("{file} has {length} bytes only, and {} were fed already", place.offset)
        }))
    }

    /// Returns when the fed server has everything up to this position.
    fn drain(&self, wanted: &Place) -> Result<(), HelperError> {
        let state = self.state();
        loop {
            if let Some(why) = state.ended() {
                return Err(HelperError::Failed(why));
            }
            let place = self.position()?;
            if place.file != wanted.file {
                return Err(HelperError::Failed(format!(
                    "the feed is in {}, and {wanted} is to be reached",
                    place.file
                )));
            }
            if place.offset >= wanted.offset {
                let why = refused(&mut self.fed()?)?;
                return why.map_or(Ok(()), |why| Err(HelperError::Failed(why)));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
