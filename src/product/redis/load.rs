//! Puts what was appended to an append-only file behind the data of the snapshot, as one more file
//! of it. The previous version loads it at its next start, as its own: a time that is past deletes
//! no key then, nothing is evicted, and no client can do anything in between.
//!
//! What the previous version would not carry out is found before: a command that it does not know
//! ends it, and one with too few words crashes it.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::commands::{Commands, settings};
use super::log::{Item, items, open};
use super::manifest::Manifest;
use crate::host::checksum::{Hashing, sha256_of};
use crate::host::files::{open_own, stat_optional};
use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "redis-load --server PROGRAM --config FILE --data FOLDER --name NAME \
                     [--leave-out FILE] CAPTURED...";

/// How many rejected items are named. More are counted.
const NAMED: usize = 100_000;

#[derive(Default)]
struct Options {
    /// The previous version's server.
    server: String,
    /// Its configuration file.
    config: Option<PathBuf>,
    /// The folder of the append-only file (`appenddirname`).
    data: PathBuf,
    /// Its name (`appendfilename`).
    name: String,
    /// What is rejected is left out, and named in this file.
    leave_out: Option<PathBuf>,
    captured: Vec<PathBuf>,
}

fn options(arguments: &[String]) -> Result<Options, HelperError> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().cloned().ok_or_else(|| HelperError::usage(USAGE));
        match word.as_str() {
            "--server" => options.server = value()?,
            "--config" => options.config = Some(value()?.into()),
            "--data" => options.data = value()?.into(),
            "--name" => options.name = value()?,
            "--leave-out" => options.leave_out = Some(value()?.into()),
            other if other.starts_with('-') => return Err(HelperError::usage(USAGE)),
            file => options.captured.push(file.into()),
        }
    }
    let missing = options.server.is_empty()
        || options.data.as_os_str().is_empty()
        || options.name.is_empty()
        || options.captured.is_empty();
    if missing { Err(HelperError::usage(USAGE)) } else { Ok(options) }
}

/// A part of the captured file that stays out, and what of it is kept.
struct Rejected {
    from: u64,
    to: u64,
    select: Option<(u64, u64)>,
}

/// See the module.
///
/// # Errors
/// When an item is rejected and rejects are not to be left out, when the captured files are not
/// those of the append-only file, or when something cannot be read or written.
pub(in crate::product) fn load(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let options = options(arguments)?;
    let manifest = Manifest::read(&options.data, &options.name)?;
    let Some((captured, place)) = growth(&options, &manifest)? else { return Ok(()) };
    let settings = options.config.as_deref().map(settings).transpose()?.unwrap_or_default();
    let mut commands = Commands::of(&options.server, None, &settings)?;
    let (rejected, lines) = judge(&captured, &mut commands)?;
    drop(commands);
    if !rejected.is_empty() {
        match &options.leave_out {
            None => {
                for line in &lines {
                    writeln!(streams.output, "{line}").map_err(HelperError::Output)?;
                }
                streams.output.flush().map_err(HelperError::Output)?;
                return Err(HelperError::Failed(format!(
                    "the previous version rejects {} of what was written",
                    rejected.len()
                )));
            }
            Some(file) => note(file, &lines)?,
        }
    }
    place.put(&manifest, &captured, &rejected)
}

/// Where the captured file goes.
enum Place {
    /// Behind all others.
    Behind { name: String, number: u64 },
    /// It is the last one already, from an earlier attempt.
    Last(PathBuf),
}

/// The captured file that is not empty, and its place.
fn growth(options: &Options, manifest: &Manifest) -> Result<Option<(PathBuf, Place)>, HelperError> {
    let mut grown = Vec::new();
    for path in &options.captured {
        let found = stat_optional(path).map_err(HelperError::Input)?;
        let found = found.ok_or_else(|| {
            HelperError::Failed(format!("the captured file {} is gone", path.display()))
        })?;
        if found.len() > 0 {
            grown.push(path.clone());
        }
    }
    let captured = match grown.as_slice() {
        [] => return Ok(None),
        [one] => one.clone(),
        [one, other, ..] => {
            return Err(HelperError::Failed(format!(
                "{} and {} both grew: only the last file of an append-only file grows",
                one.display(),
                other.display()
            )));
        }
    };
    let name = captured.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let behind = |number: u64| format!("{}.{number}.incr.aof", options.name);
    Ok(Some(match manifest.growing.as_slice() {
        [.., (last, number)] if last == name => {
            let number = number + 1;
            (captured, Place::Behind { name: behind(number), number })
        }
        [.., (before, number), (last, _)] if before == name && *last == behind(number + 1) => {
            let path = manifest.path_of(last);
            (captured, Place::Last(path))
        }
        _ => {
            return Err(HelperError::Failed(format!(
                "{name} is not the last file of the append-only file in {}",
                options.data.display()
            )));
        }
    }))
}

