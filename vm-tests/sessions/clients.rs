//! Clients that write all the time and keep what was acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

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

/// A product's clients.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The program that one talks through. It ends at the first error.
    pub client: fn() -> Command,
    /// The transaction of client `c` with this number: a row of both in the tables `ledger` and
    /// `bare`, and `done NUMBER` printed after its commit.
    pub transaction: fn(c: u64, n: u64, random: &mut fastrand::Rng) -> String,
}

/// Writes until it is told to stop, one transaction after the other, whoever serves.
fn writes(
    kind: Kind,
    id: u64,
    ledgers: &Ledgers,
    [stop, paused]: [&AtomicBool; 2],
    seed: u64,
) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(seed ^ (id << 32));
    let (mut n, mut last) = (0_u64, Instant::now());
    let goes = || !stop.load(Ordering::Relaxed) && !paused.load(Ordering::Relaxed);
    while !stop.load(Ordering::Relaxed) {
        if !goes() {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        let mut client = (kind.client)();
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = client.spawn()?;
        let mut input = child.stdin.take().context("a pipe")?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        while goes() {
            let text = (kind.transaction)(id, n, &mut random);
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

/// All of them.
pub struct Writers {
    stop: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
    ledgers: Ledgers,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Writers {
    pub fn start(kind: Kind, seed: u64) -> Self {
        let (stop, paused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let ledgers: Ledgers = Arc::default();
        let mut threads = Vec::new();
        for id in 0..CLIENTS {
            ledgers.lock().unwrap().insert(id, Ledger::default());
            let (stop, paused, ledgers) = (stop.clone(), paused.clone(), ledgers.clone());
            threads.push(std::thread::spawn(move || {
                writes(kind, id, &ledgers, [&stop, &paused], seed)
            }));
        }
        Self { stop, paused, ledgers, threads }
    }

    /// Holds them back, or lets them go on.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
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
    /// nothing is there twice, and nothing that was never sent. `ask` returns the two columns of a
    /// table.
    pub fn check(&self, ask: &dyn Fn(&str) -> Result<String>) -> Result<usize> {
        let ledgers = self.ledgers.lock().unwrap();
        let mut wrong = Vec::new();
        for table in ["ledger", "bare"] {
            let mut found: BTreeMap<(u64, usize), usize> = BTreeMap::new();
            for line in ask(table)?.lines() {
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
