//! What has to be done with the two servers around a feed.

use std::fs::{self, File};
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::ask;
use super::super::client::{Client, said};
use super::super::config;
use super::super::manifest::Manifest;
use super::growth::end_from;
use super::options::Options;
use super::place::{Place, last_mark};
use super::run::written;
use super::{last_file, length, refused};
use crate::host::files::{beside, private_dir, remove_optional, stat_optional, write_atomic};
use crate::product::script::{STOP_UNIT, become_program, become_script};
use crate::product::stream::{HelperError, Streams};

const USAGE: &str = "redis-standby start --unit UNIT --state FOLDER --socket SOCKET --config FILE \
                     --source FOLDER --standby FOLDER --name NAME COMMAND... | \
                     stop|serve-stop --socket SOCKET --unit UNIT... | \
                     serve --socket SOCKET --config FILE [COMMAND...] | \
                     refuse|allow --config FILE; \
                     all: [--port PORT] [--user USER] [--password-file FILE]";

/// The ending of a file beside the folder of the standby's socket: in a switch its server goes on
/// running, as that of the service. In it stands which stop leaves it running. After a boot neither
/// is there.
const STAYS: &str = ".stays";

/// A switch takes seconds. One that is given up without a word ends the refusal by itself.
const REFUSED: &str = "600000";
/// How long a server may take to load its data.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Settings that a standby is started without, and their defaults. `shutdown-on-sigterm` stays: a
/// dump at its end would keep clients waiting for the service's own server.
const OWN: &[(&str, &str)] = &[
    ("maxmemory-policy", "noeviction"),
    ("maxmemory", "0"),
    ("min-replicas-to-write", "0"),
    ("appendfsync", "everysec"),
    ("auto-aof-rewrite-percentage", "100"),
    ("save", "3600 1 300 100 60 10000"),
];

/// See the usage.
///
/// # Errors
/// When it cannot be done.
pub(in crate::product) fn standby(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let Some((verb, rest)) = arguments.split_first() else { return Err(HelperError::usage(USAGE)) };
    let options = Options::read(rest, USAGE)?;
    match verb.as_str() {
        "start" if !options.words.is_empty() => options.start(),
        "stop" => options.stop("standby", Some("service")),
        "serve-stop" => options.stop("service", None),
        "serve" => options.serve(),
        "refuse" => options.refuse(),
        "allow" => options.allow(),
        _ => Err(HelperError::usage(USAGE)),
    }
}

impl Options {
    /// Starts the rest of the arguments in the place of this process.
    fn become_words(&self) -> HelperError {
        let Some((program, arguments)) = self.words.split_first() else {
            return HelperError::usage(USAGE);
        };
        become_program(program, arguments)
    }

    /// Starts the rest of the arguments, which start the unit, unless it `runs`.
    pub(super) fn start_once(&self, runs: bool) -> Result<(), HelperError> {
        if runs {
            return Ok(());
        }
        // Between two attempts, the unit's name is taken.
        for unit in &self.units {
            self.run(&["systemctl", "stop", unit], false)?;
        }
        Err(self.become_words())
    }

    fn start(&self) -> Result<(), HelperError> {
        ask::address_in(&self.config, &self.port)?;
        self.stays(None)?;
        self.prepare()?;
        self.start_once(self.fed().is_ok())
    }

    fn stays_file(&self) -> PathBuf {
        let folder = self.socket.parent().unwrap_or(Path::new("/run"));
        beside(folder, STAYS)
    }

    /// Stops the units; but once not, if the server is to stay in this stop of `whose`. Then it stays
    /// in that of `next`, too.
    fn stop(&self, whose: &str, next: Option<&str>) -> Result<(), HelperError> {
        match fs::read_to_string(self.stays_file()) {
            Ok(stays) if stays == whose => self.stays(next),
            _ => become_script("stop-unit", STOP_UNIT, &self.units),
        }
    }

    /// Which stop leaves the server running.
    pub(super) fn stays(&self, whose: Option<&str>) -> Result<(), HelperError> {
        let path = self.stays_file();
        let done = match whose {
            Some(whose) => write_atomic(&path, whose.as_bytes()),
            None => remove_optional(&path),
        };
        done.map_err(|error| {
            HelperError::Failed(format!("cannot write {}: {error}", path.display()))
        })
    }

