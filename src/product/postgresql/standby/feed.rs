//! The feed: the copy at its beginning, and then its supervision. What is fed goes from server to
//! server.

use std::time::{Duration, Instant};

use super::copy::{DATABASES, complete, copy};
use super::onward::{Beginning, beginning, go_on};
use super::pair::{ENDED, FAILED, NAME, Pair, SETTLED, STOPPED, boot, is_active};
use super::{ahead, mark, published, triggers};
use crate::product::script;
use crate::product::stream::{HelperError, Streams};

/// How often it looks after the subscriptions.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a worker may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts the unit, unless it runs.
pub(super) fn start(pair: &Pair, streams: &mut Streams<'_>) -> Result<(), HelperError> {
    pair.forget(STOPPED)?;
    pair.forget(SETTLED)?;
    pair.forget(FAILED)?;
    if pair.has(ENDED)? {
        pair.forget(DATABASES)?;
        pair.forget(ENDED)?;
    }
    // Of a switch that was cut off.
    ahead::end(pair)?;
    let runs = pair.words.first().is_some_and(|unit| is_active(unit));
    if !runs
        && let Ok(None) = complete(pair)
        && let Ok(Beginning::Copy(Some(why))) = beginning(pair)
    {
        let said = format!("The standby begins with a copy of everything: {why}");
        let output = &mut streams.output;
        // The program that starts the unit takes our place.
        writeln!(output, "{said}").and_then(|()| output.flush()).map_err(HelperError::Output)?;
    }
    script::start_unit(&pair.words, streams)
}

/// What the unit does.
pub(super) fn run(pair: &Pair) -> Result<(), HelperError> {
    // A standby that is being started again.
    let found = loop {
        match complete(pair) {
            Err(error) => say(&error),
            Ok(found) => break found,
        }
        std::thread::sleep(PAUSE);
    };
    if found.is_none()
        && let Err(error) = make(pair)
    {
        pair.put(FAILED, &error.to_string())?;
        return Err(error);
    }
    loop {
        if let Err(error) = tend(pair) {
            say(&error);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Makes the standby.
fn make(pair: &Pair) -> Result<(), HelperError> {
    match beginning(pair)? {
        Beginning::Slots(from) => go_on(pair, from),
        Beginning::Copy(why) => {
            if let Some(why) = why {
                say(&why);
            }
            copy(pair)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the unit's journal")]
fn say(error: &impl std::fmt::Display) {
    eprintln!("{error}");
}

fn tend(pair: &Pair) -> Result<(), HelperError> {
    if !pair.has(SETTLED)? {
        let disabled = in_state(pair, "NOT subenabled")?;
        if !disabled.is_empty() {
            // As `make` does last, and may not have come to.
            mark::remove(&pair.live)?;
        }
        for name in disabled {
            triggers::hold(pair, true, Some(&name))?;
            pair.standby.query(&name, &format!("ALTER SUBSCRIPTION {NAME} ENABLE"))?;
        }
    }
    published::keep_harmless(&pair.live)
}

/// The databases whose subscription is so.
fn in_state(pair: &Pair, condition: &str) -> Result<Vec<String>, HelperError> {
    let sql = format!(
        "SELECT encode(convert_to(datname, 'UTF8'), 'hex') FROM pg_catalog.pg_subscription \
         JOIN pg_catalog.pg_database d ON d.oid = subdbid WHERE subname = '{NAME}' AND {condition}"
    );
    let text = pair.standby.query("template1", &sql)?;
    let unread = super::pair::unread;
    text.lines().map(|it| super::super::client::unhex(it).ok_or_else(unread)).collect()
}

/// Disables the subscriptions; returns when nothing more is applied.
pub(super) fn disable(pair: &Pair) -> Result<(), HelperError> {
    for name in in_state(pair, "subenabled")? {
        pair.standby.query(&name, &format!("ALTER SUBSCRIPTION {NAME} DISABLE"))?;
    }
    let sql = format!(
        "SELECT count(*) FROM pg_catalog.pg_stat_subscription WHERE subname = '{NAME}' AND pid \
         IS NOT NULL"
    );
    // By itself it sees that only after a while.
    let end = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_subscription \
         WHERE subname = '{NAME}' AND pid IS NOT NULL"
    );
    pair.standby.query("template1", &end)?;
    let begin = Instant::now();
    while pair.standby.query("template1", &sql)?.trim() != "0" {
        if begin.elapsed() > PATIENCE {
            return Err(HelperError::Failed("a worker of the subscriptions does not end".into()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Ends it.
pub(super) fn stop(pair: &Pair) -> Result<(), HelperError> {
    pair.stop_units()?;
    pair.put(STOPPED, &boot())?;
    match pair.standby.query("template1", "SELECT 1") {
        Ok(_) => disable(pair),
        // A server that does not run applies nothing.
        Err(_) => Ok(()),
    }
}
