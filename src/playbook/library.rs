//! Where playbooks and sites are found.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::host::trust::{self, Distrust};
use crate::playbook::built_in::{BUILT_IN, BUILT_IN_ORIGIN};
use crate::playbook::check::site::ValidatedSite;
use crate::playbook::problem::{Problem, Problems, nearest};
use crate::playbook::programs::{PLAYBOOK_FILE, Program, is_program, is_program_name};
use crate::playbook::validated::Validated;

/// Where playbooks are looked for, before those compiled in.
pub const DIRS: &[&str] = &["/etc/backout/playbooks", "/usr/share/backout/playbooks"];

/// Larger files are not playbooks.
const MAX_BYTES: u64 = 1 << 20;

/// Why a playbook or site cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Others than root could have written it (S9).
    #[error(transparent)]
    Unsafe(#[from] Distrust),
    /// It has faults.
    #[error(transparent)]
    Invalid(#[from] Problems),
    /// There is no playbook of that name.
    #[error("there is no playbook {name:?}\n  remedy: {}use one of {known}{}",
        meant(.name, .known), own(.name, .dir))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
        /// Where one's own belong.
        dir: String,
    },
    /// It is there as a file and as a folder.
    #[error(
        "{} and {} are the same playbook\n  remedy: remove one of them",
        .file.display(),
        .folder.display(),
    )]
    Twice {
        /// The file.
        file: PathBuf,
        /// The TOML in the folder.
        folder: PathBuf,
    },
    /// It is not a playbook's file by its name.
    #[error(
        "{} is not a playbook: its name does not end in .toml\n  remedy: call it NAME.toml",
        .path.display(),
    )]
    NotToml {
        /// The file.
        path: PathBuf,
    },
}

impl LibraryError {
    /// Whether there is nothing at this path.
    pub fn is_missing(&self, at: &Path) -> bool {
        match self {
            Self::Read { path, source } | Self::Unsafe(Distrust::Read { path, source }) => {
                path == at && source.kind() == std::io::ErrorKind::NotFound
            }
            _ => false,
        }
    }
}

fn meant(name: &str, known: &str) -> String {
    nearest(name, known.split(", "))
        .map_or_else(String::new, |meant| format!("did you mean {meant:?}? Otherwise "))
}

/// Where one's own playbook of that name would be, if it can be a name.
fn own(name: &str, dir: &str) -> String {
    if is_name(name) { format!(", or put {name}.toml into {dir}") } else { String::new() }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// One entry of the list of playbooks.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The file, or `built in`.
    pub origin: String,
    /// The playbook, or why it cannot be used.
    pub playbook: Result<Validated, LibraryError>,
    /// Another of the same name comes before it.
    pub shadowed: bool,
}

impl Listed {
    /// Whether it is the same playbook with the same programs.
    fn is_same(&self, other: &Result<Validated, LibraryError>) -> bool {
        match (&self.playbook, other) {
            (Ok(this), Ok(that)) => {
                this.text() == that.text() && this.programs() == that.programs()
            }
            _ => false,
        }
    }
}

/// The folders of [`DIRS`].
pub fn default_dirs() -> Vec<PathBuf> {
    DIRS.iter().map(PathBuf::from).collect()
}

/// Reads and checks a playbook: a file NAME.toml, or a folder NAME with `playbook.toml` and its
/// programs. NAME must be the playbook's.
///
/// # Errors
/// When it cannot be read, others could have written it, or it has faults.
pub fn load_playbook(path: &Path) -> Result<Validated, LibraryError> {
    let Files { origin, stem, text, programs } = read_playbook(path)?;
    Ok(Validated::with_programs(&origin, stem.as_deref(), &text, programs)?)
}

/// The same of one that is not finished, with what it must still have.
///
/// # Errors
/// As [`load_playbook`], but for that.
pub fn load_draft(path: &Path) -> Result<(Validated, Vec<Problem>), LibraryError> {
    let Files { origin, stem, text, programs } = read_playbook(path)?;
    Ok(Validated::draft(&origin, stem.as_deref(), &text, programs)?)
}

/// A playbook as its files have it.
struct Files {
    origin: String,
    /// The name that the place gives it.
    stem: Option<String>,
    text: String,
    programs: Vec<Program>,
}

