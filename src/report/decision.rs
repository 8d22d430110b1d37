//! What an operator asks while a decision is awaited: what room does the way back take, and does it
//! grow; when was it proved last; how long would a switch keep clients waiting? Pure.

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde::{Deserialize, Serialize};

use super::timeline::{Outcome, Timeline};
use super::words::spent;
use crate::journal::{Procedure, Proof, StepId};

/// What the way back takes on the pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Bytes that only the snapshots before the upgrade hold.
    pub snapshots: u64,
    /// Bytes that the clones of a standby take.
    pub standby: u64,
    /// Bytes of what a downgrade or an undo keeps aside.
    pub kept: u64,
    /// Bytes that are free, on the pool that has least.
    pub free: u64,
    /// How it grew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// Two observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// By so many bytes; it may have shrunk.
    pub bytes: i64,
    /// Within so many seconds.
    pub seconds: u64,
}

/// What was seen at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Seconds since 1970, UTC.
    pub at: i64,
    /// All that it took.
    pub bytes: u64,
}

/// The observations that are kept: the growth is that since the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// At most some hours old.
    pub first: Seen,
    /// The one that becomes the first.
    pub last: Seen,
}

impl Observed {
    /// After this many seconds the first one is replaced by the last.
    const OLD: i64 = 2 * 3600;
    /// A last one is kept for so many seconds.
    const APART: i64 = 600;
    /// A shorter time tells nothing.
    const LEAST: i64 = 10;

    /// What is kept after one more observation, and how much it grew.
    pub fn with(before: Option<Self>, now: Seen) -> (Self, Option<Growth>) {
        // A clock that was set back begins anew.
        let Some(mut kept) = before.filter(|it| it.last.at <= now.at) else {
            return (Self { first: now, last: now }, None);
        };
        if now.at - kept.first.at > Self::OLD && kept.last.at > kept.first.at {
            kept.first = kept.last;
        }
        if now.at - kept.last.at >= Self::APART {
            kept.last = now;
        }
        let seconds = now.at - kept.first.at;
        let bytes = i64::try_from(i128::from(now.bytes) - i128::from(kept.first.bytes)).ok();
        let growth = bytes.filter(|_| seconds >= Self::LEAST);
        let seconds = seconds.unsigned_abs();
        (kept, growth.map(|bytes| Growth { bytes, seconds }))
    }
}

fn size(bytes: u64) -> String {
    humansize::format_size(bytes, humansize::BINARY)
}

fn time(seconds: u64) -> String {
    spent(TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1000)))
}

impl Room {
    /// All that it takes.
    pub fn all(&self) -> u64 {
        self.snapshots + self.standby + self.kept
    }

    /// In how many seconds the pool is full, as it grows now.
    pub fn full_in(&self) -> Option<u64> {
        let growth = self.growth?;
        let grown = u64::try_from(growth.bytes).ok().filter(|grown| *grown > 0)?;
        let left = u128::from(self.free) * u128::from(growth.seconds) / u128::from(grown);
        u64::try_from(left).ok()
    }

    /// For a person.
    pub fn words(&self) -> String {
        let parts = [
            (self.snapshots, "the snapshots"),
            (self.standby, "the standby"),
            (self.kept, "what is kept aside"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(bytes, _)| *bytes > 0)
            .map(|(bytes, what)| format!("{what} {}", size(bytes)))
            .collect();
        let what = if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") };
        let mut text = format!("On the pool: {what}; {} are free.", size(self.free));
        let Some(growth) = self.growth else { return text };
        let within = time(growth.seconds);
        let Some(grown) = u64::try_from(growth.bytes).ok().filter(|grown| *grown > 0) else {
            text += &format!(" It did not grow within {within}.");
            return text;
        };
        text += &format!(" It grew by {} within {within}", size(grown));
        // Beyond that nobody can tell.
        match self.full_in().filter(|left| *left < 30 * 86400) {
            Some(left) => text += &format!(": at that rate the pool is full in {}.", days(left)),
            None => text.push('.'),
        }
        text
    }
}

/// The larger unit alone.
fn days(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60);
    match (hours / 24, hours) {
        (0, 0) => format!("{minutes} min"),
        (0 | 1, _) => format!("{hours} h"),
        (days, _) => format!("{days} days"),
    }
}

type Time = DateTime<FixedOffset>;

/// The last comparison of both versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastProof {
    /// When it was made.
    pub at: Time,
    /// How long ago that is.
    pub age_seconds: i64,
    /// In which procedure.
    pub procedure: Procedure,
    /// Its counts.
    #[serde(flatten)]
    pub proof: Proof,
}

