//! The files that a pattern finds: in a snapshot, where its mounted datasets show it, and now.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::host::files::stat_optional;
use crate::host::quote::quote;
use crate::host::{disk, pattern, pools, snapshot_view};
use crate::journal::MountedDataset;

/// A snapshot as its mounted datasets show it.
#[derive(Debug, Clone, Copy)]
pub struct Then<'a> {
    /// Where the datasets are mounted.
    pub mounts: &'a [MountedDataset],
    /// The snapshot's name: the part after the `@`.
    pub snapshot: &'a str,
}

impl Then<'_> {
    /// The file's place under `.zfs/snapshot` of the dataset it is on.
    ///
    /// # Errors
    /// When it is on none of them, or the snapshot is not to be seen there.
    pub fn of_file(&self, path: &Path) -> Result<PathBuf> {
        let real = real(path);
        let point = self.point(&real);
        let point =
            point.with_context(|| format!("{} is on none of the datasets", path.display()))?;
        Ok(self.root(point)?.join(real.strip_prefix(point).unwrap_or(&real)))
    }

    /// The datasets that show their snapshots, and this one is not among them.
    pub fn gone(&self) -> Vec<String> {
        let mut gone = Vec::new();
        for mount in self.mounts {
            let Some(point) = &mount.mountpoint else { continue };
            let all = point.join(".zfs/snapshot");
            let lacks = matches!(stat_optional(&all.join(self.snapshot)), Ok(None));
            // Only a folder that shows others proves it: `snapdir` may hide them all.
            let shows = || std::fs::read_dir(&all).is_ok_and(|entries| entries.count() > 0);
            if lacks && shows() {
                gone.push(format!("{}@{} is gone", mount.dataset, self.snapshot));
            }
        }
        gone
    }

    /// The files of the snapshot that a pattern finds, each with the place that it has now.
    ///
    /// # Errors
    /// As [`Self::of_file`], and when a folder cannot be read.
    pub(super) fn files(&self, pattern: &str) -> Result<Vec<(PathBuf, PathBuf)>> {
        let (folder, rest) = literal(pattern);
        let real = real(&folder);
        let point = self.point(&real);
        let point = point.with_context(|| format!("{pattern} is on none of the datasets"))?;
        let root = self.root(point)?.join(real.strip_prefix(point).unwrap_or(&real));
        let escaped = PathBuf::from(glob::Pattern::escape(&root.to_string_lossy()));
        let found = files(&escaped.join(rest).to_string_lossy())?;
        Ok(found
            .into_iter()
            .map(|old| (folder.join(old.strip_prefix(&root).unwrap_or(&old)), old))
            .collect())
    }

    /// The innermost mountpoint that a path without symbolic links is in.
    fn point(&self, real: &Path) -> Option<&PathBuf> {
        let points = self.mounts.iter().filter_map(|mount| mount.mountpoint.as_ref());
        let around = points.filter(|point| real.starts_with(point));
        around.max_by_key(|point| point.components().count())
    }

    /// Where the snapshot of the dataset at this mountpoint is to be seen.
    ///
    /// # Errors
    /// When it is not.
    fn root(&self, point: &Path) -> Result<PathBuf> {
        let shown = self.shown(point);
        let (Err(error), Some(mount)) = (&shown, self.mount(point)) else { return shown };
        // A test's folder has nothing else to show.
        if !disk::is_zfs(point).unwrap_or(false) {
            return shown;
        }
        let pool = mount.dataset.pool();
        pools::none_suspended(&pools::watched(
            "/proc".as_ref(),
            std::iter::once(pool.to_string()),
        ))?;
        let name = format!("{}@{}", mount.dataset, self.snapshot);
        snapshot_view::open(&name).with_context(|| {
            format!(
                "{error:#}; and {name} cannot be mounted elsewhere. To have it shown there: zfs \
                 set snapdir=hidden {}",
                quote(mount.dataset.as_str())
            )
        })
    }

    fn mount(&self, point: &Path) -> Option<&MountedDataset> {
        self.mounts.iter().find(|mount| mount.mountpoint.as_deref() == Some(point))
    }

    /// Where a dataset shows the snapshot itself.
    ///
    /// # Errors
    /// When it does not. ZFS mounts the snapshot there when a file in it is accessed
    /// (`zfsprops(7)`, snapdir). If that fails, as on a pool that is being suspended, the folder is
    /// empty, and the snapshot would seem to hold no files.
    fn shown(&self, point: &Path) -> Result<PathBuf> {
        let root = point.join(".zfs/snapshot").join(self.snapshot);
        if !root.is_dir() {
            bail!("the snapshot is not to be seen at {}", root.display());
        }
        // The dot makes this an access to a file in it.
        let within = root
            .join(".")
            .metadata()
            .with_context(|| format!("cannot look at {}", root.display()))?;
        let home =
            point.metadata().with_context(|| format!("cannot look at {}", point.display()))?;
        let is_zfs = disk::is_zfs(point)
            .with_context(|| format!("cannot tell what {} is on", point.display()))?;
        if is_zfs && within.dev() == home.dev() {
            bail!("ZFS did not mount the snapshot at {}", root.display());
        }
        Ok(root)
    }
}

