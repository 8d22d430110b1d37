//! Rollback in place: the checks before it, and the order of the operations. The engines provide
//! the operations ([`Hands`]).
//!
//! `zfs rollback -r` is never used: it destroys newer snapshots one by one, and may stop half-way
//! without having rolled back the data. So everything is checked first, and snapshots are destroyed
//! by name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::of_errno;
use super::newer::{self, is_newer};
use super::program::lines;
use super::verify::{free, same};
use super::words::{LONGEST, batches};
use super::{
    BookmarkInfo, Dataset, DatasetInfo, Engine, Guid, PROP_ROLLED_BACK, Pool, Result,
    RollbackMethod, RollbackTarget, Snapshot, SnapshotInfo, ZfsError, outermost,
};

/// The channel program (`zfs-program(8)`).
pub(super) const PROGRAM: &str = concat!(include_str!("program.lua"), include_str!("rollback.lua"));

/// How often the program is tried while something is in use: udev(7) opens a volume briefly after
/// each writer.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);

/// The operations that an engine provides for [`rollback`].
pub(super) trait Hands: Engine {
    /// Runs a channel program and returns its string.
    fn program(&self, program: &str, pool: &Pool, arguments: &[String]) -> Result<String>;
    /// Rolls back to this snapshot if it is the newest; never destroys another.
    fn rollback_to(&self, snapshot: &Snapshot) -> Result<()>;
    /// Destroys a bookmark. Succeeds if it does not exist.
    fn destroy_bookmark(&self, name: &str) -> Result<()>;
}

/// A target that was checked: nothing forbids its rollback.
#[derive(Debug)]
pub(super) struct Work<'a> {
    /// As requested.
    pub target: &'a RollbackTarget,
    /// Its dataset.
    pub dataset: Dataset,
    /// The existing newer snapshots, newest first.
    pub newer: Vec<SnapshotInfo>,
    /// The existing newer bookmarks.
    pub newer_bookmarks: Vec<String>,
    /// The other bookmarks.
    pub bookmarks: Vec<String>,
}

/// Checks all targets and changes nothing. Leaves out those that carry the mark already.
pub(super) fn look<'a>(
    engine: &dyn Engine,
    targets: &'a [RollbackTarget],
    mark: &str,
) -> Result<Vec<Work<'a>>> {
    let mut seen = BTreeSet::new();
    let names: Vec<Dataset> = targets.iter().map(|target| target.snapshot.dataset()).collect();
    if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(ZfsError::Unexpected {
            command: "rollback".to_owned(),
            detail: format!("{twice} is named twice"),
        });
    }
    let marks = engine.locals_of(&names, &[PROP_ROLLED_BACK])?;
    let rest: Vec<(&RollbackTarget, Dataset)> = targets
        .iter()
        .zip(names)
        .zip(marks)
        .filter(|(_, here)| here.get(PROP_ROLLED_BACK).map(String::as_str) != Some(mark))
        .map(|(pair, _)| pair)
        .collect();
    let mut before =
        Before::read(engine, &rest.iter().map(|(_, dataset)| dataset).collect::<Vec<_>>())?;
    rest.into_iter()
        .map(|(target, dataset)| look_at(engine, &mut before, target, dataset))
        .collect()
}

/// The datasets with their snapshots and bookmarks, read once for all targets.
#[derive(Default)]
struct Before {
    datasets: BTreeMap<Dataset, (DatasetInfo, Vec<SnapshotInfo>)>,
    bookmarks: BTreeMap<String, Vec<BookmarkInfo>>,
}

impl Before {
    fn read(engine: &dyn Engine, names: &[&Dataset]) -> Result<Self> {
        let mut before = Self::default();
        for root in outermost(names, |name| name) {
            for (info, snapshots) in engine.history(root)? {
                before.datasets.insert(info.name.clone(), (info, snapshots));
            }
            for bookmark in engine.bookmarks_below(root)? {
                let dataset = bookmark.name.split('#').next().unwrap_or_default().to_owned();
                before.bookmarks.entry(dataset).or_default().push(bookmark);
            }
        }
        Ok(before)
    }
}

