//! What a change's journal means to a person: what is true now, and what may be typed next. Pure.
//!
//! One table, in [`permitted()`], says which commands a state permits. `status` and errors offer
//! from it, and the verbs refuse from it: what is offered is accepted.

mod alerts;
mod command;
mod compared;
mod dead;
mod decision;
mod error;
mod fleet;
mod host_file;
mod metrics;
mod news;
mod next;
mod offers;
mod permitted;
mod standby;
mod standing;
mod status;
mod timeline;
mod under_way;
mod way_back;
mod words;

pub use alerts::{Alert, Alerts, Limits, Watched};
pub use command::Command;
pub use compared::{Compared, ComparedList, Extent, compared};
pub use dead::{NOT_OPENED, drops_what_opened, starts_it};
pub use decision::{Growth, LastProof, Observed, Room, Seen, SwitchCost};
pub use error::{CliError, ErrorKind, permit};
pub use fleet::{Fleet, FleetChange, FleetHost, Rank};
pub use host_file::{HostFile, NotOfHost, REPORT_FORMAT, read_host_file};
pub use metrics::{RoundFacts, metrics};
pub use news::{News, Told};
pub use next::Next;
pub use offers::offers;
pub use permitted::{Refusal, Why, permitted};
pub use standby::{StandbyCondition, StandbyReport};
pub use standing::Standing;
pub use status::{Report, report, report_with};
pub use timeline::{
    EventEntry, EventKind, Outcome, ProcedureEntry, StepEntry, Timeline, Window, timeline,
};
pub use way_back::{Condition, WayBack};
pub use words::{answered, spent};
