//! The values of a playbook's variables on this host, and the version to upgrade to.

use std::collections::BTreeMap;

use super::choose::{leads_to, values, wanted};
use super::{Choice, Choose, Wishes};
use crate::host::quote::quote;
use crate::playbook::Validated;
use crate::playbook::model::DetectedValue;
use crate::playbook::nearest;
use crate::playbook::version::{compare, version_is};
use crate::preflight::sources::Observed;
use crate::procedure::asking::Asker;
use crate::report::{CliError, ErrorKind};

/// A product on this host.
#[derive(Debug)]
pub struct Found {
    /// How it is handled.
    pub playbook: Validated,
    /// The installed version.
    pub installed: String,
}

/// What was found out.
pub(super) struct Values {
    pub(super) installed: String,
    pub(super) upgrade_to: String,
    /// The version that the host shows for it.
    pub(super) shown: Option<String>,
    /// Every variable's value.
    pub(super) values: BTreeMap<String, String>,
    /// Those that are not the playbook's own, in its order.
    pub(super) own: Vec<(String, String)>,
}

/// What a host says of this value.
fn said(asker: &Asker<'_>, how: &DetectedValue, known: &BTreeMap<String, String>) -> Vec<String> {
    let printed = asker.answer(&how.command, known).unwrap_or_default();
    values(&printed, how.pattern.as_ref())
}

/// The values with the first one of each that is found: enough to look for the product.
pub(super) fn first(playbook: &Validated, asker: &Asker<'_>) -> BTreeMap<String, String> {
    let mut known = asker.defaults();
    for how in playbook.detect.iter().flat_map(|it| &it.values) {
        let found = said(asker, how, &known).into_iter().next();
        set(playbook, &mut known, &how.variable, found.or_else(|| how.otherwise.clone()));
    }
    known
}

/// Gives a variable its value, and those that have the same.
pub(in crate::procedure) fn set(
    playbook: &Validated,
    known: &mut BTreeMap<String, String>,
    name: &str,
    value: Option<String>,
) {
    let Some(value) = value else { return };
    for (other, variable) in &playbook.variables {
        if variable.same_as.as_deref() == Some(name) {
            known.insert(other.clone(), value.clone());
        }
    }
    known.insert(name.to_owned(), value);
}

/// The installed version.
pub(super) fn installed(
    playbook: &Validated,
    asker: &Asker<'_>,
    known: &BTreeMap<String, String>,
) -> Observed<String> {
    let printed = asker.answer(&playbook.version.command, known)?;
    let version = playbook.version.pattern.find(&printed).map(str::to_owned);
    version.ok_or_else(|| "No version is completely installed.".to_owned())
}

/// The version that the packages' tools would install with these values.
fn candidate(
    playbook: &Validated,
    asker: &Asker<'_>,
    known: &BTreeMap<String, String>,
) -> Option<String> {
    let spec = playbook.upgrade.candidate.as_ref()?;
    let printed = asker.answer(spec, known).ok()?;
    playbook.upgrade.candidate_pattern.as_ref()?.find(&printed).map(str::to_owned)
}

/// Finds everything out; asks where there is a choice.
pub(super) fn find(
    product: &Found,
    asker: &Asker<'_>,
    wishes: &Wishes,
    choose: Choose<'_>,
) -> Result<Values, CliError> {
    let playbook = &product.playbook;
    all_known(playbook, &wishes.set, "backout init")?;
    let mut known = asker.defaults();
    known.insert("from_version".to_owned(), product.installed.clone());
    for (name, value) in &wishes.set {
        set(playbook, &mut known, name, Some(value.clone()));
    }
    for how in playbook.detect.iter().flat_map(|it| &it.values) {
        if wishes.set.iter().any(|(name, _)| *name == how.variable) {
            continue;
        }
        let found = one(product, asker, how, &known, choose)?;
        set(playbook, &mut known, &how.variable, found.or_else(|| how.otherwise.clone()));
    }
    missing(playbook, &known)?;
    let installed = installed(playbook, asker, &known).unwrap_or(product.installed.clone());
    known.insert("from_version".to_owned(), installed.clone());
    let (upgrade_to, shown) = version(playbook, asker, &installed, &known, wishes, choose)?;
    let defaults = asker.defaults();
    let own = playbook.variables.iter().filter_map(|(name, variable)| {
        let value = known.get(name)?;
        let same = match &variable.same_as {
            Some(other) => known.get(other) == Some(value),
            None => defaults.get(name) == Some(value),
        };
        (!same).then(|| (name.clone(), value.clone()))
    });
    let own = own.collect();
    Ok(Values { installed, upgrade_to, shown, values: known, own })
}

/// Those of the values that lead on, each with what to know of it: of what decides which version
/// would be installed, those with a later one. `known` has `from_version`, or nothing is narrowed.
pub(in crate::procedure) fn leading(
    playbook: &Validated,
    asker: &Asker<'_>,
    how: &DetectedValue,
    found: &[String],
    known: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let spec = playbook.upgrade.candidate.as_ref();
    let decides = spec.is_some_and(|it| it.template().names().any(|name| name == how.variable));
    let from = match known.get("from_version") {
        _ if !decides => None,
        Some(version) => Some(version.clone()),
        None => installed(playbook, asker, known).ok(),
    };
    let Some(from) = from else {
        let plain = |value: &String| (value.clone(), "take this one".to_owned());
        return found.iter().map(plain).collect();
    };
    let with = |value: &String| {
        let mut known = known.clone();
        set(playbook, &mut known, &how.variable, Some(value.clone()));
        let version = candidate(playbook, asker, &known)?;
        leads_to(playbook, &from, &version).then(|| (value.clone(), format!("has {version}")))
    };
    found.iter().filter_map(with).collect()
}