fn look_at<'a>(
    engine: &dyn Engine,
    before: &mut Before,
    target: &'a RollbackTarget,
    dataset: Dataset,
) -> Result<Work<'a>> {
    let (info, snapshots) =
        before.datasets.remove(&dataset).ok_or_else(|| ZfsError::NotFound(dataset.to_string()))?;
    if info.mounted {
        // `zfs rollback` would roll back under open files, and mapped pages would stay stale
        // (openzfs#10931).
        return Err(ZfsError::Busy {
            what: dataset.to_string(),
            detail: "it is mounted".to_owned(),
        });
    }
    let snapshot = snapshots
        .iter()
        .find(|snapshot| snapshot.name == target.snapshot)
        .cloned()
        .ok_or_else(|| ZfsError::NotFound(target.snapshot.to_string()))?;
    same(&target.snapshot, snapshot.guid, target.guid)?;
    if info.refquota.is_some_and(|quota| snapshot.referenced > quota) {
        return Err(ZfsError::NoSpace(format!(
            "the refquota of {dataset} is less than what {} refers to",
            snapshot.name
        )));
    }
    let mut newer: Vec<SnapshotInfo> = newer::newer(snapshots, &snapshot).collect();
    newer.reverse();
    let named: BTreeMap<&Snapshot, Guid> =
        target.newer.iter().map(|(name, guid)| (name, *guid)).collect();
    let (newer_bookmarks, bookmarks): (Vec<_>, Vec<_>) = before
        .bookmarks
        .remove(dataset.as_str())
        .unwrap_or_default()
        .into_iter()
        .partition(|bookmark| is_newer(bookmark, &snapshot));
    let newer_bookmarks: Vec<String> =
        newer_bookmarks.into_iter().map(|bookmark| bookmark.name).collect();
    let unnamed: Vec<String> = newer
        .iter()
        .filter(|other| !named.contains_key(&other.name))
        .map(|other| other.name.to_string())
        .chain(
            newer_bookmarks.iter().filter(|name| !target.newer_bookmarks.contains(name)).cloned(),
        )
        .collect();
    if !unnamed.is_empty() {
        return Err(ZfsError::Newer { dataset, newer: unnamed });
    }
    for other in &newer {
        if let Some(expected) = named.get(&other.name) {
            same(&other.name, other.guid, *expected)?;
        }
        free(engine, other)?;
    }
    Ok(Work {
        target,
        dataset,
        newer,
        newer_bookmarks,
        bookmarks: bookmarks.into_iter().map(|bookmark| bookmark.name).collect(),
    })
}

/// `Engine::may_roll_back` of the real engines.
pub(super) fn allowed(
    hands: &impl Hands,
    targets: &[RollbackTarget],
    mark: &str,
    method: RollbackMethod,
) -> Result<()> {
    let work = look(hands, targets, mark)?;
    if method == RollbackMethod::Program { check(hands, &by_pool(&work), mark) } else { Ok(()) }
}

/// `Engine::rollback` of the real engines.
pub(super) fn rollback(
    hands: &impl Hands,
    targets: &[RollbackTarget],
    mark: &str,
    method: RollbackMethod,
) -> Result<()> {
    let work = look(hands, targets, mark)?;
    match method {
        RollbackMethod::Program => by_program(hands, &work, mark)?,
        RollbackMethod::OneByOne => work.iter().try_for_each(|one| one_by_one(hands, one, mark))?,
    }
    done(hands, &work, mark)
}

fn by_pool<'a, 'b>(work: &'a [Work<'b>]) -> BTreeMap<Pool, Vec<&'a Work<'b>>> {
    let mut pools: BTreeMap<Pool, Vec<&Work<'_>>> = BTreeMap::new();
    for one in work {
        pools.entry(one.dataset.pool()).or_default().push(one);
    }
    pools
}

/// The program sees more than commands do: whether a snapshot is being sent, whether a volume is
/// open. `zfs program -n` does not: outside of a transaction group, what is in use looks free (seen
/// with 2.1.11).
fn check(hands: &impl Hands, pools: &BTreeMap<Pool, Vec<&Work<'_>>>, mark: &str) -> Result<()> {
    for (pool, work) in pools {
        for part in batches(work, LONGEST, |one| arguments("check", &[one], mark).join("  ").len())
        {
            run(hands, pool, &arguments("check", part, mark), "ready")?;
        }
    }
    Ok(())
}

/// Runs the program, repeatedly while something is in use. It changes nothing in that case.
fn run(hands: &impl Hands, pool: &Pool, arguments: &[String], expected: &str) -> Result<()> {
    let mut tries = 1;
    loop {
        match understand(hands, &hands.program(PROGRAM, pool, arguments)?, expected) {
            Err(ZfsError::Busy { .. }) if tries < TRIES => std::thread::sleep(PAUSE),
            result => return result,
        }
        tries += 1;
    }
}

