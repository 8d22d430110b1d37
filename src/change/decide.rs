//! Decides what to do with a step, from its state in the journal and the result of its probe. One
//! total table; nothing else decides.

use crate::journal::{HaltKind, StepState};
use crate::step::Probe;

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make the effect.
    Apply,
    /// The effect exists: record that and continue.
    Adopt(crate::journal::Output),
    /// Take the partial effect back (to the step's rewind point, if it names one), then make it.
    Rewind(String),
    /// Nothing.
    Skip,
    /// A person must decide.
    Halt(HaltKind, String),
}

/// After so many attempts a person must decide.
pub const MOST_ATTEMPTS: u32 = 8;

/// The table. `attempts`: how often the step was started since a person last gave an answer.
pub fn decide(state: &StepState, probe: Probe, attempts: u32) -> Action {
    let action = match (state, probe) {
        (_, Probe::Foreign(why)) => return Action::Halt(HaltKind::Foreign, why),
        (StepState::Done, Probe::Present(_)) => return Action::Skip,
        // It was done, and its effect got lost: a reboot mounted a dataset, a watchdog started the
        // service. Make it again.
        (StepState::Done, Probe::Absent) => Action::Apply,
        (StepState::Done, Probe::Partial(why)) => Action::Rewind(why),
        (
            StepState::Pending | StepState::Started | StepState::Failed(_),
            Probe::Present(output),
        ) => return Action::Adopt(output),
        (StepState::Pending | StepState::Started | StepState::Failed(_), Probe::Absent) => {
            Action::Apply
        }
        (StepState::Pending | StepState::Started | StepState::Failed(_), Probe::Partial(why)) => {
            Action::Rewind(why)
        }
    };
    if attempts >= MOST_ATTEMPTS {
        let last = if let StepState::Failed(error) = state {
            format!("; the last time: {error}")
        } else {
            String::new()
        };
        return Action::Halt(HaltKind::TooOften, format!("it was tried {attempts} times{last}"));
    }
    action
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Output;

    fn probes() -> [Probe; 4] {
        [
            Probe::Absent,
            Probe::Partial("half".into()),
            Probe::Present(Output::Nothing),
            Probe::Foreign("theirs".into()),
        ]
    }

    #[test]
    fn every_cell_of_the_table() {
        let (apply, skip) = (Action::Apply, Action::Skip);
        let (rewind, halt, adopt) = (
            Action::Rewind("half".into()),
            Action::Halt(HaltKind::Foreign, "theirs".into()),
            Action::Adopt(Output::Nothing),
        );
        let table = [
            (StepState::Pending, [&apply, &rewind, &adopt, &halt]),
            (StepState::Started, [&apply, &rewind, &adopt, &halt]),
            (StepState::Failed("bad".into()), [&apply, &rewind, &adopt, &halt]),
            (StepState::Done, [&apply, &rewind, &skip, &halt]),
        ];
        for (state, row) in table {
            for (probe, expected) in probes().into_iter().zip(row) {
                assert_eq!(&decide(&state, probe.clone(), 1), expected, "{state:?} {probe:?}");
            }
        }
    }

    #[test]
    fn what_is_there_is_adopted_however_often_it_was_tried() {
        assert_eq!(
            decide(&StepState::Started, Probe::Present(Output::Nothing), 99),
            Action::Adopt(Output::Nothing)
        );
    }

    #[test]
    fn attempts_are_capped() {
        for probe in [Probe::Absent, Probe::Partial("half".into())] {
            let action = decide(&StepState::Failed("no space".into()), probe, MOST_ATTEMPTS);
            assert_eq!(
                action,
                Action::Halt(
                    HaltKind::TooOften,
                    "it was tried 8 times; the last time: no space".into()
                )
            );
        }
    }
}
