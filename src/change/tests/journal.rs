//! The journals of whole procedures, damaged in every way, and histories that cannot be.

use std::path::Path;

use proptest::prelude::*;

use super::Reach;
use super::crash::{each_once, everything};
use super::kind::{PLAIN, ROUGH};
use super::procedures::Verb;
use super::straight::upgraded;
use super::world::World;
use crate::journal::file::decode;
use crate::journal::{HaltKind, JournalError, OpenQuestion, Phase, StepId, StepState};
use crate::report::report;
use crate::step::{Line, Record, Run, State};

/// Journals of all procedures, with interruptions.
fn journals() -> Vec<Vec<u8>> {
    let mut journals = Vec::new();
    for kind in [PLAIN, ROUGH] {
        let world = upgraded(kind);
        world.run(Verb::Keep);
        world.run(Verb::Undo);
        let fired = everything();
        world.finish(Verb::InPlace, &mut || Some(each_once(&fired)), &mut |_| {});
        world.run(Verb::Commit);
        journals.push(world.journal());
        let world = World::new(kind);
        world.run(Verb::Snapshot);
        world.run(Verb::Upgrade);
        let fired = everything();
        world.finish(Verb::Keep, &mut || Some(each_once(&fired)), &mut |_| {});
        journals.push(world.journal());
    }
    journals
}

/// The journal of all procedures without an interruption: short enough to be looked at in every
/// way.
fn short() -> Vec<u8> {
    let world = upgraded(PLAIN);
    [Verb::Keep, Verb::Undo, Verb::InPlace, Verb::Commit]
        .into_iter()
        .for_each(|verb| world.run(verb));
    world.journal()
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    decode(Path::new("journal"), bytes).expect("whole").lines
}

/// What stands in a damaged journal is a first part of what was written, or it is refused.
fn never_invented(whole: &[Line], bytes: &[u8]) -> Result<usize, JournalError> {
    let found = decode(Path::new("journal"), bytes)?.lines;
    assert!(found.len() <= whole.len());
    assert_eq!(found, whole[..found.len()]);
    State::fold(&found).expect("a first part is possible");
    Ok(found.len())
}

#[test]
fn a_journal_cut_anywhere_is_its_whole_lines() {
    // Each cut is read from its beginning: of the long ones, whose records repeat, every cut of the
    // end and some of the others.
    let every =
        std::iter::once((short(), 1)).chain(journals().into_iter().map(|bytes| (bytes, 41)));
    for (bytes, stride) in every {
        let whole = lines(&bytes);
        let ends: Vec<usize> = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at + 1)
            .collect();
        for (count, end) in ends
            .iter()
            .enumerate()
            .filter(|(count, _)| count % stride == 0 || ends.len() - count < 10)
        {
            assert_eq!(never_invented(&whole, &bytes[..*end]).expect("readable"), count + 1);
        }
        let last = ends[ends.len() - 2];
        for cut in last..bytes.len() {
            assert_eq!(never_invented(&whole, &bytes[..cut]).expect("readable"), whole.len() - 1);
        }
    }
}

