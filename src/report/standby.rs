//! What was seen of a standby.

use serde::Serialize;

use crate::journal::Side;

/// What is true of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandbyCondition {
    /// It has everything that was written, but for what is on its way.
    CaughtUp,
    /// It is behind.
    Behind,
    /// It runs, and is not fed, or can never catch up.
    NotFed,
    /// Its server does not answer.
    Down,
    /// Its server answers, and the version that serves does not.
    NoSource,
}

/// What was seen of a standby.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandbyReport {
    /// Which version stands by.
    pub side: Side,
    /// What is true of it.
    pub condition: StandbyCondition,
    /// Why, where it is not as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How far it has come; `None` as well while it is filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// How far the version has come that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Seconds that it is behind, where the playbook can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<f64>,
    /// Transactions that it is behind, where the playbook can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_transactions: Option<u64>,
    /// Bytes that its clones take on the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
}

impl StandbyReport {
    /// With what `lag` printed: `SECONDS TRANSACTIONS`, either may be `-`.
    pub fn set_lag(&mut self, printed: &str) {
        let mut words = printed.split_whitespace();
        self.lag_seconds = words.next().and_then(|word| word.parse().ok());
        self.lag_transactions = words.next().and_then(|word| word.parse().ok());
    }

    /// The same for a person.
    pub fn words(&self) -> Vec<String> {
        let lag = [
            self.lag_seconds.map(|seconds| format!("{seconds} s")),
            self.lag_transactions.map(|transactions| format!("{transactions} transactions")),
        ];
        let lag: Vec<String> = lag.into_iter().flatten().collect();
        let behind = if lag.is_empty() { String::new() } else { format!(" by {}", lag.join(", ")) };
        let (position, source) = (said(self.position.as_ref()), said(self.source.as_ref()));
        let come = match &self.position {
            Some(position) => format!("has come to {position}"),
            None => "was still being filled".to_owned(),
        };
        let serves = self.side.other().word();
        let what = match self.side {
            Side::Previous => "a downgrade",
            Side::Upgraded => "an undo",
        };
        let mut lines = vec![match self.condition {
            StandbyCondition::CaughtUp => {
                format!("The standby is caught up, at {position}: {what} is a switch.")
            }
            StandbyCondition::Behind if self.position.is_none() => {
                format!("The standby is being filled with the data of the {serves} version.")
            }
            StandbyCondition::Behind => format!(
                "The standby is behind{behind}: it {come}, the {serves} version to {source}."
            ),
            StandbyCondition::NotFed => format!(
                "The standby is not fed: it {come}. `backout standby start` starts the feed again. \
                 If the reason stays, `backout standby stop` ends it, and the usual way is left."
            ),
            StandbyCondition::Down => "The standby does not run. `backout standby start` starts \
                it again; it goes on where it was."
                .to_owned(),
            StandbyCondition::NoSource => {
                format!("The {serves} version does not answer. The standby {come}.")
            }
        }];
        lines.extend(self.why.clone());
        if let Some(used) = self.used {
            let size = humansize::format_size(used, humansize::BINARY);
            lines.push(format!("The standby takes {size} on the pool."));
        }
        lines
    }
}

fn said(text: Option<&String>) -> &str {
    text.map_or("?", |text| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standby_that_is_behind_is_told_with_numbers() {
        let mut report = StandbyReport {
            side: Side::Previous,
            condition: StandbyCondition::Behind,
            why: None,
            position: Some("0-1-7".into()),
            source: Some("0-1-9".into()),
            lag_seconds: None,
            lag_transactions: None,
            used: Some(3 << 20),
        };
        report.set_lag("0.5 2\n");
        assert_eq!(
            report.words(),
            [
                "The standby is behind by 0.5 s, 2 transactions: it has come to 0-1-7, the \
                 upgraded version to 0-1-9.",
                "The standby takes 3 MiB on the pool.",
            ]
        );
        report.set_lag("- 12");
        assert_eq!((report.lag_seconds, report.lag_transactions), (None, Some(12)));
        report.set_lag("- -");
        report.position = None;
        assert_eq!(
            report.words()[0],
            "The standby is being filled with the data of the upgraded version."
        );
        report.condition = StandbyCondition::NotFed;
        assert!(
            report.words()[0].starts_with("The standby is not fed: it was still being filled.")
        );
    }
}
