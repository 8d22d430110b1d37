//! Users move from one host to the other, one batch at a time. Both hosts serve meanwhile. Moving
//! back works the same.

use anyhow::{Context as _, Result};

use super::Strategy;
use crate::journal::{ChangeManifest, Family, Procedure, StepId, StepState};
use crate::playbook::coexistent::Host;
use crate::playbook::hosts::Move;
use crate::step::{
    Action, AssignUsers, CaptureUsers, DropBackup, HoldUsers, Plan, ProveUsers, RestoreUsers, Run,
    State, Step, UserList,
};
use crate::strategy::input::DowngradeInput;
use crate::strategy::parts::Parts;

impl Move<'_> {
    fn lists(&self, host: &Host) -> Vec<UserList> {
        let list = self.how.inventories.iter();
        list.map(|it| UserList {
            name: it.name.clone(),
            command: self.on(host, &it.command),
            user: it.user.clone(),
        })
        .collect()
    }

    fn batch(&self, batch: String, users: &[String]) -> Vec<Step> {
        let (from, to) = self.ends();
        let (who, users) = (names(users), users.to_vec());
        let hold = HoldUsers {
            users: users.clone(),
            host: from.name.clone(),
            show: self.show(),
            command: self.here(&self.how.directory.hold),
        };
        let capture = CaptureUsers {
            batch: batch.clone(),
            users: users.clone(),
            lists: self.lists(from),
            backup: self.on(from, &self.how.backup),
            verify: self.on(to, &self.how.verify),
        };
        let restore = RestoreUsers {
            batch: batch.clone(),
            users: users.clone(),
            clear: self.on(to, &self.how.clear),
            restore: self.on(to, &self.how.restore),
        };
        let prove =
            ProveUsers { batch: batch.clone(), users: users.clone(), lists: self.lists(to) };
        let assign = AssignUsers {
            users,
            from: from.name.clone(),
            host: to.name.clone(),
            show: self.show(),
            command: self.here(&self.how.directory.assign),
        };
        let id = |family: Family| StepId::of(family, &batch);
        vec![
            Step::new(
                id(Family::Hold),
                format!("put {who} on hold: their mail waits"),
                Action::HoldUsers(hold),
            )
            .until(&id(Family::Assign))
            // Users who were served in between may have changed what the backup has.
            .renewing(&id(Family::Capture), &id(Family::Assign)),
            Step::new(
                id(Family::Capture),
                format!("list and back up what they have on {}, and read it back", from.name),
                Action::CaptureUsers(capture),
            ),
            Step::new(
                id(Family::Restore),
                format!("bring it to {}", to.name),
                Action::RestoreUsers(restore),
            ),
            Step::new(
                id(Family::Prove),
                "compare what each has on both hosts".to_owned(),
                Action::ProveUsers(prove),
            ),
            Step::new(
                id(Family::Assign),
                format!("{} is their host from now on; they are served again", to.name),
                Action::AssignUsers(assign),
            ),
            Step::new(
                id(Family::Drop),
                "remove the backup: what they had is on both hosts".to_owned(),
                Action::DropBackup(DropBackup { batch }),
            ),
        ]
    }
}

/// Nothing is upgraded here: users move to another host, and may move back.
pub(crate) struct MovingUsers;

impl Strategy for MovingUsers {
    fn about(&self) -> &'static str {
        "users move back"
    }

    fn way_back(&self, _manifest: &ChangeManifest) -> String {
        "Nothing was upgraded here.".into()
    }

    fn brings_back(&self, _manifest: &ChangeManifest) -> String {
        "nothing".into()
    }

    fn moves_users(&self) -> bool {
        true
    }

    fn downgrade(&self, _parts: Parts<'_>, _input: &DowngradeInput) -> Result<Plan> {
        anyhow::bail!("nothing was upgraded here: users move back instead")
    }
}

/// The plan that moves these users, `at_a_time` in a batch. `round` counts the procedures of the
/// change, so that each batch has its own name.
pub fn migrate(it: Move<'_>, users: &[String], at_a_time: usize, round: usize) -> Plan {
    let batches = users.chunks(at_a_time.max(1)).enumerate();
    let steps =
        batches.flat_map(|(i, users)| it.batch(format!("{round}.{}", i + 1), users)).collect();
    Plan { procedure: Procedure::Migrate, steps }
}

/// The users on hold who may be released where they are; `None` if one may be on the other host
/// already.
pub fn held(run: &Run) -> Option<Vec<HoldUsers>> {
    let mut held = Vec::new();
    for (step, state) in run.plan.steps.iter().zip(&run.steps) {
        match &step.action {
            Action::HoldUsers(it) if run.was_begun(&step.id) => held.push(it.clone()),
            Action::AssignUsers(it) if *state == StepState::Done => {
                held.retain(|hold| hold.users != it.users)
            }
            Action::AssignUsers(_) if run.was_begun(&step.id) => return None,
            _ => {}
        }
    }
    Some(held)
}

/// Gives a migration up: users are served where they were. Those of finished batches stay on their
/// new host.
///
/// # Errors
/// When one may be on the other host already.
pub fn let_go(it: Move<'_>, state: &State) -> Result<Plan> {
    let run = state.current().context("no procedure is under way")?;
    let held =
        held(run).context("users may be on the other host already: it can only be finished")?;
    let mut steps = Vec::new();
    for (i, hold) in held.iter().enumerate() {
        let assign = AssignUsers {
            users: hold.users.clone(),
            from: hold.host.clone(),
            host: hold.host.clone(),
            show: it.show(),
            command: it.here(&it.how.directory.assign),
        };
        let title = format!("serve {} again, on {}", names(&hold.users), hold.host);
        steps.push(Step::new(StepId::of(Family::LetGo, i + 1), title, Action::AssignUsers(assign)));
    }
    let mut batches = run.plan.steps.iter().filter_map(|step| match &step.action {
        Action::CaptureUsers(capture) if run.was_begun(&step.id) => Some(capture.batch.clone()),
        _ => None,
    });
    let batch = batches.next_back().unwrap_or_default();
    steps.push(Step::new(
        StepId::DROP,
        "remove the backup: they have everything where they are",
        Action::DropBackup(DropBackup { batch }),
    ));
    Ok(Plan { procedure: Procedure::Abort, steps })
}

/// `ann, ben and 8 more`.
fn names(users: &[String]) -> String {
    const SHOWN: usize = 3;
    match users {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [most @ .., last] if users.len() <= SHOWN => format!("{} and {last}", most.join(", ")),
        _ => format!("{} and {} more", users[..2].join(", "), users.len() - 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_few() {
        let users = |count: usize| (1..=count).map(|i| format!("u{i}")).collect::<Vec<_>>();
        assert_eq!(names(&users(1)), "u1");
        assert_eq!(names(&users(2)), "u1 and u2");
        assert_eq!(names(&users(3)), "u1, u2 and u3");
        assert_eq!(names(&users(10)), "u1, u2 and 8 more");
    }
}
