//! Points at which a test can kill the process for real. Without the feature `crash-points` nothing of it is compiled in.

/// Kills this process with SIGKILL the first time the point of this name is reached, when `BACKOUT_CRASH_LOG` names a file: the names of the points that
/// have fired stand in it, so that each run of a test gets one point further. With `BACKOUT_CRASH_AT` only the point of that name fires; with
/// `BACKOUT_CRASH_SAMPLE`, such as `3 1`, only one of three, beginning with the second, and the others stand in the file with a `-`.
///
/// With `BACKOUT_CUT_FIRED`, a file of names too, nothing is killed: at a point that is not in it the process writes `cut me here: NAME` to the console and
/// stands still, for the host to take the power away. With `BACKOUT_CUT_ONLY`, another such file, only at the points in that one; `*:done` there is each
/// point that ends so.
#[cfg(feature = "crash-points")]
pub fn point(name: &str) {
    use std::io::Write;
    let stands_in = |variable: &str| {
        let text = std::env::var_os(variable).map(|path| std::fs::read_to_string(path).unwrap_or_default());
        text.map(|text| text.lines().any(|line| line == name || line.strip_prefix('*').is_some_and(|end| name.ends_with(end))))
    };
    if stands_in("BACKOUT_CUT_FIRED") == Some(false)
        && stands_in("BACKOUT_CUT_ONLY") != Some(false)
        && let Ok(mut console) = std::fs::OpenOptions::new().write(true).open("/dev/console")
    {
        let _ = writeln!(console, "\ncut me here: {name}");
        loop {
            std::thread::park();
        }
    }
    let Some(path) = std::env::var_os("BACKOUT_CRASH_LOG") else { return };
    if std::env::var("BACKOUT_CRASH_AT").is_ok_and(|only| only != name) {
        return;
    }
    let fired = std::fs::read_to_string(&path).unwrap_or_default();
    if fired.lines().any(|line| line.strip_prefix('-').unwrap_or(line) == name) {
        return;
    }
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(&path) {
        let sample = std::env::var("BACKOUT_CRASH_SAMPLE").unwrap_or_default();
        let mut numbers = sample.split(' ').filter_map(|number| number.parse::<usize>().ok());
        if let (Some(every), Some(first)) = (numbers.next().filter(|every| *every > 0), numbers.next())
            && fired.lines().count() % every != first % every
        {
            let _ = writeln!(file, "-{name}");
            return;
        }
        let _ = writeln!(file, "{name}");
        let _ = file.sync_all();
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    }
}

/// What a full disk says when something is written, the first time that the place of this name is reached, when `BACKOUT_FULL_LOG` names a file: the places
/// that have failed stand in it.
///
/// # Errors
/// "No space left on device".
#[cfg(feature = "crash-points")]
pub fn full(place: &str) -> std::io::Result<()> {
    use std::io::Write;
    let Some(path) = std::env::var_os("BACKOUT_FULL_LOG") else { return Ok(()) };
    let failed = std::fs::read_to_string(&path).unwrap_or_default();
    if failed.lines().any(|line| line == place) {
        return Ok(());
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
    writeln!(file, "{place}")?;
    Err(nix::errno::Errno::ENOSPC.into())
}

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

/// Strikes of this crate's own tests: at every place that asks, the thread's hook may fail the operation or "kill" the tool (a panic that nothing on the
/// way catches, so that nothing more is written).
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

    /// Gets the place and whether a failure is possible there.
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

    /// Whether it fails here; does not return when it is killed here.
    pub(crate) fn tick(place: &str, may_fail: bool) -> bool {
        match ask(place, may_fail) {
            Some(Strike::Kill) => kill(),
            Some(Strike::Fail) => may_fail,
            None => false,
        }
    }
}
