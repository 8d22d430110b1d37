//! The previous version beside the upgraded one, on a clone of the snapshot, fed with what is
//! written since.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::playbook::model::CommandSpec;
pub use crate::playbook::model::standby_back::Reinstall;
use crate::playbook::model::standby_back::StandbyBack;
use crate::playbook::value::TimeLimit;
use crate::playbook::value::template::Template;

/// What `feed.position` prints while the standby is filled with what there was when it began.
pub const BEING_FILLED: &str = "-";

/// How the previous version is kept running beside the upgraded one (`backout standby start`), so
/// that a downgrade is a switch. Its programs are those that `aside.files` and `aside.also` name,
/// copied before the upgrade into `{previous_root}`, each at its own path; `{standby_programs}` is the
/// same, and for `back` that of the upgraded version. Where both versions are installed side by side,
/// no command names either: then they are those of the host, and nothing is copied. Its data is a
/// clone of the snapshot: below `{standby_root}` each path is at its own place
/// (`{standby_root}{datadir}`).
/// Its server has a socket of its own, no network, and runs in units whose names begin with
/// `backout-standby-` and `backout-feed-`. Every command may run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standby {
    /// Starts the previous version on the clones, from `{previous_root}`: no clients, no network.
    /// What it has not flushed when the power fails must be fed again.
    pub start: CommandSpec,
    /// Stops it. It succeeds when it does not run.
    pub stop: CommandSpec,
    /// Succeeds when it answers. Repeated until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<CommandSpec>,
    /// How long `ready` may take. Default: 2 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_within: Option<TimeLimit>,
    /// Where it is asked for lists: `{address}` in the commands of `inventory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Template>,
    /// Whether the upgraded server forgets what the standby told it to have on the disk: what a power
    /// cut then took from the clones would not be fed again. With `true`, a flush of the standby is
    /// one. Otherwise a flush does nothing on its clones until the switch, which is quicker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub durable: bool,
    /// How it gets what is written to the upgraded version.
    pub feed: Feed,
    /// How it takes over.
    pub switch: SwitchOver,
    /// Takes back what the upgrade itself made in the upgraded server for a standby, such as a
    /// replication slot: before a commit, and before a downgrade without a switch, while that server
    /// runs. It succeeds if there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forget: Option<CommandSpec>,
    /// How the upgraded version stands by after a downgrade, if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<StandbyBack>,
}

/// See [`Standby::feed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Starts it, in a unit of its own (`backout-feed-NAME`): what is written to the upgraded
    /// version comes to the standby, once, from the position that the standby itself holds. It is
    /// harmless if it runs. It may be killed at any moment. It may keep files in `{feed_dir}`.
    pub start: CommandSpec,
    /// Ends it, and returns when nothing more is applied. It succeeds when it does not run.
    pub stop: CommandSpec,
    /// Prints how far the standby has come; `-` while it is filled with what there was when it began.
    pub position: CommandSpec,
    /// Prints, in the same words, how far the upgraded version has come. The standby is caught up
    /// when both are equal.
    pub source: CommandSpec,
    /// Prints how far the standby is behind: `SECONDS TRANSACTIONS`, either may be `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<CommandSpec>,
    /// Fails, with the reason on its error output, when the feed does not run, or can never catch
    /// up again: a purged log, a lost slot, a statement that the previous version refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<CommandSpec>,
}

/// See [`Standby::switch`]. The commands run in this order, within a deadline. What runs before `end`
/// finds both servers running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchOver {
    /// From its return on, the upgraded version accepts no write of a client. Where a session has
    /// to hold a lock, that is in a unit of its own (`backout-feed-NAME-refuse`). It is harmless if
    /// they are refused already.
    pub refuse: CommandSpec,
    /// Takes that back: the switch was given up. It is harmless if nothing is refused.
    pub allow: CommandSpec,
    /// Returns when the standby has come to `{position}`, which `feed.source` printed while writes
    /// were refused.
    pub drain: CommandSpec,
    /// What the feed does not bring, such as the values of sequences; and settings of the standby
    /// for a server that has clients. Runs before the lists are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<CommandSpec>,
    /// Ends the upgraded server so that it acknowledges nothing more, where the stop of its units
    /// would let writes through. They are stopped afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<CommandSpec>,
    /// Gives the standby what the logs of the upgraded server, which does not run any more, hold
    /// after `{position}`. Without it, a standby cannot take over from a server that is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<CommandSpec>,
    /// Starts the previous version from `{previous_root}` at the service's own place, sockets and
    /// ports, with clients, in a unit `backout-serve-NAME`. Its data is at its own place.
    /// `service.ready` says when it answers.
    pub serve: CommandSpec,
    /// Stops it. It succeeds when it does not run.
    pub serve_stop: CommandSpec,
    /// When its packages are installed again.
    #[serde(default, skip_serializing_if = "Reinstall::is_serving")]
    pub reinstall: Reinstall,
}