fn read_playbook(path: &Path) -> Result<Files, LibraryError> {
    let unreadable = |source| LibraryError::Read { path: path.to_owned(), source };
    if path.is_dir() {
        // `.` and `..` have no name to compare with the playbook's.
        return match path.file_name() {
            Some(_) => load_folder(path),
            None => load_folder(&fs::canonicalize(path).map_err(unreadable)?),
        };
    }
    if path.file_name().is_some_and(|name| name == PLAYBOOK_FILE) {
        let absolute = std::path::absolute(path).map_err(unreadable)?;
        return load_folder(absolute.parent().unwrap_or(path));
    }
    fs::symlink_metadata(path).map_err(unreadable)?;
    let stem = path
        .extension()
        .filter(|it| *it == "toml")
        .and_then(|_| path.file_stem())
        .and_then(|it| it.to_str());
    let stem = stem.ok_or_else(|| LibraryError::NotToml { path: path.to_owned() })?;
    let text = read_text(path)?;
    let (origin, stem) = (path.display().to_string(), Some(stem.to_owned()));
    Ok(Files { origin, stem, text, programs: Vec::new() })
}

/// Reads a playbook that is a folder, with all programs in it: each runs with the rights of root,
/// so each is trusted like the playbook, or refused.
fn load_folder(folder: &Path) -> Result<Files, LibraryError> {
    let unreadable = |source| LibraryError::Read { path: folder.to_owned(), source };
    let path = folder.join(PLAYBOOK_FILE);
    let text = read_text(&path)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| unreadable(std::io::Error::other("a name in it is not text")))?;
        if is_program(&name) && !entry.path().is_dir() {
            if !is_program_name(&name) {
                let why = "has a program whose name has other characters than letters, digits, \
                    `.`, `_` and `-`";
                return Err(unreadable(std::io::Error::other(format!("it {why}: {name:?}"))));
            }
            names.push(name);
        }
    }
    names.sort();
    let program = |name: &String| Ok(Program::new(name, read(&folder.join(name))?));
    let programs = names.iter().map(program).collect::<Result<Vec<_>, LibraryError>>()?;
    let stem = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    Ok(Files { origin: path.display().to_string(), stem, text, programs })
}

/// The first playbook of that name in `dirs`, or the one compiled in.
///
/// # Errors
/// When there is none, or the first one cannot be used: a later one never takes its place unsaid.
pub fn find(name: &str, dirs: &[PathBuf]) -> Result<Validated, LibraryError> {
    for dir in dirs.iter().filter(|_| is_name(name)) {
        if let Some(path) = within(dir, name)? {
            return load_playbook(&path);
        }
    }
    if let Some(built_in) = BUILT_IN.iter().find(|built_in| built_in.name == name) {
        return Ok(built_in.read()?);
    }
    let mut known: Vec<String> =
        list(dirs)?.into_iter().filter(|it| !it.shadowed).map(|it| it.name).collect();
    known.sort();
    let dir = dirs.first().map_or_else(|| DIRS[0].to_owned(), |dir| dir.display().to_string());
    Err(LibraryError::Unknown { name: name.to_owned(), known: known.join(", "), dir })
}

/// The file or the folder of that name, if there is one.
fn within(dir: &Path, name: &str) -> Result<Option<PathBuf>, LibraryError> {
    let there = |path: PathBuf| match fs::symlink_metadata(&path) {
        Ok(_) => Ok(Some(path)),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(LibraryError::Read { path, source }),
    };
    let (file, folder) =
        (there(dir.join(format!("{name}.toml")))?, there(dir.join(name).join(PLAYBOOK_FILE))?);
    match (file, folder) {
        (Some(file), Some(folder)) => Err(LibraryError::Twice { file, folder }),
        (file, folder) => Ok(file.or(folder)),
    }
}