/// What the previous version rejects: the parts, and a line for each.
fn judge(
    captured: &Path,
    commands: &mut Commands,
) -> Result<(Vec<Rejected>, Vec<String>), HelperError> {
    let mut input = BufReader::with_capacity(1 << 18, open(captured)?);
    let (mut rejected, mut lines, mut number) = (Vec::new(), Vec::new(), 0_u64);
    items(
        &mut input,
        |entry| commands.refuses(entry),
        |item: Item<String>| {
            number += 1;
            let Some(why) = item.found.first() else { return Ok(()) };
            let whole = match (item.transaction, item.commands) {
                (true, count) => format!(" (a transaction of {count} commands, left out whole)"),
                (false, _) => String::new(),
            };
            if lines.len() < NAMED {
                lines.push(format!("rejected: item {number} at byte {}: {why}{whole}", item.from));
            } else if lines.len() == NAMED {
                lines.push("rejected: and more, which are not named".to_owned());
            }
            rejected.push(Rejected { from: item.from, to: item.to, select: item.select });
            Ok(())
        },
    )?;
    Ok((rejected, lines))
}

/// Reads the captured files: each is whole, and ends behind a command, not within a transaction.
///
/// # Errors
/// When one is not, or cannot be read.
pub(in crate::product) fn verify(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    if arguments.is_empty() {
        return Err(HelperError::usage("redis-verify-log CAPTURED..."));
    }
    for path in arguments {
        let mut input = BufReader::with_capacity(1 << 18, open(Path::new(path))?);
        items::<()>(&mut input, |_| Ok(None), |_| Ok(()))
            .map_err(|error| HelperError::Failed(format!("{path} is not whole: {error}")))?;
    }
    Ok(())
}

/// Names what is left out before it is.
fn note(file: &Path, lines: &[String]) -> Result<(), HelperError> {
    let write = || {
        let mut file = open_own(File::options().append(true).create(true), file)?;
        file.write_all(lines.iter().flat_map(|line| [line, "\n"]).collect::<String>().as_bytes())?;
        file.sync_all()
    };
    write()
        .map_err(|error| HelperError::Failed(format!("cannot write {}: {error}", file.display())))
}

impl Place {
    fn put(
        self,
        manifest: &Manifest,
        captured: &Path,
        rejected: &[Rejected],
    ) -> Result<(), HelperError> {
        match self {
            Self::Behind { name, number } => {
                manifest.add(&name, number, |file| {
                    let mut output = BufWriter::with_capacity(1 << 18, file);
                    copy(captured, rejected, &mut output)?;
                    output.flush().map_err(HelperError::Output)
                })?;
                same(&manifest.path_of(&name), captured, rejected)
            }
            Self::Last(path) => same(&path, captured, rejected),
        }
    }
}

/// Copies the captured file without what is rejected. Returns how many bytes are left.
fn copy(
    captured: &Path,
    rejected: &[Rejected],
    output: &mut dyn Write,
) -> Result<u64, HelperError> {
    let mut input = open(captured)?;
    let end = input.metadata().map_err(HelperError::Input)?.len();
    let mut all = 0;
    let mut part = |from: u64, to: u64| {
        input.seek(SeekFrom::Start(from)).map_err(HelperError::Input)?;
        let copied = std::io::copy(&mut (&mut input).take(to - from), output);
        match copied {
            Ok(copied) if copied == to - from => {
                all += copied;
                Ok(())
            }
            Ok(_) => Err(HelperError::Failed("the captured file became shorter".into())),
            Err(error) => Err(HelperError::Failed(format!("cannot copy the growth: {error}"))),
        }
    };
    let mut at = 0;
    for gone in rejected {
        part(at, gone.from)?;
        if let Some((from, to)) = gone.select {
            part(from, to)?;
        }
        at = gone.to;
    }
    part(at, end)?;
    Ok(all)
}

