//! The last line of a terminal while a step runs: how long clients have been shut out, how far the
//! step is, and how long it still takes. It is redrawn; what is printed goes above it.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{line, printable};
use crate::report::spent;
use crate::step::{Measure, Unit};

/// How often it is redrawn.
const EACH: Duration = Duration::from_millis(500);

/// A rate is shown, and a remaining time, when the step has run for so long.
const SETTLED: Duration = Duration::from_secs(3);

/// See the module.
pub struct Live {
    bar: ProgressBar,
    under_way: Arc<Mutex<UnderWay>>,
    ended: Arc<AtomicBool>,
    drawing: Option<JoinHandle<()>>,
}

/// What is shown.
#[derive(Default)]
struct UnderWay {
    /// When the step began; `None`: nothing is under way.
    began: Option<Instant>,
    measure: Option<Measure>,
    /// About how long the step takes.
    expected: Option<Duration>,
    /// Since when clients are shut out.
    shut_out: Option<Instant>,
}

impl Live {
    /// Where output goes to a terminal that can be redrawn; otherwise `None`, and each line stands
    /// for itself. `shut_out`: clients have been shut out for so long already.
    pub fn on_terminal(shut_out: Option<Duration>) -> Option<Self> {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        if !terminal || std::env::var_os("TERM").is_none_or(|name| name == "dumb") {
            return None;
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{wide_msg}").ok()?);
        let shut_out = shut_out.and_then(|time| Instant::now().checked_sub(time));
        let under_way = Arc::new(Mutex::new(UnderWay { shut_out, ..UnderWay::default() }));
        let ended = Arc::new(AtomicBool::new(false));
        let drawing = {
            let (bar, under_way, ended) = (bar.clone(), Arc::clone(&under_way), Arc::clone(&ended));
            std::thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    std::thread::park_timeout(EACH);
                    let text = lock(&under_way).words();
                    if !text.is_empty() {
                        bar.set_message(printable(&text).into_owned());
                        bar.tick();
                    }
                }
            })
        };
        Some(Self { bar, under_way, ended, drawing: Some(drawing) })
    }

    /// A step begins.
    pub fn begins(&self, measure: Option<Measure>, expected: Option<Duration>, shuts_out: bool) {
        let mut now = lock(&self.under_way);
        let began = Instant::now();
        now.shut_out = now.shut_out.or(shuts_out.then_some(began));
        *now = UnderWay { began: Some(began), measure, expected, shut_out: now.shut_out };
    }

    /// The step is done. `opens`: clients are served again.
    pub fn ends(&self, opens: bool) {
        let mut now = lock(&self.under_way);
        now.began = None;
        if opens {
            now.shut_out = None;
        }
        drop(now);
        self.bar.set_message("");
        self.bar.tick();
    }

    /// Prints a line above.
    pub fn print(&self, text: &str) {
        self.bar.suspend(|| line(text));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(drawing) = self.drawing.take() {
            drawing.thread().unpark();
            let _ = drawing.join();
        }
        self.bar.finish_and_clear();
    }
}

fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl UnderWay {
    fn words(&self) -> String {
        let Some(began) = self.began else { return String::new() };
        let done = self.measure.as_ref().and_then(|measure| {
            Some(Done { done: measure.done()?, total: measure.total(), unit: measure.unit() })
        });
        words(began.elapsed(), self.expected, done, self.shut_out.map(|since| since.elapsed()))
    }
}

/// How much of a step is done.
struct Done {
    done: u64,
    total: Option<u64>,
    unit: Unit,
}

/// What the line says.
fn words(
    elapsed: Duration,
    expected: Option<Duration>,
    done: Option<Done>,
    shut_out: Option<Duration>,
) -> String {
    let mut parts = Vec::new();
    if let Some(time) = shut_out {
        parts.push(format!("shut out for {}", whole(time)));
    }
    parts.push(match expected {
        Some(expected) => format!("step {} of about {}", whole(elapsed), whole(expected)),
        None => format!("step {}", whole(elapsed)),
    });
    if let Some(Done { done, total, unit }) = done {
        let amount = |count: u64| match unit {
            Unit::Bytes => humansize::format_size(count, humansize::BINARY),
            Unit::Items => format!("{count} items"),
        };
        parts.push(match total {
            Some(total) if total >= done => match unit {
                Unit::Bytes => format!("{} of {}", amount(done), amount(total)),
                Unit::Items => format!("{done} of {}", amount(total)),
            },
            _ => amount(done),
        });
        if elapsed >= SETTLED {
            #[expect(clippy::cast_precision_loss, reason = "for people")]
            let rate = done as f64 / elapsed.as_secs_f64();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "for people, and not negative"
            )]
            parts.push(format!("{}/s", amount(rate as u64)));
            if let Some(left) = total.and_then(|total| total.checked_sub(done)) {
                #[expect(clippy::cast_precision_loss, reason = "for people")]
                let left = Duration::try_from_secs_f64(left as f64 / rate).unwrap_or_default();
                parts.push(format!("{} left", whole(left)));
            }
        }
    }
    format!("          {}", parts.join(", "))
}

/// In whole seconds: tenths would only flicker.
fn whole(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 1000);
    if seconds < 10 { format!("{seconds} s") } else { spent(chrono::TimeDelta::seconds(seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_a_terminal_and_says_what_can_be_told() {
        const S: fn(u64) -> Duration = Duration::from_secs;
        let bytes = |done, total| Some(Done { done, total, unit: Unit::Bytes });
        let shown = [
            words(S(2), None, None, None),
            words(S(70), Some(S(95)), None, Some(S(130))),
            words(S(2), None, bytes(3 << 20, Some(1 << 30)), None),
            words(S(40), None, bytes(200 << 20, Some(1 << 30)), Some(S(3700))),
            words(S(40), None, bytes(200 << 20, None), None),
            words(
                S(10),
                None,
                Some(Done { done: 5000, total: Some(2_000_000), unit: Unit::Items }),
                None,
            ),
            // More than the other version had.
            words(S(10), None, Some(Done { done: 50, total: Some(20), unit: Unit::Items }), None),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r"
        step 2 s
        shut out for 2 min 10 s, step 1 min 10 s of about 1 min 35 s
        step 2 s, 3 MiB of 1 GiB
        shut out for 1 h 1 min, step 40 s, 200 MiB of 1 GiB, 5 MiB/s, 2 min 44 s left
        step 40 s, 200 MiB, 5 MiB/s
        step 10 s, 5000 of 2000000 items, 500 items/s, 1 h 6 min left
        step 10 s, 50 items, 5 items/s
        ");
        assert!(shown.iter().all(|line| line.len() <= 100));
    }
}
