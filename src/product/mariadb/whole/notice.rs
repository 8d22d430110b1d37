//! Which tables are carried whole, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::super::binlog::number_of;
use super::super::left_out::LeftOut;
use super::super::name::TableName;
use super::Item;
use super::schema::{Schema, Table};
use super::touched::{Touch, Touched};
use crate::host::files::write_atomic;
use crate::product::stream::{HelperError, Streams};

/// A table that is carried whole.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Carried {
    why: String,
    /// Its rows are not replayed: they could not be, or not in a time that anybody would wait.
    left_out: bool,
}

/// Prints the tables that are carried whole: `mariadb-whole LEFT-OUT FOLDER`. The folder has the
/// captured log. Its input is what `whole.sql` printed on the new version. Writes into the file
/// LEFT-OUT under which names their rows are not replayed.
pub(in crate::product) fn notice(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [left_out, folder] = arguments else {
        return Err(HelperError::usage("mariadb-whole LEFT-OUT FOLDER"));
    };
    let files = log_files(folder)?;
    let schema = Schema::read(streams.input)?;
    let touched = Touched::read(&files)?;
    let carried = carried(&schema, &touched);
    let mut names = BTreeSet::new();
    for table in carried.iter().filter(|(_, it)| it.left_out).map(|(table, _)| table) {
        names.extend(touched.names(table));
    }
    let text = LeftOut::text(&names, &gone(&schema, &touched), &schema.ended);
    write_atomic(left_out.as_ref(), text.as_bytes())
        .map_err(|error| HelperError::Failed(format!("cannot write {left_out}: {error}")))?;
    print(streams.output, &schema, carried.iter().map(|(table, it)| (table, it.why.as_str())))
}

/// The names that only tables had that are not there any more. Their rows matter to nobody, if they
/// do not come back.
fn gone(schema: &Schema, touched: &Touched) -> BTreeSet<TableName> {
    let lives = |name: &TableName| schema.tables.contains_key(name);
    let gone = |name: &&TableName| !touched.names(name).iter().any(lives);
    touched.tables.keys().filter(gone).cloned().collect()
}

/// The files of a log in a folder: those that end with a number.
fn log_files(folder: &str) -> Result<Vec<String>, HelperError> {
    let failed = |error| HelperError::Failed(format!("cannot list {folder}: {error}"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if number_of(&path).is_some() {
            files.push(path.display().to_string());
        }
    }
    files.sort();
    Ok(files)
}

fn print<'a>(
    output: &mut dyn Write,
    schema: &Schema,
    tables: impl Iterator<Item = (&'a TableName, &'a str)>,
) -> Result<(), HelperError> {
    for (table, why) in tables {
        let bytes = schema.tables.get(table).map_or(0, |it| it.bytes);
        writeln!(output, "{}\t{bytes}\t{why}", Item(table.clone())).map_err(HelperError::Output)?;
    }
    output.flush().map_err(HelperError::Output)
}

/// The tables that are carried whole.
fn carried(schema: &Schema, touched: &Touched) -> BTreeMap<TableName, Carried> {
    let mut all = BTreeMap::new();
    for (name, table) in &schema.tables {
        let Some(touch) = touched.of(name) else { continue };
        let bound = schema.references.iter().any(|it| it.child == *name || it.parent == *name);
        if let Some((why, must)) = reason(table, &touch) {
            all.insert(name.clone(), Carried { why, left_out: must || !bound });
        }
    }
    closed(&mut all, schema, touched);
    all
}

/// The same without the reasons.
pub(in super::super) fn whole_tables(schema: &Schema, touched: &Touched) -> BTreeSet<TableName> {
    carried(schema, touched).into_keys().collect()
}

/// Why a table is carried whole, and whether its rows cannot be replayed at all.
pub(in super::super) fn reason(table: &Table, touch: &Touch) -> Option<(String, bool)> {
    const LOCAL: [&str; 4] = ["MyISAM", "Aria", "ARCHIVE", "CSV"];
    let changed = touch.changed > 0;
    if table.engine == "MEMORY" {
        return Some(("a MEMORY table is empty after each restart".into(), true));
    }
    if LOCAL.contains(&table.engine.as_str()) {
        return Some((format!("{} cannot roll a replay back", table.engine), true));
    }
    if table.engine == "SEQUENCE" {
        return None;
    }
    if let Some(what) = &touch.made_up {
        return Some((format!("{what} gave other values"), !table.primary && changed));
    }
    if table.generated {
        let why = "generated columns are stored or indexed, and the log does not have them";
        return Some((why.into(), !table.primary && changed));
    }
    if changed && table.hashed && !table.primary {
        return Some(("its unique texts hide its rows from a replay".into(), true));
    }
    (changed && !table.indexed)
        .then(|| ("without an index, each row would be searched for".into(), true))
}