    /// Runs a command to its end.
    #[expect(
        clippy::disallowed_methods,
        reason = "the service manager is asked, which has its limits"
    )]
    fn run(&self, words: &[&str], must: bool) -> Result<(), HelperError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(HelperError::usage(USAGE));
        };
        let mut command = std::process::Command::new(program);
        command.args(arguments);
        if !must {
            command.stderr(std::process::Stdio::null());
        }
        let status = command.status();
        match status {
            _ if !must => Ok(()),
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(HelperError::Failed(format!("{program}: {status}"))),
            Err(error) => Err(HelperError::Failed(format!("cannot start {program}: {error}"))),
        }
    }

    /// What is fed goes behind a mark of the place from which on the source is fed. Done already, it
    /// is not done again.
    fn prepare(&self) -> Result<(), HelperError> {
        let list = Manifest::read(&self.standby, &self.name)?;
        let (own, number, path) = last_file(&list)?;
        let (fed, fed_number, source) = last_file(&Manifest::read(&self.source, &self.name)?)?;
        let has = length(&path)?;
        if own == fed {
            // The source went on with the file of the snapshot. It gets a file of its own, and its
            // number is in no mark of an earlier feed.
            if length(&source)? < has {
                return Err(self.does_not_go_on());
            }
            let begin = Place { file: fed, offset: has, database: None };
            let marked = last_mark(&source)?.and_then(|(place, _)| self.number_of(&place.file));
            let number = number.max(fed_number).max(marked.unwrap_or_default()) + 1;
            let name = format!("{}.{number}.incr.aof", self.name);
            return list.add(&name, number, |file| {
                file.write_all(&begin.only_mark()).map_err(HelperError::Output)
            });
        }
        if last_mark(&path)?.is_some_and(|(place, _)| place.file == fed) {
            return Ok(());
        }
        // The source is what was fed from here. The file is gone on with, so that it stays one that
        // only grew since the snapshot.
        match last_mark(&source)? {
            Some((place, end)) if place.file == own && place.offset <= has => {
                let database = place.database;
                let begin = Place { file: fed, offset: end, database };
                self.go_on(&path, &place, &begin)
            }
            _ => Err(self.does_not_go_on()),
        }
    }

    fn does_not_go_on(&self) -> HelperError {
        HelperError::Failed(format!(
            "the append-only file in {} does not go on from the one in {}",
            self.source.display(),
            self.standby.display()
        ))
    }

    /// The number in the name of a file.
    fn number_of(&self, file: &str) -> Option<u64> {
        let rest = file.strip_prefix(&self.name)?.strip_prefix('.')?;
        rest.split('.').next()?.parse().ok()
    }

    /// Puts the mark where the file ended when all of it was fed: behind that may be a command that
    /// was never complete, or a mark that was cut off.
    fn go_on(&self, path: &Path, ended: &Place, begin: &Place) -> Result<(), HelperError> {
        let mark = begin.only_mark();
        let cannot =
            |error| HelperError::Failed(format!("cannot write {}: {error}", path.display()));
        let mut file = File::options().read(true).write(true).open(path).map_err(cannot)?;
        file.seek(SeekFrom::Start(ended.offset)).map_err(cannot)?;
        let mut tail = Vec::new();
        Read::by_ref(&mut file)
            .take(mark.len() as u64 + 1)
            .read_to_end(&mut tail)
            .map_err(cannot)?;
        let whole = end_from(&self.standby, ended.clone())?.0.offset;
        if whole != ended.offset && !mark.starts_with(&tail) {
            return Err(self.does_not_go_on());
        }
        file.set_len(ended.offset).map_err(cannot)?;
        file.seek(SeekFrom::Start(ended.offset)).map_err(cannot)?;
        file.write_all(&mark).and_then(|()| file.sync_all()).map_err(cannot)
    }

    /// Ends the standby's being fed: it has everything, on the disk.
    pub(super) fn settle(&self) -> Result<(), HelperError> {
        let mut client = self.fed()?;
        if let Some(why) = refused(&mut client)? {
            return Err(HelperError::Failed(why));
        }
        written(&mut client)?;
        let (_, _, path) = last_file(&Manifest::read(&self.standby, &self.name)?)?;
        let place = self.marked()?;
        let (end, more) = self.ahead()?;
        if more != Some(0) || end.file != place.file {
            return Err(HelperError::Failed(format!(
                "the standby is at {place}, and what was written ends at {end}"
            )));
        }
        client.done(&[b"REPLICAOF", b"NO", b"ONE"])?;
        written(&mut client)?;
        let flush = || File::open(&path)?.sync_all();
        flush().map_err(|error| {
            HelperError::Failed(format!("cannot flush {}: {error}", path.display()))
        })
    }

    /// Opens the standby's server at the place of the service: the very process, so that it loads
    /// nothing. If it is gone, it is started again by the rest of the arguments.
    fn serve(&self) -> Result<(), HelperError> {
        let settings = config::read(&self.config)?;
        self.stays(None)?;
        let mut client = self.running()?;
        let replication = client.done(&[b"INFO", b"replication"])?.text();
        if said(&replication, "role") != Some("master") {
            client.done(&[b"REPLICAOF", b"NO", b"ONE"])?;
        }
        for (name, default) in OWN {
            let value = configured(&settings, name).unwrap_or_else(|| (*default).to_owned());
            client.done(&[b"CONFIG", b"SET", name.as_bytes(), value.as_bytes()])?;
        }
        if let Some(path) = configured(&settings, "unixsocket").filter(|path| !path.is_empty()) {
            self.link_socket(Path::new(&path), configured(&settings, "unixsocketperm"))?;
        }
        let port = Some(self.port.clone()).filter(|port| !port.is_empty());
        let port = port.or_else(|| configured(&settings, "port"));
        let ports = [
            ("port", port.or(Some("6379".into()))),
            ("tls-port", configured(&settings, "tls-port")),
        ];
        for (name, port) in ports {
            let Some(port) = port.filter(|port| port != "0") else { continue };
            client.done(&[b"CONFIG", b"SET", name.as_bytes(), port.as_bytes()])?;
        }
        Ok(())
    }

    /// A client of the standby's server; started again, if it is gone.
    fn running(&self) -> Result<Client, HelperError> {
        let gone = match self.fed() {
            Ok(client) => return Ok(client),
            Err(gone) => gone,
        };
        if self.words.is_empty() {
            return Err(gone);
        }
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        self.run(&words, true)?;
        let begin = Instant::now();
        loop {
            match self.fed() {
                Err(_) if begin.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                result => return result,
            }
        }
    }

    /// Clients find the standby's socket at the service's place. The service's own server removes
    /// the link when it starts.
    fn link_socket(&self, path: &Path, mode: Option<String>) -> Result<(), HelperError> {
        let make = || {
            let own = self.socket.metadata()?;
            if let Some(folder) = path.parent()
                && stat_optional(folder)?.is_none()
            {
                private_dir(folder)?;
                chown(folder, Some(own.uid()), Some(own.gid()))?;
                set_mode(folder, 0o755)?;
            }
            if let Some(mode) = mode.and_then(|mode| u32::from_str_radix(&mode, 8).ok()) {
                set_mode(&self.socket, mode)?;
                if let Some(folder) = self.socket.parent() {
                    set_mode(folder, 0o755)?;
                }
            }
            remove_optional(path)?;
            symlink(&self.socket, path)
        };
        make().map_err(|error: std::io::Error| {
            HelperError::Failed(format!("cannot open the socket {}: {error}", path.display()))
        })
    }

    /// From now on the server makes every client wait that wants to write, and nothing expires.
    /// When this returns, all that a client was told is in the append-only file.
    fn refuse(&self) -> Result<(), HelperError> {
        let mut client = self.service()?;
        // A dump at its end would take as long as the data is large.
        client.done(&[b"CONFIG", b"SET", b"shutdown-on-sigterm", b"nosave"])?;
        client.done(&[b"CLIENT", b"PAUSE", REFUSED.as_bytes(), b"WRITE"])?;
        written(&mut client)
    }

    fn allow(&self) -> Result<(), HelperError> {
        let settings = config::read(&self.config)?;
        // Where no server is, nothing is refused. One that was started again may still load.
        if Client::open(&ask::address_in(&self.config, &self.port)?).is_err() {
            return Ok(());
        }
        let mut client = self.client(&ask::address_in(&self.config, &self.port)?)?;
        client.done(&[b"CLIENT", b"UNPAUSE"])?;
        let value = configured(&settings, "shutdown-on-sigterm");
        let value = value.unwrap_or_else(|| "default".to_owned());
        client.done(&[b"CONFIG", b"SET", b"shutdown-on-sigterm", value.as_bytes()]).map(drop)
    }
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// What a configuration file sets, as `CONFIG SET` takes it.
fn configured(settings: &[Vec<String>], name: &str) -> Option<String> {
    if name != "save" {
        let other = name.replace("replicas", "slaves");
        let last = settings.iter().rev().find(|it| it[0] == name || it[0] == other);
        return last.map(|setting| setting[1..].join(" "));
    }
    // Each line adds to the ones before; `save ""` takes them away.
    let mut all: Option<Vec<String>> = None;
    for setting in settings.iter().filter(|setting| setting[0] == name) {
        match setting[1..].concat().is_empty() {
            true => all = Some(Vec::new()),
            false => all.get_or_insert_default().extend(setting[1..].iter().cloned()),
        }
    }
    all.map(|all| all.join(" "))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::super::super::client::command;
    use super::*;

    /// An append-only file with one part, and the options for it.
    fn options(source: &Path, standby: &Path) -> Options {
        let mut options = Options::default();
        options.source = source.to_owned();
        options.standby = standby.to_owned();
        options.name = "a.aof".into();
        options
    }

    fn part(folder: &Path, number: u64, text: &[u8]) {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join(format!("a.aof.{number}.incr.aof")), text).expect("written");
        let list =
            File::options().append(true).create(true).open(folder.join("a.aof.manifest")).and_then(
                |mut list| writeln!(list, "file a.aof.{number}.incr.aof seq {number} type i"),
            );
        list.expect("a list");
    }

    fn set(value: &str) -> Vec<u8> {
        command(&[b"SET", b"a", value.as_bytes()])
    }

    #[test]
    fn s1_the_feed_begins_where_the_snapshot_ends_and_the_way_back_where_the_feed_ended() {
        let dir = tempfile::tempdir().expect("temp dir");
        let it = options(&dir.path().join("new"), &dir.path().join("old"));
        let first = [command(&[b"SELECT", b"0"]), set("1")].concat();
        part(&it.standby, 1, &first);
        part(&it.source, 1, &[first.clone(), command(&[b"SELECT", b"0"]), set("2")].concat());
        // Twice is as once.
        for _ in 0..2 {
            it.prepare().expect("prepared");
            let begin = Place {
                file: "a.aof.1.incr.aof".into(),
                offset: first.len() as u64,
                database: None,
            };
            assert_eq!(it.began().expect("a mark"), begin);
            assert_eq!(it.marked().expect("a mark"), begin);
        }
        let (end, items) = it.ahead().expect("read");
        assert_eq!(items, Some(2));
        // The standby got it, and clients wrote to it since: the other one is fed from there.
        let own = it.standby.join("a.aof.2.incr.aof");
        let mut text = fs::read(&own).expect("read");
        let fed = Place { database: Some(0), ..end };
        text.extend([command(&[b"MULTI"]), set("2"), fed.mark()].concat());
        let mark = text.len() as u64;
        text.extend(set("3"));
        fs::write(&own, text).expect("written");
        let back = options(&it.standby, &it.source);
        for _ in 0..2 {
            back.prepare().expect("prepared");
            let begin = Place { file: "a.aof.2.incr.aof".into(), offset: mark, database: Some(0) };
            assert_eq!(back.marked().expect("a mark"), begin);
        }
        assert_eq!(back.began().expect("a mark"), back.marked().expect("a mark"));
        assert_eq!(back.ahead().expect("read").1, Some(1));
        // What was appended to is the same file, and the list of files is as it was: the usual way
        // back stays open.
        let list = |it: &Path| fs::read_to_string(it.join("a.aof.manifest")).expect("a list");
        assert_eq!(list(&back.standby).lines().count(), 1);
        // There once more: no mark of the first time is taken for one of the second.
        let grown = fs::read(back.standby.join("a.aof.1.incr.aof")).expect("read");
        let again = options(&dir.path().join("new"), &dir.path().join("old-2"));
        part(&again.standby, 1, &first);
        again.prepare().expect("prepared");
        let own = again.standby.join("a.aof.3.incr.aof");
        let end = Place {
            file: "a.aof.1.incr.aof".into(),
            offset: grown.len() as u64,
            database: Some(0),
        };
        let fed = [fs::read(&own).expect("read"), command(&[b"MULTI"]), end.mark()].concat();
        fs::write(&own, &fed).expect("written");
        let back = options(&again.standby, &again.source);
        back.prepare().expect("prepared");
        let begin =
            Place { file: "a.aof.3.incr.aof".into(), offset: fed.len() as u64, database: Some(0) };
        assert_eq!(back.marked().expect("a mark"), begin);
        assert_eq!(back.began().expect("a mark"), begin);
    }

    #[test]
    fn s1_a_mark_that_was_cut_off_is_written_again_and_an_incomplete_command_goes() {
        let first = [command(&[b"SELECT", b"0"]), set("1")].concat();
        let end = Place {
            file: "a.aof.1.incr.aof".into(),
            offset: first.len() as u64,
            database: Some(0),
        };
        let fed = end.only_mark();
        let begin =
            Place { file: "a.aof.2.incr.aof".into(), offset: fed.len() as u64, database: Some(0) };
        let mark = begin.only_mark();
        let mut tails: Vec<Vec<u8>> = (0..mark.len()).map(|cut| mark[..cut].to_vec()).collect();
        tails.push(set("2")[..9].to_vec());
        for tail in tails {
            let dir = tempfile::tempdir().expect("temp dir");
            let back = options(&dir.path().join("old"), &dir.path().join("new"));
            part(&back.standby, 1, &[first.clone(), tail.clone()].concat());
            part(&back.source, 1, &first);
            part(&back.source, 2, &fed);
            back.prepare().expect("prepared");
            let text = fs::read(back.standby.join("a.aof.1.incr.aof")).expect("read");
            assert_eq!(text, [first.clone(), mark.clone()].concat(), "{tail:?}");
        }
        // What was never fed is not thrown away.
        let dir = tempfile::tempdir().expect("temp dir");
        let back = options(&dir.path().join("old"), &dir.path().join("new"));
        part(&back.standby, 1, &[first.clone(), set("2")].concat());
        part(&back.source, 2, &fed);
        assert!(back.prepare().is_err());
    }

    #[test]
    fn s1_what_does_not_go_on_from_the_standby_feeds_nothing() {
        let text = [command(&[b"SELECT", b"0"]), set("1")].concat();
        for (number, source) in [(1, &text[..10]), (2, &text[..]), (2, &[])] {
            let dir = tempfile::tempdir().expect("temp dir");
            let it = options(&dir.path().join("new"), &dir.path().join("old"));
            part(&it.standby, 1, &text);
            part(&it.source, number, source);
            let said = it.prepare().expect_err("another file").to_string();
            assert!(said.contains("does not go on from the one in"), "{said}");
        }
    }

    #[test]
    fn settings_are_taken_as_the_server_takes_them() {
        let settings: Vec<Vec<String>> = [
            "save 3600 1 300 100",
            "save 60 5",
            "min-slaves-to-write 1",
            "maxmemory 1mb",
            "maxmemory 2mb",
        ]
        .iter()
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect();
        let found = |name| configured(&settings, name);
        assert_eq!(found("save").as_deref(), Some("3600 1 300 100 60 5"));
        assert_eq!(found("min-replicas-to-write").as_deref(), Some("1"));
        assert_eq!(found("maxmemory").as_deref(), Some("2mb"));
        assert_eq!(found("appendfsync"), None);
        let off =
            [vec!["save".to_owned(), "60".into(), "5".into()], vec!["save".into(), "".into()]];
        assert_eq!(configured(&off, "save").as_deref(), Some(""));
    }
}
