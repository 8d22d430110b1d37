//! A standby of PostgreSQL: the previous version beside the new one, fed while clients write and
//! everything is killed now and then; the switch; then the same the other way round, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;

use super::ahead::Ahead;
use super::begin::{self, Begin};
use super::{
    DATA, SETTINGS, SOCKET, answers, client, client_at, dump, generate, initialize, keys, ready,
};
use crate::clients::{Kind, Writers, through};
use crate::outcome::shown;
use crate::process::{helper, owned, stop_unit};
use crate::world::{await_success, copy_content, run};

/// The feed's files, and the socket of the standby.
pub(super) const FEED: &str = "/srv/feed";
pub(super) const PRIVATE: &str = "/run/standby";
/// What each command of the feed has.
const COMMON: &[&str] = &[
    "--bin=/srv/lib/17/bin",
    "--at=/run/postgresql:5432",
    "--user=postgres",
    "--standby=/run/standby",
    "--state=/srv/feed",
];
const BACKOUT: &str = "/srv/bin/backout-of-this-test";
pub(super) const STANDBY_UNIT: &str = "backout-standby-postgresql.service";
pub(super) const FEED_UNIT: &str = "backout-feed-postgresql.service";
const SERVE_UNIT: &str = "backout-serve-postgresql.service";
/// The playbook's list of rows, and what is compared of it.
const ROWS: &str = "/srv/rows.sql";
pub(super) const TOUCHED: &str = "/srv/touched";
/// What was said when a standby began with a copy although there were slots.
pub(super) const BEGUN: &str = "/srv/log/begun";
/// How often clients send something and something is killed.
const ROUNDS: usize = 6;
/// How long a standby's workers are held. After 5 seconds, a mark takes a place in the log that is
/// less good.
const HELD: Duration = Duration::from_secs(7);

