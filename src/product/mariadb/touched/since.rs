//! What was written since both servers were compared, while clients write.

use std::collections::{BTreeMap, BTreeSet};

use super::super::name::TableName;
use super::super::whole::schema::Schema;
use super::keys::Keys;
use super::part::Part;
use super::{Seen, print, tables};
use crate::product::stream::{HelperError, Streams};

/// Prints what these parts of a log touched, as `mariadb-touched` does, for lists that say of each
/// item that they have it anew. A line has what a list shows of it behind a tab: of a key, as SQL,
/// and `*` of a table. `earlier`: the parts before these, the last one first. `carried`: tables
/// that the feed does not bring. The log may grow meanwhile, and has all that the tables were when
/// `whole.sql` and `touched.sql` ran.
///
/// # Errors
/// When a file cannot be read.
pub(in super::super) fn since(
    mut parts: Vec<Part>,
    earlier: impl Iterator<Item = Part>,
    carried: BTreeSet<TableName>,
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (schema, keys) = tables(streams.input)?;
    let mut seen = Seen::default();
    seen.read(&mut parts)?;
    match std::mem::take(&mut seen.xa).found(earlier)? {
        Some(mut more) => {
            seen.read(&mut more)?;
            parts.extend(more);
        }
        None => {
            seen.unknown.get_or_insert("an XA transaction was prepared long ago".into());
        }
    }
    if !seen.dropped.is_empty() {
        // Which tables it had stands nowhere.
        seen.unknown.get_or_insert("a schema was dropped".into());
    }
    let anew = Anew::new(&schema, carried);
    print(&parts, (schema, keys), seen, Some(anew), streams.output)
}

/// For a list that says what it has anew.
#[derive(Debug)]
pub(super) struct Anew {
    /// Tables that the feed does not bring.
    carried: BTreeSet<TableName>,
    /// Tables by their names as a list shows them: `a.b.c` may be two.
    shown: BTreeMap<Vec<u8>, Vec<TableName>>,
}

fn shown((schema, table): &TableName) -> Vec<u8> {
    [schema.as_slice(), table].join(&b'.')
}

impl Anew {
    fn new(schema: &Schema, carried: BTreeSet<TableName>) -> Self {
        let mut all: BTreeMap<Vec<u8>, Vec<TableName>> = BTreeMap::new();
        for table in schema.tables.keys() {
            all.entry(shown(table)).or_default().push(table.clone());
        }
        Self { carried, shown: all }
    }

    /// Whether it can be told what a list shows of a table's keys.
    pub(super) fn tells(&self, table: &TableName, keys: &Keys) -> bool {
        let alone = self.shown.get(&shown(table)).is_none_or(|tables| tables.len() == 1);
        let mut columns = keys.primary.get(table).into_iter().flatten();
        alone && columns.all(|column| column.is_shown())
    }

