//! S7: every command that is offered is accepted, in every state that histories come through.

use std::cell::RefCell;
use std::sync::LazyLock;

use backout::cli::Cli;
use backout::journal::{HaltKind, OpenQuestion, Procedure, Proof, StepId};
use backout::report::{Command, permitted, report};
use backout::step::{Action, Plan, Record, State, Step};
use clap::Parser as _;

use super::history::History;

/// Histories that come through every procedure, on every way back.
fn histories() -> Vec<History> {
    let histories = RefCell::new(Vec::new());
    let end = |(history, plan): (History, Plan)| {
        let history = history.whole(&plan);
        histories.borrow_mut().push(history.clone());
        history
    };
    // From the snapshot to the end of each way.
    end(end(History::prepared().upgrade()).commit());
    end(History::prepared().commit());
    for keep in [true, false] {
        let back = end(end(History::opened().upgrade()).downgrade(keep));
        end(back.clone().commit());
        if keep {
            end(end(back.undo()).downgrade(false));
        }
    }
    for opened in [History::opened_full(), History::opened_packages()] {
        let back = end(end(opened.upgrade()).downgrade(true));
        end(end(back.clone().undo()).commit());
        end(back.commit());
    }
    let moved = end(History::opened_coexistent().migrate(&["ann", "ben"]));
    end(moved.clone().commit());
    // What is given up in the middle.
    for opened in [History::opened(), History::prepared(), History::opened_packages()] {
        let (history, plan) = opened.upgrade();
        end(history.clone().within(&plan, "stop").abort());
        let failed = history.within(&plan, "upgrade");
        end(end(failed.downgrade(true)).commit());
    }
    let (history, plan) = History::downgrading(true);
    for step in ["stop", "capture", "set-aside:tank/tally", "restore"] {
        end(history.clone().within(&plan, step).abort());
    }
    // With a standby.
    let beside = end(History::upgraded().standby());
    end(end(beside.clone().standby_stop()).downgrade(true));
    end(end(beside.clone().downgrade(true)).commit());
    let (history, plan) = beside.downgrade(true);
    for step in ["catch-up", "drain", "stop", "standby-set-up", "mount"] {
        end(history.clone().within(&plan, step).abort());
    }
    let (history, plan) = History::upgraded().rehearse();
    end(history.clone().within(&plan, "drain").abort());
    end((history, plan));
    let (history, plan) = History::upgraded().standby();
    end(history.within(&plan, "catch-up").abort());
    // After a downgrade.
    let back = History::with_standby_back();
    end(back.clone().standby_stop());
    end(back.clone().commit());
    end(end(back.clone().switch_back()).standby());
    let (history, plan) = back.switch_back();
    for step in ["catch-up", "drain", "stop", "standby-set-up", "mount"] {
        end(history.clone().within(&plan, step).abort());
    }
    let (history, plan) = moved.migrate(&["cleo", "dan"]);
    end(end(history.within(&plan, "capture:2.2").abort()).commit());
    histories.into_inner()
}

/// A state, and what may have happened in it.
fn with_mishaps(state: &State) -> Vec<State> {
    let mut states = vec![state.clone()];
    let Some(run) = state.current() else { return states };
    let Some(at) = run.next() else { return states };
    let step = run.plan.steps[at].id.clone();
    let mut after = |records: &[Record]| {
        let mut state = state.clone();
        if records.iter().all(|record| state.apply(record).is_ok()) {
            states.push(state);
        }
    };
    let halted = |kind: HaltKind| Record::Halted { step: step.clone(), why: "so".into(), kind };
    let failed = Record::Failed { step: step.clone(), error: "no space left".into() };
    after(&[Record::Interrupted]);
    after(std::slice::from_ref(&failed));
    for kind in [HaltKind::Foreign, HaltKind::TooOften, HaltKind::OtherNodes] {
        after(&[halted(kind)]);
    }
    for kind in [HaltKind::Differences, HaltKind::Repairable, HaltKind::Rejects] {
        after(&[failed.clone(), halted(kind)]);
    }
    states
}

fn every_state() -> &'static [State] {
    static STATES: LazyLock<Vec<State>> = LazyLock::new(|| {
        let histories = histories();
        histories.iter().flat_map(History::states).flat_map(|state| with_mishaps(&state)).collect()
    });
    &STATES
}

