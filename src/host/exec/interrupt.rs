//! Requests to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the requests to stop (SIGINT, SIGTERM). The first ends the running command gently, the
/// second at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals() -> std::io::Result<Self> {
        let this = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let count = Arc::clone(&this.0);
            // SAFETY: the handler does one atomic addition, which is async-signal-safe.
            #[expect(
                unsafe_code,
                reason = "signal-hook leaves it to its caller that a handler is async-signal-safe"
            )]
            unsafe {
                signal_hook::low_level::register(signal, move || {
                    count.fetch_add(1, Ordering::SeqCst);
                })?;
            }
        }
        Ok(this)
    }

    /// Whether a stop was requested.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    /// The request was heard, and something has to be taken back now. A later one counts again.
    pub fn heard(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Requests a stop, as a signal would.
    pub fn request(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
