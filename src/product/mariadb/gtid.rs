//! Positions in the log.

use std::collections::BTreeMap;
use std::fmt;

/// The position of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gtid {
    /// The replication domain.
    pub(super) domain: u32,
    /// The server's id.
    pub(super) server: u32,
    /// The number within the domain.
    pub(super) number: u64,
}

impl Gtid {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let found = Self {
            domain: parts.next()?.parse().ok()?,
            server: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(found)
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server, self.number)
    }
}

/// The domain of what a standby's server writes by itself, and of nothing else. (`[standby]` in the
/// playbook sets it.) Its numbers are none of the fed transactions'.
pub(super) const STANDBY_DOMAIN: u32 = 4_294_967_290;

/// How far a log has come: the last transaction of each domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position(BTreeMap<u32, Gtid>);

impl Position {
    /// Reads what a server prints: `0-1-17,1-1-3`. `None`: it is not that.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| Gtid::parse(part).map(|gtid| (gtid.domain, gtid)))
            .collect::<Option<_>>()
            .map(Self)
    }

    pub(super) fn of(gtids: impl IntoIterator<Item = Gtid>) -> Self {
        let mut found = Self::default();
        gtids.into_iter().for_each(|gtid| found.comes_to(gtid));
        found
    }

    pub(super) fn comes_to(&mut self, gtid: Gtid) {
        self.0.insert(gtid.domain, gtid);
    }

    /// Where it is in a domain.
    pub(super) fn at(&self, domain: u32) -> Option<Gtid> {
        self.0.get(&domain).copied()
    }

    /// Whether a transaction is done here.
    pub(super) fn has(&self, gtid: Gtid) -> bool {
        self.at(gtid.domain).is_some_and(|at| at.number >= gtid.number)
    }

    /// Without what a standby wrote by itself.
    pub(super) fn fed(mut self) -> Self {
        self.0.remove(&STANDBY_DOMAIN);
        self
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Gtid> {
        self.0.values().copied()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (i, gtid) in self.0.values().enumerate() {
            write!(f, "{}{gtid}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gtids_have_three_numbers() {
        let gtid = Gtid::parse("0-1-17").unwrap();
        assert_eq!((gtid.number, gtid.to_string().as_str()), (17, "0-1-17"));
        for text in ["", "0-1", "0-1-17-2", "0-1-x", "0--1"] {
            assert_eq!(Gtid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_position_has_one_of_each_domain() {
        let position = Position::parse("0-1-17, 7-2-3").unwrap();
        assert_eq!(position.to_string(), "0-1-17,7-2-3");
        let has = |text| position.has(Gtid::parse(text).unwrap());
        assert_eq!(
            (has("0-9-17"), has("0-1-18"), has("7-2-2"), has("1-1-1")),
            (true, false, true, false)
        );
        assert_eq!(Position::parse("").unwrap().to_string(), "nothing");
        assert_eq!(Position::parse("0-1"), None);
    }
}
