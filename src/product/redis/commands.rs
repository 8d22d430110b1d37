//! Which commands the previous version has: asked from a server of that version, without data and
//! without clients.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::client::{Client, Reply, said};
use super::config;
use super::log::Entry;
use crate::product::stream::HelperError;

/// How long a server without data may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of a key or of a reason is shown.
const SHOWN: usize = 100;

/// A server without data, in a folder of its own. It ends with this value.
struct Server {
    process: Child,
    /// Its folder, until somebody is connected: nothing is left behind by a kill then.
    folder: Option<tempfile::TempDir>,
    /// Its folder, as it is reached from here whatever the length of its path is: that of a socket
    /// is limited.
    short: File,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with this value, and what ends a helper ends it, too"
    )]
    fn start(
        program: &str,
        root: Option<&Path>,
        settings: &[Vec<String>],
    ) -> Result<Self, HelperError> {
        let cannot = |error| HelperError::Failed(format!("cannot start {program}: {error}"));
        let mut builder = tempfile::Builder::new();
        builder.prefix("backout-redis-");
        let (folder, mut command) = match root {
            None => (builder.tempdir().map_err(cannot)?, std::process::Command::new(program)),
            Some(root) => {
                let mut command = std::process::Command::new("chroot");
                command.arg(root).arg(program);
                (builder.tempdir_in(root.join("tmp")).map_err(cannot)?, command)
            }
        };
        let short = File::open(folder.path()).map_err(cannot)?;
        // As the server sees it.
        let own = match root.and_then(|root| folder.path().strip_prefix(root).ok()) {
            Some(below) => Path::new("/").join(below),
            None => folder.path().to_owned(),
        };
        command.args(["--port", "0", "--tls-port", "0", "--daemonize", "no", "--save", ""]);
        command.args(["--appendonly", "no", "--logfile", "log", "--loglevel", "warning"]);
        command.arg("--dir").arg(&own).arg("--unixsocket").arg(socket(&own));
        for setting in settings {
            let mut words = setting.iter();
            command.args(words.next().map(|name| format!("--{name}"))).args(words);
        }
        let process = command
            .current_dir(folder.path())
            .env_remove("NOTIFY_SOCKET")
            // A root of kept programs may lack the locale that the environment names.
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        Ok(Self { process, folder: Some(folder), short })
    }

    fn connect(&mut self, program: &str) -> Result<Client, HelperError> {
        let begin = Instant::now();
        loop {
            let short = PathBuf::from(format!("/proc/self/fd/{}", self.short.as_raw_fd()));
            let error = match Client::open(&socket(&short)) {
                Ok(client) => {
                    self.folder = None;
                    return Ok(client);
                }
                Err(error) => error,
            };
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || begin.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(short.join("log"));
                let last = log.unwrap_or_default().lines().last().unwrap_or_default().to_owned();
                return Err(HelperError::Failed(format!(
                    "{program} was asked which commands it has, and does not run: {error}; {last}"
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}

/// What is known of a command.
struct Known {
    /// The number of its words, its name among them; below 0: the least number.
    arity: i64,
    /// The place of its first key; 0: it has none.
    key: usize,
    /// Its second words, where only some are allowed.
    second: HashMap<String, Known>,
}

/// The commands of a version.
pub(super) struct Commands {
    version: String,
    all: HashMap<String, Known>,
    /// The version of what `DUMP` makes, which is the newest that `RESTORE` takes.
    dumps: u16,
    client: Client,
    _server: Server,
}

impl Commands {
    /// Starts `program` without data, and asks it. It is in `root`, if there is one. `settings` are
    /// lines of its configuration that decide which commands there are: renamed ones, and modules.
    ///
    /// # Errors
    /// When it does not run, or does not answer.
    pub(super) fn of(
        program: &str,
        root: Option<&Path>,
        settings: &[Vec<String>],
    ) -> Result<Self, HelperError> {
        let mut server = Server::start(program, root, settings)?;
        let mut client = server.connect(program)?;
        let info = client.done(&[b"INFO", b"server"])?.text();
        let version = said(&info, "redis_version").unwrap_or("the previous version").to_owned();
        let all = client.done(&[b"COMMAND"])?.list().iter().filter_map(known).collect();
        client.done(&[b"SET", b"x", b"1"])?;
        let dump = client.done(&[b"DUMP", b"x"])?.bytes();
        let dumps = dump_version(&dump).unwrap_or_default();
        Ok(Self { version, all, dumps, client, _server: server })
    }

    /// Why this version does not carry the command out when it loads it; `None` if it does. Names
    /// the command and its key.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) fn refuses(&mut self, entry: &Entry) -> Result<Option<String>, HelperError> {
        let name = entry.name();
        let mut key = 1;
        let why = match self.all.get(&name) {
            None => "has no such command".to_owned(),
            Some(known) => {
                key = known.key;
                match known.refuses(entry) {
                    Some(why) => why.to_owned(),
                    None => match self.refuses_value(entry, &name)? {
                        Some(why) => why,
                        None => return Ok(None),
                    },
                }
            }
        };
        let mut called = name.to_ascii_uppercase();
        if self.all.get(&name).is_some_and(|known| !known.second.is_empty()) {
            called = format!("{called} {}", entry.word(1).to_ascii_uppercase());
        }
        let key = entry.arguments.get(key).filter(|_| key > 0);
        let key = key.map_or_else(String::new, |key| format!(" of {}", shown(&key.begin)));
        Ok(Some(format!("{}{key}: {} {why}", cut(&called), self.version)))
    }

    /// What depends on a value: a dump, or the text of a function.
    fn refuses_value(&mut self, entry: &Entry, name: &str) -> Result<Option<String>, HelperError> {
        if matches!(name, "restore" | "restore-asking") {
            let version = entry.arguments.get(3).and_then(|dump| dump_version(&dump.end));
            return Ok(version
                .filter(|version| *version > self.dumps)
                .map(|_| "does not read this dump, which a newer version made".to_owned()));
        }
        if name != "function" || !matches!(entry.word(1).as_str(), "load" | "restore") {
            return Ok(None);
        }
        if entry.arguments.len() as u64 != entry.count {
            return Ok(Some("takes other arguments".to_owned()));
        }
        self.client.done(&[b"FUNCTION", b"FLUSH"])?;
        let words: Vec<&[u8]> = entry.arguments.iter().map(|it| it.begin.as_slice()).collect();
        Ok(match self.client.ask(&words)? {
            Reply::Error(why) => Some(format!("says {}", shown(why.as_bytes()))),
            _ => None,
        })
    }
}

impl Known {
    fn refuses(&self, entry: &Entry) -> Option<&'static str> {
        let count = i64::try_from(entry.count).unwrap_or(i64::MAX);
        let fits = |arity: i64| if arity < 0 { count >= -arity } else { count == arity };
        if entry.count > 1 && !self.second.is_empty() {
            return match self.second.get(&entry.word(1)) {
                None => Some("has no such command"),
                Some(second) if !fits(second.arity) => Some("takes other arguments"),
                Some(_) => None,
            };
        }
        (!fits(self.arity)).then_some("takes other arguments")
    }
}

/// The name of a command, and what is known of it, from an entry of `COMMAND`.
fn known(entry: &Reply) -> Option<(String, Known)> {
    let parts = entry.list();
    let number = |at: usize| match parts.get(at) {
        Some(Reply::Number(number)) => *number,
        _ => 0,
    };
    let name = parts.first()?.text().to_ascii_lowercase();
    let second = parts.get(9).map(Reply::list).unwrap_or_default();
    let second = second.iter().filter_map(known).map(|(name, known)| {
        (name.split_once('|').map_or(name.clone(), |(_, second)| second.to_owned()), known)
    });
    let key = usize::try_from(number(3)).unwrap_or_default();
    Some((name, Known { arity: number(1), key, second: second.collect() }))
}

/// The version that a dump says it has, in its last ten bytes.
fn dump_version(end: &[u8]) -> Option<u16> {
    let tail = end.last_chunk::<10>()?;
    Some(u16::from_le_bytes([tail[0], tail[1]]))
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN).collect::<String>().escape_debug().to_string()
}

/// A key, or a reason, for people: in quotes, on one line, cut.
fn shown(bytes: &[u8]) -> String {
    let text: String =
        bytes.iter().take(SHOWN).map(|byte| byte.escape_ascii().to_string()).collect();
    format!("\"{text}{}\"", if bytes.len() > SHOWN { "..." } else { "" })
}

/// The settings that decide which commands there are.
///
/// # Errors
/// When the configuration file, or one that it includes, cannot be read.
pub(super) fn settings(config: &Path) -> Result<Vec<Vec<String>>, HelperError> {
    let mut all = config::read(config)?;
    all.retain(|setting| matches!(setting[0].as_str(), "rename-command" | "loadmodule"));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::redis::log::Argument;

    fn entry(words: &[&str]) -> Entry {
        let arguments = words.iter().map(|word| Argument {
            begin: word.as_bytes().to_vec(),
            end: word.as_bytes().to_vec(),
            length: word.len() as u64,
        });
        Entry { count: words.len() as u64, arguments: arguments.collect(), ..Entry::default() }
    }

    #[test]
    fn arguments_are_counted_as_the_server_counts_them() {
        let known = |arity| Known { arity, key: 1, second: HashMap::new() };
        let xgroup =
            Known { arity: -2, key: 0, second: HashMap::from([("create".to_owned(), known(-5))]) };
        for (known, words, fits) in [
            (&known(-3), &["SET", "a", "1"][..], true),
            (&known(-3), &["SET", "a"], false),
            (&known(2), &["GET", "a", "b"], false),
            (&xgroup, &["XGROUP", "CREATE", "a", "g", "$"], true),
            (&xgroup, &["XGROUP", "Create", "a"], false),
            (&xgroup, &["XGROUP", "WHAT", "a"], false),
        ] {
            assert_eq!(known.refuses(&entry(words)).is_none(), fits, "{words:?}");
        }
    }

    #[test]
    fn nothing_of_a_key_breaks_the_line() {
        assert_eq!(shown(b"a\n\"\xff"), r#""a\n\"\xff""#);
        assert_eq!(shown(&[b'x'; 200]).len(), 105);
    }
}
