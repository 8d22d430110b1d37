//! Two installations side by side: the link must point to the active one, and the new version must
//! go to the other place.

use std::path::PathBuf;

use serde::Serialize;

use super::sources::Observed;
use super::{Facts, Finding, Kind, Sources};
use crate::host::files::link_target;
use crate::playbook::model::{SideBySide, Strategy};

/// Two installations side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BesideFact {
    /// The link that names the active one.
    pub link: PathBuf,
    /// Where it leads.
    pub active: PathBuf,
    /// Where the new version will be.
    pub new: PathBuf,
}

/// Reads the link.
pub(super) fn gather(sources: &Sources<'_>) -> Option<Observed<BesideFact>> {
    let section = sources
        .playbook
        .side_by_side
        .as_ref()
        .filter(|_| sources.site.strategy == Strategy::SideBySide)?;
    Some(look(sources, section))
}

fn look(sources: &Sources<'_>, section: &SideBySide) -> Observed<BesideFact> {
    let (link, new) =
        (PathBuf::from(sources.text(&section.link)?), PathBuf::from(sources.text(&section.new)?));
    let target = link_target(&link).map_err(|error| format!("{error:#}"))?;
    let active = target.ok_or_else(|| format!("{} is not a symbolic link", link.display()))?;
    active
        .canonicalize()
        .map_err(|error| format!("{} leads to {}: {error}", link.display(), active.display()))?;
    Ok(BesideFact { link, active, new })
}

/// Checks that the link does not point to the new place before the upgrade.
pub(super) fn link(facts: &Facts) -> Vec<Finding> {
    const ID: Kind = Kind::SideBySide;
    match &facts.beside {
        None => Vec::new(),
        Some(Err(why)) => {
            vec![
                Finding::refuse(ID, "Cannot tell which installation is active.")
                    .detail([why.clone()])
                    .remedy(["Create the link that names the active installation, and start the service through \
                 it. Then correct the site file."]),
            ]
        }
        Some(Ok(it))
            if !facts.occasion.is_downgrade()
                && (it.active == it.new || it.new.starts_with(&it.link)) =>
        {
            vec![
                Finding::refuse(
                    ID,
                    format!(
                        "The new version would be installed over the active one, in {}.",
                        it.new.display()
                    ),
                )
                .detail([format!("{} leads to {}.", it.link.display(), it.active.display())])
                .remedy(["Set the folder of the other installation in the site file's variables."]),
            ]
        }
        Some(Ok(_)) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Occasion;
    use super::super::fixture::{facts, show};
    use super::*;

    #[test]
    fn the_new_place_is_another_one() {
        let mut facts = facts(Occasion::Upgrade);
        let place = |new: &str| BesideFact {
            link: "/opt/ucs/msg".into(),
            active: "/opt/ucs0/messaging64".into(),
            new: new.into(),
        };
        facts.beside = Some(Ok(place("/opt/ucs1/messaging64")));
        assert!(link(&facts).is_empty());
        facts.beside = Some(Ok(place("/opt/ucs0/messaging64")));
        insta::assert_snapshot!(show(&link(&facts)), @r"
            refused: The new version would be installed over the active one, in /opt/ucs0/messaging64. [side-by-side]
                     /opt/ucs/msg leads to /opt/ucs0/messaging64.
              to do: Set the folder of the other installation in the site file's variables.
            ");
        facts.beside = Some(Err("/opt/ucs/msg is no symbolic link".into()));
        insta::assert_snapshot!(show(&link(&facts)), @r"
            refused: Cannot tell which installation is active. [side-by-side]
                     /opt/ucs/msg is no symbolic link
              to do: Create the link that names the active installation, and start the service through it. Then correct the site file.
            ");
        facts.occasion = Occasion::Downgrade { in_place: false };
        facts.beside = Some(Ok(place("/opt/ucs0/messaging64")));
        assert!(link(&facts).is_empty());
    }
}