fn by_program(hands: &impl Hands, work: &[Work<'_>], mark: &str) -> Result<()> {
    let pools = by_pool(work);
    // With one pool and no bookmark, the program itself checks everything before it changes
    // anything.
    if pools.len() > 1 || work.iter().any(|one| !one.newer_bookmarks.is_empty()) {
        check(hands, &pools, mark)?;
    }
    for (pool, work) in &pools {
        // A program cannot destroy bookmarks, nor roll back while there are newer ones.
        for name in work.iter().flat_map(|one| &one.newer_bookmarks) {
            hands.destroy_bookmark(name)?;
        }
        // As long as the list of snapshots is longer than a command takes, nothing is rolled back.
        let all = arguments("do", work, mark);
        if all.iter().map(|word| word.len() + 9).sum::<usize>() <= LONGEST {
            run(hands, pool, &all, "done")?;
            continue;
        }
        let newer = work.iter().flat_map(|one| &one.newer);
        let newer: Vec<(Snapshot, Guid)> =
            newer.map(|snapshot| (snapshot.name.clone(), snapshot.guid)).collect();
        hands.destroy_snapshots(&newer)?;
        for part in parts(work) {
            let mut words = arguments("do", &[], mark);
            part.iter().for_each(|one| add_target(&mut words, one, &[], &[]));
            run(hands, pool, &words, "done")?;
        }
    }
    Ok(())
}

/// The datasets that one program takes: all of a pool, unless their names are more than a command
/// takes.
fn parts<'a, 'b, 'c>(work: &'c [&'a Work<'b>]) -> Vec<&'c [&'a Work<'b>]> {
    let words = |one: &Work<'_>| {
        let name = one.target.snapshot.as_str().len();
        one.bookmarks.iter().fold(name, |sum, bookmark| sum + bookmark.len() + 30) + 40
    };
    batches(work, LONGEST, |one| words(one))
}

