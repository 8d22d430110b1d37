//! The programs of a version, copied before another one is installed. With those of the upgraded
//! version, what stays aside of its data can still be read, on a clone; with those of the previous
//! one, a standby runs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::host::exec::Command;
use crate::host::files::{private_dir, replace};
use crate::journal::{Output, Side};
use crate::playbook::CommandTemplate;
use crate::step::files::copy;
use crate::step::files::move_aside::unmounted;
use crate::step::{Context, Measure, Repeated, Step};

/// See [`crate::step::Action::KeepPrograms`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeepPrograms {
    /// Prints absolute paths, one a line. Other lines are not looked at.
    pub files: CommandTemplate,
    /// Paths that are copied as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<PathBuf>,
    /// Whose they are.
    #[serde(default = "upgraded", skip_serializing_if = "is_upgraded")]
    pub side: Side,
}

fn upgraded() -> Side {
    Side::Upgraded
}

fn is_upgraded(side: &Side) -> bool {
    *side == Side::Upgraded
}

/// Folders that programs expect in a root, made empty.
const EMPTY: [(&str, u32); 7] = [
    ("dev", 0o755),
    ("proc", 0o755),
    ("run", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/tmp", 0o1777),
];

/// A path that leads through more links leads nowhere.
const MOST_LINKS: usize = 40;

// An interrupted copy is made again.
impl Repeated for KeepPrograms {
    fn preview(&self) -> Vec<String> {
        let also = self.also.iter().map(|path| format!("copy {}", path.display()));
        std::iter::once(format!("copy what is printed by: {}", self.files)).chain(also).collect()
    }

    fn measure(&self, context: &Context<'_>) -> Option<Measure> {
        Some(Measure::grows(self.root(context)))
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        let root = self.root(context);
        let whose = self.side.word();
        empty(context, &root)?;
        let printed = context
            .command(&self.files)
            .with_context(|| format!("the files of the {whose} version could not be listed"))?;
        let named = printed.stdout.lines().map(str::trim).filter(|line| line.starts_with('/'));
        let mut named: Vec<PathBuf> = named.map(PathBuf::from).collect();
        for path in &self.also {
            named.extend(within(&context.root, path)?);
        }
        let mut kept = Kept { host: &context.root, root: &root, programs: BTreeSet::new() };
        for path in &named {
            kept.bring(path)?;
        }
        ensure!(
            !kept.programs.is_empty() || context.root != Path::new("/"),
            "no program was among the files of the {whose} version"
        );
        for library in kept.libraries(context)? {
            kept.bring(&library)?;
        }
        make_empty(&root)?;
        Ok(Output::Files { list: copy::list(&root)? })
    }
}

impl KeepPrograms {
    fn root(&self, context: &Context<'_>) -> PathBuf {
        match self.side {
            Side::Upgraded => context.upgraded_root(),
            Side::Previous => context.layout.previous_root(),
        }
    }
}

/// Empties the folder, or creates it. Nothing is removed through a mount: a clone may be there.
fn empty(context: &Context<'_>, root: &Path) -> Result<()> {
    unmounted(context, root)?;
    if let Some(around) = root.parent() {
        private_dir(around).with_context(|| format!("cannot make {}", around.display()))?;
    }
    copy::fresh_dir(root)?;
    // The folder around it is closed to others. A server that runs with it as its root is another user.
    fs::set_permissions(root, Permissions::from_mode(0o755))
        .with_context(|| format!("cannot set the mode of {}", root.display()))
}

/// Makes [`EMPTY`].
fn make_empty(root: &Path) -> Result<()> {
    for (name, mode) in EMPTY {
        let path = root.join(name);
        private_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the mode of {}", path.display()))?;
    }
    Ok(())
}

/// A path and everything below it. Links are not followed.
fn within(host: &Path, path: &Path) -> Result<Vec<PathBuf>> {
    let from = host.join(path.strip_prefix("/").unwrap_or(path));
    if itself(&from)?.is_none() {
        return Ok(Vec::new());
    }
    let entries = WalkDir::new(&from).into_iter().map(|entry| {
        let entry = entry.with_context(|| format!("cannot list {}", from.display()))?;
        let below = entry.path().strip_prefix(host).context("it was found there")?;
        Ok(Path::new("/").join(below))
    });
    entries.collect()
}

/// A root that files of the host are copied into, each at its own path.
struct Kept<'a> {
    host: &'a Path,
    root: &'a Path,
    /// The ELF files, as paths on the host.
    programs: BTreeSet<PathBuf>,
}

