//! The other beginning of a standby: the clone goes on as it is, from the slots that the upgrade has
//! made. Nothing is copied, and no room is needed for a copy.

use std::collections::BTreeMap;

use super::super::at_once::at_once;
use super::super::client::Client;
use super::copy::{self, FROM};
use super::pair::{Fed, Pair, fed, subscribed, unread};
use super::{definitions, mark, published, triggers};
use crate::product::stream::HelperError;

const SLOTS: &str = include_str!("sql/slots.sql");
/// Makes indexes anew whose collation has another version in this host's libraries.
const COLLATIONS: &str = include_str!("../../../../playbooks/postgresql/collations.sql");

/// How a standby begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Beginning {
    /// From the clone as it is, and from slots behind which the transactions have these numbers.
    Slots(u64),
    /// With a copy of everything; why, if there were slots.
    Copy(Option<String>),
}

/// How it can begin. The clone's tables get the identities that those of the upgraded server have.
pub(super) fn beginning(pair: &Pair) -> Result<Beginning, HelperError> {
    if !mark::is_there(&pair.live)? {
        return Ok(Beginning::Copy(None));
    }
    let (databases, there) = (fed(&pair.live)?, fed(&pair.standby)?);
    if let Some(one) = databases.iter().find(|one| there.iter().all(|it| it.name != one.name)) {
        return Ok(Beginning::Copy(Some(format!("the database {:?} is new", one.name))));
    }
    let first = match first(&databases, &pair.live.query("template1", SLOTS)?)? {
        Ok(first) => first,
        Err(why) => return Ok(Beginning::Copy(Some(why))),
    };
    published::publish(&pair.standby)?;
    let (before, now) = (definitions::all(&pair.standby)?, definitions::all(&pair.live)?);
    if let Some(changed) = definitions::differing(&before, &now) {
        let why = format!("definitions changed since the upgrade: {changed}");
        return Ok(Beginning::Copy(Some(why)));
    }
    Ok(Beginning::Slots(first.min(own(&pair.standby)?)))
}

/// The first number of a transaction behind all these slots, or why they cannot feed.
fn first(databases: &[Fed], text: &str) -> Result<Result<u64, String>, HelperError> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let [slot, state, number] = words[..] else { return Err(unread()) };
        found.insert(slot, (state, number));
    }
    let mut least = u64::MAX;
    for one in databases {
        let Some((state, number)) = found.get(one.slot.as_str()) else {
            return Ok(Err(format!("the database {:?} has no slot", one.name)));
        };
        if *state == "lost" {
            return Ok(Err(format!(
                "the upgraded server removed log files that the database {:?} needs, because of \
                 max_slot_wal_keep_size",
                one.name
            )));
        }
        least = least.min(number.parse().map_err(|_| unread())?);
    }
    Ok(Ok(least))
}

/// The first number that the clone's server has not given when it was stopped before the upgrade.
fn own(standby: &Client) -> Result<u64, HelperError> {
    let sql = "SELECT next_xid FROM pg_catalog.pg_control_checkpoint()";
    number(standby.query("template1", sql)?.trim()).ok_or_else(unread)
}

/// `EPOCH:NUMBER`.
fn number(text: &str) -> Option<u64> {
    let (epoch, number) = text.split_once(':')?;
    Some(epoch.parse::<u64>().ok()? << 32 | u64::from(number.parse::<u32>().ok()?))
}

/// Makes the clone a standby. May be run again, as long as nothing was taken from the slots.
pub(super) fn go_on(pair: &Pair, from: u64) -> Result<(), HelperError> {
    let (live, standby) = (pair.live.clone().quietly()?, &pair.standby.clone().quietly()?);
    copy::own_place(standby)?;
    copy::unsubscribe(standby, &subscribed(standby)?)?;
    let databases = fed(&live)?;
    // Its indexes are in the order of the libraries that it had before the upgrade.
    let all: Vec<String> =
        standby.databases()?.into_iter().filter_map(|(name, open)| open.then_some(name)).collect();
    let indexes = standby.like_clients();
    at_once(&all, |name| indexes.script(name, COLLATIONS).map(drop))?;
    triggers::note(pair, &databases)?;
    for one in &databases {
        copy::subscribe(&live, standby, one)?;
    }
    pair.put(FROM, &from.to_string())?;
    copy::completed(pair, &definitions::list(&live)?, &databases)?;
    mark::remove(&live)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_gone_or_lost_cannot_feed() {
        let one = |name: &str, slot: &str| Fed { name: name.into(), slot: slot.into() };
        let all = [one("shop", "backout_standby_5"), one("log", "backout_standby_6")];
        let text =
            "backout_standby_5\t\t740\nbackout_standby_6\t\t738\nbackout_standby_9\tlost\t2\n";
        assert_eq!(first(&all, text).expect("read"), Ok(738));
        let why = first(&all, "backout_standby_5\t\t740\n").expect("read");
        assert_eq!(why, Err("the database \"log\" has no slot".into()));
        let lost = "backout_standby_5\t\t740\nbackout_standby_6\tlost\t\n";
        let why = first(&all, lost).expect("read").expect_err("lost");
        assert!(why.contains("\"log\" needs, because of max_slot_wal_keep_size"), "{why}");
        assert!(first(&all, "backout_standby_5\n").is_err());
    }

    #[test]
    fn a_transactions_number_has_its_epoch() {
        assert_eq!(number("0:738"), Some(738));
        assert_eq!(number("2:7"), Some((2 << 32) + 7));
        assert_eq!(number("738"), None);
    }
}