fn no_flipped_bit(reach: Reach) {
    let world = World::new(PLAIN);
    let hook = |at: &str, _: bool| {
        (at == "point stop:started").then_some(crate::host::failpoint::testing::Strike::Kill)
    };
    world.once(Some(world.plan(Verb::Upgrade, &world.state())), Some(Box::new(hook)));
    let bytes = world.journal();
    let whole = lines(&bytes);
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
    // Each byte; of its bits one, or each: a checksum knows no better bits.
    for at in 0..bytes.len() {
        for bit in (0..8).filter(|bit| reach == Reach::Every || *bit == at % 8) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            match never_invented(&whole, &damaged) {
                // Only a damaged end may pass for a torn write.
                Ok(count) => {
                    assert!(at + 1 >= last && count + 2 >= whole.len(), "bit {bit} of byte {at}")
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

some_and_every_place! {
    fn no_flipped_bit_makes_a_record(reach: Reach) {
        no_flipped_bit(reach);
    }
}

#[test]
fn s7_every_first_part_of_a_journal_has_a_report() {
    for bytes in journals() {
        let whole = lines(&bytes);
        let mut state = State::fold(&whole[..1]).expect("possible").expect("not empty");
        for (count, line) in whole.iter().enumerate() {
            if count > 0 {
                state.apply(&line.record).expect("possible");
            }
            let report = report(&state);
            assert!(!report.state.is_empty() && !report.now.is_empty(), "{count}");
            assert!(state.phase == Phase::Closed || !report.next.is_empty(), "{count} {report:?}");
        }
    }
}

#[test]
fn what_was_read_is_what_was_in_memory() {
    let world = upgraded(PLAIN);
    world.run(Verb::Keep);
    let read = State::fold(&lines(&world.journal())).expect("possible").expect("not empty");
    let known = world.state();
    assert_eq!((read.phase, read.outputs), (known.phase, known.outputs));
}

#[test]
fn phases_follow_from_procedures() {
    let world = World::new(PLAIN);
    let mut phases = vec![world.state().phase];
    for verb in [Verb::Snapshot, Verb::Upgrade, Verb::Keep, Verb::Undo, Verb::InPlace, Verb::Commit]
    {
        world.run(verb);
        phases.push(world.state().phase);
    }
    let expected = [
        Phase::Opened,
        Phase::Prepared,
        Phase::Upgraded,
        Phase::BackedOut,
        Phase::Upgraded,
        Phase::BackedOut,
        Phase::Closed,
    ];
    assert_eq!(phases, expected);
}

#[test]
fn impossible_histories_are_refused() {
    let world = upgraded(PLAIN);
    let upgraded = world.state();
    let keep = Record::Planned { plan: world.plan(Verb::Keep, &upgraded) };
    let in_place = Record::Planned { plan: world.plan(Verb::InPlace, &upgraded) };
    let started = |step: &str, attempt| Record::Started { step: step.into(), attempt };
    let done = |step: &str| Record::Done {
        step: step.into(),
        adopted: false,
        output: crate::journal::Output::Nothing,
    };
    let refused = |history: &[Record], last: &Record| {
        let mut state = upgraded.clone();
        for record in history {
            state.apply(record).expect("possible");
        }
        state.apply(last).expect_err("impossible")
    };
    let table: [(&[Record], Record, &str); 12] = [
        (&[], Record::Opened(world.manifest.clone()), "the change is open already"),
        (&[], Record::Finished, "no procedure is under way"),
        (&[], Record::Interrupted, "no procedure is under way"),
        (
            &[],
            Record::Planned { plan: world.plan(Verb::Upgrade, &upgraded) },
            "a upgrade cannot begin in phase Upgraded",
        ),
        (
            std::slice::from_ref(&keep),
            keep.clone(),
            "a downgrade cannot begin in phase Upgraded with a downgrade under way",
        ),
        (std::slice::from_ref(&keep), Record::Finished, "step `capture:1` is not done"),
        (
            std::slice::from_ref(&keep),
            started("stop", 1),
            "step `stop` cannot start before the ones ahead of it",
        ),
        (
            std::slice::from_ref(&keep),
            started("capture:1", 2),
            "attempt 2 of step `capture:1` does not follow attempt 0",
        ),
        (std::slice::from_ref(&keep), done("capture:1"), "step `capture:1` was not started"),
        (std::slice::from_ref(&keep), started("nothing", 1), "step `nothing` is not in the plan"),
        (
            std::slice::from_ref(&keep),
            Record::Rewound { to: "stop".into(), why: String::new() },
            "step `stop` is not behind us",
        ),
        (
            &[keep.clone(), started("capture:1", 1), done("capture:1")],
            done("capture:1"),
            "step `capture:1` was not started",
        ),
    ];
    for (history, last, why) in &table {
        assert_eq!(refused(history, last), *why);
    }
    // Behind the point of no return there is no abort.
    let Record::Planned { plan } = &in_place else { unreachable!() };
    let mut state = upgraded.clone();
    state.apply(&in_place).expect("possible");
    let abort = Record::Planned { plan: world.plan(Verb::Abort, &state) };
    for step in &plan.steps {
        state.clone().apply(&abort).expect("possible");
        state.apply(&started(step.id.as_str(), 1)).expect("possible");
        if step.id == StepId::ROLLBACK {
            break;
        }
        state.apply(&done(step.id.as_str())).expect("possible");
    }
    assert_eq!(
        state.apply(&abort).expect_err("impossible"),
        "a abort cannot begin in phase Upgraded with a downgrade under way"
    );
}

fn record() -> impl Strategy<Value = Choice> {
    prop_oneof![
        4 => (0..40usize).prop_map(Choice::Started),
        6 => Just(Choice::StartNext),
        6 => Just(Choice::DoneLast),
        2 => (0..40usize).prop_map(Choice::Done),
        2 => (0..40usize).prop_map(Choice::Failed),
        1 => (0..40usize).prop_map(Choice::Rewound),
        1 => (0..40usize).prop_map(Choice::Halted),
        1 => Just(Choice::Interrupted),
        1 => any::<bool>().prop_map(Choice::Answered),
        1 => Just(Choice::Finished),
        1 => (0..4usize).prop_map(Choice::Planned),
    ]
}

#[derive(Debug, Clone)]
enum Choice {
    Started(usize),
    StartNext,
    DoneLast,
    Done(usize),
    Failed(usize),
    Rewound(usize),
    Halted(usize),
    Interrupted,
    Answered(bool),
    Finished,
    Planned(usize),
}

fn sound(run: &Run) {
    assert!(
        run.steps.iter().zip(&run.begun).all(|(step, begun)| *step == StepState::Pending || *begun)
    );
    assert!(!run.finished || run.steps.iter().all(|step| *step == StepState::Done));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_panics_and_only_the_last_procedure_is_open(choices in prop::collection::vec(record(), 1..120)) {
        let world = World::new(PLAIN);
        let mut state = world.state();
        let plans = [
            world.plan(Verb::Upgrade, &state),
            crate::strategy::downgrade(&world.playbook, &world.manifest, &crate::strategy::DowngradeInput {
                roots: world.roots.clone(),
                snapshots: world.manifest.datasets.iter().map(|m| (m.dataset.at("backout-app-1").expect("a name"), m.guid)).collect(),
                ..crate::strategy::DowngradeInput::default()
            }).expect("a plan"),
            world.plan(Verb::Commit, &state),
            crate::strategy::reopen(&world.playbook, &state).expect("a plan"),
        ];
        for choice in choices {
            let run = state.runs.last();
            let id = |at: usize| run.map_or("none".into(), |run| run.plan.steps[at % run.plan.steps.len()].id.clone());
            let attempt = |at: usize| run.map_or(1, |run| run.attempts[at % run.plan.steps.len()] + 1);
            let next = run.and_then(Run::next).unwrap_or(0);
            let done = |at| Record::Done { step: id(at), adopted: false, output: crate::journal::Output::Nothing };
            let record = match choice {
                Choice::Started(at) => Record::Started { step: id(at), attempt: attempt(at) },
                Choice::StartNext => Record::Started { step: id(next), attempt: attempt(next) },
                Choice::DoneLast => done(next),
                Choice::Done(at) => done(at),
                Choice::Failed(at) => Record::Failed { step: id(at), error: "bad".into() },
                Choice::Rewound(at) => Record::Rewound { to: id(at), why: "half".into() },
                Choice::Halted(at) => Record::Halted { step: id(at), why: "ask".into(), kind: HaltKind::Unsaid },
                Choice::Interrupted => Record::Interrupted,
                Choice::Answered(again) => Record::Answered { question: if again { OpenQuestion::TryAgain } else { OpenQuestion::Differences } },
                Choice::Finished => Record::Finished,
                Choice::Planned(at) => Record::Planned { plan: plans[at].clone() },
            };
            let before = format!("{state:?}");
            if state.apply(&record).is_err() {
                prop_assert_eq!(before, format!("{state:?}"), "a record that may not follow \
                    changes nothing");
            }
            state.runs.iter().for_each(sound);
            let _ = report(&state);
            // A failed upgrade is left for its downgrade, and what is aborted for its abort.
            prop_assert!(state.phase != Phase::Closed || state.current().is_none());
        }
    }
}
