//! How a standby begins: with a copy, or from slots that the upgrade has made, with all that can be
//! in their way.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::feed::{
    BEGUN, FEED, FEED_UNIT, PRIVATE, STANDBY_UNIT, Way, ask, caught_up, fed, hurt, kill, open,
    pid_of, start_feed, start_standby,
};
use super::{DATA, SOCKET, generate, run};
use crate::process::{helper, stop_unit};
use crate::world::copy_content;

/// How it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With a copy: there are no slots.
    Copy,
    /// From slots: clients defined nothing since the upgrade.
    Slots,
    /// They defined something, so with a copy.
    Defined,
    /// With a copy, because the log that the slots need is gone.
    Lost,
    /// With a copy, because another standby took from the slots, and nobody ended it.
    Taken,
}

/// The snapshot before the upgrade, for a second clone.
const SNAPSHOT: &str = "/srv/snapshot";
/// What tells the same table in two clusters of one origin.
const NUMBER: &str = "SELECT 'ledger'::regclass::oid";
/// Takes a table's key away, and gives it back. Its clients must not notice.
const KEYLESS: &str = "ALTER TABLE moved DROP CONSTRAINT moved_pkey; UPDATE moved SET note = note || '!'; \
    DELETE FROM moved WHERE false; ALTER TABLE moved ADD PRIMARY KEY (name, id)";

impl Begin {
    pub fn of(seed: u64) -> Self {
        [Self::Slots, Self::Defined, Self::Lost, Self::Slots, Self::Taken][(seed % 5) as usize]
    }

    /// What clients do on the new version before there is a standby.
    pub fn clients(self, generator: &mut generate::Generator, said: &mut String) -> Result<()> {
        let batches = match self {
            Self::Copy | Self::Defined => generator.after(),
            _ => (0..4).map(|_| generator.fed()).collect(),
        };
        super::talk(&batches, said)?;
        match self {
            Self::Copy => return Ok(()),
            Self::Defined => {
                ask(SOCKET, "ledgers", "CREATE TABLE IF NOT EXISTS later (id int)")?;
            }
            Self::Lost => lose()?,
            Self::Taken => copy_content(Path::new("/srv/standby"), Path::new(SNAPSHOT))?,
            Self::Slots => {}
        }
        ask(SOCKET, "ledgers", KEYLESS).map(drop)
    }

    /// Kills something while it begins, and lets it go on.
    pub fn hurt(self, way: &Way, random: &mut fastrand::Rng) -> Result<()> {
        for _ in 0..random.u8(0..4) {
            std::thread::sleep(Duration::from_millis(random.u64(0..1500)));
            kill(pid_of(FEED_UNIT))?;
            hurt(way, random.choice(["live", "standby", "feed"]).context("a kind")?)?;
        }
        if self == Self::Taken {
            ensure!(caught_up()?.is_none(), "rejected");
            ensure!(self.same()?, "it did not begin from the slots");
            // The clone is destroyed while the new version does not answer, and made anew.
            stop_unit(FEED_UNIT)?;
            stop_unit(STANDBY_UNIT)?;
            fs::remove_dir_all(way.beside)?;
            copy_content(Path::new(SNAPSHOT), Path::new(way.beside))?;
            fs::remove_dir_all(FEED)?;
            fs::create_dir_all(FEED)?;
            start_standby(way.beside, way.other)?;
            start_feed()?;
        }
        Ok(())
    }

    fn same(self) -> Result<bool> {
        Ok(ask(SOCKET, "ledgers", NUMBER)? == ask(PRIVATE, "ledgers", NUMBER)?)
    }