/// All playbooks: by folder in the order given, then those compiled in. One with faults is listed
/// with them.
///
/// # Errors
/// When a folder that exists cannot be read.
pub fn list(dirs: &[PathBuf]) -> Result<Vec<Listed>, LibraryError> {
    let mut found: Vec<Listed> = Vec::new();
    for dir in dirs {
        let unreadable = |source| LibraryError::Read { path: dir.clone(), source };
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(unreadable(source)),
        };
        // Sorted, so that two runs print the same.
        let mut names = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.join(PLAYBOOK_FILE);
            if fs::symlink_metadata(&folder).is_ok() {
                names.insert(
                    path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    folder,
                );
            } else if path.extension().is_some_and(|it| it == "toml") {
                names.insert(stem, path);
            }
        }
        for (name, path) in names {
            let shadowed = found.iter().any(|earlier| earlier.name == name);
            let playbook = within(dir, &name).and_then(|_| load_playbook(&path));
            found.push(Listed { name, origin: path.display().to_string(), playbook, shadowed });
        }
    }
    for built_in in BUILT_IN {
        let name = built_in.name.to_owned();
        let playbook = built_in.read().map_err(LibraryError::from);
        let earlier = found.iter().find(|earlier| earlier.name == name);
        // A package brings the same playbooks as files. Said twice, nobody sees the differing one.
        if earlier.is_some_and(|earlier| earlier.is_same(&playbook)) {
            continue;
        }
        let shadowed = earlier.is_some();
        found.push(Listed { name, origin: BUILT_IN_ORIGIN.to_owned(), playbook, shadowed });
    }
    Ok(found)
}

/// Reads and checks a site file, and finds its playbook in `dirs` or among those compiled in.
///
/// # Errors
/// When either cannot be read, others could have written it, or it has faults.
pub fn load_site(
    path: &Path,
    dirs: &[PathBuf],
) -> Result<(ValidatedSite, Validated), LibraryError> {
    let text = read_text(path)?;
    ValidatedSite::parse(path, &text, |name| find(name, dirs))
}

/// Reads and checks a site file for this playbook.
///
/// # Errors
/// When it cannot be read, others could have written it, it has faults, or it is for another
/// playbook.
pub fn load_site_of(
    path: &Path,
    playbook: Validated,
) -> Result<(ValidatedSite, Validated), LibraryError> {
    let text = read_text(path)?;
    ValidatedSite::parse(path, &text, |name| {
        let known = playbook.playbook().name.clone();
        if name == known {
            return Ok(playbook);
        }
        Err(LibraryError::Unknown { name: name.to_owned(), known, dir: DIRS[0].to_owned() })
    })
}

