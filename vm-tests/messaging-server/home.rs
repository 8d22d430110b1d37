//! Where an installation and its data are, how it is configured, and how it was told to misbehave.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// An installation, such as `/opt/sun/comms/messaging64`.
pub struct Home {
    pub dir: PathBuf,
}

impl Home {
    /// The one that this program belongs to: it lies in its `lib`.
    pub fn of_this_program() -> Result<Self> {
        let exe = std::env::current_exe().context("where is this program?")?;
        let dir = exe
            .parent()
            .and_then(Path::parent)
            .context("this program is in no installation")?
            .to_owned();
        let home = Self { dir };
        home.version()?;
        Ok(home)
    }

    /// The one in that folder.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The installed version.
    pub fn version(&self) -> Result<String> {
        let text = fs::read_to_string(self.dir.join("lib/version"))
            .with_context(|| format!("nothing is installed in {}", self.dir.display()))?;
        Ok(text.trim().to_owned())
    }

    fn link(&self, name: &str) -> Result<PathBuf> {
        let link = self.dir.join(name);
        link.canonicalize()
            .with_context(|| format!("{} leads nowhere: run useconfig", link.display()))
    }

    pub fn data(&self) -> Result<PathBuf> {
        self.link("data")
    }

    pub fn config(&self) -> Result<PathBuf> {
        self.link("config")
    }

    pub fn log(&self) -> Result<PathBuf> {
        self.link("log")
    }

    /// The file of a running process' state.
    pub fn proc(&self, name: &str) -> Result<PathBuf> {
        Ok(self.data()?.join("proc").join(name))
    }

    /// A value of `config/msg.conf` (`key = value`), or the default.
    pub fn setting(&self, key: &str, default: &str) -> Result<String> {
        let text = fs::read_to_string(self.config()?.join("msg.conf")).unwrap_or_default();
        let settings: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim(), value.trim()))
            .collect();
        Ok((*settings.get(key).unwrap_or(&default)).to_owned())
    }

    /// How this command was told to misbehave, if it was.
    pub fn trouble(&self, command: &str) -> Result<Trouble> {
        Trouble::of(self.data()?.parent().unwrap_or(Path::new("/")), command)
    }
}

/// `7.0.5.29.0` and the like, as numbers.
pub fn at_least(version: &str, bound: &str) -> bool {
    let numbers = |text: &str| {
        text.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>()
    };
    numbers(version) >= numbers(bound)
}

/// How a command misbehaves.
#[derive(Debug, Default)]
pub struct Trouble {
    /// It ends with 0, says an error, and does nothing.
    pub lies: bool,
    /// It kills itself after so many items.
    dies_after: Option<u64>,
}

impl Trouble {
    /// Reads `misbehave` in that folder: lines `COMMAND slow SECONDS | hang | die ITEMS | lie |
    /// refuse`, with ` once` to be forgotten when read. What can be done at once (be slow, hang,
    /// refuse) is done here.
    pub fn of(folder: &Path, command: &str) -> Result<Self> {
        let file = folder.join("misbehave");
        let Ok(text) = fs::read_to_string(&file) else { return Ok(Self::default()) };
        let Some(line) = text.lines().find(|line| line.split_whitespace().next() == Some(command))
        else {
            return Ok(Self::default());
        };
        if line.ends_with(" once") {
            let rest: String = text
                .lines()
                .filter(|other| *other != line)
                .map(|other| format!("{other}\n"))
                .collect();
            fs::write(&file, rest)?;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = words.get(2).and_then(|word| word.parse().ok());
        match words.get(1).copied().unwrap_or_default() {
            "slow" => std::thread::sleep(Duration::from_secs(number.unwrap_or(1))),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(3600));
            },
            "refuse" => bail!("cannot do that now"),
            "lie" => return Ok(Self { lies: true, dies_after: None }),
            "die" => return Ok(Self { lies: false, dies_after: Some(number.unwrap_or(0)) }),
            other => bail!("{}: {other:?} is no way to misbehave", file.display()),
        }
        Ok(Self::default())
    }

    /// Says an error, and that all is well.
    pub fn lie(&self, what: &str) -> Option<ExitCode> {
        if self.lies {
            eprintln!("ERROR: {what}: internal error 77");
        }
        self.lies.then_some(ExitCode::SUCCESS)
    }

    /// Another item is done.
    pub fn item(&mut self) {
        match &mut self.dies_after {
            Some(0) => {
                let _ = nix::sys::signal::kill(
                    nix::unistd::getpid(),
                    nix::sys::signal::Signal::SIGKILL,
                );
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// Writes a file whole or not at all, and returns when it is on the disk.
pub fn durable(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file stands in a folder")?;
    let work = || -> std::io::Result<()> {
        make_dirs(folder)?;
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    work().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a folder and those above it, durably.
fn make_dirs(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_dirs(above)?;
        if let Err(error) = fs::create_dir(folder)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Removes a file, and returns when that is on the disk.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", path.display()));
        }
        _ => {}
    }
    let folder = path.parent().context("a file stands in a folder")?;
    File::open(folder)
        .and_then(|dir| dir.sync_all())
        .with_context(|| format!("cannot flush {}", folder.display()))
}
