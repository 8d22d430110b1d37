//! Whether the feed goes on, and can.

use super::copy::{DEFINITIONS, complete};
use super::definitions;
use super::pair::{FAILED, NAME, Pair, is_active};
use crate::product::stream::HelperError;

/// What to do when a standby cannot go on.
const ANEW: &str = "Make the standby anew: `backout standby stop`, `backout standby start`";

/// Fails, with the reason, when the feed does not run, or can never catch up.
pub(super) fn watch(pair: &Pair) -> Result<(), HelperError> {
    let fail = |why: String| Err(HelperError::Failed(why));
    if let Some(why) = pair.get(FAILED)? {
        return fail(why);
    }
    for unit in &pair.units {
        if !is_active(unit) {
            return fail(format!("{unit} does not run. `backout standby start` starts it again"));
        }
    }
    let Some(databases) = complete(pair)? else { return Ok(()) };
    let slots = format!(
        "SELECT count(*), count(*) FILTER (WHERE wal_status = 'lost') \
         FROM pg_catalog.pg_replication_slots WHERE slot_name LIKE '{NAME}%'"
    );
    let text = pair.live.query("template1", &slots)?;
    let (there, lost) = text.trim().split_once('\t').unwrap_or(("0", "0"));
    if there.parse().unwrap_or(0) < databases.len() {
        return fail(format!("a replication slot of the standby is gone. {ANEW}"));
    }
    if lost != "0" {
        return fail(format!(
            "the upgraded server removed log files that the standby needs, because of \
             max_slot_wal_keep_size. {ANEW}"
        ));
    }
    let before = pair.get(DEFINITIONS)?.unwrap_or_default();
    if let Some(changed) = definitions::differing(&before, &definitions::list(&pair.live)?) {
        return fail(format!(
            "definitions changed on the upgraded server since the standby began: {changed}. {ANEW}"
        ));
    }
    let workers = format!(
        "SELECT count(*) FROM pg_catalog.pg_stat_subscription s \
         JOIN pg_catalog.pg_stat_subscription_stats USING (subid) \
         JOIN pg_catalog.pg_subscription d ON d.oid = subid \
         WHERE d.subname = '{NAME}' AND subenabled AND pid IS NULL AND apply_error_count > 0"
    );
    if pair.standby.query("template1", &workers)?.trim() != "0" {
        return fail(
            "the standby cannot apply what it is fed with; its journal says why: `journalctl \
             --unit='backout-standby-*'`"
                .into(),
        );
    }
    Ok(())
}
