//! Everything that is seen of a change while nothing is changed: for `status` and `watch`.

use super::{Settings, prove, room, standby};
use crate::report::{Report, WayBack, report_with};
use crate::step::State;

/// What is true of a change, with its standby, its room, its last proof, and a proof that is under
/// way. `way_back`: what was seen of it.
pub fn report(settings: &Settings, state: &State, way_back: Option<WayBack>) -> Report {
    let mut report = report_with(state, way_back);
    if state.current().is_none()
        && let Some(seen) = standby::look(settings, state)
    {
        report.now.extend(seen.words());
        report.standby = Some(seen);
    }
    if let Some(room) = room::room(settings, state) {
        report = report.taking(room);
    }
    if let Some(story) = room::story(settings, state) {
        report = report.telling(&story, settings.now.fixed_offset());
    }
    if let Some(said) = prove::under_way(settings, state) {
        report.proving(&said)
    } else if let Some(said) = prove::broken_off(settings, state) {
        report.proof_broken_off(&said)
    } else {
        report
    }
}
