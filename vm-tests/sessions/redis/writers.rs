//! Clients that write all the time and keep what was acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::client::{Client, Reply};
use crate::redis::SOCKET;

const CLIENTS: usize = 3;

/// What a client knows of its numbers.
#[derive(Default)]
struct Ledger {
    acknowledged: Vec<u64>,
    /// The longest time between two acknowledgements, of late.
    gap: Duration,
}

/// Each pushes one number after the other to its own list, whoever serves.
pub struct Writers {
    stop: Arc<AtomicBool>,
    ledgers: Vec<Arc<Mutex<Ledger>>>,
    threads: Vec<JoinHandle<()>>,
}

fn list(id: usize) -> String {
    format!("written:{id}")
}

fn write(id: usize, ledger: &Mutex<Ledger>, stop: &AtomicBool) {
    let (mut n, mut last) = (0_u64, Instant::now());
    let going = || !stop.load(Ordering::Relaxed);
    while going() {
        let Ok(mut client) = Client::connect(SOCKET) else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        while going() {
            // A number is not tried again, so that none can be there twice by right.
            n += 1;
            match client.ask(&["RPUSH", &list(id), &n.to_string()]) {
                Ok(Reply::Number(_)) => {}
                // It loads its data, or follows another one.
                Ok(_) => {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                }
                Err(_) => break,
            }
            let mut ledger = ledger.lock().unwrap();
            ledger.gap = ledger.gap.max(last.elapsed());
            ledger.acknowledged.push(n);
            last = Instant::now();
        }
    }
}

impl Writers {
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ledgers: Vec<Arc<Mutex<Ledger>>> = (0..CLIENTS).map(|_| Arc::default()).collect();
        let threads = ledgers.iter().enumerate().map(|(id, ledger)| {
            let (stop, ledger) = (stop.clone(), ledger.clone());
            std::thread::spawn(move || write(id, &ledger, &stop))
        });
        let threads = threads.collect();
        Self { stop, ledgers, threads }
    }

    pub fn acknowledged(&self) -> usize {
        self.ledgers.iter().map(|ledger| ledger.lock().unwrap().acknowledged.len()).sum()
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
        let gaps = self.ledgers.iter().map(|it| std::mem::take(&mut it.lock().unwrap().gap));
        gaps.max().unwrap_or_default()
    }

    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }

    /// Nothing that was acknowledged is missing, and nothing is there twice. Returns how many.
    pub fn check(&self) -> Result<usize> {
        let mut client = Client::connect(SOCKET)?;
        let mut wrong = Vec::new();
        for (id, ledger) in self.ledgers.iter().enumerate() {
            let found = client.ask(&["LRANGE", &list(id), "0", "-1"])?;
            let mut found: Vec<u64> = found
                .list()
                .iter()
                .map(|reply| Ok(String::from_utf8_lossy(&reply.bytes()).parse()?))
                .collect::<Result<_>>()?;
            found.sort_unstable();
            let twice = found.windows(2).filter(|pair| pair[0] == pair[1]);
            wrong.extend(twice.map(|pair| format!("{id}: {} is there twice", pair[0])));
            let missing = |n: &&u64| found.binary_search(n).is_err();
            let missing = ledger
                .lock()
                .unwrap()
                .acknowledged
                .iter()
                .filter(missing)
                .copied()
                .map(|n| format!("{id}: {n} is missing"))
                .collect::<Vec<_>>();
            wrong.extend(missing);
        }
        if wrong.is_empty() {
            return Ok(self.acknowledged());
        }
        wrong.truncate(10);
        bail!("{}", wrong.join("\n"))
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
