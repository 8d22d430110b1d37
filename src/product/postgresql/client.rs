//! A server, and the client programs that ask it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::failed;
use crate::product::stream::HelperError;

/// What no setting of a database or a role may change for us.
const OPTIONS: &str = "-c statement_timeout=0 -c lock_timeout=0 \
    -c idle_in_transaction_session_timeout=0 -c idle_session_timeout=0 \
    -c default_transaction_read_only=off -c lc_messages=C -c client_min_messages=warning";

/// Of a server that has them: triggers that fire when somebody logs in.
const NO_EVENTS: &str = "-c event_triggers=off";

/// For what a standby needs: no trigger on definitions, and no rule, sees it.
const REPLICA: &str = "-c session_replication_role=replica -c xmloption=content";

/// A value's text is read by any server as it was meant, like that of pg_dump.
const PORTABLE: &str = "-c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 \
    -c bytea_output=hex";

/// The words that say how a server is reached.
pub(super) const USAGE: &str =
    "--bin=DIR [--host=DIR --port=N | --at=DIR:PORT] [--user=NAME] [--as=ACCOUNT]";

/// How a server is reached, and by which programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    bin: PathBuf,
    host: String,
    port: String,
    user: String,
    /// The account of this system that the programs run as, if not as this process: a server that
    /// is open to its clients asks for it (`peer`).
    account: Option<String>,
    /// Whether the server knows [`NO_EVENTS`].
    quiet: bool,
    /// See [`REPLICA`].
    replica: bool,
    /// See [`PORTABLE`].
    portable: bool,
}

impl Client {
    /// Takes its own options from the front of the arguments; the others follow.
    pub(super) fn parse(arguments: &[String]) -> Result<(Self, &[String]), HelperError> {
        let mut client = Self::new(Path::new(""), "", "5432", "postgres");
        let mut rest = arguments;
        while let [first, more @ ..] = rest {
            let Some((name, value)) = first.split_once('=') else { break };
            match name {
                "--bin" => client.bin = value.into(),
                "--host" => value.clone_into(&mut client.host),
                "--port" => value.clone_into(&mut client.port),
                "--user" => value.clone_into(&mut client.user),
                "--as" => client.account = Some(value.to_owned()),
                "--at" => {
                    let at = value.rsplit_once(':');
                    let (host, port) = at.ok_or_else(|| {
                        HelperError::Usage(format!("{value:?} is no folder and port: DIR:PORT"))
                    })?;
                    host.clone_into(&mut client.host);
                    port.clone_into(&mut client.port);
                }
                _ => break,
            }
            rest = more;
        }
        if client.bin.as_os_str().is_empty() || client.host.is_empty() {
            return Err(HelperError::Usage(format!("say how the server is reached: {USAGE}")));
        }
        Ok((client, rest))
    }

    pub(super) fn new(bin: &Path, host: &str, port: &str, user: &str) -> Self {
        let [host, port, user] = [host, port, user].map(str::to_owned);
        Self {
            bin: bin.to_owned(),
            host,
            port,
            user,
            account: None,
            quiet: false,
            replica: false,
            portable: false,
        }
    }

    /// The same programs, for another server behind another socket, which lets in whoever reaches
    /// it.
    pub(super) fn elsewhere(&self, host: &str) -> Self {
        let port = "5432".to_owned();
        Self { host: host.to_owned(), port, account: None, quiet: false, ..self.clone() }
    }

    /// Asks as what replicates does: triggers and rules of the usual kind are left alone, and values
    /// are written so that any server reads the same.
    pub(super) fn like_replication(mut self) -> Self {
        (self.replica, self.portable) = (true, true);
        self
    }

    /// With the settings of the server's own clients, for whatever writes values. An index or a
    /// column may be made of a value's text (`lower(price::text)`), and clients would not find a row
    /// that was written with other settings. pg_restore sets none of them, either.
    pub(super) fn like_clients(&self) -> Self {
        Self { portable: false, ..self.clone() }
    }

    /// What says to libpq of another server how to reach this database.
    pub(super) fn as_source(&self, database: &str, application: &str) -> String {
        let word = |text: &str| text.replace('\\', r"\\").replace('\'', r"\'");
        let (host, port, user) = (word(&self.host), word(&self.port), word(&self.user));
        format!(
            "host='{host}' port='{port}' user='{user}' application_name='{application}' {}",
            conninfo(database)
        )
    }

