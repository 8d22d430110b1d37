//! Which of the products that playbooks know are on this host.

use super::values::{self, Found};
use super::{Choice, Choose, Wishes};
use crate::playbook::{Validated, built_in, library};
use crate::procedure::Settings;
use crate::procedure::asking::Asker;
use crate::report::{CliError, ErrorKind};

/// Finds the product that is meant.
pub(super) fn choose(
    settings: &Settings,
    wishes: &Wishes,
    choose: Choose<'_>,
) -> Result<Found, CliError> {
    let dirs = settings.playbook_dirs();
    if let Some(name) = &wishes.product {
        let playbook = library::find(name, &dirs).map_err(unusable)?;
        return look(playbook).map_err(|not| {
            let (playbook, why) = *not;
            CliError::new(ErrorKind::Refused, format!("{} is not found here", playbook.title))
                .cause(why)
                .next(
                    format!("backout init {name} --set NAME=VALUE"),
                    "give the value of a variable, if it is at another place",
                )
        });
    }
    let listed = library::list(&dirs).map_err(unusable)?;
    let usable = listed.into_iter().filter(|one| !one.shadowed && one.name != built_in::EXAMPLE);
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for playbook in usable.filter_map(|one| one.playbook.ok()) {
        match look(playbook) {
            Ok(product) => found.push(product),
            Err(not) => others.push(not.0.title.clone()),
        }
    }
    let at = match found.as_slice() {
        [] => {
            let what = "no product that a playbook knows is found here";
            return Err(CliError::new(ErrorKind::Refused, what)
                .cause(format!("Looked for: {}.", others.join(", ")))
                .next("backout init PRODUCT", "see why this one is not found")
                .next("backout playbook list", "see the playbooks"));
        }
        [_] => 0,
        several => choose(&Choice {
            question: "Which product?".to_owned(),
            option: String::new(),
            items: several
                .iter()
                .map(|one| {
                    let about = format!("{}, version {}", one.playbook.title, one.installed);
                    (one.playbook.name.clone(), about)
                })
                .collect(),
        })?,
    };
    Ok(found.swap_remove(at))
}

/// The product with its version, or why it is not here.
fn look(playbook: Validated) -> Result<Found, Box<(Validated, String)>> {
    let asker = Asker::new(&playbook);
    let installed = values::installed(&playbook, &asker, &values::first(&playbook, &asker));
    drop(asker);
    match installed {
        Ok(installed) => Ok(Found { playbook, installed }),
        Err(why) => Err(Box::new((playbook, why))),
    }
}

fn unusable(error: library::LibraryError) -> CliError {
    CliError::new(ErrorKind::Usage, "the playbook cannot be used").cause(error.to_string())
}