    /// It began as it had to.
    pub fn check(self, _way: &Way) -> Result<&'static str> {
        if self == Self::Copy {
            return Ok("copied");
        }
        let same = self.same()?;
        let said = fs::read_to_string(BEGUN).unwrap_or_default();
        ensure!(same == (self == Self::Slots), "{self:?}: from the slots: {same}. {said}");
        let why = match self {
            Self::Defined if said.ends_with(" is new") => "the database ",
            Self::Defined => "definitions changed since the upgrade: ",
            Self::Lost => "because of max_slot_wal_keep_size",
            _ => "",
        };
        ensure!(said.contains(why) && (same || self == Self::Taken) == said.is_empty(), "{said}");
        let old = "SELECT count(*) FROM pg_database WHERE datcollversion <> pg_database_collation_actual_version(oid)";
        ensure!(ask(PRIVATE, "template1", old)? == "0", "collations are old");
        Ok(if same { "from slots" } else { "copied" })
    }
}

/// As if the libraries had another version now, and the rows were older than what a switch compares.
pub fn age() -> Result<()> {
    let many =
        "DO $$ BEGIN FOR i IN 1..1500 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$";
    ask(SOCKET, "template1", many)?;
    let sql = "UPDATE pg_database SET datcollversion = '1' WHERE datcollversion IS NOT NULL";
    ask(SOCKET, "template1", sql).map(drop)
}

/// What the playbook's upgrade does with the new version before its clients come.
pub fn reserve() -> Result<()> {
    open("17")?;
    let collations =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/postgresql/collations.sql");
    fs::copy(collations, "/srv/collations.sql")?;
    let at = format!("--at={SOCKET}:5432");
    let words = ["--bin=/srv/lib/17/bin", &at, "--user=postgres", "/srv/collations.sql"];
    run(&mut helper("postgresql-each", &words)?, b"")?;
    ensure!(fed("obstacles", &["--begin=copy"])?.is_empty());
    let said = fed("obstacles", &["--begin=slot"])?;
    ensure!(said.lines().count() == 1 && said.starts_with("max_slot_wal_keep_size"), "{said}");
    fed("reserve", &["--begin=copy"])?;
    nothing_left()?;
    fed("reserve", &["--begin=slot"])?;
    fed("forget", &["--begin=slot"])?;
    nothing_left()?;
    // As after an interruption.
    fed("reserve", &["--begin=slot"])?;
    fed("reserve", &["--begin=slot"])?;
    stop_unit("postgresql.service")?;
    ensure!(Path::new(DATA).join("17").exists());
    Ok(())
}

/// More log than the slots may keep.
fn lose() -> Result<()> {
    ask(SOCKET, "template1", "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")?;
    ask(SOCKET, "template1", "SELECT pg_reload_conf()")?;
    for _ in 0..4 {
        ask(SOCKET, "template1", "SELECT pg_logical_emit_message(false, 'x', 'x')")?;
        ask(SOCKET, "template1", "SELECT pg_switch_wal()")?;
    }
    ask(SOCKET, "template1", "CHECKPOINT")?;
    let lost = "SELECT bool_and(wal_status = 'lost') FROM pg_replication_slots";
    ensure!(ask(SOCKET, "template1", lost)? == "t", "the slots are not lost");
    ask(SOCKET, "template1", "ALTER SYSTEM RESET max_slot_wal_keep_size")?;
    ask(SOCKET, "template1", "SELECT pg_reload_conf()").map(drop)
}

/// The server that is open has nothing of a standby.
pub fn nothing_left() -> Result<()> {
    let sql = "SELECT 'slot' FROM pg_replication_slots UNION ALL SELECT 'origin' FROM \
        pg_replication_origin UNION ALL SELECT 'publication' FROM pg_publication WHERE pubname ~ \
        'backout' UNION ALL SELECT 'subscription' FROM pg_subscription UNION ALL SELECT 'schema' \
        FROM pg_namespace WHERE nspname ~ 'backout' UNION ALL SELECT 'trigger' FROM \
        pg_event_trigger WHERE evtname ~ 'backout' UNION ALL SELECT relname FROM pg_class WHERE \
        relname IN ('bare', 'ledger') AND relreplident <> 'd'";
    let left = ask(SOCKET, "ledgers", sql)?;
    ensure!(left.is_empty(), "something of a standby is left: {left}");
    Ok(())
}