/// How long the last switch, or its rehearsal, kept clients waiting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SwitchCost {
    /// When it began.
    pub at: Time,
    /// From the refusal of writes to a version that accepts them.
    pub seconds: f64,
    /// Which procedure it was. A rehearsal exchanges no datasets.
    pub procedure: Procedure,
}

impl LastProof {
    /// The last one of a change.
    pub fn of(story: &Timeline, now: DateTime<FixedOffset>) -> Option<Self> {
        story.procedures.iter().rev().find_map(|run| {
            let proof = run.proof?;
            let step = run.steps.iter().find(|step| step.step == StepId::PROVE)?;
            let at = step.ended?;
            let age_seconds = (now - at).num_seconds().max(0);
            Some(Self { at, age_seconds, procedure: run.procedure, proof })
        })
    }

    /// For a person.
    pub fn words(&self) -> String {
        let (at, verb) = (self.at.format("%Y-%m-%d %H:%M:%S"), self.procedure.verb());
        let age = days(self.age_seconds.unsigned_abs());
        let counts = self.proof.counts();
        format!("Compared last at {at} ({age} ago), in the {verb}: {counts}.")
    }
}

impl SwitchCost {
    /// That of the last one which came to its end.
    pub fn of(story: &Timeline) -> Option<Self> {
        story.procedures.iter().rev().filter(|run| run.outcome == Outcome::Finished).find_map(
            |run| {
                let step = |id: &StepId| run.steps.iter().find(|step| step.step == *id);
                let at = step(&StepId::REFUSE)?.began?;
                let open = step(&StepId::SERVE).or_else(|| step(&StepId::ALLOW))?.ended?;
                let seconds = (open - at).as_seconds_f64();
                Some(Self { at, seconds, procedure: run.procedure })
            },
        )
    }

    /// For a person.
    pub fn words(&self) -> String {
        let at = self.at.format("%Y-%m-%d %H:%M:%S");
        let took = spent(TimeDelta::milliseconds((self.seconds * 1000.0) as i64));
        if self.procedure == Procedure::Rehearse {
            return format!(
                "The rehearsal at {at} kept writes waiting for {took}. A switch exchanges the \
                 datasets besides."
            );
        }
        format!("The switch at {at} kept clients waiting for {took}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: i64, bytes: u64) -> Seen {
        Seen { at, bytes }
    }

    #[test]
    fn the_growth_is_that_of_the_last_hours() {
        let (kept, growth) = Observed::with(None, seen(1000, 50));
        assert_eq!((kept.first, growth), (seen(1000, 50), None));
        let (kept, growth) = Observed::with(Some(kept), seen(1005, 60));
        assert_eq!(growth, None, "too short");
        let (kept, growth) = Observed::with(Some(kept), seen(1700, 90));
        assert_eq!(growth, Some(Growth { bytes: 40, seconds: 700 }));
        let (kept, growth) = Observed::with(Some(kept), seen(1900, 20));
        assert_eq!(growth, Some(Growth { bytes: -30, seconds: 900 }));
        assert_eq!((kept.first, kept.last), (seen(1000, 50), seen(1700, 90)));
        let (kept, growth) = Observed::with(Some(kept), seen(9000, 100));
        assert_eq!(growth, Some(Growth { bytes: 10, seconds: 7300 }));
        assert_eq!(kept.last, seen(9000, 100));
        let (kept, growth) = Observed::with(Some(kept), seen(500, 100));
        assert_eq!((kept.first, growth), (seen(500, 100), None), "the clock was set back");
    }

    #[test]
    fn room_and_its_growth_are_told_with_what_is_left() {
        let mut room =
            Room { snapshots: 1 << 20, standby: 0, kept: 0, free: 10 << 30, growth: None };
        assert_eq!(room.words(), "On the pool: the snapshots 1 MiB; 10 GiB are free.");
        room.growth = Some(Growth { bytes: 0, seconds: 60 });
        assert!(room.words().ends_with("It did not grow within 1 min."), "{}", room.words());
        room.growth = Some(Growth { bytes: 1 << 20, seconds: 60 });
        room.standby = 2 << 20;
        assert_eq!(
            room.words(),
            "On the pool: the snapshots 1 MiB, the standby 2 MiB; 10 GiB are free. It grew by 1 MiB \
             within 1 min: at that rate the pool is full in 7 days."
        );
        room.growth = Some(Growth { bytes: 4096, seconds: 3600 });
        assert!(room.words().ends_with("It grew by 4 KiB within 1 h."), "{}", room.words());
    }
}
