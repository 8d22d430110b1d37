//! The slots of ours on the server that serves, and their end.

use super::super::client::Client;
use super::pair::NAME;
use crate::product::stream::HelperError;

/// The names of the second slots begin with it, which tell what was written since a mark. What counts
/// the slots of the feed does not see them.
pub(super) const PROOF: &str = "backout_proof_";

/// What finds all slots of ours.
pub(super) fn ours() -> String {
    format!("(slot_name LIKE '{NAME}%' OR starts_with(slot_name, '{PROOF}'))")
}

/// Drops those of the slots, also when something takes from them.
pub(super) fn drop_slots(live: &Client, condition: &str) -> Result<(), HelperError> {
    let slots = format!("pg_catalog.pg_replication_slots WHERE {condition}");
    let end =
        format!("SELECT pg_catalog.pg_terminate_backend(active_pid, 5000) FROM {slots} AND active");
    let drop = format!("SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM {slots}");
    live.query("template1", &end)?;
    // A walsender may have come back at once.
    if live.query("template1", &drop).is_err() {
        live.query("template1", &end)?;
        live.query("template1", &drop)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_kinds_of_slots_are_ours() {
        let ours = super::ours();
        assert_eq!(
            ours,
            "(slot_name LIKE 'backout_standby%' OR starts_with(slot_name, 'backout_proof_'))"
        );
    }
}
