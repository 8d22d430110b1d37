//! The previous version serves: what a standby needed goes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::super::client::{program_of, run, unhex};
use super::pair::{NAME, Pair, unread};
use crate::product::script::START_UNIT;
use crate::product::stream::HelperError;

const OPENED: &str = include_str!("sql/opened.sql");
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Starts the unit, and takes away what a standby needed. Clients come in meanwhile.
pub(super) fn serve(pair: &Pair) -> Result<(), HelperError> {
    let mut start = program_of(std::path::Path::new(""), "sh");
    start.args(["-c", START_UNIT, "start-unit"]).args(&pair.words).stdin(Stdio::null());
    run("start-unit", &mut start)?;
    let begin = Instant::now();
    while let Err(error) = pair.live.query("template1", "SELECT 1") {
        if begin.elapsed() > PATIENCE {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    clean(pair)
}

fn clean(pair: &Pair) -> Result<(), HelperError> {
    let sql = format!(
        "SELECT encode(convert_to(datname, 'UTF8'), 'hex') FROM pg_catalog.pg_subscription \
         JOIN pg_catalog.pg_database d ON d.oid = subdbid WHERE subname = '{NAME}'"
    );
    for digits in pair.live.query("template1", &sql)?.lines() {
        let name = unhex(digits).ok_or_else(unread)?;
        pair.live.script(&name, OPENED)?;
    }
    Ok(())
}

/// Stops it. A checkpoint before makes the stop short.
pub(super) fn stop(pair: &Pair) -> Result<(), HelperError> {
    if pair.live.query("template1", "SELECT 1").is_ok() {
        clean(pair)?;
        pair.live.query("template1", "CHECKPOINT")?;
    }
    pair.stop_units()
}