/// Every name of `--set NAME=VALUE` is a variable's.
///
/// # Errors
/// The first that is none, and what was probably meant.
pub fn all_known(
    playbook: &Validated,
    set: &[(String, String)],
    command: &str,
) -> Result<(), CliError> {
    let unknown = set.iter().find(|(name, _)| !playbook.variables.contains_key(name));
    let Some((name, value)) = unknown else { return Ok(()) };
    let known: Vec<&str> = playbook.variables.keys().map(String::as_str).collect();
    let what = format!("the playbook {} has no variable {name:?}", playbook.name);
    let said = CliError::new(ErrorKind::Usage, what);
    if known.is_empty() {
        return Err(said.cause("It has none."));
    }
    let said = said.cause(format!("Its variables are {}.", known.join(", ")));
    Err(match nearest(name, known) {
        Some(meant) => {
            let pair = quote(format!("{meant}={value}"));
            said.next(format!("{command} --set {pair}"), format!("did you mean `{meant}`?"))
        }
        None => said,
    })
}

/// One value. What decides which version would be installed is narrowed to what has a later one.
fn one(
    product: &Found,
    asker: &Asker<'_>,
    how: &DetectedValue,
    known: &BTreeMap<String, String>,
    choose: Choose<'_>,
) -> Result<Option<String>, CliError> {
    let playbook = &product.playbook;
    let items = leading(playbook, asker, how, &said(asker, how, known), known);
    let at = match items.len() {
        0 => return Ok(None),
        1 => 0,
        _ => {
            let about = playbook.variables.get(&how.variable).map(|it| it.about.as_str());
            choose(&Choice {
                question: format!("{}: {}?", how.variable, about.unwrap_or_default()),
                option: format!("--set {}=", how.variable),
                items: items.clone(),
            })?
        }
    };
    Ok(items.into_iter().nth(at).map(|(value, _)| value))
}

/// Every variable has a value.
fn missing(playbook: &Validated, known: &BTreeMap<String, String>) -> Result<(), CliError> {
    let without = playbook.variables.iter().filter(|(name, _)| !known.contains_key(*name));
    let mut without = without.peekable();
    if without.peek().is_none() {
        return Ok(());
    }
    let said = CliError::new(ErrorKind::AnswerMissing, "a value is missing");
    Err(without.fold(said, |said, (name, variable)| {
        said.next(format!("backout init --set {name}=VALUE"), variable.about.clone())
    }))
}

/// The version to upgrade to, and what the host shows of it.
fn version(
    playbook: &Validated,
    asker: &Asker<'_>,
    installed: &str,
    known: &BTreeMap<String, String>,
    wishes: &Wishes,
    choose: Choose<'_>,
) -> Result<(String, Option<String>), CliError> {
    let detect = playbook.detect.as_ref();
    let proposed = detect.and_then(|it| it.upgrade_to.as_deref());
    let mut offered: Vec<String> = candidate(playbook, asker, known).into_iter().collect();
    if let Some(spec) = detect.and_then(|it| it.versions.as_ref()) {
        offered.extend(values(&asker.answer(spec, known).unwrap_or_default(), None));
    }
    offered.retain(|version| leads_to(playbook, installed, version));
    offered.sort_by(|a, b| compare(b, a));
    offered.dedup();
    if let Some(wished) = &wishes.upgrade_to {
        let shown = offered.into_iter().find(|version| version_is(version, wished));
        return Ok((wished.clone(), shown));
    }
    let at = match offered.len() {
        0 => return unseen(playbook, installed, proposed),
        1 => 0,
        _ => choose(&Choice {
            question: "Which version?".to_owned(),
            option: "--upgrade-to ".to_owned(),
            items: offered.iter().map(|it| (it.clone(), format!("upgrade to {it}"))).collect(),
        })?,
    };
    let shown = offered.swap_remove(at);
    Ok((wanted(proposed, &shown), Some(shown)))
}

/// The host shows no later version: the one that the playbook proposes.
fn unseen(
    playbook: &Validated,
    installed: &str,
    proposed: Option<&str>,
) -> Result<(String, Option<String>), CliError> {
    match proposed {
        Some(version) if leads_to(playbook, installed, version) => Ok((version.to_owned(), None)),
        Some(version) => Err(CliError::new(
            ErrorKind::Refused,
            format!("{} {installed} is installed, and nothing leads on from it", playbook.title),
        )
        .cause(format!("The playbook knows the way to {version}, and sees no other version here."))
        .next("backout init --upgrade-to VERSION", "name the version yourself")),
        None => {
            let what = "which version to upgrade to is not known";
            Err(CliError::new(ErrorKind::AnswerMissing, what)
                .next("backout init --upgrade-to VERSION", "name it"))
        }
    }
}
