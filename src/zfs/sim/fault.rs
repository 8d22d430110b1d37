//! Faults: which call fails, when, and how.

use std::cell::Cell;

use super::FakeEngine;
use crate::zfs::{Result, ZfsError};

/// The moment within a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before it has any effect.
    Before,
    /// At its n-th seam (from 1): between the parts of a call that is not atomic. A clone without
    /// its properties yet, a set of snapshots over two pools,
    /// [`crate::zfs::RollbackMethod::OneByOne`]. A call with fewer seams is struck after its
    /// effect.
    Midway(usize),
    /// After its effect.
    After,
}

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// It returns [`ZfsError::Call`] ("injected").
    Fail,
    /// It returns this error, made from the words of the call.
    FailWith(fn(&str) -> ZfsError),
    /// The tool is killed: this call and every later one, even for reading, returns
    /// [`ZfsError::Unavailable`] ("killed") until [`FakeEngine::revive`].
    Kill,
    /// The same, but by a panic with [`Killed`] as its payload.
    Panic,
}

/// The payload of the panic of [`How::Panic`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Killed {
    /// The call's words.
    pub call: String,
}

/// One fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The number of the changing call, counted from 1 since the world was created.
    pub call: usize,
    /// The moment.
    pub when: When,
    /// What happens.
    pub how: How,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) calls: Vec<String>,
    pub(super) dead: bool,
    waiting: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.dead = false;
    }
}

/// A change in progress.
pub(super) struct Call<'a> {
    engine: &'a FakeEngine,
    words: String,
    fault: Option<Fault>,
    seams: Cell<usize>,
}

impl Call<'_> {
    /// A place between two parts.
    pub(super) fn seam(&self) -> Result<()> {
        self.seams.set(self.seams.get() + 1);
        match self.fault {
            Some(Fault { when: When::Midway(n), how, .. }) if n == self.seams.get() => {
                self.strike(how)
            }
            _ => Ok(()),
        }
    }

    #[expect(clippy::panic, reason = "a fault that a test asked for")]
    fn strike(&self, how: How) -> Result<()> {
        match how {
            How::Fail => {
                Err(ZfsError::Call { call: self.words.clone(), error: "injected".to_owned() })
            }
            How::FailWith(make) => Err(make(&self.words)),
            How::Kill => {
                self.engine.faults().dead = true;
                Err(killed())
            }
            How::Panic => {
                self.engine.faults().dead = true;
                std::panic::panic_any(Killed { call: self.words.clone() })
            }
        }
    }
}

fn killed() -> ZfsError {
    ZfsError::Unavailable("killed".to_owned())
}

impl FakeEngine {
    /// Every reading call begins with this.
    pub(super) fn alive(&self) -> Result<()> {
        if self.faults().dead { Err(killed()) } else { Ok(()) }
    }

