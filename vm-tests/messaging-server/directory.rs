//! The directory: on which host a user is, and whether they are on hold. A folder with a file for
//! each user, in place of an LDAP server; hosts use it when `directory = FOLDER` stands in their
//! configuration, with `host = NAME` for themselves and `peer.NAME = INSTALLATION` for the others.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::home::{Home, durable};
use crate::option;

/// Where a user is, as a host sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this host.
    Here,
    /// On hold, wherever.
    Held,
    /// On that host.
    There(String),
}

/// What one host knows of it.
pub struct Directory {
    folder: PathBuf,
    host: String,
}

impl Directory {
    /// The one that the host is configured for.
    pub fn of(home: &Home) -> Result<Option<Self>> {
        let folder = home.setting("directory", "")?;
        Ok(if folder.is_empty() {
            None
        } else {
            Some(Self { folder: folder.into(), host: home.setting("host", "")? })
        })
    }

    /// Where a user is. One that it does not know is here.
    pub fn place(&self, user: &str) -> Result<Place> {
        let Ok(text) = fs::read_to_string(self.folder.join(user)) else { return Ok(Place::Here) };
        let host = text
            .lines()
            .find_map(|line| line.strip_prefix("mailHost: "))
            .context("an entry has a host")?;
        Ok(if text.lines().any(|line| line == "mailUserStatus: hold") {
            Place::Held
        } else if host == self.host {
            Place::Here
        } else {
            Place::There(host.to_owned())
        })
    }

    /// Whether this host is a user's, on hold or not.
    pub fn is_home(&self, user: &str) -> Result<bool> {
        let text = fs::read_to_string(self.folder.join(user)).unwrap_or_default();
        Ok(text.is_empty()
            || text.lines().any(|line| line.strip_prefix("mailHost: ") == Some(&self.host)))
    }
}

/// The user that a mailbox belongs to.
pub fn owner(mailbox: &str) -> &str {
    mailbox.split('/').nth(1).unwrap_or_default()
}

/// `directory --folder F list | show USER | hold USER | assign USER HOST`.
pub fn directory(args: &[String]) -> Result<ExitCode> {
    let folder = PathBuf::from(option(args, "--folder").context("--folder FOLDER is needed")?);
    let words: Vec<&str> = args.iter().skip(2).map(String::as_str).collect();
    let entry = |user: &str| {
        fs::read_to_string(folder.join(user)).with_context(|| format!("there is no user {user}"))
    };
    let write = |user: &str, host: &str, status: &str| {
        durable(
            &folder.join(user),
            format!("mailHost: {host}\nmailUserStatus: {status}\n").as_bytes(),
        )
    };
    match words[..] {
        ["list"] => {
            for user in fs::read_dir(&folder).context("there is no directory")? {
                let name = user?.file_name().to_string_lossy().into_owned();
                if !name.ends_with(".tmp") {
                    println!("{name}");
                }
            }
        }
        ["show", user] => print!("dn: uid={user}\n{}", entry(user)?),
        ["hold", user] => {
            let text = entry(user)?;
            write(
                user,
                text.lines()
                    .find_map(|line| line.strip_prefix("mailHost: "))
                    .context("an entry has a host")?,
                "hold",
            )?;
        }
        ["assign", user, host] => write(user, host, "active")?,
        _ => bail!("list, show USER, hold USER or assign USER HOST is needed"),
    }
    Ok(ExitCode::SUCCESS)
}
