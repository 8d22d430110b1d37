//! The dump of everything, and its last look.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::client::{Client, USAGE, run, unhex};
use super::failed;
use super::slot::Exported;
use crate::host::files::{open_own, remove_optional, write_atomic};
use crate::product::stream::{HelperError, Streams};

/// Roles, tablespaces, their settings and privileges.
pub(super) const GLOBALS: &str = "globals.sql";
/// The list of the databases. It is written last.
pub(super) const DATABASES: &str = "databases.txt";
/// The last line of that list.
const END: &str = "end";
/// The last words of a complete dump of the globals.
const COMPLETE: &str = "PostgreSQL database cluster dump complete";

/// One database of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dumped {
    /// Its name.
    pub(super) name: String,
    /// The archive.
    pub(super) file: PathBuf,
}

/// `postgresql-dump SERVER [--schema-only] FOLDER`: dumps everything into a folder.
pub(in crate::product) fn dump(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (client, rest) = Client::parse(arguments)?;
    let (schema_only, folder) = match rest {
        [word, folder] if word == "--schema-only" => (true, folder),
        [folder] => (false, folder),
        _ => {
            let usage = format!("postgresql-dump {USAGE} [--schema-only] FOLDER");
            return Err(HelperError::usage(&usage));
        }
    };
    write(&client.quietly()?, Path::new(folder), schema_only, &mut |_| Ok(None))
}

/// Dumps everything. `snapshot` may say what is seen of a database: the slot that is made with it
/// goes on exactly there.
pub(super) fn write(
    client: &Client,
    folder: &Path,
    schema_only: bool,
    snapshot: &mut dyn FnMut(&str) -> Result<Option<Exported>, HelperError>,
) -> Result<(), HelperError> {
    let gone = |name: &str| {
        remove_optional(&folder.join(name))
            .map_err(|error| failed(format_args!("cannot remove {name}"), error))
    };
    // What an interrupted attempt has left.
    gone(DATABASES)?;
    for entry in fs::read_dir(folder).map_err(|error| failed("cannot read the folder", error))? {
        let name = entry.map_err(|error| failed("cannot read the folder", error))?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".dump") {
            gone(&name)?;
        }
    }
    // They have rows, and the passwords' hashes.
    let own = |name: &str| {
        let options = &mut File::options();
        open_own(options.write(true).create(true).truncate(true), &folder.join(name))
            .map_err(|error| failed(format_args!("cannot write {name}"), error))
    };
    let globals = own(GLOBALS)?;
    let mut all = client.command("pg_dumpall", "template1");
    all.arg("--globals-only").arg("--no-sync").stdout(Stdio::from(globals));
    run("pg_dumpall", &mut all)?;
    let mut list = String::new();
    for (at, (name, open)) in client.databases()?.into_iter().enumerate() {
        if !open {
            return Err(HelperError::Failed(format!(
                "nobody can connect to the database {name:?}, so it cannot be dumped. ALTER \
                 DATABASE ... ALLOW_CONNECTIONS true, or drop it"
            )));
        }
        let file = format!("{:04}.dump", at + 1);
        let mut one = client.command("pg_dump", &name);
        // A login trigger fires for us, too: `quietly`.
        one.args(["--format=custom", "--compress=zstd:1", "--no-sync"]);
        one.stdout(Stdio::from(own(&file)?));
        if schema_only {
            one.arg("--schema-only");
        }
        let exported = snapshot(&name)?;
        if let Some(exported) = &exported {
            one.arg(format!("--snapshot={}", exported.name()));
        }
        run(&format!("pg_dump of {name:?}"), &mut one)?;
        list.push_str(&format!("{file} {}\n", hex::encode(name)));
    }
    list.push_str(END);
    list.push('\n');
    write_atomic(&folder.join(DATABASES), list.as_bytes())
        .map_err(|error| failed(format_args!("cannot write {DATABASES}"), error))
}

/// The dump that these files are.
pub(super) fn read(files: &[String]) -> Result<(PathBuf, Vec<Dumped>), HelperError> {
    let named = |name: &str| {
        let found = files.iter().map(Path::new).find(|path| path.ends_with(name));
        found.ok_or_else(|| HelperError::Failed(format!("{name} is not among the files")))
    };
    let path = named(DATABASES)?;
    let text = fs::read_to_string(path).map_err(|error| failed(path.display(), error))?;
    let lines = text
        .strip_suffix(&format!("{END}\n"))
        .ok_or_else(|| HelperError::Failed(format!("{DATABASES} has no end")))?;
    let mut all = Vec::new();
    for line in lines.lines() {
        let parts = line.split_once(' ').and_then(|(file, digits)| Some((file, unhex(digits)?)));
        let (file, name) =
            parts.ok_or_else(|| HelperError::Failed(format!("{DATABASES} cannot be read")))?;
        all.push(Dumped { name, file: named(file)?.to_owned() });
    }
    Ok((named(GLOBALS)?.to_owned(), all))
}

/// `postgresql-verify SERVER FILE...`: reads a dump to its end.
pub(in crate::product) fn verify(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (client, files) = Client::parse(arguments)?;
    let (globals, databases) = read(files)?;
    let file = File::open(&globals).map_err(|error| failed(globals.display(), error))?;
    let mut complete = false;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| failed(globals.display(), error))?;
        complete |= String::from_utf8_lossy(&line).contains(COMPLETE);
    }
    if !complete {
        return Err(HelperError::Failed(format!("{GLOBALS} has no end")));
    }
    for one in databases {
        let mut restore = client.program("pg_restore");
        restore.arg("--file=/dev/null").arg(&one.file);
        run(&format!("reading the dump of {:?}", one.name), &mut restore)?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_an_end_and_a_file_that_is_missing_are_refused() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let files = [GLOBALS, DATABASES, "0001.dump"].map(path);
        fs::write(&files[1], "0001.dump 612062\n").expect("written");
        assert!(read(&files).unwrap_err().to_string().contains("has no end"));
        fs::write(&files[1], "0001.dump 612062\nend\n").expect("written");
        let (globals, databases) = read(&files).expect("read");
        assert_eq!(globals, Path::new(&files[0]));
        assert_eq!(databases, [Dumped { name: "a b".into(), file: files[2].clone().into() }]);
        let said = read(&files[..2]).unwrap_err().to_string();
        assert_eq!(said, "0001.dump is not among the files");
    }
}
