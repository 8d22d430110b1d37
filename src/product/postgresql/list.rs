//! The list of a dump's entries (`pg_restore --list`), in the order in which they are restored.

/// The parts of a dump.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// The database itself, with its comment and privileges.
    pub(super) database: String,
    /// Definitions and data.
    pub(super) main: String,
    /// Privileges, which are told in the older server's words.
    pub(super) privileges: String,
    /// What needs the privileges, and what would fire.
    pub(super) last: String,
}

const OF_DATABASE: &[&str] = &[
    "DATABASE - ",
    "DATABASE PROPERTIES - ",
    "ACL - DATABASE ",
    "COMMENT - DATABASE ",
    "SECURITY LABEL - DATABASE ",
];

impl Parts {
    /// Of this list.
    pub(super) fn of(list: &str) -> Self {
        let mut parts = Self::default();
        for line in list.lines() {
            let to = match entry(line) {
                None => continue,
                Some(it) if OF_DATABASE.iter().any(|begin| it.starts_with(begin)) => {
                    &mut parts.database
                }
                Some(it) if it.starts_with("ACL ") || it.starts_with("DEFAULT ACL ") => {
                    &mut parts.privileges
                }
                Some(it)
                    if it.starts_with("EVENT TRIGGER ")
                        || it.starts_with("MATERIALIZED VIEW DATA ")
                        || it.starts_with("COMMENT - EVENT TRIGGER ") =>
                {
                    &mut parts.last
                }
                Some(_) => &mut parts.main,
            };
            to.push_str(line);
            to.push('\n');
        }
        parts
    }
}

/// What is said of an entry behind its numbers: kind, schema, name, owner.
pub(super) fn entry(line: &str) -> Option<&str> {
    let (number, rest) = line.split_once("; ")?;
    number.parse::<u32>().ok()?;
    let mut rest = rest;
    for _ in 0..2 {
        let (id, more) = rest.split_once(' ')?;
        id.parse::<u32>().ok()?;
        rest = more;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_come_after_the_data_and_event_triggers_after_all() {
        let list = ";\n; Archive created at 2026-11-29\n;     dbname: x\n\
            3452; 1262 16384 DATABASE - x postgres\n\
            3453; 0 0 ACL - DATABASE x postgres\n\
            3454; 0 0 DATABASE PROPERTIES - x postgres\n\
            219; 1259 16390 TABLE public ACL postgres\n\
            3460; 0 0 ACL public TABLE t postgres\n\
            2100; 826 16400 DEFAULT ACL s DEFAULT PRIVILEGES FOR TABLES postgres\n\
            3300; 3466 16420 EVENT TRIGGER - et postgres\n\
            3301; 0 0 COMMENT - EVENT TRIGGER et postgres\n\
            3461; 0 16410 MATERIALIZED VIEW DATA public mv postgres\n\
            3462; 0 16390 TABLE DATA public t postgres\n";
        let parts = Parts::of(list);
        let counts = [&parts.database, &parts.main, &parts.privileges, &parts.last]
            .map(|it| it.lines().count());
        assert_eq!(counts, [3, 2, 2, 3]);
        assert!(parts.main.contains("TABLE public ACL postgres"));
    }
}