    /// The account of this system that asks, if it is not this process's.
    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Who asks.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// With a word about triggers, if the server knows it.
    pub(super) fn quietly(mut self) -> Result<Self, HelperError> {
        let version = self.query("template1", "SHOW server_version_num")?;
        self.quiet = has_no_events(&version);
        Ok(self)
    }

    /// One of the programs, with what it needs to reach a database.
    pub(super) fn command(&self, program: &str, database: &str) -> Command {
        let mut command = self.program(program);
        command.arg(format!("--dbname={}", conninfo(database)));
        command
    }

    /// One of the programs, without a database.
    pub(super) fn program(&self, program: &str) -> Command {
        let mut command = match &self.account {
            None => program_of(&self.bin, program),
            Some(account) => {
                let mut command = program_of(Path::new(""), "setpriv");
                let group = format!("--regid={account}");
                command.arg(format!("--reuid={account}")).arg(group).arg("--init-groups").arg("--");
                command.arg(self.bin.join(program)).env("HOME", "/").current_dir("/");
                command
            }
        };
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        let mut options = OPTIONS.to_owned();
        if self.quiet {
            let _ = write!(options, " {NO_EVENTS}");
        }
        if self.replica {
            let _ = write!(options, " {REPLICA}");
        }
        if self.portable {
            let _ = write!(options, " {PORTABLE}");
        }
        command
            .env("PGOPTIONS", options)
            .env("PGHOST", &self.host)
            .env("PGPORT", &self.port)
            .env("PGUSER", &self.user)
            .env("PGAPPNAME", "backout")
            .env_remove("PGSERVICE")
            .env_remove("PGDATABASE")
            .stdin(Stdio::null());
    }

    /// psql, which prints a row on each line, its columns with tabs between.
    pub(super) fn psql(&self, database: &str) -> Command {
        self.psql_to(&conninfo(database))
    }

    /// The same, connected as this says.
    pub(super) fn psql_to(&self, conninfo: &str) -> Command {
        let mut psql = self.program("psql");
        psql.arg(format!("--dbname={conninfo}"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
        psql.arg("--field-separator=\t");
        psql
    }

    /// What a statement returns.
    pub(super) fn query(&self, database: &str, sql: &str) -> Result<String, HelperError> {
        let mut psql = self.psql(database);
        psql.args(["--set=ON_ERROR_STOP=1", "--command", sql]);
        let output = run("psql", &mut psql)?;
        String::from_utf8(output).map_err(|error| failed("psql did not print text", error))
    }

    /// What psql prints when it reads this, to its end or its first error.
    pub(super) fn script(&self, database: &str, text: &str) -> Result<String, HelperError> {
        let output = self.reads(database, true, Stdio::piped(), text)?;
        if output.status.success() {
            return String::from_utf8(output.stdout)
                .map_err(|error| failed("psql did not print text", error));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(HelperError::Failed(format!("psql failed in {database:?}: {}", said.trim())))
    }

    /// Lets psql read this: how it ended, and what it complained of. `stop`: at the first error.
    pub(super) fn tells(
        &self,
        database: &str,
        stop: bool,
        text: &str,
    ) -> Result<(bool, String), HelperError> {
        let output = self.reads(database, stop, Stdio::null(), text)?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn reads(
        &self,
        database: &str,
        stop: bool,
        printed: Stdio,
        text: &str,
    ) -> Result<Output, HelperError> {
        let cannot = |error| failed("cannot talk with psql", error);
        let mut psql = self.psql(database);
        psql.arg("--file=-").arg(format!("--set=ON_ERROR_STOP={}", u8::from(stop)));
        psql.env("PGCLIENTENCODING", "UTF8");
        psql.stdin(Stdio::piped()).stdout(printed).stderr(Stdio::piped());
        let mut child = psql.spawn().map_err(cannot)?;
        let input = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // It may end before it has read everything; its status says so.
                if let Some(mut input) = input {
                    let _ = input.write_all(text.as_bytes());
                }
            });
            child.wait_with_output()
        });
        output.map_err(cannot)
    }

    /// The databases, but for `template0`: name, and whether anybody can connect to it.
    pub(super) fn databases(&self) -> Result<Vec<(String, bool)>, HelperError> {
        databases(&self.query("template1", DATABASES)?)
    }

