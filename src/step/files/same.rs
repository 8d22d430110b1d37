//! Whether two places have the same files: the same names, kinds, contents, and targets of links.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

/// Whether both are the same, links not followed. Owners, modes and times do not count.
///
/// # Errors
/// When one of them, or something in them, cannot be read.
pub(in crate::step) fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (kind, its) = (one.symlink_metadata()?, other.symlink_metadata()?);
    if kind.file_type() != its.file_type() {
        return Ok(false);
    }
    if kind.is_symlink() {
        return Ok(fs::read_link(one)? == fs::read_link(other)?);
    }
    if kind.is_file() {
        return Ok(kind.len() == its.len() && same_bytes(one, other)?);
    }
    if !kind.is_dir() {
        return Ok(true);
    }
    let names = |folder: &Path| -> io::Result<Vec<_>> {
        let mut names: Vec<_> =
            fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    };
    let here = names(one)?;
    if here != names(other)? {
        return Ok(false);
    }
    for name in here {
        if !same(&one.join(&name), &other.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) =
        (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    loop {
        let (here, there) = (one.fill_buf()?, other.fill_buf()?);
        let both = here.len().min(there.len());
        if both == 0 {
            return Ok(here.len() == there.len());
        }
        if here[..both] != there[..both] {
            return Ok(false);
        }
        one.consume(both);
        other.consume(both);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// What one of two equal places is changed by.
    type Change = fn(&Path);

    #[test]
    fn each_kind_of_difference_counts() {
        let differences: [(&str, Change); 8] = [
            ("content", |at| fs::write(at.join("sub/file"), "othr").unwrap()),
            ("length", |at| fs::write(at.join("sub/file"), "texts").unwrap()),
            ("a file more", |at| fs::write(at.join("sub/more"), "").unwrap()),
            ("a file less", |at| fs::remove_file(at.join("sub/file")).unwrap()),
            ("a folder more", |at| fs::create_dir(at.join("empty")).unwrap()),
            ("a link", |at| {
                fs::remove_file(at.join("link")).unwrap();
                symlink("sub", at.join("link")).unwrap();
            }),
            ("a kind", |at| {
                fs::remove_file(at.join("link")).unwrap();
                fs::write(at.join("link"), "text").unwrap();
            }),
            ("the end of a long file", |at| {
                fs::write(at.join("long"), format!("{}b", "x".repeat(100_000))).unwrap();
            }),
        ];
        for (what, change) in differences {
            let folder = tempfile::tempdir().unwrap();
            let places = ["one", "other"].map(|name| folder.path().join(name));
            for at in &places {
                fs::create_dir_all(at.join("sub")).unwrap();
                fs::write(at.join("sub/file"), "text").unwrap();
                fs::write(at.join("long"), format!("{}a", "x".repeat(100_000))).unwrap();
                symlink("sub/file", at.join("link")).unwrap();
                symlink("no/such", at.join("dangling")).unwrap();
            }
            assert!(same(&places[0], &places[1]).unwrap(), "{what}");
            assert!(same(&places[0].join("sub/file"), &places[1].join("sub/file")).unwrap());
            change(&places[1]);
            assert!(!same(&places[0], &places[1]).unwrap(), "{what}");
        }
        assert!(same(Path::new("/no such"), Path::new("/no such")).is_err());
    }
}