    /// Adds what is listed whole besides: what the feed does not bring, tables that may be gone,
    /// and what a list shows under the same name.
    pub(super) fn complete(&self, whole: &mut BTreeSet<TableName>, seen: &Seen) {
        whole.extend(self.carried.iter().chain(&seen.named).cloned());
        let alike = whole.iter().filter_map(|table| self.shown.get(&shown(table))).flatten();
        let alike: Vec<TableName> = alike.cloned().collect();
        whole.extend(alike);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use crate::product::mariadb::standby::{Notes, Place};
    use crate::product::tests::{kept, on};

    /// The real log of `keys.sql`, from its begin and from its end. The feed noted one table.
    #[test]
    fn s1_what_was_written_since_is_told_with_what_a_list_shows() {
        let dir = tempfile::tempdir().expect("temp dir");
        let log = dir.path().join("bin.000007").display().to_string();
        let bytes = kept("mariadb/tests/keys.binlog");
        std::fs::write(&log, &bytes).expect("written");
        // A server is just beginning it.
        std::fs::write(dir.path().join("bin.000008"), b"\xfebin").expect("written");
        let base = dir.path().join("bin").display().to_string();
        let folder = dir.path().join("notes").display().to_string();
        let mut notes = Notes::open(&folder).expect("made");
        notes.whole(&(b"keys".to_vec(), b"quiet".to_vec()), true, "MyISAM").expect("noted");
        let listed = kept("mariadb/tests/keys.listed");
        let since = |ends: u64, listed: &[u8]| {
            let place = Place::new(7, ends, &log).expect("read").to_string();
            let said = on("mariadb-fed", &[&folder, &base, &place], listed).expect("read");
            String::from_utf8(said).expect("text")
        };
        // A schema is dropped in it.
        assert_eq!(since(256, &listed), "*\ta schema was dropped\n");
        assert_eq!(since(bytes.len() as u64, &listed), "6b657973 7175696574 all\t*\n");
        // Before that schema was made.
        const BEFORE: usize = 5881;
        std::fs::write(&log, &bytes[..BEFORE]).expect("written");
        let all = since(256, &listed);
        for line in [
            "6b657973 676f6e65 all\t*",
            "6b657973 6d6f766564 all\t*",
            "6b657973 6d6f7665645f61776179 all\t*",
            "6b657973 7175696574 all\t*",
            "6b657973 7465787473 all\t*",
            "6b657973 726f756768 all\t*",
            "6b657973 706172656e74 key 2\t2",
            "6b657973 6c6f6e675f6b6579 key _utf8mb4 \
             X'6c6f6e676572207468616e2066697665206c657474657273'\tCONVERT(_utf8mb4 X'6c6f6e676572207468616e2066697665206c657474657273' USING utf8mb4)",
            "6b657973 6e756d62657273 key 18446744073709551615,-128,65535,-2,4294967295,\
             -9223372036854775807,-0000012345678901.5000,1500,'2024'\t18446744073709551615,-128,\
             65535,-2,4294967295,-9223372036854775807,-0000012345678901.5000,HEX(1500),'2024'",
            "6b657973 74696d6573 key '2024-02-29','0001-01-01 00:00:00.000000',\
             '9999-12-31 23:59:59.999000','1999-12-31 18:29:59.000000',\
             '2036-12-31 18:30:00.123450','-838:59:59.000000','-00:00:00.250000'\t'2024-02-29',\
             '0001-01-01 00:00:00','9999-12-31 23:59:59.999','1999-12-31 18:29:59',\
             '2036-12-31 18:30:00.12345','-838:59:59','-00:00:00.25'",
        ] {
            assert!(all.lines().any(|it| it == line), "{line} in {all}");
        }
        // From between the two on: the first row of the table is not among them.
        const LATER: u64 = 3999;
        let later = since(LATER, &listed);
        assert!(later.contains("key 3\t3\n") && !later.contains("key 2\t2\n"), "{later}");
        assert!(later.contains("6b657973 7175696574 all\t*\n"), "{later}");
        // `keys.quiet` may be the table `quiet`, or a table of another schema.
        let alike = "table\tkeys.quiet\tx\tInnoDB\t1\t1\t1\t0\t0\n\
                     table\tkeys\tquiet.x\tInnoDB\t1\t1\t1\t0\t0\n";
        let both = [listed.as_slice(), alike.as_bytes()].concat();
        notes.whole(&(b"keys".to_vec(), b"quiet.x".to_vec()), true, "MyISAM").expect("noted");
        let said = since(BEFORE as u64, &both);
        assert_eq!(
            said,
            "6b657973 7175696574 all\t*\n6b657973 71756965742e78 all\t*\n\
             6b6579732e7175696574 78 all\t*\n"
        );
        std::fs::write(&log, &bytes[1..]).expect("written");
        let other = on("mariadb-fed", &[&folder, &base, "7:4:1"], &listed).expect("said");
        assert!(other.starts_with(b"*\t"), "another file");
    }
}
