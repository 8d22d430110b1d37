//! The upgraded version beside the previous one after a downgrade: what differs from the way there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;
use crate::playbook::value::TimeLimit;
use crate::playbook::value::template::Template;

/// After a downgrade that kept the upgraded state, the upgraded version can stand by in its turn
/// (`backout standby start`), so that `backout undo` is a switch, and loses nothing. It runs on
/// clones of its data as it was at the downgrade, from `{upgraded_root}`, and is fed with what is
/// written to the previous version. The commands are those of `standby`; each field here takes the
/// place of the one there. It may be empty: then `standby` names `{standby_programs}`, and neither
/// version's own folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandbyBack {
    /// As `standby.start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<CommandSpec>,
    /// As `standby.stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<CommandSpec>,
    /// As `standby.ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<CommandSpec>,
    /// As `standby.ready_within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_within: Option<TimeLimit>,
    /// As `standby.address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Template>,
    /// It does not go on with its own data: `start` or the feed makes it a copy of the previous
    /// version. What a downgrade left out (`restore.rejects`) would be gone, so no standby begins
    /// after such a downgrade.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copies: bool,
    /// As `standby.feed`.
    #[serde(default, skip_serializing_if = "FeedBack::is_empty")]
    pub feed: FeedBack,
    /// As `standby.switch`.
    #[serde(default, skip_serializing_if = "SwitchBack::is_empty")]
    pub switch: SwitchBack,
}

/// See [`StandbyBack::feed`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedBack {
    /// As `standby.feed.start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<CommandSpec>,
    /// As `standby.feed.stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<CommandSpec>,
    /// As `standby.feed.position`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<CommandSpec>,
    /// As `standby.feed.source`, on the previous version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<CommandSpec>,
    /// As `standby.feed.lag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<CommandSpec>,
    /// As `standby.feed.watch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<CommandSpec>,
}

/// See [`StandbyBack::switch`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchBack {
    /// As `standby.switch.refuse`, on the previous version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refuse: Option<CommandSpec>,
    /// As `standby.switch.allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<CommandSpec>,
    /// As `standby.switch.drain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<CommandSpec>,
    /// As `standby.switch.settle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<CommandSpec>,
    /// As `standby.switch.end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<CommandSpec>,
    /// As `standby.switch.rest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<CommandSpec>,
    /// As `standby.switch.serve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serve: Option<CommandSpec>,
    /// As `standby.switch.serve_stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serve_stop: Option<CommandSpec>,
    /// As `standby.switch.reinstall`: when the upgraded version's packages are installed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reinstall: Option<Reinstall>,
}

impl FeedBack {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl SwitchBack {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When a version's packages are installed again after a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reinstall {
    /// While the previous version serves from `{previous_root}`: clients then wait for a restart
    /// alone. The packages' scripts must let that server run; the units are masked.
    #[default]
    Serving,
    /// After `serve_stop`: the service is closed meanwhile.
    Stopped,
}

impl Reinstall {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn is_serving(&self) -> bool {
        *self == Self::Serving
    }
}