/// Reads a file of text that only root or the caller can have written.
fn read_text(path: &Path) -> Result<String, LibraryError> {
    let fail = |source| LibraryError::Read { path: path.to_owned(), source };
    let invalid =
        |_| fail(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not text in UTF-8"));
    String::from_utf8(read(path)?).map_err(invalid)
}

/// Reads a file that only root or the caller can have written.
fn read(path: &Path) -> Result<Vec<u8>, LibraryError> {
    let fail = |source| LibraryError::Read { path: path.to_owned(), source };
    trust::check_path(path)?;
    // Does not wait for the writer of a pipe.
    let no_wait = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = File::options().read(true).custom_flags(no_wait).open(path).map_err(fail)?;
    // Of the open file, which cannot be exchanged any more.
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(fail(std::io::Error::other("it is not a file")));
    }
    trust::check_owner(path, &metadata)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(std::io::Error::other("it is larger than 1 MiB")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use nix::unistd::geteuid;

    use super::*;
    use std::fs::DirBuilder;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn put(dir: &Path, name: &str, text: &str) -> PathBuf {
        let path = dir.join(name);
        #[allow(clippy::disallowed_methods)]
        fs::write(&path, text).unwrap();
        chmod(&path, 0o644);
        path
    }

    fn temp() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o755);
        dir
    }

    const SITE: &str = "playbook = \"mariadb\"\ndatasets = [\"tank/mysql\"]\nupgrade_to = \
        \"11.8\"\n[variables]\nrelease = \"trixie\"\n";

    #[test]
    fn all_that_is_compiled_in_is_valid_and_warns_of_nothing() {
        for listed in list(&[]).unwrap() {
            let playbook = listed.playbook.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(playbook.warnings(), [], "{}", listed.name);
        }
    }

    #[test]
    fn the_first_folder_counts_and_a_broken_one_is_not_passed_over() {
        let dir = temp();
        let path =
            put(dir.path(), "generic.toml", &BUILT_IN[0].text.replace("format = 1", "format = 2"));
        let dirs = [dir.path().to_owned()];
        assert!(matches!(find("generic", &dirs), Err(LibraryError::Invalid(_))));
        let found = list(&dirs).unwrap();
        let built_in =
            found.iter().find(|it| it.name == "generic" && it.origin == BUILT_IN_ORIGIN).unwrap();
        assert!(found[0].playbook.is_err() && !found[0].shadowed && built_in.shadowed);
        fs::remove_file(path).unwrap();
        assert_eq!(find("generic", &dirs).unwrap().origin(), BUILT_IN_ORIGIN);
    }

    #[test]
    fn the_same_playbook_as_a_file_is_listed_once_and_another_one_beside_it() {
        let dir = temp();
        let dirs = [dir.path().to_owned()];
        put(dir.path(), "generic.toml", BUILT_IN[0].text);
        let origins = || {
            let of_it = |it: &Listed| it.name == "generic";
            list(&dirs).unwrap().into_iter().filter(of_it).map(|it| it.origin).collect::<Vec<_>>()
        };
        let file = dir.path().join("generic.toml").display().to_string();
        assert_eq!(origins(), std::slice::from_ref(&file));
        put(dir.path(), "generic.toml", &format!("# mine\n{}", BUILT_IN[0].text));
        assert_eq!(origins(), [file, BUILT_IN_ORIGIN.to_owned()]);
    }

    #[test]
    fn a_folder_brings_programs_and_each_is_trusted_like_the_playbook() {
        let dir = temp();
        let own = dir.path().join("generic");
        DirBuilder::new().mode(0o755).create(&own).unwrap();
        let text = BUILT_IN[0]
            .text
            .replace("\"tallyctl\", \"rotate\"", "\"sh\", \"{program_dir}/rotate.sh\"");
        put(&own, PLAYBOOK_FILE, &text);
        put(&own, "README.md", "for people");
        let dirs = [dir.path().to_owned()];
        let said = find("generic", &dirs).unwrap_err().to_string();
        assert!(
            said.contains("generic/playbook.toml:") && said.contains("no program \"rotate.sh\""),
            "{said}"
        );
        let program = put(&own, "rotate.sh", "tallyctl rotate\n");
        let names = |playbook: Validated| {
            playbook.programs().iter().map(|it| it.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(find("generic", &dirs).unwrap()), ["rotate.sh"]);
        assert_eq!(names(load_playbook(&own).unwrap()), ["rotate.sh"]);
        assert_eq!(names(load_playbook(&own.join(PLAYBOOK_FILE)).unwrap()), ["rotate.sh"]);
        let odd = put(&own, "rotate\nall.sh", "tallyctl rotate\n");
        let said = find("generic", &dirs).unwrap_err().to_string();
        assert!(said.contains(r#""rotate\nall.sh""#), "{said}");
        fs::remove_file(odd).unwrap();
        chmod(&program, 0o666);
        let said = find("generic", &dirs).unwrap_err().to_string();
        assert!(
            said.contains("rotate.sh is not used") && said.contains("everyone may write to it"),
            "{said}"
        );
        let listed = list(&dirs).unwrap();
        assert!(listed[0].name == "generic" && listed[0].playbook.is_err(), "{listed:?}");
        chmod(&program, 0o700);
        put(dir.path(), "generic.toml", BUILT_IN[0].text);
        assert!(matches!(find("generic", &dirs), Err(LibraryError::Twice { .. })));
    }

    #[test]
    fn all_programs_of_a_built_in_playbook_s_folder_are_compiled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks");
        for built_in in BUILT_IN {
            let entries =
                fs::read_dir(folder.join(built_in.name)).unwrap().map(|entry| entry.unwrap());
            let files = entries
                .filter(|entry| !entry.path().is_dir())
                .map(|entry| entry.file_name().into_string().unwrap());
            let mut found: Vec<String> = files.filter(|name| is_program(name)).collect();
            found.sort();
            let compiled: Vec<&str> = built_in.programs.iter().map(|(name, _)| *name).collect();
            assert_eq!(compiled, found, "{}", built_in.name);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let text = find("mariadv", &[PathBuf::from("/no/such/folder")]).unwrap_err().to_string();
        assert_eq!(
            text,
            "there is no playbook \"mariadv\"\n  remedy: did you mean \"mariadb\"? Otherwise use \
                one of generic, mariadb, messaging-server, messaging-server-front, postgresql, redis, or put \
                mariadv.toml into /no/such/folder"
        );
        assert!(matches!(find("../x", &[]), Err(LibraryError::Unknown { .. })));
    }

    #[test]
    fn s9_a_file_or_folder_that_others_can_write_is_refused() {
        let dir = temp();
        let path = put(dir.path(), "site.toml", SITE);
        load_site(&path, &[]).unwrap();
        for (target, mode, good) in [
            (path.as_path(), 0o664, 0o644),
            (&path, 0o646, 0o644),
            (dir.path(), 0o775, 0o755),
            (dir.path(), 0o757, 0o755),
        ] {
            chmod(target, mode);
            let text = load_site(&path, &[]).unwrap_err().to_string();
            assert!(text.contains("may write to it") && text.contains("chmod go-w"), "{text}");
            chmod(target, good);
        }
        chmod(dir.path(), 0o1777);
        load_site(&path, &[]).expect("in a sticky folder our own file is safe");
    }

    #[test]
    fn s9_a_link_in_a_folder_that_others_can_write_is_refused() {
        let (safe, open) = (temp(), temp());
        let path = put(safe.path(), "site.toml", SITE);
        symlink(&path, open.path().join("site.toml")).unwrap();
        load_site(&open.path().join("site.toml"), &[]).unwrap();
        chmod(open.path(), 0o777);
        assert!(matches!(
            load_site(&open.path().join("site.toml"), &[]),
            Err(LibraryError::Unsafe { .. })
        ));
    }

    #[test]
    fn s9_the_file_of_another_user_is_refused() {
        if !geteuid().is_root() {
            return;
        }
        let dir = temp();
        let path = put(dir.path(), "site.toml", SITE);
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        let text = load_site(&path, &[]).unwrap_err().to_string();
        assert!(text.contains("it belongs to user 65534"), "{text}");
    }

    #[test]
    fn a_site_has_the_values_of_its_variables() {
        let dir = temp();
        let (site, playbook) = load_site(&put(dir.path(), "site.toml", SITE), &[]).unwrap();
        assert_eq!(playbook.name, "mariadb");
        assert_eq!(site.values()["release"], "trixie");
        assert_eq!(site.values()["upgrade_to"], "11.8");
        assert_eq!(site.values()["datadir"], "/var/lib/mysql");
        assert_eq!(site.values()["binlog_dir"], "/var/lib/mysql", "that of datadir");
        let (datadir, binlog) = ("datadir = \"/srv/my\"\n", "binlog_dir = \"/srv/log\"\n");
        for (more, dirs) in
            [(datadir, ["/srv/my", "/srv/my"]), (binlog, ["/srv/log", "/var/lib/mysql"])]
        {
            let text = format!("{SITE}\n{more}");
            let (site, _) = load_site(&put(dir.path(), "site.toml", &text), &[]).unwrap();
            assert_eq!([&site.values()["binlog_dir"], &site.values()["innodb_log_dir"]], dirs);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let text = load_playbook(Path::new("/no/such.toml")).unwrap_err().to_string();
        assert!(text.starts_with("cannot read /no/such.toml: No such file"), "{text}");
    }

    /// Opening a pipe waits for a writer, for ever.
    #[test]
    fn a_pipe_in_the_place_of_a_file_is_refused_at_once() {
        use nix::sys::stat::Mode;
        let dir = temp();
        let path = dir.path().join("site.toml");
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let (done, answer) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = done.send(load_site(&path, &[]).map(drop).map_err(|error| error.to_string()));
        });
        let answer = answer.recv_timeout(std::time::Duration::from_secs(10));
        let said = answer.expect("it answers").unwrap_err();
        assert!(said.contains("it is not a file"), "{said}");
    }

    #[test]
    fn a_path_with_nothing_there_is_not_told_to_be_renamed() {
        let text = load_playbook(Path::new("/no/such")).unwrap_err().to_string();
        assert!(text.starts_with("cannot read /no/such: No such file"), "{text}");
    }

    #[test]
    fn what_cannot_be_a_name_is_not_offered_as_one() {
        let text = find("../x\u{1b}", &[]).unwrap_err().to_string();
        assert!(!text.contains('\u{1b}') && !text.contains("../x\u{1b}.toml"), "{text}");
        assert!(!text.contains("or put"), "{text}");
    }
}