    /// Counts a change, makes it, and lets faults strike.
    pub(super) fn change<T>(
        &self,
        words: String,
        work: impl FnOnce(&Call<'_>) -> Result<T>,
    ) -> Result<T> {
        self.alive()?;
        let fault = {
            let mut faults = self.faults();
            faults.calls.push(words.clone());
            let number = faults.calls.len();
            let place = faults.waiting.iter().position(|fault| fault.call == number);
            place.map(|place| faults.waiting.remove(place))
        };
        let call = Call { engine: self, words, fault, seams: Cell::new(0) };
        if let Some(Fault { when: When::Before, how, .. }) = fault {
            call.strike(how)?;
        }
        let done = work(&call)?;
        match fault {
            Some(Fault { when: When::After, how, .. }) => call.strike(how)?,
            Some(Fault { when: When::Midway(n), how, .. }) if n > call.seams.get() => {
                call.strike(how)?
            }
            _ => {}
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zfs::{
        Change, Dataset, DatasetKind, Engine, Guid, RollbackMethod, RollbackTarget, Snapshot,
    };

    fn dataset(name: &str) -> Dataset {
        name.parse().unwrap()
    }

    fn engine() -> FakeEngine {
        let engine = FakeEngine::new();
        engine.add_pool(&"t".parse().unwrap()).unwrap();
        engine.create(&dataset("t/a"), DatasetKind::Filesystem, &[]).unwrap();
        engine.create(&dataset("t/b"), DatasetKind::Filesystem, &[]).unwrap();
        engine
    }

    fn snapshot(engine: &FakeEngine, name: &str) -> Result<Snapshot> {
        let name: Snapshot = name.parse().unwrap();
        engine.snapshot(std::slice::from_ref(&name), &[])?;
        Ok(name)
    }

    #[test]
    fn before_and_after_differ_in_the_effect() {
        let engine = engine();
        engine.inject(Fault { call: 1, when: When::Before, how: How::Fail });
        engine.inject(Fault {
            call: 2,
            when: When::After,
            how: How::FailWith(|call| ZfsError::NoSpace(call.to_owned())),
        });
        assert!(matches!(snapshot(&engine, "t/a@x"), Err(ZfsError::Call { .. })));
        assert!(engine.snapshots(&dataset("t/a")).unwrap().is_empty());
        assert!(
            matches!(snapshot(&engine, "t/a@x"), Err(ZfsError::NoSpace(call)) if call == "snapshot t/a@x")
        );
        assert_eq!(engine.snapshots(&dataset("t/a")).unwrap().len(), 1);
        assert_eq!(engine.calls(), ["snapshot t/a@x", "snapshot t/a@x"]);
    }

    #[test]
    fn a_killed_tool_does_nothing_more_and_a_new_one_sees_what_it_left() {
        let engine = engine();
        engine.inject(Fault { call: 1, when: When::After, how: How::Kill });
        snapshot(&engine, "t/a@x").unwrap_err();
        assert!(engine.is_dead());
        engine.dataset(&dataset("t/a")).unwrap_err();
        snapshot(&engine, "t/a@y").unwrap_err();
        let again = engine.clone();
        again.revive();
        let names: Vec<String> =
            again.snapshots(&dataset("t/a")).unwrap().iter().map(|s| s.name.to_string()).collect();
        assert_eq!(names, ["t/a@x"]);
    }

    #[test]
    fn a_panic_carries_the_call() {
        let engine = engine();
        engine.inject(Fault { call: 1, when: When::Before, how: How::Panic });
        let payload = std::panic::catch_unwind(|| snapshot(&engine, "t/a@x")).unwrap_err();
        assert_eq!(
            payload.downcast_ref::<Killed>(),
            Some(&Killed { call: "snapshot t/a@x".to_owned() })
        );
        assert!(engine.is_dead());
    }

    #[test]
    fn a_clone_struck_at_its_seam_has_no_properties() {
        let engine = engine();
        let origin = snapshot(&engine, "t/a@x").unwrap();
        engine.inject(Fault { call: 2, when: When::Midway(1), how: How::Kill });
        engine
            .clone_snapshot(&origin, &dataset("t/c"), &[("backout:role", "candidate")])
            .unwrap_err();
        engine.revive();
        assert_eq!(engine.dataset(&dataset("t/c")).unwrap().unwrap().origin, Some(origin));
        assert_eq!(engine.local(&dataset("t/c"), "backout:role").unwrap(), None);
    }

    #[test]
    fn a_rollback_one_by_one_can_be_struck_everywhere_and_tried_again() {
        for seam in 1.. {
            let engine = engine();
            let mut targets = Vec::new();
            for name in ["t/a", "t/b"] {
                engine.write(&dataset(name), "old").unwrap();
                let old = snapshot(&engine, &format!("{name}@old")).unwrap();
                engine.write(&dataset(name), "new").unwrap();
                let new = snapshot(&engine, &format!("{name}@new")).unwrap();
                let guid =
                    |s: &Snapshot| -> Guid { engine.snapshot_info(s).unwrap().unwrap().guid };
                targets.push(RollbackTarget {
                    guid: guid(&old),
                    newer: vec![(new.clone(), guid(&new))],
                    snapshot: old,
                    newer_bookmarks: Vec::new(),
                });
                assert_eq!(engine.unmount(&dataset(name)).unwrap(), Change::Made);
            }
            engine.inject(Fault {
                call: engine.calls().len() + 1,
                when: When::Midway(seam),
                how: How::Kill,
            });
            let first = engine.rollback(&targets, "m", RollbackMethod::OneByOne);
            assert!(first.is_err());
            let all = ["t/a", "t/b"]
                .iter()
                .all(|name| engine.content(&dataset(name)).unwrap() == ["old"]);
            engine.revive();
            engine.rollback(&targets, "m", RollbackMethod::OneByOne).unwrap();
            for name in ["t/a", "t/b"] {
                assert_eq!(engine.content(&dataset(name)).unwrap(), ["old"]);
                assert_eq!(
                    engine.local(&dataset(name), crate::zfs::PROP_ROLLED_BACK).unwrap().as_deref(),
                    Some("m")
                );
            }
            if seam > 6 {
                assert!(all, "the last seams lie behind the effect");
                break;
            }
        }
    }
}