    /// [`Self::quietly`] and [`Self::databases`], with one question.
    pub(super) fn quietly_with_databases(
        mut self,
    ) -> Result<(Self, Vec<(String, bool)>), HelperError> {
        let text = self.query("template1", &format!("SHOW server_version_num; {DATABASES}"))?;
        let (version, rest) = text.split_once('\n').unwrap_or((&text, ""));
        self.quiet = has_no_events(version);
        let all = databases(rest)?;
        Ok((self, all))
    }
}

/// A name may contain anything but a zero.
const DATABASES: &str = "SELECT encode(convert_to(datname, 'UTF8'), 'hex'), \
    datallowconn AND datconnlimit <> -2 FROM pg_catalog.pg_database \
    WHERE datname <> 'template0' ORDER BY datname COLLATE \"C\"";

fn databases(text: &str) -> Result<Vec<(String, bool)>, HelperError> {
    text.lines()
        .map(database)
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| HelperError::Failed("psql did not print the databases as expected".into()))
}

/// Whether a server of this version knows [`NO_EVENTS`].
fn has_no_events(version: &str) -> bool {
    version.trim().parse::<u32>().is_ok_and(|version| version >= 170_000)
}

fn database(line: &str) -> Option<(String, bool)> {
    let (name, open) = line.split_once('\t')?;
    Some((unhex(name)?, open == "t"))
}

/// The text that these hexadecimal digits are.
pub(super) fn unhex(digits: &str) -> Option<String> {
    String::from_utf8(hex::decode(digits).ok()?).ok()
}

/// A program, to be started.
#[expect(
    clippy::disallowed_methods,
    reason = "a helper waits for each program that it starts, and has the time limit of its command"
)]
pub(super) fn program_of(bin: &Path, name: &str) -> Command {
    Command::new(bin.join(name))
}

/// What says to libpq that this database is meant.
pub(super) fn conninfo(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', r"\\").replace('\'', r"\'"))
}

/// The line that lets psql go on in another database.
pub(super) fn connect(database: &str) -> String {
    let text = conninfo(database).replace('\\', r"\\").replace('\'', "''").replace('\n', r"\n");
    format!("\\connect '{text}'\n")
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    match text.contains('\\') {
        false => format!("'{}'", text.replace('\'', "''")),
        true => format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''")),
    }
}

/// A name as SQL writes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Runs a program to its end; what it printed, unless `command` says where that goes.
pub(super) fn run(name: &str, command: &mut Command) -> Result<Vec<u8>, HelperError> {
    let output =
        command.output().map_err(|error| failed(format_args!("cannot start {name}"), error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(HelperError::Failed(format!("{name} failed: {}", said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_taken_for_something_else() {
        assert_eq!(unhex("61c3a4").as_deref(), Some("aä"));
        assert_eq!(unhex("zz"), None);
        let words = ["--bin=/b", "--host=/run/x", "--user=me", "rest"].map(str::to_owned);
        let (client, rest) = Client::parse(&words).expect("parsed");
        assert_eq!(client, Client::new(Path::new("/b"), "/run/x", "5432", "me"));
        assert_eq!(rest, ["rest"]);
        assert_eq!(conninfo("it's\\"), r"dbname='it\'s\\'");
        assert!(Client::parse(&[]).is_err());
        let words = ["--bin=/b", "--at=/run/x:5433", "--as=postgres"].map(str::to_owned);
        let (client, _) = Client::parse(&words).expect("parsed");
        let psql = client.psql("a");
        assert_eq!(psql.get_program(), "setpriv");
        let envs: Vec<_> = psql.get_envs().filter(|(name, _)| *name == "PGPORT").collect();
        assert_eq!(envs[0].1, Some("5433".as_ref()));
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal(r"a\'b"), r"E'a\\''b'");
    }

    #[test]
    fn values_are_read_so_that_any_server_understands_and_written_as_clients_write_them() {
        let options = |client: &Client| {
            let psql = client.psql("a");
            let mut all = psql.get_envs().filter(|(name, _)| *name == "PGOPTIONS");
            all.next().and_then(|(_, value)| value?.to_str().map(str::to_owned)).expect("set")
        };
        let standby = Client::new(Path::new("/b"), "/run/x", "5432", "me").like_replication();
        let (reads, writes) = (options(&standby), options(&standby.like_clients()));
        for (text, in_writes) in [
            ("session_replication_role=replica", true),
            ("extra_float_digits", false),
            ("bytea_output", false),
            ("intervalstyle", false),
            ("datestyle", false),
        ] {
            assert!(reads.contains(text), "{text}");
            assert_eq!(writes.contains(text), in_writes, "{text}");
        }
    }
}
