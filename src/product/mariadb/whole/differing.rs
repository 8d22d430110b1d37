//! Which tables hold what a comparison found different.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::super::name::TableName;
use super::Item;
use super::schema::{Schema, plain};
use crate::product::stream::{HelperError, Streams, next_line};

/// What stands in the place of the size of something that cannot be carried whole.
const NOT_CARRIED: &str = "-";

/// Lists of which nothing can be carried whole, and why, for a person.
const OTHERS: [(&str, &str); 3] = [
    ("views", "views cannot be carried"),
    ("routines", "routines, triggers and events cannot be carried"),
    ("accounts", "accounts and privileges cannot be carried"),
];

/// What of a table's definition decides whether rows of the other version fit into it.
const SHAPE: [&[u8]; 4] = [b"table", b"column", b"index", b"partition"];

/// How many rows of a table differ.
#[derive(Debug, Default)]
struct Rows {
    missing: u64,
    unexpected: u64,
}

/// What differs of a table's definition.
#[derive(Debug, Default)]
struct Definition {
    parts: BTreeSet<String>,
    /// Rows of the other version may not fit.
    shape: bool,
}

impl Rows {
    fn said(&self) -> String {
        let counts = [(self.missing, "missing"), (self.unexpected, "unexpected")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        format!("rows: {}", counts.join(", "))
    }
}

impl Definition {
    fn said(&self) -> String {
        let parts: Vec<&str> = self.parts.iter().map(String::as_str).collect();
        format!("its definition differs ({})", parts.join(", "))
    }
}

/// Prints the tables whose rows differ: `mariadb-differing FOLDER`. The folder has the files
/// `NAME.missing` and `NAME.unexpected` of the lists. Its input is what `whole.sql` printed on the
/// previous version. What cannot be carried whole is named as well, with `-` for its size.
pub(in crate::product) fn differing(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [folder] = arguments else {
        return Err(HelperError::usage("mariadb-differing FOLDER"));
    };
    let folder = Path::new(folder);
    let schema = Schema::read(streams.input)?;
    let mut definitions = definitions(folder)?;
    let mut print = |name: &str, size: &str, why: &str| {
        writeln!(streams.output, "{name}\t{size}\t{why}").map_err(HelperError::Output)
    };
    // The list joins schema and table with a point, which both names may contain.
    let mut named: BTreeMap<Vec<u8>, Vec<&TableName>> = BTreeMap::new();
    for table in schema.tables.keys() {
        named.entry([table.0.as_slice(), &table.1].join(&b'.')).or_default().push(table);
    }
    for (name, rows) in rows(folder)? {
        let found = named.get(&name).map(Vec::as_slice).unwrap_or_default();
        if found.is_empty() {
            let table = split(&name);
            definitions.remove(&table);
            let why = format!("{}; the table is not there", rows.said());
            print(&Item(table).to_string(), NOT_CARRIED, &why)?;
        }
        for table in found {
            let item = Item((*table).clone()).to_string();
            if definitions.get(*table).is_some_and(|it| it.shape) {
                let it = definitions.remove(*table).unwrap_or_default();
                print(&item, NOT_CARRIED, &format!("{}; {}", rows.said(), it.said()))?;
            } else {
                let bytes = schema.tables.get(*table).map_or(0, |it| it.bytes);
                print(&item, &bytes.to_string(), &rows.said())?;
            }
        }
    }
    for (table, it) in definitions {
        print(&Item(table).to_string(), NOT_CARRIED, &it.said())?;
    }
    for (list, why) in OTHERS {
        let mut differs = false;
        each(folder, list, |_, _| differs = true)?;
        if differs {
            print(list, NOT_CARRIED, why)?;
        }
    }
    streams.output.flush().map_err(HelperError::Output)
}

/// The tables of which rows differ, under the names that the list has.
fn rows(folder: &Path) -> Result<BTreeMap<Vec<u8>, Rows>, HelperError> {
    let mut all: BTreeMap<Vec<u8>, Rows> = BTreeMap::new();
    each(folder, "rows", |fields, missing| {
        let rows = all.entry(plain(fields.first().copied().unwrap_or_default())).or_default();
        *if missing { &mut rows.missing } else { &mut rows.unexpected } += 1;
    })?;
    Ok(all)
}

/// The tables whose definitions differ. A schema has no second name.
fn definitions(folder: &Path) -> Result<BTreeMap<TableName, Definition>, HelperError> {
    let mut all: BTreeMap<TableName, Definition> = BTreeMap::new();
    each(folder, "tables", |fields, _| {
        let [kind, schema, table, ..] = fields else { return };
        let table = if *kind == b"schema" { Vec::new() } else { plain(table) };
        let it = all.entry((plain(schema), table)).or_default();
        it.parts.insert(String::from_utf8_lossy(kind).into_owned());
        it.shape |= SHAPE.contains(kind);
    })?;
    Ok(all)
}

/// Every line of a list that differs, as its fields, and whether it is missing. What is not there
/// was not compared.
fn each(
    folder: &Path,
    list: &str,
    mut work: impl FnMut(&[&[u8]], bool),
) -> Result<(), HelperError> {
    for (what, missing) in [("missing", true), ("unexpected", false)] {
        let path = folder.join(format!("{list}.{what}"));
        let mut input = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let text = format!("cannot read {}: {error}", path.display());
                return Err(HelperError::Failed(text));
            }
        };
        let mut line = Vec::new();
        while next_line(&mut input, &mut line)? {
            let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
            work(&fields, missing);
        }
    }
    Ok(())
}

/// Schema and table of a name that no table has.
fn split(name: &[u8]) -> TableName {
    let mut parts = name.splitn(2, |byte| *byte == b'.').map(<[u8]>::to_vec);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::product::tests::{kept, on};

    fn printed(folder: &str, schema: &[u8]) -> String {
        let printed = on("mariadb-differing", &[folder], schema).expect("read");
        String::from_utf8(printed).expect("text")
    }

    /// Two servers; each kind of difference.
    #[test]
    fn tables_whose_rows_differ_are_carried_and_the_rest_is_named() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/playbooks/mariadb/tests/differing");
        let schema = kept("mariadb/tests/differing/schema");
        insta::assert_snapshot!(printed(folder, &schema).replace('\t', " | "), @r"
        a.`b.c` | 16384 | rows: 1 missing
        `a.b`.c | 16384 | rows: 1 missing
        shop.fk | 16384 | rows: 1 missing, 1 unexpected
        shop.größe | 16384 | rows: 1 missing
        shop.lines | 16384 | rows: 2 missing, 1 unexpected
        shop.`new one` | - | rows: 1 missing; the table is not there
        shop.`only here` | - | rows: 1 unexpected; its definition differs (column, index, table)
        shop.orders | 16384 | rows: 4 missing, 4 unexpected
        shop.`wrong shape` | - | rows: 2 missing, 1 unexpected; its definition differs (column)
        shop.`x\ty\\n` | 16384 | rows: 1 missing, 1 unexpected
        a | - | its definition differs (schema)
        shop.fk | - | its definition differs (foreign key)
        shop.v | - | its definition differs (column)
        views | - | views cannot be carried
        routines | - | routines, triggers and events cannot be carried
        accounts | - | accounts and privileges cannot be carried
        ");
    }

    #[test]
    fn nothing_differs() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().display().to_string();
        assert_eq!(printed(&folder, b"table\tshop\ta\tInnoDB\t16384\t1\t1\t0\t0\n"), "");
    }
}