/// Reads back what was written. An earlier attempt may have written it, and a server that ran then
/// may have appended to it.
fn same(path: &Path, captured: &Path, rejected: &[Rejected]) -> Result<(), HelperError> {
    let mut wanted = Hashing::new(std::io::sink());
    let length = copy(captured, rejected, &mut wanted)?;
    let (_, wanted) = wanted.finish();
    let found = sha256_of(open(path)?.take(length)).map_err(HelperError::Input)?;
    if found == (wanted, length) {
        return Ok(());
    }
    Err(HelperError::Failed(format!(
        "{} is not what was to be put there: read back, it has another content",
        path.display()
    )))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::super::client::command;
    use super::*;

    fn text(commands: &[&str]) -> Vec<u8> {
        let words = |line: &&str| command(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        commands.iter().flat_map(words).collect()
    }

    #[test]
    fn a_transaction_that_is_left_out_keeps_its_database() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("growth");
        let all = ["SELECT 0", "MULTI", "SELECT 3", "SET a 1", "NEW b", "EXEC", "SET c 1", "NEW d"];
        std::fs::write(&path, text(&all)).expect("written");
        let (mut input, mut rejected) = (BufReader::new(open(&path).expect("opened")), Vec::new());
        items(
            &mut input,
            |entry| Ok((entry.name() == "new").then(String::new)),
            |item| {
                if !item.found.is_empty() {
                    rejected.push(Rejected { from: item.from, to: item.to, select: item.select });
                }
                Ok(())
            },
        )
        .expect("read");
        let mut left = Vec::new();
        copy(&path, &rejected, &mut left).expect("copied");
        assert_eq!(left, text(&["SELECT 0", "SELECT 3", "SET c 1"]));
    }

    #[test]
    fn the_growth_goes_behind_the_last_file_and_nowhere_else() {
        let dir = tempfile::tempdir().expect("temp dir");
        let list = dir.path().join("a.aof.manifest");
        let captured = |name: &str, bytes: &[u8]| {
            let path = dir.path().join("captured").join(name);
            std::fs::create_dir_all(dir.path().join("captured")).expect("folder");
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let options = |captured: &[&PathBuf]| Options {
            data: dir.path().to_owned(),
            name: "a.aof".into(),
            captured: captured.iter().map(|path| (*path).clone()).collect(),
            ..Options::default()
        };
        let one = captured("a.aof.1.incr.aof", b"");
        let two = captured("a.aof.2.incr.aof", &text(&["SET a 1"]));
        let lines = "file a.aof.1.incr.aof seq 1 type i\nfile a.aof.2.incr.aof seq 2 type i\n";
        std::fs::write(&list, lines).expect("written");
        let put = |captured: &[&PathBuf]| {
            let manifest = Manifest::read(dir.path(), "a.aof").map_err(|it| it.to_string())?;
            match growth(&options(captured), &manifest).map_err(|it| it.to_string())? {
                Some((path, place)) => {
                    place.put(&manifest, &path, &[]).map_err(|it| it.to_string())
                }
                None => Ok(()),
            }
        };
        put(&[&one]).expect("nothing was written");
        assert_eq!(std::fs::read_to_string(&list).expect("read"), lines);
        // Twice is as once.
        for _ in 0..2 {
            put(&[&one, &two]).expect("put");
            let third = dir.path().join("a.aof.3.incr.aof");
            assert_eq!(std::fs::read(third).expect("there"), text(&["SET a 1"]));
            let now = std::fs::read_to_string(&list).expect("read");
            assert_eq!(now, format!("{lines}file a.aof.3.incr.aof seq 3 type i\n"));
        }
        std::fs::write(dir.path().join("a.aof.3.incr.aof"), "other").expect("written");
        assert!(put(&[&two]).expect_err("damaged").contains("is not what was to be put there"));
        let first = captured("a.aof.1.incr.aof", &text(&["SET b 1"]));
        assert!(put(&[&first]).expect_err("not the last").contains("is not the last file"));
        assert!(put(&[&first, &two]).expect_err("both").contains("both grew"));
    }

    #[test]
    fn what_is_cut_off_is_named() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("growth").display().to_string();
        std::fs::write(&path, b"*1\r\n$4\r\nPI").expect("written");
        let said = crate::product::tests::on("redis-verify-log", &[&path], b"").expect_err("cut");
        assert!(
            said.contains("is not whole: the append-only file is damaged at byte 10"),
            "{said}"
        );
        std::fs::write(&path, b"").expect("written");
        crate::product::tests::on("redis-verify-log", &[&path], b"").expect("nothing is whole");
    }
}
