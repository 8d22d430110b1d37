//! The server's configuration file, and those that it includes.

use std::path::Path;

use super::words::words;
use crate::product::stream::HelperError;

/// The most files that are read.
const FILES: usize = 100;

/// The settings in the order in which the server reads them, each with its words: the name in
/// lower-case letters, then the values.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<Vec<String>>, HelperError> {
    let (mut all, mut files) = (Vec::new(), 0);
    add(path, &mut all, &mut files)?;
    Ok(all)
}

/// The same; `None` where the caller may not read the file.
///
/// # Errors
/// When a file cannot be read for another reason.
pub(super) fn read_permitted(path: &Path) -> Result<Option<Vec<Vec<String>>>, HelperError> {
    match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(None),
        _ => read(path).map(Some),
    }
}

fn add(path: &Path, all: &mut Vec<Vec<String>>, files: &mut usize) -> Result<(), HelperError> {
    let unread = |error: &dyn std::fmt::Display| {
        HelperError::Failed(format!("cannot read {}: {error}", path.display()))
    };
    *files += 1;
    if *files > FILES {
        return Err(unread(&"files include one another without an end"));
    }
    let bytes = std::fs::read(path).map_err(|error| unread(&error))?;
    for line in String::from_utf8_lossy(&bytes).lines() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        let mut setting: Vec<String> = words(line)
            .unwrap_or_default()
            .iter()
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        let Some(name) = setting.first_mut() else { continue };
        name.make_ascii_lowercase();
        if name != "include" {
            all.push(setting);
            continue;
        }
        for pattern in &setting[1..] {
            let found = crate::host::pattern::find(pattern).map_err(|error| unread(&error))?;
            found.iter().try_for_each(|path| add(path, all, files))?;
        }
    }
    Ok(())
}

/// The values of the last setting of this name; the server takes the last.
pub(super) fn last<'a>(settings: &'a [Vec<String>], name: &str) -> Option<&'a [String]> {
    settings.iter().rev().find(|setting| setting[0] == name).map(|setting| &setting[1..])
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn included_files_count_where_they_are_included() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (one, two) = (dir.path().join("redis.conf"), dir.path().join("more.conf"));
        let text = format!(
            "# port 1\nPORT 2\ninclude {}/more*.conf\n\ntls-port 4\n",
            dir.path().display()
        );
        std::fs::write(&one, text).expect("written");
        std::fs::write(&two, "port 3\nrename-command CONFIG \"\"\n").expect("written");
        let found = read(&one).expect("read");
        assert_eq!(last(&found, "port"), Some(["3".to_owned()].as_slice()));
        assert_eq!(found[2], ["rename-command", "CONFIG", ""]);
        assert_eq!(last(&found, "tls-port"), Some(["4".to_owned()].as_slice()));
        std::fs::write(&two, format!("include {}", one.display())).expect("written");
        assert!(read(&one).expect_err("in a circle").to_string().contains("without an end"));
    }
}