/// A table whose rows are not replayed must not keep those of others from being replayed. So what a
/// foreign key binds to it is carried whole, too, if it was changed, or changes with it.
fn closed(all: &mut BTreeMap<TableName, Carried>, schema: &Schema, touched: &Touched) {
    loop {
        let before = all.iter().filter(|(_, it)| it.left_out).count();
        let names: BTreeSet<TableName> = all
            .iter()
            .filter(|(_, it)| it.left_out)
            .flat_map(|(table, _)| touched.names(table))
            .collect();
        let left_out = |all: &BTreeMap<TableName, Carried>, table: &TableName| {
            all.get(table).is_some_and(|it| it.left_out)
        };
        let mut more = Vec::new();
        for table in schema.tables.keys().filter(|table| names.contains(*table)) {
            // A name that more than one table had.
            more.push((table, "it had the name of a table that is carried whole"));
        }
        for reference in &schema.references {
            if left_out(all, &reference.parent)
                && (reference.cascades || touched.of(&reference.child).is_some())
            {
                more.push((&reference.child, "a foreign key binds it to a table that is"));
            }
            if left_out(all, &reference.child) && touched.of(&reference.parent).is_some() {
                more.push((&reference.parent, "a foreign key binds it to a table that is"));
            }
        }
        for (table, why) in more {
            let it = all
                .entry(table.clone())
                .or_insert_with(|| Carried { why: why.into(), left_out: true });
            it.left_out = true;
        }
        if all.iter().filter(|(_, it)| it.left_out).count() == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::mariadb::whole::schema::Reference;
    use crate::product::tests::{kept, on};

    fn name(table: &str) -> TableName {
        (b"shop".to_vec(), table.as_bytes().to_vec())
    }

    fn table(engine: &str) -> Table {
        let engine = engine.to_owned();
        Table { engine, bytes: 9, primary: true, indexed: true, ..Table::default() }
    }

    /// The log of a server 11.8; what it did is in `kinds.sql`.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn a_real_log_says_which_tables_were_changed() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("bin.000007"), kept("mariadb/tests/kinds.binlog"))
            .expect("written");
        let left_out = dir.path().join("left-out");
        let schema = "table\tkinds\tg\tInnoDB\t16384\t1\t1\t2\t0\n\
            table\tkinds\tm\tMyISAM\t100\t0\t0\t0\t0\n\
            table\tkinds\tmem\tMEMORY\t0\t0\t0\t0\t0\n\
            table\tkinds\tc2\tInnoDB\t16384\t0\t0\t0\t0\n\
            table\tkinds\ti\tInnoDB\t16384\t1\t1\t0\t0\n\
            table\tkinds\tnever\tAria\t16384\t1\t1\t0\t0\nevent\tkinds\te\n";
        let arguments = [left_out.display().to_string(), dir.path().display().to_string()];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let found = on("mariadb-whole", &arguments, schema.as_bytes()).expect("read");
        assert_eq!(
            String::from_utf8_lossy(&found),
            "kinds.g\t16384\tgenerated columns are stored or indexed, and the log does not have \
             them\nkinds.m\t100\tMyISAM cannot roll a replay back\n"
        );
        let names = std::fs::read_to_string(&left_out).expect("written");
        use hex::encode as hex;
        let line = |(name, end): (&str, &str)| format!("{} {}{end}\n", hex("kinds"), hex(name));
        let lines = [
            ("g", ""),
            ("m", ""),
            // The server does not list them.
            ("gc", " gone"),
            ("q", " gone"),
            ("s", " gone"),
            ("src", " gone"),
            ("versions", " gone"),
            ("e", " event off"),
        ];
        assert_eq!(names, lines.map(line).concat());
        let option = format!("--left-out={}", left_out.display());
        LeftOut::of(&[option]).expect("it is read as it is written");
    }

    #[test]
    fn what_a_replay_brings_back_is_not_carried() {
        let touch = Touch { inserted: 5, changed: 5, made_up: None };
        assert_eq!(reason(&table("InnoDB"), &touch), None);
        let bare = Table { primary: false, indexed: false, ..table("InnoDB") };
        assert_eq!(reason(&bare, &Touch { changed: 0, ..touch }), None);
    }

    #[test]
    fn each_kind_has_its_reason() {
        let changed = Touch { changed: 5, ..Touch::default() };
        let made_up = Touch { made_up: Some("UUID()".into()), ..Touch::default() };
        let innodb = || table("InnoDB");
        for (table, touch, left_out, begins) in [
            (table("MEMORY"), &changed, true, "a MEMORY table"),
            (table("Aria"), &changed, true, "Aria cannot"),
            (Table { generated: true, ..innodb() }, &changed, false, "generated columns"),
            (
                Table { generated: true, primary: false, ..innodb() },
                &changed,
                true,
                "generated columns",
            ),
            (innodb(), &made_up, false, "UUID() gave"),
            (
                Table { primary: false, indexed: false, ..innodb() },
                &changed,
                true,
                "without an index",
            ),
            (Table { primary: false, hashed: true, ..innodb() }, &changed, true, "its unique"),
        ] {
            let (why, must) = reason(&table, touch).expect(begins);
            assert!(why.starts_with(begins), "{why}");
            assert_eq!(must, left_out, "{why}");
        }
    }

    #[test]
    fn what_a_foreign_key_binds_to_rows_that_are_left_out_goes_with_them() {
        let mut schema = Schema::default();
        for other in ["lines", "notes", "far"] {
            schema.tables.insert(name(other), table("InnoDB"));
        }
        let bare = Table { generated: true, primary: false, ..table("InnoDB") };
        schema.tables.insert(name("orders"), bare);
        let key = |child: &str, parent: &str, cascades| Reference {
            child: name(child),
            parent: name(parent),
            cascades,
        };
        schema.references = vec![
            key("lines", "orders", true),
            key("notes", "orders", false),
            key("orders", "far", false),
        ];
        let mut touched = Touched::default();
        touched.tables.insert(name("orders"), Touch { changed: 1, ..Touch::default() });
        let list = |touched: &Touched| {
            carried(&schema, touched)
                .into_iter()
                .map(|(table, it)| {
                    assert!(it.left_out);
                    String::from_utf8_lossy(&table.1).into_owned()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(list(&touched), ["lines", "orders"]);
        touched.tables.insert(name("notes"), Touch { inserted: 1, ..Touch::default() });
        touched.tables.insert(name("far"), Touch { inserted: 1, ..Touch::default() });
        assert_eq!(list(&touched), ["far", "lines", "notes", "orders"]);
    }
}
