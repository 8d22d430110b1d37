//! Procedures on a host with the small product, as the command line begins and resumes them.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::world::World;
use crate::change::{
    event::{Event, Outcome},
    run::Session,
};
use crate::host::failpoint::testing::{self, Hook, Killed};
use crate::journal::{Journal, OpenQuestion, Output, Phase, Procedure, StepId};
use crate::playbook::DataStrategy;
use crate::step::{Plan, Record, State};
use crate::strategy::{self, DowngradeInput, Exchanged, ServedClients};
use crate::zfs::{Engine, PROP_CHANGE, PROP_ROLE, is_newer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Snapshot,
    Upgrade,
    Keep,
    /// Although there is a standby.
    Plain,
    InPlace,
    StandbyStart,
    StandbyStop,
    Rehearse,
    Abort,
    Undo,
    /// Although there is a standby.
    PlainUndo,
    Commit,
}

/// How one run of the tool ended.
#[derive(Debug, PartialEq)]
pub(super) enum Ended {
    Killed,
    Journal(String),
    Outcome(Outcome),
}

impl World {
    /// As the verbs of the command line make it.
    pub(super) fn plan(&self, verb: Verb, state: &State) -> Plan {
        let playbook = &self.playbook;
        match verb {
            Verb::Snapshot => strategy::snapshot_only(playbook, &state.manifest),
            Verb::Upgrade => {
                strategy::upgrade(playbook, &state.manifest, state.phase == Phase::Prepared)
            }
            Verb::StandbyStart => self.standby(state).start(true),
            Verb::StandbyStop => self.standby(state).stop(),
            Verb::Rehearse => self.standby(state).rehearse(false, state.has_standby(), 30),
            Verb::Keep | Verb::Plain | Verb::InPlace => {
                let snapshots = match state.outputs.get(&StepId::SNAPSHOT) {
                    Some(Output::Snapshots { list }) => list.clone(),
                    _ if state.manifest.data_strategy != DataStrategy::Zfs => Vec::new(),
                    other => panic!("{other:?}"),
                };
                let opened = match (state.clients_could_write(), self.product.host().dead) {
                    (false, _) => ServedClients::Never,
                    (true, false) => ServedClients::Yes,
                    (true, true) => ServedClients::Unanswered,
                };
                let input = DowngradeInput {
                    keep: verb != Verb::InPlace,
                    delta: verb != Verb::InPlace,
                    served: opened,
                    roots: self.roots.clone(),
                    snapshots,
                    stays: self.stays(),
                    standby: state.has_standby().then(|| {
                        let usual = strategy::SwitchInput::usual();
                        strategy::StandbyPart::of((verb == Verb::Keep).then_some(usual))
                    }),
                    ..DowngradeInput::default()
                };
                strategy::downgrade(playbook, &state.manifest, &input)
            }
            Verb::Abort => {
                let run = state.current().expect("something to abort");
                if run.plan.procedure == Procedure::StandbyStart {
                    let ended = self.standby(state).stop();
                    ended.map(|plan| Plan { procedure: Procedure::Abort, ..plan })
                } else if run.plan.procedure == Procedure::Rehearse {
                    self.standby(state).end_rehearsal(run)
                } else if run.plan.procedure.is_downgrade() || run.plan.procedure == Procedure::Undo
                {
                    let exchanged = Exchanged { roots: &self.roots, stays: &[] };
                    strategy::back(playbook, state, run, exchanged, true)
                } else {
                    strategy::reopen(playbook, state)
                }
            }
            Verb::Undo | Verb::PlainUndo => {
                let run = state.last_run(Procedure::is_downgrade).expect("a downgrade");
                let stays = self.stays();
                let exchanged = Exchanged { roots: &self.roots, stays: &stays };
                if verb == Verb::Undo && state.has_standby() {
                    let now = self.engine.fake.datasets(&self.roots).expect("datasets");
                    let input = strategy::SwitchBack {
                        switch: strategy::SwitchInput::usual(),
                        answers: !self.product.host().dead,
                        now: now.into_iter().map(|info| (info.name, info.guid)).collect(),
                        consented: Vec::new(),
                    };
                    strategy::switch_back(playbook, state, run, exchanged, &input)
                } else {
                    strategy::back(playbook, state, run, exchanged, false).map(|mut plan| {
                        if state.has_standby() {
                            let ended = self.standby(state).ended().expect("a plan");
                            plan.steps.splice(0..0, ended);
                        }
                        plan
                    })
                }
            }
            Verb::Commit => Ok(self.commit(state)),
        }
        .expect("a plan")
    }

    fn commit(&self, state: &State) -> Plan {
        let engine = &self.engine.fake;
        let (mut promote, mut destroy, mut with) = (Vec::new(), Vec::new(), Vec::new());
        for root in &self.roots {
            for info in engine.tree(root).expect("tree") {
                if engine.local(&info.name, PROP_ROLE).expect("local").as_deref() == Some("active")
                {
                    promote.push(info.name);
                }
            }
            for ending in strategy::kept_endings(state) {
                let aside = root.with_suffix(&ending).expect("a name");
                if engine.dataset(&aside).expect("dataset").is_none() {
                    continue;
                }
                for info in engine.tree(&aside).expect("tree").into_iter().rev() {
                    assert_eq!(
                        engine.local(&info.name, PROP_CHANGE).expect("local").as_deref(),
                        Some("app-1"),
                        "{}",
                        info.name
                    );
                    let all = engine.snapshots(&info.name).expect("snapshots");
                    let origin = all
                        .iter()
                        .find(|other| other.name.short() == state.manifest.snapshot)
                        .cloned();
                    let newer = all.into_iter().rev().filter(|other| {
                        origin.as_ref().is_none_or(|origin| is_newer(other, origin))
                    });
                    for snapshot in newer {
                        // The command line asks the operator to answer for what the change does not
                        // know as its own.
                        assert!(
                            state.snapshots.iter().any(|(_, guid)| *guid == snapshot.guid),
                            "{} is not known",
                            snapshot.name
                        );
                        with.push((snapshot.name, snapshot.guid));
                    }
                    destroy.push((info.name, info.guid));
                }
            }
        }
        let procedure = if state.phase == Phase::BackedOut {
            Procedure::CommitDowngrade
        } else {
            Procedure::CommitUpgrade
        };
        let aside = strategy::remove_aside(&self.playbook, state, true).expect("a step");
        let kept = strategy::remove_kept(state, &self.layout);
        let folders = aside.into_iter().chain(kept).collect();
        let mut plan = strategy::commit(state, procedure, promote, destroy, with, folders);
        plan.steps.splice(0..0, self.standby(state).before_commit().expect("a plan"));
        plan
    }

