//! The previous version serves: what a standby needed goes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::super::at_once::at_once;
use super::super::client::{Client, program_of, run};
use super::pair::{Pair, subscribed};
use crate::product::script::START_UNIT;
use crate::product::stream::HelperError;

const IDENTITIES: &str = include_str!("sql/identities.sql");
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
    let views = pair.live.like_clients();
    at_once(&subscribed(&pair.live)?, |name| {
        pair.live.script(name, IDENTITIES)?;
        views.script(name, OPENED).map(drop)
    })
}

/// Before it is stopped in a switch: what is compared later is as what was kept.
pub(super) fn ready_to_serve(standby: &Client) -> Result<(), HelperError> {
    at_once(&subscribed(standby)?, |name| standby.script(name, IDENTITIES).map(drop))
}

/// Stops it. A checkpoint before makes the stop short.
pub(super) fn stop(pair: &Pair) -> Result<(), HelperError> {
    if pair.live.query("template1", "SELECT 1").is_ok() {
        clean(pair)?;
        pair.live.query("template1", "CHECKPOINT")?;
    }
    pair.stop_units()
}
