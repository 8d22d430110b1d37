//! Failpoints: places where a test can kill the process, cut the power, or let a write find no
//! room, and where a measurement hears how long commands took. Compiled in only with the feature `crash-points`.

#[cfg(feature = "crash-points")]
mod asked;

#[cfg(feature = "crash-points")]
pub use asked::{Failpoints, full, point, set, took};

/// Nothing, but in tests.
///
/// # Errors
/// When a test wants it.
#[cfg(not(feature = "crash-points"))]
pub fn full(_place: &str) -> std::io::Result<()> {
    #[cfg(test)]
    if testing::tick(&format!("full {_place}"), true) {
        return Err(nix::errno::Errno::ENOSPC.into());
    }
    Ok(())
}

/// Nothing, but in tests.
#[cfg(not(feature = "crash-points"))]
pub fn point(_name: &str) {
    #[cfg(test)]
    testing::tick(&format!("point {_name}"), false);
}

/// Nothing, but in measurements.
#[cfg(not(feature = "crash-points"))]
pub fn took(_command: std::time::Duration) {}

/// Strikes of this crate's own tests: at every place that asks, the thread's hook may fail the
/// operation or "kill" the tool (a panic that nothing on the way catches, so that nothing more is
/// written).
#[cfg(test)]
pub(crate) mod testing {
    use std::cell::RefCell;

    /// What happens at a place.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Strike {
        Fail,
        Kill,
    }

    /// The payload of the panic.
    #[derive(Debug)]
    pub(crate) struct Killed;

    /// Gets the place, and whether a failure is possible there.
    pub(crate) type Hook = Box<dyn FnMut(&str, bool) -> Option<Strike>>;

    thread_local! {
        static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    }

    pub(crate) fn set(hook: Option<Hook>) {
        HOOK.with(|slot| *slot.borrow_mut() = hook);
    }

    pub(crate) fn ask(place: &str, may_fail: bool) -> Option<Strike> {
        HOOK.with(|slot| slot.borrow_mut().as_mut().and_then(|hook| hook(place, may_fail)))
    }

    pub(crate) fn kill() -> ! {
        std::panic::resume_unwind(Box::new(Killed))
    }

    /// Whether it fails here. Does not return if it is killed here.
    pub(crate) fn tick(place: &str, may_fail: bool) -> bool {
        match ask(place, may_fail) {
            Some(Strike::Kill) => kill(),
            Some(Strike::Fail) => may_fail,
            None => false,
        }
    }
}
