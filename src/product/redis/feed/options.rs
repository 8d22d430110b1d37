//! The arguments of the feed and of the standby.

use std::path::{Path, PathBuf};

use super::super::ask;
use super::super::client::Client;
use super::super::commands::{Commands, settings};
use super::state::State;
use crate::product::stream::HelperError;

/// See the usage of the helpers.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// The folder in which the feed says how it is.
    pub(super) state: PathBuf,
    /// The socket of the fed server.
    pub(super) socket: PathBuf,
    /// The user that both servers are asked as.
    user: String,
    /// A file with that user's password.
    password: Option<PathBuf>,
    /// The units of what is started or stopped.
    pub(super) units: Vec<String>,
    /// The folder of the append-only file that is the source (`appenddirname`).
    pub(super) source: PathBuf,
    /// That of the fed server.
    pub(super) standby: PathBuf,
    /// The name of both (`appendfilename`).
    pub(super) name: String,
    /// The server's program of the fed version.
    pub(super) server: String,
    /// The root that it is in.
    pub(super) root: Option<PathBuf>,
    /// The configuration file.
    pub(super) config: PathBuf,
    /// The port of the service, if it is not that of the configuration file.
    pub(super) port: String,
    /// What is no option.
    pub(super) words: Vec<String>,
}

impl Options {
    /// Reads options; what follows the first other word, or `--`, is left as it is.
    pub(super) fn read(arguments: &[String], usage: &str) -> Result<Self, HelperError> {
        let mut options = Self::default();
        let mut rest = arguments;
        loop {
            rest = match rest {
                [end, words @ ..] if end == "--" => {
                    options.words = words.to_vec();
                    return Ok(options);
                }
                [name, value, others @ ..] if name.starts_with("--") => {
                    match name.as_str() {
                        "--state" => options.state = value.into(),
                        "--socket" => options.socket = value.into(),
                        "--user" => options.user = value.clone(),
                        "--password-file" => {
                            options.password = Some(value.into()).filter(|_| !value.is_empty());
                        }
                        "--unit" => options.units.push(value.clone()),
                        "--source" => options.source = value.into(),
                        "--standby" => options.standby = value.into(),
                        "--name" => options.name = value.clone(),
                        "--server" => options.server = value.clone(),
                        "--root" => options.root = Some(value.into()),
                        "--config" => options.config = value.into(),
                        "--port" => options.port = value.clone(),
                        _ => return Err(HelperError::usage(usage)),
                    }
                    others
                }
                [name, ..] if name.starts_with("--") => return Err(HelperError::usage(usage)),
                words => {
                    options.words = words.to_vec();
                    return Ok(options);
                }
            }
        }
    }

    /// A client of the fed server.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) fn fed(&self) -> Result<Client, HelperError> {
        let mut client = self.client(&self.socket)?;
        client.done(&[b"PING"])?;
        Ok(client)
    }

    /// A client of the service.
    ///
    /// # Errors
    /// When it does not answer, or is reached by TLS alone.
    pub(super) fn service(&self) -> Result<Client, HelperError> {
        let mut client = self.client(&ask::address_in(&self.config, &self.port)?)?;
        client.done(&[b"PING"])?;
        Ok(client)
    }

    /// A client at this address. The server may not answer yet.
    ///
    /// # Errors
    /// When nothing listens there, or the password is refused.
    pub(super) fn client(&self, address: &Path) -> Result<Client, HelperError> {
        let user = Some(self.user.as_str()).filter(|user| !user.is_empty());
        // Not from the environment alone: that of a unit can be read by everyone.
        let password = match &self.password {
            None => std::env::var("REDISCLI_AUTH").ok(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    HelperError::Failed(format!("cannot read {}: {error}", path.display()))
                })?;
                Some(text.lines().next().unwrap_or_default().to_owned())
            }
        };
        Client::connect_as(address, user, password.as_deref())
    }

    /// The commands of the fed version.
    ///
    /// # Errors
    /// When its server does not run, or does not answer.
    pub(super) fn commands(&self) -> Result<Commands, HelperError> {
        Commands::of(&self.server, self.root.as_deref(), &settings(&self.config)?)
    }

    pub(super) fn state(&self) -> State {
        State::of(&self.state)
    }
}
