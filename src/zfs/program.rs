//! What is common to the channel programs (`zfs-program(8)`): `program.lua` stands before each, and
//! this reads what they return.

use super::verify::free;
use super::{Engine, Result, Snapshot, ZfsError};

/// The largest limits for instructions and memory that ZFS accepts (`zfs_lua_max_instrlimit`,
/// `zfs_lua_max_memlimit`).
pub(super) const LIMITS: (u64, u64) = (100_000_000, 100 << 20);

/// One line of a program's answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) detail: &'a str,
}

impl Line<'_> {
    /// The error of a snapshot that may not be destroyed, with more than the program said.
    pub(super) fn not_free(&self, engine: &dyn Engine) -> Result<ZfsError> {
        let snapshot: Snapshot = self.name.parse()?;
        let Some(info) = engine.snapshot_info(&snapshot)? else {
            return Ok(ZfsError::NotFound(snapshot.to_string()));
        };
        Ok(free(engine, &info).err().unwrap_or_else(|| ZfsError::Unexpected {
            command: "the channel program".to_owned(),
            detail: format!("{snapshot} was {} a moment ago", self.kind),
        }))
    }
}

/// The lines of an answer.
pub(super) fn lines(answer: &str) -> Vec<Line<'_>> {
    answer
        .lines()
        .map(|line| {
            let mut fields =
                line.splitn(3, '\t').map(|field| if field.is_empty() { "?" } else { field });
            Line {
                kind: fields.next().unwrap_or("?"),
                name: fields.next().unwrap_or("?"),
                detail: fields.next().unwrap_or("?"),
            }
        })
        .collect()
}