fn arguments(mode: &str, work: &[&Work<'_>], mark: &str) -> Vec<String> {
    let mut words: Vec<String> = [mode, PROP_ROLLED_BACK, mark].map(str::to_owned).into();
    for one in work {
        let bookmarks: &[String] = if mode == "check" { &one.newer_bookmarks } else { &[] };
        add_target(&mut words, one, &one.newer, bookmarks);
    }
    words
}

/// One dataset for the program, with the newer snapshots and bookmarks that may exist.
fn add_target(words: &mut Vec<String>, one: &Work<'_>, newer: &[SnapshotInfo], marks: &[String]) {
    // Lua's numbers are signed (zfs-program(8), zfs.get_prop), and the program compares strings.
    let signed = |guid: Guid| guid.0.cast_signed().to_string();
    words.extend(["T".to_owned(), one.target.snapshot.to_string(), signed(one.target.guid)]);
    for snapshot in newer {
        words.extend(["N".to_owned(), snapshot.name.to_string(), signed(snapshot.guid)]);
    }
    for bookmark in one.bookmarks.iter().chain(marks) {
        words.extend(["B".to_owned(), bookmark.clone(), "0".to_owned()]);
    }
}

fn understand(engine: &dyn Engine, answer: &str, expected: &str) -> Result<()> {
    if answer == expected {
        return Ok(());
    }
    let unexpected = |detail: String| ZfsError::Unexpected {
        command: "the rollback program".to_owned(),
        detail,
    };
    let lines = lines(answer);
    let newer: Vec<&str> =
        lines.iter().filter(|line| line.kind == "newer").map(|line| line.name).collect();
    if let Some(name) = newer.first() {
        let dataset: Dataset = name.split(['@', '#']).next().unwrap_or_default().parse()?;
        return Err(ZfsError::Newer {
            dataset,
            newer: newer.into_iter().map(str::to_owned).collect(),
        });
    }
    let Some(line) = lines.first() else {
        return Err(unexpected("it returned nothing".to_owned()));
    };
    Err(match line.kind {
        "missing" => ZfsError::NotFound(line.name.to_owned()),
        "replaced" => unexpected(format!(
            "{} has the guid {} (signed), which is not the expected one",
            line.name, line.detail
        )),
        "held" | "cloned" => line.not_free(engine)?,
        "snapshot" | "rollback" => match line.detail.parse() {
            Ok(errno) => of_errno(errno, "rollback", line.name),
            Err(_) => unexpected(format!("{answer:?}")),
        },
        "halfway" => unexpected(format!(
            "it stopped half-way at {} ({}): newer snapshots may be gone already, datasets \
                without the mark have not gone back",
            line.name,
            line.detail.parse().map_or_else(
                |_| line.detail.to_owned(),
                |errno| std::io::Error::from_raw_os_error(errno).to_string()
            )
        )),
        _ => unexpected(format!("{answer:?}")),
    })
}

fn one_by_one(hands: &impl Hands, one: &Work<'_>, mark: &str) -> Result<()> {
    for name in &one.newer_bookmarks {
        hands.destroy_bookmark(name)?;
    }
    for snapshot in &one.newer {
        hands.destroy_snapshot(&snapshot.name, snapshot.guid)?;
    }
    hands.rollback_to(&one.target.snapshot)?;
    hands.set(&one.dataset, PROP_ROLLED_BACK, mark)
}

/// Checks the effect: each has the mark, and its target is the newest snapshot.
fn done(engine: &dyn Engine, work: &[Work<'_>], mark: &str) -> Result<()> {
    let unexpected =
        |detail: String| Err(ZfsError::Unexpected { command: "rollback".to_owned(), detail });
    let names: Vec<Dataset> = work.iter().map(|one| one.dataset.clone()).collect();
    let marks = engine.locals_of(&names, &[PROP_ROLLED_BACK])?;
    let without =
        |here: &super::Properties| here.get(PROP_ROLLED_BACK).map(String::as_str) != Some(mark);
    if let Some((name, _)) = names.iter().zip(&marks).find(|(_, here)| without(here)) {
        return unexpected(format!("{name} does not carry the mark"));
    }
    let before = Before::read(engine, &names.iter().collect::<Vec<_>>())?;
    for one in work {
        let newest = before.datasets.get(&one.dataset).and_then(|(_, list)| list.last());
        if newest.is_none_or(|newest| newest.guid != one.target.guid) {
            return unexpected(format!(
                "{} is not the newest snapshot of {}",
                one.target.snapshot, one.dataset
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::FakeEngine;

    fn understood(answer: &str) -> ZfsError {
        understand(&FakeEngine::new(), answer, "done").expect_err("not done")
    }

    #[test]
    fn every_answer_of_the_program_has_a_meaning() {
        let newer = understood("newer\tt/a b@x y\t\nreplaced\tt/a@z\t-1\nnewer\tt/a b#c\t");
        assert!(
            matches!(&newer, ZfsError::Newer { newer, .. } if newer == &["t/a b@x y", "t/a b#c"]),
            "{newer}"
        );
        assert!(matches!(understood("missing\tt/a\t"), ZfsError::NotFound(name) if name == "t/a"));
        assert!(matches!(understood("rollback\tt/a\t16"), ZfsError::Busy { .. }));
        assert!(matches!(understood("rollback\tt/a\t122"), ZfsError::NoSpace(_)));
        assert!(
            understood("halfway\tt/a@b\t28")
                .to_string()
                .contains("half-way at t/a@b (No space left")
        );
        for odd in ["", "ready", "\t\t", "what\tis\tthis", "rollback\tt/a\tx"] {
            assert!(matches!(understood(odd), ZfsError::Unexpected { .. }), "{odd:?}");
        }
    }

    #[test]
    fn guids_are_signed_for_lua() {
        let target = RollbackTarget {
            snapshot: "t/a b@c".parse().unwrap(),
            guid: Guid(u64::MAX),
            newer: Vec::new(),
            newer_bookmarks: vec!["t/a b#n".to_owned()],
        };
        let work = Work {
            target: &target,
            dataset: "t/a b".parse().unwrap(),
            newer: Vec::new(),
            newer_bookmarks: vec!["t/a b#n".to_owned()],
            bookmarks: vec!["t/a b#o".to_owned()],
        };
        assert_eq!(
            arguments("do", &[&work], "m")[3..],
            ["T", "t/a b@c", "-1", "B", "t/a b#o", "0"]
        );
        assert_eq!(
            arguments("check", &[&work], "m")[6..],
            ["B", "t/a b#o", "0", "B", "t/a b#n", "0"]
        );
    }
}
