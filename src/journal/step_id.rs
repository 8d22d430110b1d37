//! The names of steps: what stands in journals, and what people read in `status` and in the log.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a step, once in a plan. Some are fixed; others name what they are for behind a
/// colon.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(Cow<'static, str>);

#[allow(missing_docs, reason = "the name says it; what each does is in `step/`")]
impl StepId {
    pub const SAVE_INSTALLER: Self = Self(Cow::Borrowed("save-installer"));
    pub const SAVE_CONFIG: Self = Self(Cow::Borrowed("save-config"));
    pub const SAVE_CONFIG_UPGRADED: Self = Self(Cow::Borrowed("save-config-upgraded"));
    pub const PUT_CONFIG: Self = Self(Cow::Borrowed("put-config"));
    pub const KEEP_PROGRAMS: Self = Self(Cow::Borrowed("keep-programs"));
    pub const KEEP_PROGRAMS_PREVIOUS: Self = Self(Cow::Borrowed("keep-programs-previous"));
    pub const STANDBY_MOUNT: Self = Self(Cow::Borrowed("standby-mount"));
    pub const STANDBY_START: Self = Self(Cow::Borrowed("standby-start"));
    pub const FEED_START: Self = Self(Cow::Borrowed("feed-start"));
    pub const CATCH_UP: Self = Self(Cow::Borrowed("catch-up"));
    pub const CATCH_UP_AGAIN: Self = Self(Cow::Borrowed("catch-up-again"));
    pub const FEED_STOP: Self = Self(Cow::Borrowed("feed-stop"));
    pub const STANDBY_STOP: Self = Self(Cow::Borrowed("standby-stop"));
    pub const STANDBY_DROP: Self = Self(Cow::Borrowed("standby-drop"));
    pub const STANDBY_RESUME: Self = Self(Cow::Borrowed("standby-resume"));
    pub const STANDBY_SET_UP: Self = Self(Cow::Borrowed("standby-set-up"));
    pub const STANDBY_FORGET: Self = Self(Cow::Borrowed("standby-forget"));
    pub const REFUSE: Self = Self(Cow::Borrowed("refuse"));
    pub const ALLOW: Self = Self(Cow::Borrowed("allow"));
    pub const SOURCE_POSITION: Self = Self(Cow::Borrowed("source-position"));
    pub const DRAIN: Self = Self(Cow::Borrowed("drain"));
    pub const SETTLE: Self = Self(Cow::Borrowed("settle"));
    pub const END_UPGRADED: Self = Self(Cow::Borrowed("end-upgraded"));
    pub const REST: Self = Self(Cow::Borrowed("rest"));
    pub const SERVE: Self = Self(Cow::Borrowed("serve"));
    pub const SERVE_STOP: Self = Self(Cow::Borrowed("serve-stop"));
    pub const PUT_CONFIG_AGAIN: Self = Self(Cow::Borrowed("put-config-again"));
    pub const HOLD_CONNECTIONS: Self = Self(Cow::Borrowed("hold-connections"));
    pub const HOLD_CONNECTIONS_AGAIN: Self = Self(Cow::Borrowed("hold-connections-again"));
    pub const LET_THROUGH: Self = Self(Cow::Borrowed("let-through"));
    pub const LET_THROUGH_AGAIN: Self = Self(Cow::Borrowed("let-through-again"));
    pub const LEAVE_ALONE: Self = Self(Cow::Borrowed("leave-alone"));
    pub const STOP: Self = Self(Cow::Borrowed("stop"));
    pub const SNAPSHOT: Self = Self(Cow::Borrowed("snapshot"));
    pub const RESERVE: Self = Self(Cow::Borrowed("reserve"));
    pub const INSTALL_BESIDE: Self = Self(Cow::Borrowed("install-beside"));
    pub const UPGRADE: Self = Self(Cow::Borrowed("upgrade"));
    pub const UPGRADE_AGAIN: Self = Self(Cow::Borrowed("upgrade-again"));
    pub const START: Self = Self(Cow::Borrowed("start"));
    pub const AGENT: Self = Self(Cow::Borrowed("agent"));
    pub const MARK: Self = Self(Cow::Borrowed("mark"));
    pub const AWAIT_NODES: Self = Self(Cow::Borrowed("await-nodes"));
    pub const HAND_BACK: Self = Self(Cow::Borrowed("hand-back"));
    pub const RELEASE_RESERVE: Self = Self(Cow::Borrowed("release-reserve"));
    pub const MAINTENANCE_START: Self = Self(Cow::Borrowed("maintenance-start"));
    pub const TARGET_POSITION: Self = Self(Cow::Borrowed("goal"));
    pub const CAPTURE: Self = Self(Cow::Borrowed("capture"));
    pub const WHOLE_NOTICE: Self = Self(Cow::Borrowed("whole-notice"));
    pub const WHOLE_WRITE: Self = Self(Cow::Borrowed("whole-write"));
    pub const WHOLE_LOAD: Self = Self(Cow::Borrowed("whole-load"));
    pub const REPAIR_NOTICE: Self = Self(Cow::Borrowed("repair-notice"));
    pub const REPAIR_WRITE: Self = Self(Cow::Borrowed("repair-write"));
    pub const REPAIR_LOAD: Self = Self(Cow::Borrowed("repair-load"));
    pub const DROP_CLONES: Self = Self(Cow::Borrowed("drop-clones"));
    pub const MAINTENANCE_STOP: Self = Self(Cow::Borrowed("maintenance-stop"));
    pub const VERIFY: Self = Self(Cow::Borrowed("verify"));
    pub const UNMOUNT: Self = Self(Cow::Borrowed("unmount"));
    pub const SNAPSHOT_UPGRADED: Self = Self(Cow::Borrowed("snapshot-upgraded"));
    pub const SNAPSHOT_BASE: Self = Self(Cow::Borrowed("snapshot-base"));
    pub const SNAPSHOT_RESTORED: Self = Self(Cow::Borrowed("snapshot-restored"));
    pub const ROLLBACK_BASE: Self = Self(Cow::Borrowed("rollback-base"));
    pub const ROLLBACK: Self = Self(Cow::Borrowed("rollback"));
    pub const MOUNT: Self = Self(Cow::Borrowed("mount"));
    pub const MOVE_ASIDE: Self = Self(Cow::Borrowed("move-aside"));
    pub const MAKE_EMPTY: Self = Self(Cow::Borrowed("make-empty"));
    pub const MOVE_BACK: Self = Self(Cow::Borrowed("move-back"));
    pub const UNINSTALL: Self = Self(Cow::Borrowed("uninstall"));
    pub const REINSTALL: Self = Self(Cow::Borrowed("reinstall"));
    pub const MAINTENANCE_START_PREVIOUS: Self = Self(Cow::Borrowed("maintenance-start-previous"));
    pub const RESTORE: Self = Self(Cow::Borrowed("restore"));
    pub const PROVE: Self = Self(Cow::Borrowed("prove"));
    pub const MAINTENANCE_STOP_PREVIOUS: Self = Self(Cow::Borrowed("maintenance-stop-previous"));
    pub const DROP_UPGRADED: Self = Self(Cow::Borrowed("drop-upgraded"));
    pub const DROP_SNAPSHOT: Self = Self(Cow::Borrowed("drop-snapshot"));
    pub const SUCCEED: Self = Self(Cow::Borrowed("succeed"));
    pub const PROMOTE: Self = Self(Cow::Borrowed("promote"));
    pub const DESTROY: Self = Self(Cow::Borrowed("destroy"));
    pub const REMOVE_ASIDE: Self = Self(Cow::Borrowed("remove-aside"));
    pub const REMOVE_KEPT: Self = Self(Cow::Borrowed("remove-kept"));
    pub const DROP: Self = Self(Cow::Borrowed("drop"));
}

