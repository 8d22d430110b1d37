//! The judgement: what the servers acknowledged, by the record of those outside, against the files
//! of store and queue.
//!
//! Every message that was accepted is in the queue or in the store, once, with the flags that were
//! set, in the mailbox that it was moved to; what was deleted is nowhere. Where the answer to a
//! question was lost, both outcomes are allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::directory::{Directory, owner};
use crate::home::Home;
use crate::option;
use crate::store::{Store, sha256};
use crate::tools::{Noted, What};

/// Where a message may be: mailbox and flags; `None` when it is deleted.
type Place = Option<(String, BTreeSet<String>)>;

/// What is known of a message.
#[derive(Debug, Default)]
struct Known {
    accepted: bool,
    refused: bool,
    sha256: String,
    places: BTreeSet<Place>,
}

/// What must be, by the record.
fn expected(text: &str) -> Result<BTreeMap<String, Known>> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let lines: Vec<Noted> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("the record cannot be read")?;
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1);
        match line {
            Noted::Offered { id, user, sha256 } => {
                let inbox = Some((format!("user/{user}"), BTreeSet::new()));
                let refused = next == Some(&Noted::Refused);
                known.insert(
                    id.clone(),
                    Known {
                        accepted: false,
                        refused,
                        sha256: sha256.clone(),
                        places: BTreeSet::from([inbox]),
                    },
                );
            }
            Noted::Accepted { id } => {
                known.get_mut(id).context("accepted, and never offered")?.accepted = true
            }
            Noted::Asked { id, what, .. } if next != Some(&Noted::Refused) => {
                let it = known.get_mut(id).context("a message that nobody sent")?;
                let after: BTreeSet<Place> =
                    it.places.iter().map(|place| step(place, what)).collect();
                if next == Some(&Noted::Done) { it.places = after } else { it.places.extend(after) }
            }
            Noted::Asked { .. } | Noted::Done | Noted::Refused => {}
        }
    }
    Ok(known)
}

fn step(place: &Place, what: &What) -> Place {
    let (mut mailbox, mut flags) = place.clone()?;
    match what {
        What::Set { flag } => {
            flags.insert(flag.clone());
        }
        What::Clear { flag } => {
            flags.remove(flag);
        }
        What::Move { to } => mailbox = to.clone(),
        What::Delete => return None,
    }
    Some((mailbox, flags))
}

/// A message that was found: where, and the checksum of its text.
type Found = BTreeMap<String, Vec<(Place, String)>>;

/// What is wrong, a line each.
fn judge(known: &BTreeMap<String, Known>, found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    for id in found.keys().filter(|id| !known.contains_key(*id)) {
        wrong.push(format!("unexpected: {id}, which nobody sent"));
    }
    for (id, it) in known {
        let there = found.get(id).map_or(&[][..], Vec::as_slice);
        match there {
            [] if it.accepted && !it.places.contains(&None) => wrong.push(format!("lost: {id}")),
            [] => {}
            [_] if it.refused => wrong.push(format!("unexpected: {id} was refused")),
            [(place, sha256)] => {
                if !it.places.contains(place) {
                    wrong.push(format!("changed: {id} is {place:?}, expected {:?}", it.places));
                }
                if *sha256 != it.sha256 {
                    wrong.push(format!("damaged: {id}"));
                }
            }
            _ => wrong.push(format!("there {} times: {id}", there.len())),
        }
    }
    wrong
}

/// `audit --home H [--home H2] --record F`: of two hosts, each counts for the users that the
/// directory says are its own.
pub fn audit(args: &[String]) -> Result<ExitCode> {
    let homes: Vec<Home> =
        args.windows(2).filter(|pair| pair[0] == "--home").map(|pair| Home::at(&pair[1])).collect();
    anyhow::ensure!(!homes.is_empty(), "--home INSTALLATION is needed");
    let path = option(args, "--record").context("--record FILE is needed")?;
    let known =
        expected(&std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?)?;
    let mut found = Found::new();
    let mut queued = 0;
    for home in &homes {
        let (store, directory) = (Store::lock(home)?, Directory::of(home)?);
        for it in store.queue()? {
            queued += 1;
            found.entry(it.id).or_default().push((
                Some((format!("user/{}", it.to), BTreeSet::new())),
                sha256(it.body.as_bytes()),
            ));
        }
        for name in store.peek_list()? {
            if !directory.as_ref().map_or(Ok(true), |directory| directory.is_home(owner(&name)))? {
                continue;
            }
            for it in store.peek(&name)?.messages {
                let body = store
                    .body(&name, it.uid)
                    .map(|body| sha256(body.as_bytes()))
                    .unwrap_or_default();
                found.entry(it.id).or_default().push((Some((name.clone(), it.flags)), body));
            }
        }
    }
    let wrong = judge(&known, &found);
    let accepted = known.values().filter(|it| it.accepted).count();
    let stored = found.values().map(Vec::len).sum::<usize>() - queued;
    println!(
        "{accepted} accepted; {stored} in the store, {queued} in the queue; {} wrong",
        wrong.len()
    );
    wrong.iter().take(1000).for_each(|line| println!("{line}"));
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
