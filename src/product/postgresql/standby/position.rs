//! How far both servers have come, as positions in the log of the upgraded one.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::copy::complete;
use super::pair::{NAME, Pair, unread};
use crate::playbook::model::BEING_FILLED;
use crate::product::stream::HelperError;

/// How long a standby may take to come to a position.
const PATIENCE: Duration = Duration::from_secs(10);

/// A position in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lsn(u64);

impl Lsn {
    /// How many bytes of log are between.
    pub(super) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl FromStr for Lsn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (high, low) = text.trim().split_once('/').ok_or(())?;
        let part = |text| u32::from_str_radix(text, 16).map_err(|_| ());
        Ok(Self(u64::from(part(high)?) << 32 | u64::from(part(low)?)))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// Up to where each slot's standby has everything, flushed.
pub(super) fn confirmed(pair: &Pair) -> Result<Vec<Lsn>, HelperError> {
    let sql = format!(
        "SELECT confirmed_flush_lsn FROM pg_catalog.pg_replication_slots \
         WHERE slot_name LIKE '{NAME}%'"
    );
    let text = pair.live.query("template1", &sql)?;
    text.lines().map(|line| line.parse().map_err(|()| unread())).collect()
}

/// How far the standby has come in all databases; `-` until it has all of them.
pub(super) fn position(pair: &Pair) -> Result<String, HelperError> {
    let Some(databases) = complete(pair)? else { return Ok(BEING_FILLED.to_owned()) };
    // A server that is dead does not say what was confirmed to it.
    let own = "SELECT remote_lsn FROM pg_catalog.pg_replication_origin_status";
    let all = match confirmed(pair) {
        Ok(all) if all.len() < databases.len() => return Ok(BEING_FILLED.to_owned()),
        Ok(all) => all,
        Err(_) => {
            let text = pair.standby.query("template1", own)?;
            text.lines().filter_map(|line| line.parse().ok()).collect()
        }
    };
    Ok(all.into_iter().min().map_or(BEING_FILLED.to_owned(), |lsn| lsn.to_string()))
}

/// How far the upgraded server has come. With a record of our own, which is flushed together with
/// all before it.
pub(super) fn source(pair: &Pair) -> Result<String, HelperError> {
    let sql = "SET synchronous_commit = local; \
        SELECT pg_catalog.pg_logical_emit_message(true, 'backout', 'position')";
    let text = pair.live.query("template1", sql)?;
    let lsn: Lsn = text.parse().map_err(|()| unread())?;
    Ok(lsn.to_string())
}

/// Waits until the standby has come there.
pub(super) fn drain(pair: &Pair, position: &str) -> Result<(), HelperError> {
    let target: Lsn = position
        .parse()
        .map_err(|()| HelperError::Usage(format!("{position:?} is no position in a log")))?;
    let Some(databases) = complete(pair)? else {
        return Err(HelperError::Failed("the standby is being made".into()));
    };
    let begin = Instant::now();
    loop {
        let all = confirmed(pair)?;
        if all.len() >= databases.len() && all.iter().all(|lsn| *lsn >= target) {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            let at = all.into_iter().min().unwrap_or(Lsn(0));
            return Err(HelperError::Failed(format!(
                "the standby has come to {at}, and not to {target} within {} s",
                PATIENCE.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `SECONDS TRANSACTIONS` that it is behind. The latter is not known.
pub(super) fn lag(pair: &Pair) -> Result<String, HelperError> {
    if complete(pair)?.is_none() {
        return Ok("- -".into());
    }
    let sql = format!(
        "SELECT CASE WHEN bool_and(confirmed_flush_lsn >= pg_current_wal_flush_lsn()) THEN '0.0' \
         WHEN bool_or(r.pid IS NULL) THEN '-' \
         ELSE round(coalesce(max(extract(epoch FROM replay_lag)), 0), 1)::text END \
         FROM pg_catalog.pg_replication_slots s \
         LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = active_pid \
         WHERE slot_name LIKE '{NAME}%'"
    );
    Ok(format!("{} -", pair.live.query("template1", &sql)?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_and_compared_as_numbers() {
        let lsn = |text: &str| text.parse::<Lsn>().expect("a position");
        assert!(lsn("0/9FFFFFFF") < lsn("1/0"));
        assert!(lsn("A/10") > lsn("9/FFFFFFFF"));
        assert_eq!(lsn("16/B374D848").to_string(), "16/B374D848");
        for wrong in ["", "0", "x/1", "1/100000000"] {
            assert!(wrong.parse::<Lsn>().is_err(), "{wrong}");
        }
    }
}