impl StepId {
    /// A step of a family, for one thing: `inventory:keys`, `clone:tank/app`.
    pub fn of(family: Family, what: impl fmt::Display) -> Self {
        Self(Cow::Owned(format!("{}:{what}", family.as_str())))
    }

    /// Whether it is a step of this family.
    pub fn is_of(&self, family: Family) -> bool {
        self.0.split_once(':').is_some_and(|(name, _)| name == family.as_str())
    }

    /// What a step of this family is for.
    pub fn what(&self, family: Family) -> Option<&str> {
        let (name, what) = self.0.split_once(':')?;
        (name == family.as_str()).then_some(what)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The steps that a plan may have several of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the name says it; what each does is in `step/`")]
pub enum Family {
    Inventory,
    InventoryFound,
    Touched,
    Ahead,
    Capture,
    Clone,
    StandbyClone,
    SetAside,
    TakePlace,
    PutBack,
    Hold,
    Restore,
    Prove,
    Assign,
    Drop,
    LetGo,
}

impl Family {
    fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::InventoryFound => "inventory-found",
            Self::Touched => "touched",
            Self::Ahead => "ahead",
            Self::Capture => "capture",
            Self::Clone => "clone",
            Self::StandbyClone => "standby-clone",
            Self::SetAside => "set-aside",
            Self::TakePlace => "take-place",
            Self::PutBack => "put-back",
            Self::Hold => "hold",
            Self::Restore => "restore",
            Self::Prove => "prove",
            Self::Assign => "assign",
            Self::Drop => "drop",
            Self::LetGo => "let-go",
        }
    }
}

impl From<&str> for StepId {
    fn from(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

/// So that a test may say what it expects in plain words.
#[cfg(test)]
impl PartialEq<str> for StepId {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

/// As a text in quotes: it stands in messages.
impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.as_ref(), f)
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_it_always_was() {
        let id = StepId::of(Family::InventoryFound, "keys");
        assert_eq!(serde_json::to_string(&id).expect("serialises"), r#""inventory-found:keys""#);
        assert!(
            id.is_of(Family::InventoryFound)
                && !id.is_of(Family::Inventory)
                && !StepId::PROVE.is_of(Family::Prove)
        );
        assert_eq!(serde_json::from_str::<StepId>(r#""prove""#).expect("parses"), StepId::PROVE);
        assert_eq!(StepId::from("prove"), StepId::PROVE);
    }
}
