//! The two installations of a side-by-side upgrade.

use std::path::PathBuf;

use super::Sources;
use crate::playbook::model::{SideBySide, Strategy};
use crate::preflight::facts::{BesideFact, Learnt};
use crate::step::link_target;

pub(super) fn installations(sources: &Sources<'_>) -> Option<Learnt<BesideFact>> {
    let section = sources.playbook.side_by_side.as_ref().filter(|_| sources.site.strategy == Strategy::SideBySide)?;
    Some(look(sources, section))
}

fn look(sources: &Sources<'_>, section: &SideBySide) -> Learnt<BesideFact> {
    let (link, new) = (PathBuf::from((sources.text)(&section.link)?), PathBuf::from((sources.text)(&section.new)?));
    let target = link_target(&link).map_err(|error| format!("{error:#}"))?;
    let active = target.ok_or_else(|| format!("{} is no symbolic link", link.display()))?;
    active.canonicalize().map_err(|error| format!("{} leads to {}: {error}", link.display(), active.display()))?;
    Ok(BesideFact { link, active, new })
}
