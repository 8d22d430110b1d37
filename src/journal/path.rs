//! A file name in the journal: a string if it is UTF-8, as nearly always; otherwise its bytes,
//! `{"Unix":[97,255]}`, as serde writes an [`OsString`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(PathBuf),
    Bytes(OsString),
}

/// For `serialize_with`.
///
/// # Errors
/// The serializer's.
pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => serializer.serialize_str(text),
        None => path.as_os_str().serialize(serializer),
    }
}

/// For `deserialize_with`.
///
/// # Errors
/// When it is neither.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Name::deserialize(deserializer).map(|name| match name {
        Name::Text(path) => path,
        Name::Bytes(name) => name.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use crate::journal::FileEntry;

    #[test]
    fn a_name_of_any_bytes_comes_back() {
        for (name, line) in [
            (b"sub/a b".as_slice(), r#"{"path":"sub/a b","size":1,"sha256":"00"}"#),
            (b"line\nend", r#"{"path":"line\nend","size":1,"sha256":"00"}"#),
            (b"{\"Unix\":[97]}", r#"{"path":"{\"Unix\":[97]}","size":1,"sha256":"00"}"#),
            (b"a\xff", r#"{"path":{"Unix":[97,255]},"size":1,"sha256":"00"}"#),
        ] {
            let entry = FileEntry {
                path: std::ffi::OsStr::from_bytes(name).into(),
                size: 1,
                sha256: "00".into(),
            };
            let written = serde_json::to_string(&entry).expect("written");
            assert_eq!(written, line);
            assert_eq!(serde_json::from_str::<FileEntry>(&written).expect("read"), entry);
        }
    }
}
