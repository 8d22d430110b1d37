//! Requests to stop.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the requests to stop (SIGINT, SIGTERM). The first ends the running command gently, the
/// second at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on. `says`: what a person at the terminal is told at
    /// their first Ctrl-C, at the second, and so on.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals(says: &'static [&'static str]) -> std::io::Result<Self> {
        let this = Self::default();
        let terminal = std::io::stderr().is_terminal();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let count = Arc::clone(&this.0);
            let says = if terminal && signal == signal_hook::consts::SIGINT { says } else { &[] };
            // SAFETY: the handler does one atomic addition and one write(2), which are
            // async-signal-safe.
            #[expect(
                unsafe_code,
                reason = "signal-hook leaves it to its caller that a handler is async-signal-safe"
            )]
            unsafe {
                signal_hook::low_level::register(signal, move || {
                    let before = count.fetch_add(1, Ordering::SeqCst);
                    if let Some(text) = says.get(before) {
                        let _ = nix::unistd::write(std::io::stderr(), text.as_bytes());
                    }
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