impl Kept<'_> {
    /// Copies one file or link with the folders and links on its path, or makes the folder. What is
    /// not there is passed over: packages list files that an administrator may remove.
    fn bring(&mut self, path: &Path) -> Result<()> {
        let mut left = reversed(path);
        let mut at = PathBuf::new();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let next = at.join(&name);
            let (from, to) = (self.host.join(&next), self.root.join(&next));
            let Some(found) = itself(&from)? else { return Ok(()) };
            if found.is_symlink() {
                links += 1;
                ensure!(links <= MOST_LINKS, "{} leads through too many links", path.display());
                let target = fs::read_link(&from)
                    .with_context(|| format!("cannot read the link {}", from.display()))?;
                link(&target, &to)?;
                if target.is_absolute() {
                    at = PathBuf::new();
                }
                left.extend(reversed(&target));
            } else if found.is_dir() {
                folder(&to, found.permissions().mode())?;
                at = next;
            } else if found.is_file() {
                self.file(&from, &to, &found)?;
                return Ok(());
            } else {
                return Ok(());
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, found: &Metadata) -> Result<()> {
        if itself(to)?.is_some() {
            return Ok(());
        }
        let mut magic = [0; 4];
        let copied = File::open(from).and_then(|mut source| {
            let length = source.read(&mut magic)?;
            replace(to, |target| {
                target.write_all(magic.get(..length).unwrap_or_default())?;
                io::copy(&mut source, target)?;
                // The server's own user may read its configuration as a member of a group.
                fchown(&*target, None, Some(found.gid()))?;
                // Nothing in it runs with the rights of another user.
                let mode = found.permissions().mode() & 0o755 | 0o600;
                target.set_permissions(Permissions::from_mode(mode))
            })
        });
        copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        if magic == *b"\x7fELF" {
            self.programs.insert(from.to_owned());
        }
        Ok(())
    }

    /// What the programs are linked with, and the loader.
    fn libraries(&self, context: &Context<'_>) -> Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::new();
        let programs: Vec<&PathBuf> = self.programs.iter().collect();
        for some in programs.chunks(100) {
            let words = some.iter().map(|path| path.display().to_string());
            let command = Command::new(std::iter::once("ldd".to_owned()).chain(words));
            // It fails for files that are not linked dynamically, and goes on.
            let (printed, _) = context.runner.attempt(&command)?;
            found.extend(printed.stdout.lines().filter_map(library));
        }
        Ok(found)
    }
}

/// `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, or the loader: `/lib64/ld-… (0x…)`.
/// illumos prints no address, and neither it nor FreeBSD the loader.
fn library(line: &str) -> Option<PathBuf> {
    let (name, address) = match line.trim().rsplit_once(" (0x") {
        Some((name, _)) => (name, true),
        None => (line.trim(), false),
    };
    let path = match name.split_once("=>") {
        Some((_, path)) => path.trim(),
        None if address => name,
        None => return None,
    };
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The names of a path, the last one first.
fn reversed(path: &Path) -> Vec<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}

/// What is at a path, a link itself; `None` for nothing.
fn itself(path: &Path) -> Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// As on the host, and open to the server, which is not the owner of what was copied.
fn folder(to: &Path, mode: u32) -> Result<()> {
    if itself(to)?.is_some() {
        return Ok(());
    }
    private_dir(to)
        .and_then(|()| fs::set_permissions(to, Permissions::from_mode(mode & 0o1777 | 0o711)))
        .with_context(|| format!("cannot make {}", to.display()))
}