    fn standby<'a>(&'a self, state: &'a State) -> strategy::StandbyInput<'a> {
        strategy::StandbyInput { playbook: &self.playbook, state, roots: &self.roots }
    }

    /// A person's answer, as `backout resume --accept-...` writes it down.
    pub(super) fn answer(&self, question: OpenQuestion) {
        let (mut journal, _) =
            Journal::open::<crate::step::Action>(&self.layout.journal()).expect("readable");
        journal.append(Record::Answered { question }).expect("appended");
        *self.known.borrow_mut() = None;
    }

    /// One run of the tool: begins the procedure, or goes on with the one under way.
    pub(super) fn once(&self, begin: Option<Plan>, hook: Option<Hook>) -> Ended {
        self.others_write();
        testing::set(hook);
        let known = self.known.take();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let (journal, lines) = Journal::open(&self.layout.journal()).expect("readable");
            let state =
                known.unwrap_or_else(|| State::fold(&lines).expect("possible").expect("not empty"));
            let mut session = Session {
                journal,
                state,
                layout: self.layout.clone(),
                engine: match &self.by_command {
                    Some(engine) => engine,
                    None => &self.engine,
                },
                runner: &self.runner,
                clock: &|| std::time::Duration::from_secs(self.product.host().beside.clock),
                since: None,
                items: Arc::default(),
                watch: &|event| {
                    if let Event::Said(text) = event {
                        self.said.borrow_mut().push((*text).to_owned());
                    }
                },
                root: self.root.clone(),
            };
            let ended = match begin {
                Some(plan) => session.begin(plan),
                None => {
                    let capped = session
                        .state
                        .current()
                        .and_then(|run| run.halted.as_ref())
                        .is_some_and(|why| why.starts_with("it was tried"));
                    if capped {
                        session.answer(OpenQuestion::TryAgain).and_then(|()| session.go())
                    } else if self.accepts.get() {
                        session.answer(OpenQuestion::Differences).and_then(|()| session.go())
                    } else {
                        session.go()
                    }
                }
            };
            let ended = match ended {
                Ok(Outcome::GivenUp { why }) => {
                    self.given_up.borrow_mut().push(why.clone());
                    session.runner.interrupt.heard();
                    let plan = self.plan(Verb::Abort, &session.state);
                    match session.begin(plan) {
                        Ok(Outcome::Finished) => Ok(Outcome::GivenUp { why }),
                        ended => ended,
                    }
                }
                ended => ended,
            };
            *self.known.borrow_mut() = Some(session.state);
            ended
        }));
        testing::set(None);
        match result {
            Ok(Ok(outcome)) => Ended::Outcome(outcome),
            Ok(Err(error)) => Ended::Journal(format!("{error:#}")),
            Err(payload) if payload.is::<Killed>() => Ended::Killed,
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Begins the procedure if it is not begun, and goes on until it is finished. `hook` makes the
    /// strikes of each run of the tool; `between` is done after each that did not finish.
    pub(super) fn finish(
        &self,
        verb: Verb,
        hook: &mut dyn FnMut() -> Option<Hook>,
        between: &mut dyn FnMut(&Ended),
    ) {
        let runs = self.state().runs.len();
        let mut last = Vec::new();
        for _ in 0..2000 {
            let state = self.state();
            let begun = state.runs.len() > runs;
            if begun && state.current().is_none() {
                return;
            }
            let plan = if begun { None } else { Some(self.plan(verb, &state)) };
            let ended = self.once(plan, hook());
            match &ended {
                Ended::Outcome(Outcome::Finished) => {}
                Ended::Outcome(Outcome::Halted { why, .. }) if !why.starts_with("it was tried") => {
                    panic!("{verb:?} halted: {why}")
                }
                ended => between(ended),
            }
            last.push(format!("{ended:?}"));
            if last.len() > 12
                && last[last.len() - 12..].windows(2).all(|pair| pair[0] == pair[1])
                && !last[last.len() - 1].contains("Killed")
            {
                panic!("{verb:?} does not come to an end: {}", last[last.len() - 1]);
            }
        }
        panic!("{verb:?} does not come to an end: {:?}", &last[last.len() - 20..]);
    }

    /// The procedure under way to its end, without any strike.
    pub(super) fn go_on(&self) {
        let ended = self.once(None, None);
        assert_eq!(ended, Ended::Outcome(Outcome::Finished));
    }

    /// The same, with an answer for the differences.
    pub(super) fn accept(&self) {
        self.accepts.set(true);
        self.go_on();
    }

    /// Without any strike.
    pub(super) fn run(&self, verb: Verb) {
        let plan = self.plan(verb, &self.state());
        assert_eq!(self.once(Some(plan), None), Ended::Outcome(Outcome::Finished), "{verb:?}");
    }
}
