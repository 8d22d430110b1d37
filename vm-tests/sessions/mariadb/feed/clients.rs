//! Clients that write all the time and keep what was acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::ask;
use crate::mariadb::{LOGIN, SOCKET};
use crate::world::of_old;

const CLIENTS: u64 = 3;

/// What a client knows of its transactions.
#[derive(Default)]
struct Ledger {
    /// Whether each was acknowledged.
    sent: Vec<bool>,
    /// The longest time between two acknowledgements, of late.
    gap: Duration,
}

type Ledgers = Arc<Mutex<BTreeMap<u64, Ledger>>>;

/// Writes until it is told to stop, one transaction after the other, whoever serves.
fn writes(id: u64, ledgers: &Ledgers, stop: &AtomicBool, seed: u64) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(seed ^ (id << 32));
    let (mut n, mut last) = (0_u64, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let mut client = of_old("mariadb");
        client.args(LOGIN).args(["--batch", "--skip-column-names", "--unbuffered"]);
        client.args(["--skip-reconnect", "--binary-mode", &format!("--socket={SOCKET}"), "shop"]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = client.spawn()?;
        let mut input = child.stdin.take().context("a pipe")?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        while !stop.load(Ordering::Relaxed) {
            let text = transaction(id, n, &mut random);
            if let Some(ledger) = ledgers.lock().unwrap().get_mut(&id) {
                ledger.sent.push(false);
            }
            let number = n;
            n += 1;
            if input.write_all(text.as_bytes()).is_err() {
                break;
            }
            let word = format!("done {number}");
            let done = lines.by_ref().map_while(Result::ok).any(|line| line == word);
            if !done {
                break;
            }
            if let Some(ledger) = ledgers.lock().unwrap().get_mut(&id) {
                ledger.gap = ledger.gap.max(last.elapsed());
                ledger.sent[usize::try_from(number)?] = true;
            }
            last = Instant::now();
        }
        drop(input);
        let _ = child.wait();
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn transaction(c: u64, n: u64, random: &mut fastrand::Rng) -> String {
    let text = "x".repeat(random.usize(0..200));
    let more = match random.u8(0..40) {
        0..8 => format!("UPDATE ledger SET v = REVERSE(v) WHERE c = {c} AND n = {n} - 1;"),
        8..12 => "INSERT INTO isam VALUES (NEXT VALUE FOR numbers, 1);".to_owned(),
        12..16 => format!("REPLACE INTO made (id, a) VALUES ({}, {n});", 3 + c * 10 + n % 5),
        16 => format!("CREATE OR REPLACE TABLE copy{c} AS SELECT * FROM counts;"),
        17 => format!("ALTER TABLE copy{c} ADD IF NOT EXISTS COLUMN w{} INT DEFAULT 5;", n % 7),
        18 => format!("INSERT INTO mem VALUES ({n});"),
        19 => "CREATE TEMPORARY TABLE t (a INT); DROP TEMPORARY TABLE t;".to_owned(),
        20 => format!("DELETE FROM bare WHERE c = {c} AND n < 0;"),
        _ => String::new(),
    };
    // What commits by itself stands before the transaction.
    let (alone, within) = match more.starts_with(['C', 'A']) {
        true => (more, String::new()),
        false => (String::new(), more),
    };
    format!(
        "{alone} BEGIN; INSERT INTO ledger (c, n, v) VALUES ({c}, {n}, '{text}'); INSERT INTO bare \
         VALUES ({c}, {n}); UPDATE counts SET n = n + 1 WHERE c = {c}; {within} COMMIT; \
         SELECT 'done {n}';\n"
    )
}

/// All of them.
pub struct Writers {
    stop: Arc<AtomicBool>,
    ledgers: Ledgers,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Writers {
    pub fn start(seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ledgers: Ledgers = Arc::default();
        let mut threads = Vec::new();
        for id in 0..CLIENTS {
            ledgers.lock().unwrap().insert(id, Ledger::default());
            let (stop, ledgers) = (stop.clone(), ledgers.clone());
            threads.push(std::thread::spawn(move || writes(id, &ledgers, &stop, seed)));
        }
        Self { stop, ledgers, threads }
    }

    pub fn acknowledged(&self) -> usize {
        let ledgers = self.ledgers.lock().unwrap();
        ledgers.values().map(|it| it.sent.iter().filter(|done| **done).count()).sum()
    }

    /// How many are acknowledged in a second, now.
    pub fn rate(&self) -> f64 {
        let (before, begin) = (self.acknowledged(), Instant::now());
        std::thread::sleep(Duration::from_secs(3));
        let made = self.acknowledged() - before;
        f64::from(u32::try_from(made).unwrap_or(u32::MAX)) / begin.elapsed().as_secs_f64()
    }

    /// The longest gap since the last time that this was asked.
    pub fn gap(&self) -> Duration {
        let mut ledgers = self.ledgers.lock().unwrap();
        ledgers.values_mut().map(|it| std::mem::take(&mut it.gap)).max().unwrap_or_default()
    }

    pub fn stop(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    }

    /// What a server has against what the clients know: nothing that was acknowledged is missing,
    /// nothing is there twice, and nothing that was never sent.
    pub fn check(&self, socket: &str) -> Result<usize> {
        let ledgers = self.ledgers.lock().unwrap();
        let mut wrong = Vec::new();
        for table in ["ledger", "bare"] {
            let mut found: BTreeMap<(u64, usize), usize> = BTreeMap::new();
            for line in ask(socket, &format!("SELECT c, n FROM shop.{table}"))?.lines() {
                let (c, n) = line.split_once('\t').context("a row")?;
                *found.entry((c.parse()?, n.parse()?)).or_default() += 1;
            }
            for ((c, n), count) in &found {
                let known = ledgers.get(c).and_then(|it| it.sent.get(*n));
                if *count > 1 || known.is_none() {
                    wrong.push(format!("{table}: ({c}, {n}) is there {count} times"));
                }
            }
            for (c, ledger) in ledgers.iter() {
                for (n, _) in ledger.sent.iter().enumerate().filter(|(_, done)| **done) {
                    if !found.contains_key(&(*c, n)) {
                        wrong.push(format!("{table}: ({c}, {n}) is missing"));
                    }
                }
            }
        }
        if wrong.is_empty() {
            return Ok(ledgers
                .values()
                .map(|it| it.sent.iter().filter(|done| **done).count())
                .sum());
        }
        wrong.truncate(10);
        bail!("{}", wrong.join("\n"))
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