/// The files that a pattern finds.
///
/// # Errors
/// When a folder cannot be read.
pub fn files(pattern: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in pattern::find(pattern)? {
        if stat_optional(&path)
            .with_context(|| format!("cannot look at {}", path.display()))?
            .is_some_and(|it| it.is_file())
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// The path with all symbolic links followed, as far as it exists. A link of the data would lead
/// out of the snapshot, and to the file as it is now.
fn real(path: &Path) -> PathBuf {
    for there in path.ancestors() {
        if let Ok(real) = there.canonicalize() {
            let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_owned()
}

/// The folder that a pattern begins with, its escapes undone, and the pattern from there on.
fn literal(pattern: &str) -> (PathBuf, PathBuf) {
    let parts: Vec<&str> = pattern.split('/').collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    let folder: Vec<String> = folders.iter().map_while(|part| plain(part)).collect();
    let rest = parts[folder.len()..].join("/");
    (PathBuf::from(format!("{}/", folder.join("/"))), PathBuf::from(rest))
}

/// The name that this part of a pattern stands for, unless it is more than a name.
/// `glob::Pattern::escape` writes a special character as `[c]`.
fn plain(part: &str) -> Option<String> {
    let mut name = String::new();
    let mut rest = part;
    while let Some(first) = rest.chars().next() {
        let escaped = ["[?]", "[*]", "[[]", "[]]"].iter().find(|it| rest.starts_with(**it));
        let (taken, length) = match (escaped, first) {
            (Some(escape), _) => (&escape[1..2], escape.len()),
            (None, '?' | '*' | '[') => return None,
            (None, first) => (&rest[..first.len_utf8()], first.len_utf8()),
        };
        name.push_str(taken);
        rest = &rest[length..];
    }
    Some(name)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
pub(super) mod tests {
    use std::fs;

    use super::*;
    use crate::zfs::Guid;

    /// A dataset, and its snapshot `before`.
    pub(in crate::proof) struct Data {
        pub(in crate::proof) dir: tempfile::TempDir,
        pub(in crate::proof) mounts: Vec<MountedDataset>,
    }

    impl Data {
        pub(in crate::proof) fn new(files: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let mountpoint = Some(dir.path().to_owned());
            let mounts = vec![MountedDataset {
                dataset: "tank/a".parse().unwrap(),
                guid: Guid(1),
                mountpoint,
                canmount: None,
                mounted: true,
            }];
            let then = dir.path().join(".zfs/snapshot/before");
            fs::create_dir_all(&then).unwrap();
            for (name, text) in files {
                for folder in [then.as_path(), dir.path()] {
                    fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
                    fs::write(folder.join(name), text).unwrap();
                }
            }
            Self { dir, mounts }
        }

        pub(in crate::proof) fn pattern(&self, name: &str) -> Vec<String> {
            vec![format!("{}/{name}", self.dir.path().display())]
        }

        pub(in crate::proof) fn write(&self, name: &str, text: &str) {
            fs::write(self.dir.path().join(name), text).unwrap();
        }

        pub(in crate::proof) fn remove(&self, name: &str) {
            fs::remove_file(self.dir.path().join(name)).unwrap();
        }
    }

    #[test]
    fn where_a_pattern_begins_to_be_one() {
        let split = |pattern| {
            let (folder, rest) = literal(pattern);
            (folder.display().to_string(), rest.display().to_string())
        };
        assert_eq!(split("/srv/db/bin.[0-9]*"), ("/srv/db/".into(), "bin.[0-9]*".into()));
        assert_eq!(split("/srv/a[[]b[]]/x/y"), ("/srv/a[b]/x/".into(), "y".into()));
        assert_eq!(split("/srv/*/x/y"), ("/srv/".into(), "*/x/y".into()));
        assert_eq!(split("/bin.log"), ("/".into(), "bin.log".into()));
    }

    #[test]
    fn s10_a_snapshot_is_gone_where_others_are_seen_and_it_is_not() {
        let data = Data::new(&[("a", "")]);
        let then = Then { mounts: &data.mounts, snapshot: "before" };
        assert!(then.gone().is_empty());
        let all = data.dir.path().join(".zfs/snapshot");
        fs::create_dir(all.join("other")).unwrap();
        fs::remove_dir_all(all.join("before")).unwrap();
        assert_eq!(then.gone(), ["tank/a@before is gone"]);
        fs::remove_dir(all.join("other")).unwrap();
        assert!(then.gone().is_empty(), "snapdir may hide all of them");
    }
}
