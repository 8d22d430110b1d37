//! What the tool named: the transactions that the previous version rejects, and what they are about.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use regex::Regex;

/// Errors that say that the old version has no words for something, by their numbers.
const NO_WORDS: &[(&str, &str)] = &[
    ("1178", "a partitioned table with a GEOMETRY column"),
    ("4161", "a data type: VECTOR"),
    ("1030", "a TIMESTAMP after 2038"),
];

/// Errors that follow from those: what is not there, rows that do not fit or cannot be found, an XA
/// transaction that was left out.
const FOLLOW: &[&str] = &[
    "1032", "1054", "1060", "1061", "1062", "1072", "1091", "1105", "1136", "1146", "1176", "1305",
    "1347", "1356", "1360", "1397", "1402", "1452", "1505", "1506", "1507", "1508", "1512", "1539",
    "1005",
];

/// The schemas, tables and other objects that rejected transactions are about.
#[derive(Debug, Default)]
pub struct Named {
    objects: BTreeSet<String>,
    accounts: bool,
}

impl Named {
    /// Reads the file of rejects.
    ///
    /// # Errors
    /// When one neither says that the old version has no words for it, nor follows from such a one.
    pub fn read(rejects: &str) -> Result<Self> {
        let number = Regex::new(r"^ERROR (\d+)")?;
        let name = Regex::new(r"`(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)?")?;
        let mut named = Self::default();
        for line in rejects.lines() {
            let mut parts = line.splitn(3, '\t').skip(1);
            let (error, what) =
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let found = number.captures(error).with_context(|| format!("no reject: {line}"))?;
            let number = found.get(1).map_or("", |it| it.as_str());
            let objects: Vec<&str> = name
                .find_iter(what)
                .map(|it| it.as_str())
                .filter(|it| it.contains("`.`"))
                .collect();
            let follows = FOLLOW.contains(&number)
                && (objects.iter().any(|it| named.objects.contains(*it))
                    || (what.starts_with("XA ") && !named.objects.is_empty()));
            // A one-time event that is due at once may end before its creation is in the log: a
            // stated limit. It runs again.
            let early = number == "1539" && what.starts_with("DROP EVENT ");
            if early {
                named.objects.insert("`backout_begin`.`ran`".to_owned());
            }
            if !follows && !early && !NO_WORDS.iter().any(|(known, _)| *known == number) {
                bail!("not known to be rejected: {line}");
            }
            named.objects.extend(objects.into_iter().map(str::to_owned));
            named.accounts |= ["GRANT ", "REVOKE "].iter().any(|it| what.starts_with(it));
        }
        Ok(named)
    }

    /// What clients made of what is named, or called it since: it has not all of it.
    ///
    /// # Errors
    /// Never, but for a wrong pattern.
    pub fn follow(&mut self, clients: &str) -> Result<()> {
        const NAME: &str = r"(`(?:[^`]|``)+`\.`(?:[^`]|``)+`)";
        let copy = Regex::new(&format!(r"{NAME} (?:LIKE|AS SELECT [^;]* FROM) {NAME}"))?;
        let rename = Regex::new(&format!(r"{NAME} (?:RENAME )?TO {NAME}"))?;
        for line in clients.lines() {
            for (copy, source) in copy
                .captures_iter(line)
                .map(|it| (it[1].to_owned(), it[2].to_owned()))
                .chain(rename.captures_iter(line).map(|it| (it[2].to_owned(), it[1].to_owned())))
            {
                if self.objects.contains(&source) {
                    self.objects.insert(copy);
                }
            }
        }
        Ok(())
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether lines of a dump about this may differ: it is named itself, or it is what the dump
    /// says of a whole schema (a view of something that is not there).
    pub fn has(&self, about: &str) -> bool {
        self.objects.contains(about)
            || (about.starts_with("account ") && self.accounts)
            || self.objects.iter().any(|it| it.starts_with(&format!("{about}.")))
    }
}
