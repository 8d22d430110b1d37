//! The parts of a log that are read.

use std::collections::{BTreeMap, BTreeSet};

use super::super::binlog::{Event, Kind, LogFile};
use super::super::group::Header;
use crate::product::stream::HelperError;

/// A file of a log, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Part {
    pub(in super::super) path: String,
    /// Where the part begins, if not with the file.
    pub(in super::super) from: Option<u64>,
    /// Where it ends, if not with the file.
    pub(in super::super) until: Option<u64>,
}

impl Part {
    /// All of a file.
    pub(in super::super) fn all(path: String) -> Self {
        Self { path, from: None, until: None }
    }

    /// Reads its events.
    ///
    /// # Errors
    /// When the file cannot be read, or the work fails.
    pub(super) fn each(
        &self,
        mut work: impl FnMut(&LogFile, &mut Event) -> Result<(), HelperError>,
    ) -> Result<u64, HelperError> {
        let (mut file, mut event) = (LogFile::open(&self.path)?, Event::default());
        if let Some(from) = self.from {
            file.seek(from)?;
        }
        while self.until.is_none_or(|until| file.at() < until) && file.next(&mut event)? {
            work(&file, &mut event)?;
        }
        Ok(file.at())
    }
}

/// XA transactions: the rows of one stand where it was prepared, and nobody sees them before it is
/// committed.
#[derive(Debug, Default)]
pub(super) struct Xa {
    prepared: BTreeSet<String>,
    /// Those that were prepared before what was read.
    pub(super) before: BTreeSet<String>,
}

impl Xa {
    pub(super) fn event(&mut self, event: &Event) {
        let header = (event.kind == Kind::Gtid).then(|| Header::of(event)).flatten();
        let Some(header) = header else { return };
        if let Some(name) = header.prepares() {
            self.prepared.insert(name.to_owned());
        }
        if let Some(name) = header.completes()
            && !self.prepared.remove(name)
        {
            self.before.insert(name.to_owned());
        }
    }

    /// Finds where those were prepared that were prepared before what was read: `earlier` are the
    /// parts before it, the last one first. `None`: not in there.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn found(
        mut self,
        earlier: impl Iterator<Item = Part>,
    ) -> Result<Option<Vec<Part>>, HelperError> {
        let mut parts = Vec::new();
        for part in earlier {
            if self.before.is_empty() {
                break;
            }
            let (mut found, mut open) = (BTreeMap::new(), None);
            part.each(|file, event| {
                if event.kind == Kind::Gtid {
                    let header = Header::of(event).ok_or_else(|| file.wrong("it is cut off"))?;
                    let name = header.prepares().filter(|name| self.before.contains(*name));
                    open = name.map(str::to_owned);
                    if let Some(name) = name {
                        // A name may have been used before.
                        found.insert(name.to_owned(), (file.at(), file.at()));
                    }
                } else if let Some(place) = open.as_ref().and_then(|name| found.get_mut(name)) {
                    place.1 = file.at();
                }
                Ok(())
            })?;
            for (name, (from, until)) in found {
                self.before.remove(&name);
                let path = part.path.clone();
                parts.push(Part { path, from: Some(from), until: Some(until) });
            }
        }
        Ok(self.before.is_empty().then_some(parts))
    }
}
