//! The same work for several databases at the same time.

use crate::product::stream::HelperError;

/// So many, where most of it is waiting.
const AT_ONCE: usize = 8;

/// How many of what needs a processor each, at most.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(AT_ONCE)
}

/// Does the same with each of these, some of them at the same time: most of it is waiting.
pub(super) fn at_once<T: Sync>(
    all: &[T],
    work: impl Fn(&T) -> Result<(), HelperError> + Sync,
) -> Result<(), HelperError> {
    let broken = |_| Err(HelperError::Failed("a thread has ended without a result".into()));
    for some in all.chunks(AT_ONCE) {
        let results: Vec<Result<(), HelperError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = some.iter().map(|one| scope.spawn(|| work(one))).collect();
            threads.into_iter().map(|one| one.join().unwrap_or_else(broken)).collect()
        });
        results.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}