/// The tables of the ledger, and of all that a feed has to know.
const TABLES: &str = "
CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, c int, n int, v text);
CREATE TABLE bare (c int, n int);
CREATE TABLE counts (c int PRIMARY KEY, n int); INSERT INTO counts VALUES (0, 0), (1, 0), (2, 0);
CREATE TABLE made (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE kid (id int PRIMARY KEY REFERENCES made ON DELETE CASCADE);
CREATE TABLE documents (c int, j json);
CREATE UNLOGGED TABLE cache (k int PRIMARY KEY, v bytea); CREATE INDEX ON cache ((v::text));
CREATE FUNCTION words(interval, timestamptz) RETURNS text LANGUAGE sql IMMUTABLE
  AS $$ SELECT $1::text || $2::text $$;
CREATE TABLE worded (id bigint PRIMARY KEY, f float8, b bytea, i interval, t timestamptz,
  w text GENERATED ALWAYS AS (f::text || b::text) STORED);
CREATE INDEX ON worded (lower(f::text)); CREATE INDEX ON worded ((b::text)); CREATE INDEX ON worded (words(i, t));
INSERT INTO worded SELECT -g, g / 7.0, decode(md5(g::text), 'hex'), g * interval '1 mon 1 day 1.5 s', now()
  FROM generate_series(1, 100) g;
CREATE TABLE moved (id bigint, name char(8), note text, PRIMARY KEY (name, id));
INSERT INTO moved VALUES (1, 'a', repeat('x', 9000)), (2, 'b''', repeat('y', 9000));
CREATE MATERIALIZED VIEW said AS SELECT id, f::text, b::text, words(i, t) AS w FROM worded;
CREATE TABLE parts (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts DEFAULT;
CREATE TABLE emptied (id int PRIMARY KEY); CREATE TABLE noted (id serial PRIMARY KEY, n bigint);
CREATE SEQUENCE numbers;
CREATE TABLE big AS SELECT g AS id, md5(g::text) AS a, now() AS b, g * 1.5 AS c FROM generate_series(1, 100000) g;
ALTER TABLE big ADD PRIMARY KEY (id);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.noted (n) VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER note AFTER INSERT ON made FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE made ENABLE ALWAYS TRIGGER note;
CREATE TABLE defined (tag text);
CREATE FUNCTION defines() RETURNS event_trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.defined VALUES (TG_TAG); END $$;
CREATE EVENT TRIGGER defines ON ddl_command_end EXECUTE FUNCTION defines();
";

const CLIENTS: Kind = Kind {
    connect: |c, random| through(writer(), transaction, c, random),
    tables: &["ledger", "bare"],
};

fn writer() -> Command {
    let mut psql = client("17", "psql", "ledgers");
    psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--file=-"]);
    psql.arg("--set=ON_ERROR_STOP=1");
    psql
}

fn transaction(c: u64, n: u64, random: &mut fastrand::Rng) -> String {
    let text = "x".repeat(random.usize(0..200));
    let more = match random.u8(0..48) {
        0..6 => format!("UPDATE ledger SET v = reverse(v) WHERE c = {c} AND n = {n} - 1;"),
        6..9 => "SELECT nextval('numbers') WHERE false; SELECT setval('numbers', 7) WHERE false; \
            DO $$ BEGIN PERFORM nextval('numbers'); END $$;"
            .to_owned(),
        9..14 => format!(
            "INSERT INTO made VALUES ({0}, {n}) ON CONFLICT (id) DO UPDATE SET a = excluded.a; \
             INSERT INTO kid VALUES ({0}) ON CONFLICT DO NOTHING;",
            c * 10 + n % 5
        ),
        14 => format!("DELETE FROM made WHERE id = {};", c * 10 + n % 5),
        15 | 16 => format!("INSERT INTO documents VALUES ({c}, '{{\"n\": {n}}}');"),
        17 => format!(
            "INSERT INTO cache VALUES ({c}, '\\x{n:08}') ON CONFLICT (k) DO UPDATE SET v = excluded.v;"
        ),
        18..20 => format!("UPDATE moved SET id = id + 10 WHERE id % 3 = {};", n % 3),
        20 => format!("UPDATE moved SET note = note || '{n}' WHERE id % 3 = {};", n % 3),
        21..23 => format!(
            "INSERT INTO parts VALUES ({n}, 'a{c}') ON CONFLICT DO NOTHING; UPDATE parts SET \
             region = CASE region WHEN 'a' THEN 'b' ELSE 'a' END WHERE id % 7 = {};",
            n % 7
        ),
        23 => format!("TRUNCATE emptied; INSERT INTO emptied VALUES ({n});"),
        24 => format!("DELETE FROM bare WHERE c = {c} AND n < 0;"),
        25 => format!(
            "SAVEPOINT a; INSERT INTO counts VALUES ({c} + 100, 1); DELETE FROM ledger WHERE c = {c}; \
             ROLLBACK TO a;"
        ),
        26 => format!(
            "DO $$ BEGIN PERFORM lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid = {0}; \
             PERFORM lo_from_bytea({0}, '\\x{n:08}'); END $$;",
            5000 + c
        ),
        27..35 => keys::statement(n, random),
        35..38 => format!(
            "INSERT INTO worded VALUES ({n} * 100 + {c}, {n} / 7.0, decode(md5('{n}'), 'hex'), \
             {n} * interval '1 mon 1 day 1.5 s', now());"
        ),
        _ => String::new(),
    };
    format!(
        "BEGIN; INSERT INTO ledger (c, n, v) VALUES ({c}, {n}, '{text}'); INSERT INTO bare VALUES \
         ({c}, {n}); UPDATE counts SET n = n + 1 WHERE c = {c}; {more} COMMIT; SELECT 'done {n}';\n"
    )
}

fn feed(verb: &str, words: &[&str]) -> Result<Command> {
    let mut command = helper("postgresql-feed", &[verb])?;
    command.args(COMMON).args(words);
    Ok(command)
}

pub(super) fn fed(verb: &str, words: &[&str]) -> Result<String> {
    let said = run(&mut feed(verb, words)?, b"").with_context(|| verb.to_owned())?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

pub(super) fn ask(socket: &str, database: &str, sql: &str) -> Result<String> {
    let mut psql = client_at(socket, "17", "psql", database);
    psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=\t"]);
    let said = run(psql.args(["--set=ON_ERROR_STOP=1", "--command", sql]), b"")?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// A server that is killed leaves nothing behind in /dev/shm.
const MEMORY: &str = "dynamic_shared_memory_type=mmap";

/// Each database needs two slots while a switch is prepared. Clients may make a dozen.
const FEEDS: &str = "wal_level = logical\nmax_replication_slots = 48\nmax_wal_senders = 48\n";

/// The folder of a version's configuration, which has the same name for the server.
fn config(version: &str) -> String {
    format!("/srv/etc/postgresql/{version}/main")
}

/// The configuration of a version as its administrator left it.
fn configure(version: &str) -> Result<()> {
    let folder = config(version);
    fs::remove_dir_all(&folder)?;
    fs::create_dir_all(&folder)?;
    let write = |name: &str, text: &str| fs::write(Path::new(&folder).join(name), text);
    write("postgresql.conf", &format!("{SETTINGS}{FEEDS}{MEMORY}\n"))?;
    write("pg_hba.conf", "local all all trust\n")?;
    write("pg_ident.conf", "")?;
    Ok(())
}

/// What systemd-run is given for a server with these data.
fn server(folder: &str, version: &str, socket: &str) -> Vec<String> {
    let name = socket.trim_start_matches("/run/");
    let mut words = owned(&["--property=KillSignal=SIGINT"]);
    words.push(format!("--property=RuntimeDirectory={name}"));
    words.push(format!("/srv/lib/{version}/bin/postgres"));
    words.push("-D".into());
    words.push(format!("{folder}/{version}/main"));
    words
}

/// The server that clients use.
fn open_words(version: &str) -> Vec<String> {
    let mut words = server(DATA, version, SOCKET);
    for (setting, file) in
        [("config", "postgresql.conf"), ("hba", "pg_hba.conf"), ("ident", "pg_ident.conf")]
    {
        words.extend(["-c".to_owned(), format!("{setting}_file={}/{file}", config(version))]);
    }
    words
}

pub(super) fn open(version: &str) -> Result<()> {
    begin_open(version)?;
    ready()
}

fn begin_open(version: &str) -> Result<()> {
    let mut start = Command::new("systemd-run");
    run(start.arg("--unit=postgresql").args(open_words(version)), b"").map(drop)
}

pub(super) fn start_standby(folder: &str, version: &str) -> Result<()> {
    let mut words = owned(&["--config=/run/standby", STANDBY_UNIT]);
    words.extend(server(folder, version, PRIVATE));
    for setting in [
        "config_file=/run/standby.conf",
        "hba_file=/run/standby.hba",
        "ident_file=/run/standby.ident",
        "unix_socket_directories=/run/standby",
        "listen_addresses=",
        "shared_buffers=32MB",
        "fsync=off",
        MEMORY,
    ] {
        words.extend(["-c".to_owned(), setting.to_owned()]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let begin = Instant::now();
    // After a kill, what is left of the old one may still be in the way.
    while begin.elapsed() < Duration::from_secs(60) {
        fed("server", &words)?;
        let done = || answers(PRIVATE) || pid_of(STANDBY_UNIT).is_none();
        await_success("the standby", Duration::from_secs(30), done)?;
        if answers(PRIVATE) {
            return Ok(());
        }
    }
    bail!("the standby does not start: {}", log(STANDBY_UNIT))
}

pub(super) fn start_feed() -> Result<()> {
    let words = [&[FEED_UNIT, BACKOUT, "helper", "postgresql-feed", "run"], COMMON].concat();
    let said = fed("start", &words)?;
    if !said.is_empty() {
        fs::write(BEGUN, said)?;
    }
    Ok(())
}

fn log(unit: &str) -> String {
    let name = format!("/srv/log/{}", unit.trim_end_matches(".service"));
    let text = fs::read_to_string(name).unwrap_or_default();
    text[text.len().saturating_sub(3000)..].to_owned()
}

/// The process of a unit that runs.
pub(super) fn pid_of(unit: &str) -> Option<nix::unistd::Pid> {
    let name = format!("/run/{}.pid", unit.trim_end_matches(".service"));
    let pid = fs::read_to_string(name).ok()?.trim().parse().ok()?;
    Path::new(&format!("/proc/{pid}/exe")).exists().then_some(nix::unistd::Pid::from_raw(pid))
}

/// Kills a unit's process, or one of the server with this socket.
pub(super) fn kill(pid: Option<nix::unistd::Pid>) -> Result<()> {
    let Some(pid) = pid else { return Ok(()) };
    let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
    let gone = || !Path::new(&format!("/proc/{pid}/exe")).exists();
    await_success("the end of a process", Duration::from_secs(10), gone)
}

/// What applies on the standby: 17 calls it `logical replication apply worker`.
const WORKER: &str = "logical replication%worker";

/// The processes of a server of this kind, in any order.
fn backends(socket: &str, kind: &str) -> Vec<nix::unistd::Pid> {
    let sql = format!(
        "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE '{kind}' ORDER BY random()"
    );
    let pids = ask(socket, "template1", &sql).unwrap_or_default();
    pids.lines().filter_map(|pid| pid.parse().ok()).map(nix::unistd::Pid::from_raw).collect()
}

/// Kills one of them, as soon as there is one.
fn kill_one(socket: &str, kind: &str) -> Result<()> {
    let mut found = None;
    await_success(kind, Duration::from_secs(30), || {
        found = backends(socket, kind).first().copied();
        found.is_some()
    })?;
    kill(found)
}

/// The upgraded server is killed, and the standby goes on only after a while: until then, the server
/// may know of less that was confirmed than it did before.
fn kill_live_and_hold_standby(way: &Way) -> Result<()> {
    let workers = backends(PRIVATE, WORKER);
    ensure!(!workers.is_empty(), "no worker");
    let send = move |what: Signal| {
        for pid in &workers {
            let _ = nix::sys::signal::kill(*pid, what);
        }
    };
    send(Signal::SIGSTOP);
    let killed = hurt_server(way, "live");
    std::thread::spawn(move || {
        std::thread::sleep(HELD);
        send(Signal::SIGCONT);
    });
    killed
}

/// A server that may be recovering from a kill, or has to be started again.
fn open_again(version: &str) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        if answers(SOCKET) {
            return Ok(());
        }
        if pid_of("postgresql").is_none() {
            begin_open(version)?;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("the server does not come back: {}", log("postgresql"))
}

/// One way: from the version that serves to the other one.
pub(super) struct Way {
    serving: &'static str,
    pub(super) other: &'static str,
    /// Where the other one's data is, and where that of the serving one goes.
    pub(super) beside: &'static str,
    aside: &'static str,
}

const THERE: Way =
    Way { serving: "17", other: "15", beside: "/srv/standby", aside: "/srv/upgraded" };
const BACK: Way =
    Way { serving: "15", other: "17", beside: "/srv/upgraded", aside: "/srv/previous" };

/// See [`crate::Session`].
pub fn session(seed: u64, without: &[u64]) -> Result<String> {
    go(seed, without, Begin::Copy)
}

/// The same, with slots that are made in the upgrade.
pub fn slots(seed: u64, without: &[u64]) -> Result<String> {
    go(seed, without, Begin::of(seed))
}

fn go(seed: u64, without: &[u64], begin: Begin) -> Result<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut generator = generate::Generator::new(seed, without);
    configure("15")?;
    configure("17")?;
    initialize()?;
    open("15")?;
    let mut said = String::new();
    super::talk(&generator.before(), &mut said)?;
    ask(SOCKET, "postgres", "CREATE DATABASE ledgers")?;
    let tables = format!("{TABLES}{}", keys::tables());
    run(client("17", "psql", "ledgers").args(["-Xqv", "ON_ERROR_STOP=1"]), tables.as_bytes())?;
    if begin != Begin::Copy {
        begin::age()?;
    }
    stop_unit("postgresql.service")?;
    copy_content(Path::new(DATA), Path::new(THERE.beside))?;
    run(Command::new("postgresql-upgrade").arg(DATA), b"")
        .with_context(|| fs::read_to_string("/srv/log/pg_upgrade").unwrap_or_default())?;
    if begin != Begin::Copy {
        begin::reserve()?;
    }
    open("17")?;
    begin.clients(&mut generator, &mut said)?;
    let mut writers = Writers::start(CLIENTS, seed);
    let mut go = |way: &Way, begin: Begin, writers: &mut Writers| {
        let mut more = || generator.fed();
        switch(way, begin, &mut random, &mut more, writers)
    };
    let there = match go(&THERE, begin, &mut writers)? {
        Outcome::Rejected(why) => return Ok(format!("rejected, as it has to be: {why}")),
        Outcome::Switched(said) => said,
    };
    undamaged()?;
    let back = match go(&BACK, Begin::Copy, &mut writers)? {
        Outcome::Rejected(why) => bail!("the new version rejects: {why}"),
        Outcome::Switched(said) => said,
    };
    writers.stop()?;
    let rows = |table: &str| ask(SOCKET, "ledgers", &format!("SELECT c, n FROM {table}"));
    let count = writers.check(&rows)?;
    undamaged()?;
    begin::nothing_left()?;
    stop_unit("postgresql.service")?;
    Ok(format!("{count} acknowledged, 0 missing, 0 twice; there: {there}; back: {back}"))
}

/// Each index has every row, in the words that clients have for it.
fn undamaged() -> Result<()> {
    let damaged = dump::damaged()?;
    ensure!(damaged.is_empty(), "damaged: {damaged}");
    let sql = "SELECT count(*) FROM said v JOIN worded USING (id) WHERE ROW(v.f, v.b, v.w) <> \
        ROW(worded.f::text, worded.b::text, words(i, t))";
    let other = ask(SOCKET, "ledgers", sql)?;
    ensure!(other == "0", "a view has other words than clients: {other}");
    Ok(())
}

enum Outcome {
    Switched(String),
    Rejected(String),
}

const KINDS: [&str; 7] = ["live", "standby", "feed", "walsender", "worker", "restart", "nothing"];

/// Kills something, and lets it go on.
pub(super) fn hurt(way: &Way, what: &str) -> Result<()> {
    hurt_server(way, what)?;
    start_feed()
}

/// The same, while the feed goes on.
pub(super) fn hurt_server(way: &Way, what: &str) -> Result<()> {
    match what {
        "live" => kill(pid_of("postgresql"))?,
        "standby" => kill(pid_of(STANDBY_UNIT))?,
        "feed" => kill(pid_of(FEED_UNIT))?,
        "walsender" => kill_one(SOCKET, what)?,
        "worker" => kill_one(PRIVATE, WORKER)?,
        "live, held" => kill_live_and_hold_standby(way)?,
        "restart" => {
            stop_unit("postgresql.service")?;
            open(way.serving)?;
        }
        _ => {}
    }
    open_again(way.serving)?;
    start_standby(way.beside, way.other)
}

/// Feeds the other version, lets it take over, and looks at what clients saw.
fn switch(
    way: &Way,
    begins: Begin,
    random: &mut fastrand::Rng,
    more: &mut dyn FnMut() -> generate::Batch,
    writers: &mut Writers,
) -> Result<Outcome> {
    let _ = fs::remove_dir_all(FEED);
    fs::create_dir_all(FEED)?;
    let alone = writers.rate();
    start_standby(way.beside, way.other)?;
    let begin = Instant::now();
    start_feed()?;
    if begins != Begin::Copy {
        begins.hurt(way, random)?;
    }
    if let Some(why) = caught_up()? {
        return Ok(Outcome::Rejected(why));
    }
    let copied = begin.elapsed();
    let how = begins.check(way)?;
    let beside = writers.rate();
    let (mut said, mut kills) = (String::new(), BTreeMap::<&str, usize>::new());
    for _ in 0..ROUNDS {
        super::talk(&[more()], &mut said)?;
        let what = *random.choice(&KINDS).context("a kind")?;
        *kills.entry(what).or_default() += 1;
        hurt(way, what)?;
        std::thread::sleep(Duration::from_millis(random.u64(20..1000)));
    }
    if let Some(why) = caught_up()? {
        bail!("the feed failed: {why}");
    }
    let ahead = Ahead::begin(way, random)?;
    let before = writers.acknowledged();
    writers.gap();
    let begin = Instant::now();
    let mut times = Vec::new();
    let mut mark = |what: &str| times.push(format!("{what} {:.2}", begin.elapsed().as_secs_f64()));
    fed("refuse", &[])?;
    // So that what was written by then can be compared.
    writers.pause(true);
    mark("refused");
    let position = fed("source", &[])?;
    fed("drain", &[&position])?;
    mark("drained");
    fed("settle", &[])?;
    mark("settled");
    let lists = Instant::now();
    let ahead = ahead.finish(random)?;
    let compared = compare(random)?;
    let lists = lists.elapsed();
    fed("stop", &[&format!("--unit={FEED_UNIT}")])?;
    fed("end", &[])?;
    mark("ended");
    // That comparison is the test's own, and does not count.
    let compares = Instant::now();
    let expected = dump::take(SOCKET)?;
    let own = compares.elapsed();
    stop_unit("postgresql.service")?;
    fed("server-stop", &["--config=/run/standby", &format!("--unit={STANDBY_UNIT}")])?;
    mark("stopped");
    fs::rename(format!("{DATA}/{}", way.serving), "/srv/out")?;
    fs::rename(format!("{}/{}", way.beside, way.other), format!("{DATA}/{}", way.other))?;
    fs::create_dir_all(way.aside)?;
    fs::rename("/srv/out", format!("{}/{}", way.aside, way.serving))?;
    configure(way.serving)?;
    let mut words = vec![SERVE_UNIT.to_owned()];
    words.extend(open_words(way.other));
    fed("serve", &words.iter().map(String::as_str).collect::<Vec<_>>())?;
    mark("open");
    let compares = Instant::now();
    let difference = dump::difference(&expected, &dump::take(SOCKET)?);
    ensure!(difference.is_none(), "different:\n{}", difference.unwrap_or_default());
    let own = own + lists + compares.elapsed();
    writers.pause(false);
    fed("serve-stop", &[&format!("--unit={SERVE_UNIT}")])?;
    open(way.other)?;
    std::thread::sleep(Duration::from_secs(1));
    let gap = writers.gap().saturating_sub(own);
    ensure!(writers.acknowledged() > before, "clients did not go on");
    let times = times.join(", ");
    Ok(Outcome::Switched(format!(
        "{how} in {:.1} s; gap {:.2} s, {times}, {ahead}; today {compared}, {kills:?}; acknowledged a second: \
         {alone:.0} alone, {beside:.0} while a standby is fed",
        copied.as_secs_f64(),
        gap.as_secs_f64()
    )))
}

/// The playbook's lists of rows of both servers: what was written, and everything, each with the time
/// that it takes. A difference of any kind is found.
fn compare(random: &mut fastrand::Rng) -> Result<String> {
    let begin = Instant::now();
    let found = fed("touched", &[])?;
    let mut lines: Vec<&str> = found.lines().collect();
    lines.sort_unstable();
    fs::write(TOUCHED, lines.join("\n") + "\n")?;
    let (here, there) = (list(SOCKET, true)?, list(PRIVATE, true)?);
    let delta = begin.elapsed();
    equal(&here, &there).context("what was written")?;
    let begin = Instant::now();
    let (all, others) = (list(SOCKET, false)?, list(PRIVATE, false)?);
    let whole = begin.elapsed();
    equal(&all, &others).context("everything")?;
    ensure!(here.len() < all.len(), "{} of {} lines", here.len(), all.len());
    let plants = [
        (
            "UPDATE ledger SET v = v || '!' WHERE id = (SELECT max(id) FROM ledger)",
            "UPDATE ledger SET v = left(v, -1) WHERE id = (SELECT max(id) FROM ledger)",
        ),
        (
            "DELETE FROM big WHERE id = 7",
            "INSERT INTO big SELECT 7, md5('7'), b, 10.5 FROM big WHERE id = 8",
        ),
        ("INSERT INTO bare VALUES (9, 9)", "DELETE FROM bare WHERE c = 9"),
        ("INSERT INTO parts VALUES (-1, 'a')", "DELETE FROM parts WHERE id = -1"),
        ("DELETE FROM counts WHERE c = 1", "INSERT INTO counts VALUES (1, -1)"),
    ];
    let (plant, back) = random.choice(plants).context("a plant")?;
    // As what replicates: no trigger.
    let told = |sql: &str| {
        ask(PRIVATE, "ledgers", &format!("SET session_replication_role = replica; {sql}"))
    };
    let count = ask(PRIVATE, "ledgers", "SELECT n FROM counts WHERE c = 1")?;
    told(plant)?;
    let planted = equal(&here, &list(PRIVATE, true)?);
    told(back)?;
    told(&format!("UPDATE counts SET n = {count} WHERE c = 1"))?;
    ensure!(planted.is_err(), "a difference was not found: {plant}");
    equal(&here, &list(PRIVATE, true)?).context("after a difference was taken back")?;
    Ok(format!(
        "{} of {} lines, {:.2} of {:.2} s",
        here.len(),
        all.len(),
        delta.as_secs_f64(),
        whole.as_secs_f64()
    ))
}

/// The list of rows, of what was written or of everything.
pub(super) fn list(socket: &str, touched: bool) -> Result<Vec<String>> {
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/postgresql/rows.sql");
    fs::copy(rows, ROWS)?;
    let at = format!("--at={socket}:5432");
    let server = ["--bin=/srv/lib/17/bin", &at, "--user=postgres", ROWS];
    let mut command = match touched {
        true => helper("postgresql-touched-rows", &[server.as_slice(), &[TOUCHED]].concat())?,
        false => helper("postgresql-each", &server)?,
    };
    let said = run(&mut command, b"")?;
    let mut lines: Vec<String> = String::from_utf8(said)?.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn equal(here: &[String], there: &[String]) -> Result<()> {
    let lacks = |of: &[String], other: &[String]| {
        let found: BTreeSet<&String> = other.iter().collect();
        of.iter().filter(|line| !found.contains(line)).cloned().collect::<Vec<_>>()
    };
    let mut all = lacks(here, there);
    all.extend(lacks(there, here));
    match shown(all, 9) {
        None if here.len() == there.len() => Ok(()),
        None => bail!("{} lines, {} on the standby", here.len(), there.len()),
        Some(difference) => bail!("different lists:\n{difference}"),
    }
}

/// Waits until there is nothing more to feed. Returns what the previous version rejects, if that is
/// why the feed has ended.
pub(super) fn caught_up() -> Result<Option<String>> {
    let begin = Instant::now();
    loop {
        if let Ok(why) = fs::read_to_string(Path::new(FEED).join("failed")) {
            if why.contains("rejects") && ["new17", "MAINTAIN"].iter().any(|it| why.contains(it)) {
                return Ok(Some(why));
            }
            bail!("the feed failed: {why}");
        }
        if Path::new(FEED).join("databases").exists() {
            let position = fed("source", &[])?;
            if run(&mut feed("drain", &[&position])?, b"").is_ok() {
                return Ok(None);
            }
        }
        if begin.elapsed() > Duration::from_secs(120) {
            let watch = run(&mut feed("watch", &[])?, b"").err();
            let all = vec![log(FEED_UNIT), log(STANDBY_UNIT)];
            bail!("no end: {watch:?} {}", shown(all, 9).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