/// A plan of this procedure that the journal takes whenever the procedure may begin.
fn plan(procedure: Procedure) -> Plan {
    static STEPS: LazyLock<Vec<Step>> = LazyLock::new(|| {
        let (_, plan) = History::downgrading(true);
        plan.steps.into_iter().filter(|it| matches!(it.action, Action::Capture(_))).collect()
    });
    Plan { procedure, steps: STEPS.clone() }
}

/// Whether the journal takes the records that the command writes.
fn folds(state: &State, command: Command) -> bool {
    let takes = |record: Record| state.clone().apply(&record).is_ok();
    let begins = |procedure| takes(Record::Planned { plan: plan(procedure) });
    match command {
        Command::Resume => takes(Record::Interrupted),
        Command::Answer(question) => takes(Record::Answered { question }),
        Command::Snapshot => begins(Procedure::Snapshot),
        Command::Upgrade => begins(Procedure::Upgrade),
        Command::Downgrade => {
            let keep = begins(Procedure::DowngradeKeep);
            assert_eq!(keep, begins(Procedure::DowngradeInPlace));
            keep
        }
        Command::Abort => begins(Procedure::Abort),
        Command::Undo => begins(Procedure::Undo),
        Command::StandbyStart => begins(Procedure::StandbyStart),
        Command::StandbyStop => begins(Procedure::StandbyStop),
        Command::Rehearse => begins(Procedure::Rehearse),
        Command::Migrate | Command::MigrateBack => begins(Procedure::Migrate),
        Command::Prove => takes(Record::Proved { proof: Proof::default(), lists: Vec::new() }),
        Command::Commit => begins(Procedure::CommitUpgrade) || begins(Procedure::CommitDowngrade),
    }
}

fn describe(state: &State) -> String {
    let report = report(state);
    let next: Vec<&str> = report.next.iter().map(|next| next.command.as_str()).collect();
    format!("{} at {:?}, which offers {next:?}", report.state, report.step)
}

#[test]
fn s7_the_table_of_commands_and_the_journal_say_the_same() {
    for state in every_state() {
        for command in Command::ALL {
            let permits = permitted(state, command).is_ok();
            let folds = folds(state, command);
            // The journal takes an answer that nobody asked for.
            let agree = permits == folds || matches!(command, Command::Answer(_)) && folds;
            assert!(agree, "{command}: permitted {permits}, {}", describe(state));
        }
    }
}

#[test]
fn s7_what_is_offered_is_permitted_and_can_be_typed() {
    let mut seen = Vec::new();
    for state in every_state() {
        let report = report(state);
        let closed = state.phase == backout::journal::Phase::Closed;
        assert_eq!(report.next.is_empty(), closed, "{}", describe(state));
        for next in report.next {
            let command = Command::ALL.into_iter().find(|it| it.to_string() == next.command);
            let command = command.unwrap_or_else(|| panic!("{} is no command", next.command));
            assert_eq!(permitted(state, command), Ok(()), "{}", describe(state));
            assert!(folds(state, command), "{command}: {}", describe(state));
            if !seen.contains(&command) {
                let line = next.command.replace("NAME", "ann");
                let parsed = Cli::try_parse_from(line.split(' '));
                assert!(parsed.is_ok(), "{line}: {parsed:?}");
                seen.push(command);
            }
        }
    }
    // The states are many enough for every command that is ever offered.
    let never: Vec<_> =
        Command::ALL.into_iter().filter(|command| !seen.contains(command)).collect();
    assert_eq!(never, [Command::Snapshot]);
}

#[test]
fn only_what_was_asked_can_be_answered() {
    for state in every_state() {
        let asks = |question| permitted(state, Command::Answer(question)).is_ok();
        let kind = state.current().and_then(backout::step::Run::halt_kind);
        let describe = describe(state);
        assert_eq!(
            asks(OpenQuestion::Differences),
            kind.is_some_and(HaltKind::is_about_differences),
            "{describe}"
        );
        let plan = state.current().map(|run| &run.plan);
        let repairs = kind == Some(HaltKind::Repairable)
            && plan.is_some_and(|plan| plan.position(&StepId::REPAIR_NOTICE).is_some());
        assert_eq!(asks(OpenQuestion::Repair), repairs, "{describe}");
        assert_eq!(asks(OpenQuestion::Rejects), kind == Some(HaltKind::Rejects), "{describe}");
    }
}
