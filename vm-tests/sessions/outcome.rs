//! How a session goes on past what the new version alone has, and how it ends.

use anyhow::{Result, bail, ensure};
use backout::change::event::Outcome;
use backout::journal::{HaltKind, OpenQuestion};

use crate::way::Change;

/// What the new version alone has, in the words of the tool.
pub struct News {
    /// Whether clients used it.
    pub used: bool,
    /// What a line that names a rejected item holds.
    pub rejected: &'static str,
    /// And what it holds if that is of the new version.
    pub word: &'static str,
    /// Whether a line names a difference that is none of those.
    pub strange: fn(&str) -> bool,
}

impl News {
    /// Each line that names a rejected item is of the new version. Returns how many there are.
    fn named(&self, why: &str) -> Result<usize> {
        let lines: Vec<&str> = why.lines().filter(|line| line.contains(self.rejected)).collect();
        ensure!(!lines.is_empty(), "nothing is named: {why}");
        for line in &lines {
            ensure!(line.contains(self.word), "not of the new version: {line}");
        }
        Ok(lines.len())
    }
}

/// As somebody who has read what is rejected, and lets it go. Returns how many items that were.
pub fn past_rejects(change: &Change, outcome: Outcome, news: &News) -> Result<(Outcome, usize)> {
    let Outcome::Halted { kind: HaltKind::Rejects, why, .. } = &outcome else {
        return Ok((outcome, 0));
    };
    ensure!(news.used, "rejected, without words of the new version: {why}");
    let named = news.named(why)?;
    let mut outcome = change.resume(Some(OpenQuestion::Rejects))?;
    if let Outcome::Halted { kind: HaltKind::Differences, why, .. } = &outcome {
        let strange = why.lines().find(|line| (news.strange)(line));
        ensure!(strange.is_none(), "more differs than what was rejected: {why}");
        outcome = change.resume(Some(OpenQuestion::Differences))?;
    }
    Ok((outcome, named))
}

/// The way back is at its end.
pub fn finished(change: &Change, outcome: &Outcome, counts: &str) -> Result<()> {
    match outcome {
        Outcome::Finished => Ok(()),
        other => bail!("{other:?} ({counts})\n{}", change.said().join("\n")),
    }
}

/// What a session says that found this difference, or none.
pub fn equal(difference: Option<String>, counts: &str) -> Result<String> {
    match difference {
        None => Ok(format!("equal; {counts}")),
        Some(difference) => bail!("silently different ({counts}):\n{difference}"),
    }
}

/// So many of these lines, and how many there are besides; `None` if there is none.
pub fn shown(mut lines: Vec<String>, most: usize) -> Option<String> {
    let more = lines.len().saturating_sub(most);
    lines.truncate(most);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}
