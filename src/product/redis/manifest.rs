//! The list of the files that make up an append-only file, in the order in which a server loads
//! them.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::words::words;
use crate::host::files::{open_own, remove_optional, sync_dir};
use crate::product::stream::HelperError;

/// The list.
#[derive(Debug)]
pub(super) struct Manifest {
    folder: PathBuf,
    path: PathBuf,
    text: String,
    /// The files that are appended to, with their numbers.
    pub(super) growing: Vec<(String, u64)>,
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> HelperError {
    HelperError::Failed(format!("cannot {what} {}: {error}", path.display()))
}

/// A file's name and number, where the line is of one that is appended to (`type i`).
fn growing(line: &str) -> Result<Option<(String, u64)>, ()> {
    let all = words(line).ok_or(())?;
    let value = |name: &str| {
        all.chunks_exact(2).find(|pair| pair[0] == name.as_bytes()).map(|pair| pair[1].clone())
    };
    let text = |name: &str| value(name).and_then(|it| String::from_utf8(it).ok()).ok_or(());
    Ok(match text("type")?.as_str() {
        "i" => Some((text("file")?, text("seq")?.parse().map_err(|_| ())?)),
        "b" | "h" => None,
        _ => return Err(()),
    })
}

impl Manifest {
    /// Reads the list of the append-only file of this name (`appendfilename`).
    ///
    /// # Errors
    /// When there is none, or it is not as a server writes it.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Self, HelperError> {
        let path = folder.join(format!("{name}.manifest"));
        let text = fs::read_to_string(&path).map_err(|error| failed("read", &path, &error))?;
        let mut all = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let entry = growing(line).map_err(|()| {
                HelperError::Failed(format!("{} is no list of files: {line}", path.display()))
            })?;
            all.extend(entry);
        }
        Ok(Self { folder: folder.to_owned(), path, text, growing: all })
    }

    /// The path of one of the files.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts a file behind all others: whole, flushed, with the owner and the mode of the list.
    /// `write` writes its content. Only then the list names it.
    ///
    /// # Errors
    /// When something cannot be written. The list is then as it was.
    pub(super) fn add(
        &self,
        name: &str,
        number: u64,
        write: impl FnOnce(&mut File) -> Result<(), HelperError>,
    ) -> Result<(), HelperError> {
        self.put(&self.path_of(name), write)?;
        let mut text = self.text.clone();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("file {} seq {number} type i\n", quoted(name)));
        let list = |file: &mut File| {
            file.write_all(text.as_bytes()).map_err(|error| failed("write", &self.path, &error))
        };
        self.put(&self.path, list)
    }

    fn put(
        &self,
        path: &Path,
        write: impl FnOnce(&mut File) -> Result<(), HelperError>,
    ) -> Result<(), HelperError> {
        // One name for all attempts, so that one that was cut off leaves nothing behind.
        let half = self.folder.join("backout.part");
        let io = |error| failed("write", path, &error);
        let make = || {
            let like = self.path.metadata().map_err(io)?;
            // Never written through a name that somebody else put there.
            remove_optional(&half).map_err(io)?;
            let mut file =
                open_own(File::options().write(true).create_new(true), &half).map_err(io)?;
            write(&mut file)?;
            fchown(&file, Some(like.uid()), Some(like.gid())).map_err(io)?;
            file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o777)).map_err(io)?;
            file.sync_all().map_err(io)?;
            fs::rename(&half, path).map_err(io)?;
            sync_dir(&self.folder).map_err(io)
        };
        make().inspect_err(|_| drop(fs::remove_file(&half)))
    }
}

/// A name as the server reads it from a list.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\');
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    format!("\"{}\"", name.bytes().map(escaped).collect::<String>())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_the_list_only_when_it_is_whole() {
        let dir = tempfile::tempdir().expect("temp dir");
        let list = dir.path().join("a b.aof.manifest");
        let text = "file \"a b.aof.1.base.rdb\" seq 1 type b\n\
                    file \"a b.aof.7.incr.aof\" seq 7 type i\n";
        fs::write(&list, text).expect("written");
        fs::set_permissions(&list, fs::Permissions::from_mode(0o640)).expect("mode");
        let read = || Manifest::read(dir.path(), "a b.aof").expect("read");
        assert_eq!(read().growing, [("a b.aof.7.incr.aof".to_owned(), 7)]);
        let full = |_: &mut File| Err(HelperError::Failed("full".into()));
        read().add("a b.aof.8.incr.aof", 8, full).expect_err("full");
        assert_eq!(fs::read_to_string(&list).expect("read"), text);
        assert_eq!(fs::read_dir(dir.path()).expect("folder").count(), 1);
        read()
            .add("a b.aof.8.incr.aof", 8, |file| file.write_all(b"x").map_err(HelperError::Output))
            .expect("added");
        assert_eq!(read().growing.len(), 2);
        assert_eq!(read().growing[1], ("a b.aof.8.incr.aof".to_owned(), 8));
        let mode = dir.path().join("a b.aof.8.incr.aof").metadata().expect("there").mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        for text in ["file a seq 1 type x", "hello", "file \"a seq 1 type i", "file a seq x type i"]
        {
            fs::write(dir.path().join("x.manifest"), text).expect("written");
            let said = Manifest::read(dir.path(), "x").expect_err("no list").to_string();
            assert!(said.contains("is no list of files"), "{said}");
        }
    }
}
