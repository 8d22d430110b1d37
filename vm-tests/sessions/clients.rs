//! Clients that write all the time and keep what was acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How many there are, numbered from 0.
pub const CLIENTS: u64 = 3;

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
    /// Makes a connection of client `c`. Where no server is there, that has no answers.
    pub connect: fn(c: u64, random: fastrand::Rng) -> Result<Connection>,
    /// What each of their transactions writes a row (client, number) of.
    pub tables: &'static [&'static str],
}

/// Carries out the transaction with this number.
pub type Connection = Box<dyn FnMut(u64) -> Answer>;

/// What a client is told of a transaction.
pub enum Answer {
    /// It is committed.
    Done,
    /// It is not.
    Refused,
    /// Nothing, and the connection is at its end.
    Nothing,
}

/// A connection through this program, which ends at the first error. `transaction`: what client `c`
/// has it do, with `done NUMBER` printed after the commit.
pub fn through(
    mut client: Command,
    transaction: fn(c: u64, n: u64, random: &mut fastrand::Rng) -> String,
    c: u64,
    mut random: fastrand::Rng,
) -> Result<Connection> {
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = Program(client.spawn()?);
    let mut lines = BufReader::new(program.0.stdout.take().context("a pipe")?).lines();
    Ok(Box::new(move |n| {
        let text = transaction(c, n, &mut random);
        let sent = program.0.stdin.as_mut().map(|input| input.write_all(text.as_bytes()));
        let word = format!("done {n}");
        match sent {
            Some(Ok(())) if lines.by_ref().map_while(Result::ok).any(|line| line == word) => {
                Answer::Done
            }
            _ => Answer::Nothing,
        }
    }))
}

/// Reads what it was sent to its end, and ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // Closes its input.
        let _ = self.0.wait();
    }
}

/// Writes until it is told to stop, one transaction after the other, whoever serves. A number is not
/// tried again, so that none can be there twice by right.
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
        std::thread::sleep(Duration::from_millis(5));
        if !goes() {
            continue;
        }
        let mut connection = (kind.connect)(id, random.fork())?;
        while goes() {
            if let Some(ledger) = ledgers.lock().unwrap().get_mut(&id) {
                ledger.sent.push(false);
            }
            let number = n;
            n += 1;
            match connection(number) {
                Answer::Done => {}
                Answer::Refused => {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                }
                Answer::Nothing => break,
            }
            if let Some(ledger) = ledgers.lock().unwrap().get_mut(&id) {
                ledger.gap = ledger.gap.max(last.elapsed());
                ledger.sent[usize::try_from(number)?] = true;
            }
            last = Instant::now();
        }
    }
    Ok(())
}

/// All of them.
pub struct Writers {
    stop: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
    tables: &'static [&'static str],
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
        Self { stop, paused, tables: kind.tables, ledgers, threads }
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
    /// nothing is there twice, and nothing that was never sent. `ask` returns the rows of a table.
    pub fn check(&self, ask: &dyn Fn(&str) -> Result<String>) -> Result<usize> {
        let ledgers = self.ledgers.lock().unwrap();
        let mut wrong = Vec::new();
        for table in self.tables {
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