fn link(target: &Path, to: &Path) -> Result<()> {
    if itself(to)?.is_some() {
        return Ok(());
    }
    std::os::unix::fs::symlink(target, to)
        .with_context(|| format!("cannot make the link {}", to.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    /// As ldd(1) of glibc, of FreeBSD and of illumos prints them.
    #[test]
    fn the_libraries_of_a_program() {
        for (line, path) in [
            (
                "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f)",
                Some("/lib/x86_64-linux-gnu/libm.so.6"),
            ),
            ("\t/lib64/ld-linux-x86-64.so.2 (0x00007f)", Some("/lib64/ld-linux-x86-64.so.2")),
            ("\tlinux-vdso.so.1 (0x00007ffd)", None),
            ("\tlibx.so.1 => not found", None),
            ("\tlibc.so.7 => /lib/libc.so.7 (0x800246000)", Some("/lib/libc.so.7")),
            ("\t[vdso] (0x7ffffffff5d0)", None),
            ("/usr/bin/sort:", None),
            ("\tlibc.so.1 =>\t /lib/libc.so.1", Some("/lib/libc.so.1")),
            ("\tlibx.so.1 =>\t (file not found)", None),
        ] {
            assert_eq!(library(line).as_deref(), path.map(Path::new), "{line}");
        }
    }

    #[test]
    fn a_program_is_kept_with_the_links_that_lead_to_it() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (host, root) = (dir.path().join("host"), dir.path().join("root"));
        fs::create_dir_all(host.join("usr/sbin")).expect("folder");
        fs::create_dir_all(host.join("etc/alternatives")).expect("folder");
        fs::create_dir(&root).expect("folder");
        std::os::unix::fs::symlink("usr/sbin", host.join("sbin")).expect("link");
        std::os::unix::fs::symlink("/etc/alternatives/served", host.join("usr/sbin/served"))
            .expect("link");
        std::os::unix::fs::symlink("../../sbin/served-2", host.join("etc/alternatives/served"))
            .expect("link");
        fs::write(host.join("usr/sbin/served-2"), b"\x7fELF and more").expect("written");
        fs::set_permissions(host.join("usr/sbin/served-2"), Permissions::from_mode(0o4755))
            .expect("mode");
        // On the host, a group may pass. The copy belongs to root, and its server is another user.
        fs::set_permissions(host.join("usr/sbin"), Permissions::from_mode(0o750)).expect("mode");
        // Only root can give a file to a group of others.
        let served = host.join("usr/sbin/served-2");
        let given = std::os::unix::fs::chown(&served, None, Some(1)).is_ok();
        fs::set_permissions(&served, Permissions::from_mode(0o4755)).expect("mode");
        let mut kept = Kept { host: &host, root: &root, programs: BTreeSet::new() };
        for path in ["sbin/served", "usr/share/nothing", "usr/sbin"] {
            kept.bring(Path::new(path)).expect("copied");
        }
        assert_eq!(fs::read(root.join("usr/sbin/served-2")).expect("there"), b"\x7fELF and more");
        let found = fs::metadata(root.join("usr/sbin/served-2")).expect("there");
        assert_eq!(found.permissions().mode() & 0o7777, 0o755);
        assert!(!given || found.gid() == 1, "group {}", found.gid());
        let mode = fs::metadata(root.join("usr/sbin")).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o751);
        assert_eq!(
            fs::read_link(root.join("usr/sbin/served")).expect("a link"),
            Path::new("/etc/alternatives/served")
        );
        assert_eq!(fs::read_link(root.join("sbin")).expect("a link"), Path::new("usr/sbin"));
        assert_eq!(kept.programs, BTreeSet::from([host.join("usr/sbin/served-2")]));
    }

    #[test]
    fn a_server_that_is_another_user_passes_through_the_folders_of_its_root() {
        let dir = tempfile::tempdir().expect("temp dir");
        make_empty(dir.path()).expect("made");
        for (name, mode) in
            [("dev", 0o755), ("run", 0o755), ("var", 0o755), ("tmp", 0o1777), ("var/tmp", 0o1777)]
        {
            let found = fs::metadata(dir.path().join(name)).expect("there").permissions();
            assert_eq!(found.mode() & 0o7777, mode, "{name}");
        }
    }

    #[test]
    fn what_a_program_is_linked_with() {
        let lines = "/usr/sbin/served:\n\tlinux-vdso.so.1 (0x00007fff1)\n\
            \tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f1)\n\
            \tlibgone.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n\
            \tnot a dynamic executable\n";
        let found: Vec<_> = lines.lines().filter_map(library).collect();
        assert_eq!(
            found,
            [
                Path::new("/lib/x86_64-linux-gnu/libm.so.6"),
                Path::new("/lib64/ld-linux-x86-64.so.2")
            ]
        );
    }

    #[test]
    fn a_loop_of_links_is_told() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (host, root) = (dir.path().join("host"), dir.path().join("root"));
        fs::create_dir(&host).expect("folder");
        fs::create_dir(&root).expect("folder");
        std::os::unix::fs::symlink("b", host.join("a")).expect("link");
        std::os::unix::fs::symlink("a", host.join("b")).expect("link");
        let mut kept = Kept { host: &host, root: &root, programs: BTreeSet::new() };
        let error = kept.bring(Path::new("/a")).expect_err("a loop").to_string();
        assert_eq!(error, "/a leads through too many links");
    }
}
