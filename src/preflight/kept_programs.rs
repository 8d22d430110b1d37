//! How much room the upgraded version's programs take, which a kept downgrade copies.

use super::{Occasion, Sources};
use crate::host::files::stat_optional;

/// The libraries that programs are linked with are found when they are copied: about so much.
const LIBRARIES: u64 = 64 << 20;

/// The bytes that are copied; 0 where nothing is, or where it cannot be told.
pub(super) fn gather(sources: &Sources<'_>) -> u64 {
    let kept =
        matches!(sources.occasion, Occasion::Downgrade { in_place: false } | Occasion::Decision);
    let aside = sources.playbook.aside.as_ref().filter(|_| kept);
    let Some(files) = aside.and_then(|aside| aside.files.as_ref()) else { return 0 };
    let listed = sources.command(files).and_then(|command| sources.output(&command));
    listed.map_or(0, |listed| of(&listed).saturating_add(LIBRARIES))
}

/// The bytes of the files that are named, one on each line. Other lines are not looked at.
fn of(listed: &str) -> u64 {
    let size = |path: &str| {
        let found = stat_optional(path.as_ref()).ok().flatten();
        found.filter(std::fs::Metadata::is_file).map_or(0, |found| found.len())
    };
    let paths = listed.lines().map(str::trim).filter(|line| line.starts_with('/'));
    paths.map(size).fold(0, u64::saturating_add)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn files_are_added_up_and_folders_and_what_is_gone_are_not() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("a"), [0; 3000]).expect("written");
        std::fs::write(dir.path().join("b"), [0; 500]).expect("written");
        let dir = dir.path().display();
        let listed = format!("/.\n{dir}\n{dir}/a\nnot a path\n{dir}/b\n{dir}/gone\n");
        assert_eq!(of(&listed), 3500);
    }
}
